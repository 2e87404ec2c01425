# SPDX-License-Identifier: MIT
"""What system tests share: images, a machine whose console they read and type at, and verdicts."""
import codecs
import contextlib
import ctypes
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUEST = os.path.join(ROOT, "build/guest")
PROMPT = "firn> "
ESCAPE = "\x1d"  # Ctrl-]: between the prompt and a guest
# Options that only make Linux start faster under emulation.
LINUX = "console=ttyS0 quiet nokaslr mitigations=off rodata=off cryptomgr.notests random.trust_cpu=on"
LINUX_FILES = (f"{GUEST}/vmlinux", f"{GUEST}/initrd.gz")
# With a thread for each CPU, QEMU 7.2 crashes a guest now and then (SUPPORT.md, known problems): where Linux runs on several
# CPUs, one thread is all of them.
ONE_THREAD = ("--on", "qemu", "--icount")
LINUX_PROMPT = r"guest:\S*# "
ERASED = "\x7f"
LOG_LINE = re.compile(r"\[ *\d+\.\d{3}\] ")

# How long to wait, in seconds of CPU time that the emulator used: other work on the build machine
# slows the wall clock down, but not this.
PATIENCE = 240
# A machine that does nothing uses no CPU time, and what is waited for never comes: it is idle when for
# IDLE_SECONDS of the wall clock it said nothing and neither had nor wanted this share of one CPU.
IDLE_SECONDS = 120
IDLE_SHARE = 0.1
LOOK_EVERY = 0.5  # seconds
# Against one that does next to nothing: seconds of the wall clock from its start.
LAST_RESORT = 840
SHOWN_LINES = 40
LAST_WORDS = 3
PR_SET_PDEATHSIG = 1
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
NS_PER_S = 1e9

_results = {"PASS": 0, "FAIL": 0, "SKIP": 0}


class Failure(Exception):
    """The machine did not do what was waited for."""


def check(name, good, why=""):
    """One verdict. why is a text or a function that makes it."""
    _results["PASS" if good else "FAIL"] += 1
    if good:
        print(f"PASS {name}", flush=True)
    else:
        text = " ".join(str(why() if callable(why) else why).split())
        print(f"FAIL {name}: {text or 'not so'}", flush=True)
    return bool(good)


def skip(name, reason):
    _results["SKIP"] += 1
    print(f"SKIP {name}: {reason}", flush=True)


def main(*tests):
    """Runs each test in a directory of its own. A failed one does not stop the others."""
    only = sys.argv[1:]
    for test in tests:
        name = test.__name__.replace("_", "-")
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory(prefix="firn-system-") as tmp:
            os.chdir(tmp)
            try:
                test()
            except Failure as e:
                check(name, False, e)
            finally:
                os.chdir(ROOT)
    sys.exit(1 if _results["FAIL"] or not any(_results.values()) else 0)


def make_image(out, config, files=(), unchecked=False, firn=None):
    """An image from the text of a configuration. Failure if tools/mkimage refuses it. firn: directory of another Firn."""
    name = f"{out}.conf"
    with open(name, "w", encoding="utf-8") as f:
        f.write(config)
    command = [os.path.join(ROOT, "tools/mkimage"), "-c", name, "-o", out]
    command += (["--unchecked"] if unchecked else []) + (["--firn", firn] if firn else []) + list(files)
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, check=False)
    if r.returncode:
        raise Failure(f"mkimage: {r.stdout}")
    return out


def build_misbehaving(kind):
    """KIND.elf, a guest that does what misbehave.S calls DO_KIND."""
    source = os.path.join(ROOT, "tests/system/misbehave.S")
    define = "-DDO_" + kind.upper().replace("-", "_")
    subprocess.run(["gcc", "-m32", "-c", define, source, "-o", f"{kind}.o"], check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-N", "--no-warn-rwx-segments", "-Ttext", "0x100000", "-e", "start",
                    f"{kind}.o", "-o", f"{kind}.elf"], check=True)
    return f"{kind}.elf"


