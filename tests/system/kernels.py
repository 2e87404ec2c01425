# SPDX-License-Identifier: MIT
"""The guest test kernels as VMs, and what they print as verdicts."""
import lib
from lib import GUEST, check, guest_checks, make_image, skip

HEAD = "[firn]\nconsole = serial0\nloglevel = error\n"
VM = """
[vm {name}]
cpus = {cpus}
memory = 32M
kernel = {kernel}
cmdline = test cpus={cpus}{options}
module = data.bin first=1 second=2
disk = data.bin
test-devices = yes
on-triple-fault = {triple_fault}
on-reboot = stop
autostart = {autostart}
"""
APIC_KERNELS = ("test_apic", "test_ioapic", "test_hlt", "test_uart", "test_pv")
# Run elsewhere: all in one, not a test, and one that needs another configuration.
ALONE = ("test_all", "test_bench", "test_bench_late", "test_bench_net", "test_bench_net_vms", "test_bench_smp",
         "test_bench_virtio", "test_cet_smp", "test_clusters", "test_init", "test_ipi", "test_overcommit", "test_pause",
         "test_pv_smp", "test_routing", "test_share", "test_smp", "test_storm", "test_triple_fault")
# More processors than one, in tests of single kernels.
CPUS = {"test_virtio": 2}
# Interrupts between several processors: name of the VM, and of the kernel without its "test_" -> vCPUs.
ROUTING = {"ipi": 4, "init": 4, "routing": 4, "clusters": 20}
ROUTING_KERNELS = [f"test_{name}" for name in ROUTING]
# The kernels in test_all print at least so many; fewer mean that checks were lost, not that all is well.
LEAST_CHECKS = 500


def vm(name, kernel, triple_fault="stop", autostart="no", cpus=1, options=""):
    return VM.format(name=name, kernel=kernel, triple_fault=triple_fault, autostart=autostart, cpus=cpus,
                     options=options)


def routing_vms():
    """One of them may have vCPUs that it does not have."""
    return [vm(name, f"test_{name}.elf", cpus=cpus) + ("max-cpus = 6\n" if name == "init" else "")
            for name, cpus in ROUTING.items()]


def image(vms, kernels, more=()):
    with open("data.bin", "wb") as f:
        f.write(bytes(range(256)) * 40)
    return make_image("guests.iso", HEAD + "".join(vms), [f"{GUEST}/{k}.elf" for k in kernels] + ["data.bin", *more])


def report(label, text, least=1, differences=None):
    """A verdict for each line that the kernels printed. Equal names get numbers.

    differences: {check: why the emulator fails it}; those count as skipped, and as failed when they
    don't fail any more."""
    checks, lost = guest_checks(text)
    seen = {}
    for kernel, name, why in checks:
        seen[kernel, name] = number = seen.get((kernel, name), 0) + 1
        line = f"{label}-{kernel}: {name}{f' ({number})' if number > 1 else ''}"
        if name not in (differences or ()):
            check(line, why is None, why)
        elif why is None:
            check(line, False, "is listed as a difference of the emulator, but passes")
        else:
            skip(line, differences[name])
    if lost or len(checks) < least:
        check(f"{label}: no check is lost", False, f"{len(checks)} checks, {lost} incomplete")


def output_of(machine, name):
    """What a stopped VM printed without having the console; from firn> and back there."""
    begin = len(machine.text)
    machine.to_guest(name)
    machine.expect(r"guest \S+: .*\n(?![\s\S]*guest \S+: .*\n)")
    machine.to_prompt()
    return machine.text[begin:]


def run_together(machine, label, names, differences=None):
    """Starts VMs that stop by themselves, waits for all of them, and reports."""
    for name in names:
        machine.command(f"start {name}")
    machine.wait_stopped()
    for name in names:
        report(label, output_of(machine, name), 3, differences)
