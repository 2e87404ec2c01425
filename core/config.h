/* SPDX-License-Identifier: MIT */
/*
 * firn.conf: INI-like text -> struct firn_config. Documented in docs/configuration.md.
 * The same parser runs in Firn and in the host tool that checks an image before it is made.
 */
#ifndef FIRN_CORE_CONFIG_H
#define FIRN_CORE_CONFIG_H

#include "core/abi.h"
#include "core/cpu_set.h"
#include "core/err.h"
#include "core/log.h"

#define CONFIG_MAX_VMS	   64
#define CONFIG_MAX_MODULES 8
#define CONFIG_MAX_DISKS   8
#define CONFIG_MAX_NETS	   4
#define CONFIG_NAME_MAX	   32	/* VM name with its NUL: [a-z0-9][a-z0-9-_.]* */
#define CONFIG_FILE_MAX	   64	/* file name with its NUL */
#define CONFIG_TEXT_MAX	   2048 /* command line with its NUL (Linux's own limit) */
#define CONFIG_MAX_VCPUS   64
#define CONFIG_MAX_ERRORS  16

#define CONFIG_WEIGHT_DEFAULT 100
#define CONFIG_WEIGHT_MAX     10000
#define CONFIG_CAP_MAX	      (100 * CONFIG_MAX_VCPUS)
#define CONFIG_KEYS_TEXT      384 /* the names of a section's keys, as messages list them */

enum config_console {
	CONSOLE_SERIAL0 = 1,
	CONSOLE_FRAMEBUFFER = 2
}; /* bit set */

/* What follows when a guest asks for it or breaks. */
enum vm_action {
	VM_ACTION_STOP,
	VM_ACTION_RESET,
	VM_ACTION_KEEP /* as if it crashed: stopped, with everything kept for inspection */
};

/* Measures against speculation attacks. FORCE: as if the processor were open to all of them. */
enum config_mitigations {
	CONFIG_MITIGATIONS_AUTO,
	CONFIG_MITIGATIONS_OFF,
	CONFIG_MITIGATIONS_FORCE
};

/* What is done to branch predictors before code that VMs share. */
enum config_vmscape {
	CONFIG_VMSCAPE_AUTO,
	CONFIG_VMSCAPE_OFF,
	CONFIG_VMSCAPE_IBPB,
	CONFIG_VMSCAPE_BHB,
	CONFIG_VMSCAPE_FORCE /* as auto, on any processor */
};

struct config_file_ref {
	char name[CONFIG_FILE_MAX];
	char args[CONFIG_FILE_MAX * 2]; /* multiboot module command line */
	unsigned line;			/* in firn.conf, for messages */
};

struct config_disk {
	struct config_file_ref file;
	bool readonly;
};

/* A network interface: which switch it is plugged into, and its address. */
struct config_net {
	char network[CONFIG_NAME_MAX];
	u8 mac[6];
	bool mac_given; /* else made from the VM's name and the interface's number */
	unsigned line;
};

struct vm_config {
	char name[CONFIG_NAME_MAX];
	unsigned line; /* of its section header */
	bool wrong;    /* it cannot be made; an error says why */
	enum abi_profile abi;
	unsigned cpus;	   /* 1..max_cpus: those it starts with */
	unsigned max_cpus; /* ..CONFIG_MAX_VCPUS: those it may have */
	unsigned max_cpus_line;
	u64 memory; /* bytes, multiple of 1 MiB, >= 16 MiB */
	unsigned memory_line;
	struct config_file_ref kernel;			   /* required */
	struct config_file_ref initrd;			   /* name "" = none */
	struct config_file_ref module[CONFIG_MAX_MODULES]; /* multiboot 1 modules */
	unsigned nr_modules;
	struct config_disk disk[CONFIG_MAX_DISKS]; /* virtio-blk */
	unsigned nr_disks;
	struct config_net net[CONFIG_MAX_NETS]; /* virtio-net */
	unsigned nr_nets;
	bool virtio_console; /* default no */
	char cmdline[CONFIG_TEXT_MAX];
	unsigned weight;		/* of each vCPU, 1..CONFIG_WEIGHT_MAX */
	unsigned cap;			/* percent of one CPU for all vCPUs together, 0 = none */
	struct cpu_set pin;		/* CPUs that it may use, empty = all */
	unsigned pin_line;		/* in firn.conf, for messages */
	u32 paravirt;			/* enum paravirt bits; default PARAVIRT_ALL */
	bool cet;			/* control-flow enforcement for the guest; default no */
	bool autostart;			/* default yes */
	bool rng;			/* virtio-rng; default yes */
	bool pmu;			/* performance counters; default no */
	bool test_devices;		/* debug exit 0xf4, debug console 0xe9; default no */
	bool force_emulation;		/* a prefix has instructions emulated; default no */
	enum vm_action on_triple_fault; /* default reset */
	enum vm_action on_reboot;	/* guest asks for a reset; default reset */
	enum vm_action on_panic;	/* guest says that it panicked; default keep */
};

struct firn_config {
	unsigned consoles; /* enum config_console bits; default: all there are */
	enum log_level loglevel;
	bool software_lapic;	 /* no virtual-interrupt delivery by hardware; default no */
	bool shutdown_when_idle; /* power off when the last VM has stopped; default no (prompt) */
	enum config_mitigations mitigations; /* default auto */
	bool kaslr_off;			     /* acted upon long before: arch/x86/kaslr.c */
	enum config_vmscape vmscape;	     /* default auto */
	bool no_cet_host;		     /* default false: Firn uses CET for itself */
	unsigned nr_vms;
	struct vm_config vm[CONFIG_MAX_VMS];
};

/* All problems are collected, so that one try shows them all. */
struct config_error {
	unsigned line;			   /* 1-based; 0 = the file as a whole */
	char text[CONFIG_KEYS_TEXT + 128]; /* what was found and what was expected */
};
struct config_errors {
	unsigned count;	 /* may exceed CONFIG_MAX_ERRORS; the rest is only counted */
	bool of_machine; /* any that is not about a single VM: no VM may be started */
	struct config_error error[CONFIG_MAX_ERRORS];
};

/*
 * Parses text (not NUL-terminated, any bytes). cfg is filled with what is valid, so that further
 * checks can go on. FIRN_OK means errors->count == 0, else ERR_FORMAT; a VM may be started then, too,
 * if neither errors->of_machine nor its own wrong is set. No allocation, no logging: pure function.
 */
enum firn_err config_parse(const char *text, size_t len, struct firn_config *cfg,
			   struct config_errors *errors);

/*
 * Checks what parsing can't know: that every named file exists. exists() is asked once per
 * reference. Adds to errors; ERR_NOENT when any is missing, and its VM is wrong.
 */
enum firn_err config_check_files(struct firn_config *cfg,
				 bool (*exists)(void *ctx, const char *name), void *ctx,
				 struct config_errors *errors);

/* Takes the VMs that are wrong out; the others move. Before anybody points to one. */
void config_drop_wrong(struct firn_config *cfg);

/* The keys that there are, for a reference; the parser uses the same table. */
struct config_key {
	const char *section; /* "firn" or "vm" */
	const char *name;
	const char *value;    /* what it takes */
	const char *fallback; /* when it is not given; NULL = it must be given */
	const char *text;
};
const struct config_key *config_key(unsigned index); /* NULL behind the last one */

void config_add_error(struct config_errors *errors, unsigned line, const char *fmt, ...)
	__printf(3, 4);

#endif