def end_with_parent():
    """Run in the child: a killed test leaves no emulator behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def readable(text):
    """A console's output as lines: no colours and carriage returns, backspaces carried out."""
    text = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][0-9A-B])", "", text)
    # The prompt makes way for a line of the log. What was typed there is no complete line.
    text = re.sub(r"\r +\r", f"{ERASED}\n", text)
    text = text.replace("\x07", "").replace("\r", "")
    while "\b" in text:
        text = re.sub(r"[^\x08]?\x08", "", text, count=1)
    return text


class Screen:
    """A console's output as readable text. Only its last line can still change."""

    def __init__(self):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.complete = self.line = ""

    def add(self, data):
        lines, newline, self.line = (self.line + self.decoder.decode(data)).rpartition("\n")
        self.complete += readable(lines + newline)
        return self.complete + readable(self.line)


class Wait:
    """The limits of one wait for what a machine is to do."""

    def __init__(self, machine, patience):
        self.machine = machine
        self.patience = patience
        self.begin = machine.emulator_seconds()
        self.next_look = 0.0
        self.note_activity()

    def note_activity(self):
        self.since = time.monotonic()
        self.demand = self.machine.emulator_demand()
        self.said = len(self.machine.text)

    def is_idle(self):
        demand, before = self.machine.emulator_demand(), self.demand
        known = demand is not None and before is not None
        # It falls when a thread ends, whose waiting is not counted any more.
        still = known and 0 <= demand - before <= IDLE_SHARE * IDLE_SECONDS
        if not still or len(self.machine.text) != self.said:
            self.note_activity()
        return time.monotonic() - self.since > IDLE_SECONDS

    def go_on(self, wanted):
        """Failure when it has taken too long."""
        if time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_EVERY
        if self.machine.emulator_seconds() - self.begin > self.patience:
            raise Failure(f"no {wanted} in {self.patience} s")
        if self.is_idle():
            raise Failure(f"no {wanted}, and none will come: the machine was idle and said nothing for {IDLE_SECONDS} s; "
                          f"its last lines: {self.machine.text.splitlines()[-LAST_WORDS:]}")


class Machine:
    """A machine in the emulator. Text that was waited for is behind self.at afterwards."""

    def __init__(self, image, cpus=1, memory=512, firmware="bios", model=None, options=()):
        command = [os.path.join(ROOT, "tools/emulate"), "--cpus", str(cpus), "--memory", str(memory),
                   "--firmware", firmware, "--timeout", str(LAST_RESORT), *options]
        command += (["--model", model] if model else []) + [image]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, preexec_fn=end_with_parent)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        self.screen = Screen()
        self.text = ""
        self.at = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is Failure:
            self.show()
        self.end()

    def end(self):
        """As if by the power switch."""
        self.process.terminate()
        self.process.wait()
        self.selector.close()
        self.process.stdin.close()
        self.process.stdout.close()

    def show(self):
        print(f"The last of {self.text.count(chr(10))} lines of the console:")
        for line in self.text.splitlines()[-SHOWN_LINES:]:
            print(f"| {line.rstrip(ERASED)}", flush=True)

    def read(self, seconds=0.2):
        """Takes what the console says now. False = it is closed."""
        if not self.selector.select(seconds):
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        before = self.text[:self.at]
        self.text = self.screen.add(data)
        # What was erased again is not behind self.at any more.
        if not self.text.startswith(before):
            self.at = len(os.path.commonprefix((before, self.text)))
        return bool(data)

    def emulator(self):
        """The directory of its process in /proc."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return f"/proc/{f.read().split()[0]}"

    def emulator_seconds(self):
        """CPU time that the emulator has used so far."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"{self.emulator()}/stat", encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
        return 0.0

    def emulator_demand(self):
        """CPU time that it has used, and time that its threads have waited for a CPU; None = unknown."""
        waited = 0
        with contextlib.suppress(OSError, ValueError, IndexError):
            tasks = f"{self.emulator()}/task"
            for task in os.listdir(tasks):
                with contextlib.suppress(FileNotFoundError), open(f"{tasks}/{task}/schedstat", encoding="ascii") as f:
                    waited += int(f.read().split()[1])
            return self.emulator_seconds() + waited / NS_PER_S
        return None

    def expect(self, *patterns, patience=PATIENCE):
        """Waits for the first of the patterns behind self.at; returns its match."""
        wait = Wait(self, patience)
        wanted = " or ".join(repr(p) for p in patterns)
        while True:
            found = [m for m in (re.compile(p, re.M).search(self.text, self.at) for p in patterns) if m]
            if found:
                match = min(found, key=lambda m: m.start())
                self.at = match.end()
                return match
            if not self.read():
                raise Failure(f"the machine ended (status {self.process.wait()}) instead of {wanted}")
            wait.go_on(wanted)

    def type(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError as e:
            raise Failure("the machine ended while something was typed") from e

    def to_prompt(self):
        """From a guest to firn>. The last VM's end leads there by itself."""
        self.type(ESCAPE)
        self.expect(rf"^{PROMPT}\Z")

    def to_guest(self, vm):
        """From firn> to a guest's console."""
        self.type(f"console {vm}\r")
        self.expect(rf"-- console of VM {vm}, .*\n")

    def command(self, line, patience=PATIENCE, with_log=False):
        """Types a line at firn> and returns the answer; what is logged meanwhile is no part of it."""
        self.type(line + "\r")
        self.expect(rf"{re.escape(line)}\n", patience=patience)
        begin = self.at
        end = self.expect(rf"^{PROMPT}", patience=patience)
        lines = self.text[begin:end.start()].splitlines()
        return "\n".join(l for l in lines if with_log or not LOG_LINE.match(l))

    def do(self, line, *logged):
        """Types a line at firn> whose effect the log tells, before or after the prompt comes back."""
        self.type(line + "\r")
        self.expect(rf"{re.escape(line)}\n")
        for pattern in logged:
            self.expect(pattern)
        self.expect(rf"^{PROMPT}\Z")

    def wait_stopped(self, patience=PATIENCE):
        """At firn>: until no VM runs any more. Returns the last answer of vms."""
        begin = self.emulator_seconds()
        while re.search(r"^\S+ +running ", answer := self.command("vms"), re.M):
            if self.emulator_seconds() - begin > patience:
                raise Failure(f"VMs still run after {patience} s")
        return answer

    def guest_command(self, line):
        """Types a line at the Linux guest's shell and returns the answer."""
        self.type(line + "\n")
        self.expect(rf"{re.escape(line)}\n")
        begin = self.at
        end = self.expect(rf"^{LINUX_PROMPT}").start()
        return self.text[begin:end]

    def ends(self, patience=PATIENCE):
        """Waits until the machine is off; returns the status that it reported."""
        wait = Wait(self, patience)
        while self.read():
            wait.go_on("end of the machine")
        return self.process.wait()

    def shut_down(self):
        """shutdown at the prompt; returns the status."""
        self.type("shutdown\r")
        return self.ends()


def guest_checks(text):
    """The lines of guest test kernels in a console's text: [(kernel, name, why or None)], and the
    kernels whose own count differs from the lines found."""
    checks, lost, current = [], [], []
    for line in text.splitlines():
        if line.startswith("ok "):
            current.append((line[3:], None))
        elif line.startswith("not ok "):
            name, _, why = line[7:].rpartition(": ")
            current.append((name, why))
        m = re.match(r"guest (\S+): (\d+) ok, (\d+) failed$", line)
        if not m:
            continue
        checks += [(m[1], name, why) for name, why in current]
        if (int(m[2]), int(m[3])) != (sum(not w for _, w in current), sum(bool(w) for _, w in current)):
            lost.append(m[1])
        current = []
    return checks, lost
