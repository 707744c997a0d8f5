/*
 * Inside of the loader's half and core's kernel source: which maps there are, who holds which
 * descriptor, what is attached where. Shared by kernel_*.c only. The loader is single-threaded;
 * core's half belongs to the pipeline thread.
 */
#ifndef SLUICE_CAPTURE_KERNEL_H
#define SLUICE_CAPTURE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/capture/capture.h"
#include "agent/capture/drain.h"
#include "agent/capture/kernel_netlink.h"
#include "include/abi.h"

struct bpf_object;

#define KERNEL_ERROR_MAX 256 /* the text behind every @error, as capture.h promises */
#define KERNEL_CPUS_MAX	 4096
#define KERNEL_NAME	 "sluice" /* prefix of our programs' names: who owns a tc filter */

/* ---- maps ----------------------------------------------------------------------------------- */

enum kernel_map {
	KERNEL_FLOWS4, /* the first six are one geometry: they are kept or retired together */
	KERNEL_FLOWS6,
	KERNEL_SHADOW4,
	KERNEL_SHADOW6,
	KERNEL_EVICT,
	KERNEL_EVICT_CPU,
	KERNEL_LEDGER,
	KERNEL_COUNTERS,
	KERNEL_CPUS,
	KERNEL_IFACES,
	KERNEL_CONTROL,
	KERNEL_RULES,
	KERNEL_NETS16,
	KERNEL_BITS24,
	KERNEL_BITS48,
	KERNEL_BLOCK4,
	KERNEL_BLOCK6,
	KERNEL_LPM4,
	KERNEL_LPM6,
	KERNEL_SAFE4,
	KERNEL_SAFE6,
	KERNEL_EVENTS,
	KERNEL_RULE_SETS,
	KERNEL_BITS_NAMES,
	KERNEL_DOMAINS,
	KERNEL_FLOW_BLOCKS,
	KERNEL_VERDICTS,
	KERNEL_MAP_COUNT,
	KERNEL_GEOMETRY_COUNT = KERNEL_LEDGER, /* maps whose layout follows flow_sets */
};

/* kernel_map_name - its name in the object and of its pin. */
const char *kernel_map_name(enum kernel_map map);

/* The flow cache of another size found in the pins: core drains it once more, then it goes. */
struct kernel_retired {
	int fd[KERNEL_GEOMETRY_COUNT]; /* -1 = none */
	int *rings;		       /* [cpus] inner rings of evict_cpu, -1 = none */
};

struct kernel_maps {
	int fd[KERNEL_MAP_COUNT]; /* owned; -1 = not open */
	int *rings;		  /* [cpus] inner rings of evict_cpu; owned */
	int rows;		  /* the interface table below; owned */
	uint32_t cpus;		  /* possible CPUs, highest id + 1 */
	uint32_t flow_sets;	  /* per CPU */
	bool is_successor;	  /* pins of another layout are there, and stay for now */
	struct kernel_retired retired;
};

/* One interface as the loader knows it, for core to show and for the next loader to go on with:
 * a pinned, mmap-able array by one-byte index. The loader writes, core maps it read-only. */
struct kernel_row {
	uint32_t abi;	  /* SLUICE_ABI; row 0 speaks for the pin folder */
	uint32_t seq;	  /* odd while it is being written */
	uint32_t ifindex; /* 0 = gone at the moment */
	uint8_t is_used;
	uint8_t mode;	    /* enum attach_mode */
	uint8_t has_clsact; /* we made the qdisc */
	uint8_t is_promisc; /* we set the flag */
	char name[IFACE_NAME_MAX];
	char note[160];
};
_Static_assert(sizeof(struct kernel_row) == 192, "a multiple of 8, as array values are");

/* ---- attachments ---------------------------------------------------------------------------- */

/* A driver that took native XDP but carries nothing since: asked of the gateway. */
struct kernel_confirm {
	struct kernel_gateway gateway;
	struct kernel_neighbour known; /* before attaching */
	uint64_t until_ns;	       /* 0 = nothing to confirm */
	uint64_t probe_ns;	       /* the next question */
};

struct kernel_link {
	uint32_t ifindex;  /* 0 = not attached */
	int xdp_fd;	   /* bpf_link, or -1 */
	bool is_inherited; /* an earlier loader attached it: still to be brought up to date */
	bool is_hook_busy; /* another's XDP program: looked at again */
	bool is_silent;	   /* under native XDP nothing came through: tc while the device lasts */
	uint32_t mtu;	   /* when it was attached: another one may suit the driver */
	struct kernel_confirm confirm;
};

enum kernel_mode {
	KERNEL_MODE_AUTO,
	KERNEL_MODE_XDP,
	KERNEL_MODE_TC,
};

enum kernel_program {
	KERNEL_INGRESS,
	KERNEL_INGRESS_TC,
	KERNEL_EGRESS,
	KERNEL_CLOCK,
	KERNEL_PROGRAM_COUNT
};

struct capture_kernel {
	int programs[KERNEL_PROGRAM_COUNT]; /* owned; -1 = not there */
	struct kernel_maps maps;
	struct kernel_row *rows; /* [IFACES_MAX], mapped */
	struct kernel_link links[IFACES_MAX];
	char *interfaces;
	char *pin_dir; /* NULL = unpinned */
	enum kernel_mode mode;
	uint32_t tc_handle;
	bool fix_offloads;
	bool promisc;
	uint32_t ingress_id;	      /* of the program, as a device shows it */
	uint64_t check_ns, follow_ns; /* capture_kernel_tick: when it looks next */
	uint64_t handover_ns;	      /* of a successor: when it takes over in any case */
	uint32_t replay_cpus;	      /* 0 = live; else the CPUs up to the one that replays */
	bool is_forgotten;	      /* a child's copy: nothing may be detached through it */
	int notify;		      /* rtnetlink, or -1 */
	uint64_t ns_per_jiffy;
	int *core_fds; /* what the source opened here keeps */
	size_t core_fd_count;
};

/* ---- kernel_maps.c -------------------------------------------------------------------------- */

/* kernel_possible_cpus - highest possible CPU id + 1, or -errno. */
int kernel_possible_cpus(void);
/* kernel_flow_sets - sets per CPU for @slots, halved until all CPUs' caches fit in 64 MiB. */
uint32_t kernel_flow_sets(unsigned int slots, uint32_t cpus);
void kernel_maps_init(struct kernel_maps *maps);
void kernel_maps_done(struct kernel_maps *maps);
/*
 * kernel_maps_prepare - before bpf_object__load: sizes, and maps found in @pin_dir of the same
 * ABI and size are taken over. A flow cache of another size is moved to maps->retired. Pins of
 * another ABI are left as they are: is_successor.
 */
int kernel_maps_prepare(struct kernel_maps *maps, struct bpf_object *object, const char *pin_dir);
/* kernel_maps_finish - after it: descriptors of our own, eviction rings; pins, unless others are
 * still needed there. */
int kernel_maps_finish(struct kernel_maps *maps, struct bpf_object *object, const char *pin_dir);
/* kernel_maps_pin - all of them, in place of those of another layout. */
int kernel_maps_pin(const struct kernel_maps *maps, const char *pin_dir);

/* kernel_maps_set_word - before the load: the 32-bit constant @name of the object. */
int kernel_maps_set_word(const struct bpf_object *object, const char *name, uint32_t value);

/* ---- kernel_programs.c ---------------------------------------------------------------------- */

void kernel_programs_init(struct capture_kernel *kernel);
void kernel_programs_done(struct capture_kernel *kernel);
/*
 * kernel_programs_adopt - those that are pinned, when a load would bring the same ones: same
 * object, constants, kernel, and each map the one that was just taken over. After
 * kernel_maps_prepare; nothing has to be loaded then.
 */
bool kernel_programs_adopt(struct capture_kernel *kernel);
/* kernel_programs_take - descriptors of our own of those in the loaded @object. */
int kernel_programs_take(struct capture_kernel *kernel, const struct bpf_object *object);
/* kernel_programs_pin - for the next start; no-op without pins, a warning when it fails. After
 * kernel_maps_finish. */
void kernel_programs_pin(const struct capture_kernel *kernel);

/* ---- kernel_load.c -------------------------------------------------------------------------- */

/* kernel_load_replay - unpinned, for frames by test run under the file's clock; nothing is
 * attached.
 * @cpus: maps for so many. As capture_kernel_load. */
int kernel_load_replay(unsigned int flow_slots, uint32_t cpus, struct capture_kernel **out,
		       char *error);

/* ---- kernel_pin.c --------------------------------------------------------------------------- */

/* kernel_pin_open_dir - the folder is there, in a bpffs, ours; -EOPNOTSUPP, or -errno. */
int kernel_pin_open_dir(const char *pin_dir);
/* kernel_pin_get - descriptor of the object pinned as @name, or -ENOENT. */
int kernel_pin_get(const char *pin_dir, const char *name);
/* kernel_pin_put - pin @fd as @name, in place of what is there; no-op without @pin_dir. */
int kernel_pin_put(const char *pin_dir, const char *name, int fd);
/* kernel_pin_remove - what is not there is removed already. */
int kernel_pin_remove(const char *pin_dir, const char *name);
/* kernel_panic_carry - whoever ordered `panic` of what is pinned finds it obeyed by @control_fd. */
int kernel_panic_carry(const char *pin_dir, int control_fd);

/* ---- kernel_rows.c: the interface table and the datapath's map of it ----------------------- */

int kernel_rows_map(struct capture_kernel *kernel);
/* kernel_rows_find - index by name, or -ENOENT. */
int kernel_rows_find(const struct capture_kernel *kernel, const char *name);
/* kernel_rows_add - the index @name had before, or a free one, or -ENOSPC. */
int kernel_rows_add(struct capture_kernel *kernel, const char *name);
void kernel_rows_set(struct capture_kernel *kernel, int index, const struct kernel_row *row);
/* kernel_rows_copy - a consistent copy; false while it is unused. Core reads with this. */
bool kernel_rows_copy(const struct kernel_row *row, struct kernel_row *out);
/* kernel_ifaces_set - make the datapath know @ifindex; -ENOSPC when its probes are taken. */
int kernel_ifaces_set(int map_fd, uint32_t ifindex, uint8_t index, bool no_l2);
int kernel_ifaces_remove(int map_fd, uint32_t ifindex);
/* kernel_ifaces_find - index of @ifindex, or -ENOENT. */
int kernel_ifaces_find(int map_fd, uint32_t ifindex);

/* ---- kernel_attach.c, kernel_follow.c ------------------------------------------------------- */

/* kernel_attach_device - attach or bring up to date at @index; what was wrong is in the row's
 * note. -EBUSY, -EOPNOTSUPP with mode = xdp; @error may be NULL. */
int kernel_attach_device(struct capture_kernel *kernel, int index,
			 const struct kernel_device *device, char *error);
/* kernel_detach_device - programs off, unpinned, the row kept for its return. */
void kernel_detach_device(struct capture_kernel *kernel, int index);
/* kernel_promisc_end - take the flag back, when it was set here. */
void kernel_promisc_end(struct capture_kernel *kernel, int index);
/* kernel_is_in_order - what was attached is still there, and nothing better can be had. */
bool kernel_is_in_order(const struct capture_kernel *kernel, int index,
			const struct kernel_device *device);
/* kernel_follow_wanted - bring attachments in line with interfaces and routes.
 * Returns the number watched, or -errno of the first that failed. */
int kernel_follow_wanted(struct capture_kernel *kernel, char *error);

/* ---- kernel_handover.c ----------------------------------------------------------------------- */

/* kernel_handover_begin - what another layout's loader attached is ours to replace, not yet. */
int kernel_handover_begin(struct capture_kernel *kernel);
/* kernel_handover_is_due - its programs there enforce until ours know all rules. */
bool kernel_handover_is_due(const struct capture_kernel *kernel, int index);
/* kernel_handover_tick - in the end without being told. */
void kernel_handover_tick(struct capture_kernel *kernel, uint64_t now_ns);

/* ---- kernel_confirm.c ---- */

/* kernel_confirm_begin - before native XDP is attached: what is known of the gateway. */
void kernel_confirm_begin(const struct kernel_device *device, struct kernel_confirm *confirm);
/* kernel_confirm_step - ask and look; never waits. Returns 1 confirmed or nothing to confirm, 0 not
 * yet, -ETIMEDOUT: it answered before, and no more. */
int kernel_confirm_step(uint32_t ifindex, struct kernel_confirm *confirm, uint64_t now_ns);

/* ---- kernel_tc.c ---------------------------------------------------------------------------- */

/* One side of an interface, and this instance's place on it. */
struct kernel_hook {
	uint32_t ifindex;
	uint32_t handle;
	bool is_egress;
};

/* kernel_tc_handle - the same for every start with these pins, another for other pins. */
uint32_t kernel_tc_handle(const char *pin_dir);

/*
 * kernel_tc_attach - our filter on the clsact hook, replaced in place when it is there.
 * @has_clsact: set when the qdisc was made here.
 * -EBUSY: our handle is held by another program, or another qdisc holds the hook.
 */
int kernel_tc_attach(const struct kernel_hook *at, int prog_fd, bool *has_clsact);
/* kernel_tc_is_attached - our filter is in its place. */
bool kernel_tc_is_attached(const struct kernel_hook *at);
/* kernel_tc_detach - only a filter that is ours. */
int kernel_tc_detach(const struct kernel_hook *at);
/* kernel_tc_remove_clsact - when nothing is left on either hook. */
void kernel_tc_remove_clsact(uint32_t ifindex);

/* ---- kernel_xdp.c --------------------------------------------------------------------------- */

/*
 * kernel_xdp_attach - native XDP by link, taken over from its pin when it is there.
 * @link: xdp_fd written on success
 * @note: 160 bytes; why not, with the remedy, on failure
 */
int kernel_xdp_attach(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		      char *note);
void kernel_xdp_detach(struct capture_kernel *kernel, int index);
/* kernel_xdp_pinned - the device that the link pinned for @index holds, 0 when there is none. */
uint32_t kernel_xdp_pinned(const struct capture_kernel *kernel, int index);

/* ---- kernel_ethtool.c ----------------------------------------------------------------------- */

/*
 * kernel_offload_note - what a driver's refusal means here, with the exact command.
 * @reason: the driver's text
 */
void kernel_offload_note(const char *ifname, const char *reason, char *note, size_t size);
/* kernel_offload_fix - switch off the offloads @reason names. 0 when something changed,
 * -EOPNOTSUPP when the driver holds them fixed, -ENOENT when @reason names none. */
int kernel_offload_fix(const char *ifname, const char *reason);

/* ---- kernel_clock.c ------------------------------------------------------------------------- */

/* kernel_clock_sample - jiffies and the clocks at one moment, through the clock program. */
int kernel_clock_sample(int prog_fd, struct clock_sample *sample);
/* kernel_clock_measure - ns per jiffy, from edge to edge; takes about 50 ms. */
int kernel_clock_measure(int prog_fd, uint64_t *ns_per_jiffy);
/* kernel_clock_is_exact - whether kernels are made with it; what a machine too busy to measure gave
 * is only near. */
bool kernel_clock_is_exact(uint64_t ns_per_jiffy);
/* kernel_clock_snap - the length of a jiffy a kernel is built with nearest to @measured_ns, when
 * within 1 %; else @measured_ns. */
uint64_t kernel_clock_snap(uint64_t measured_ns);
/* kernel_clock_now - the present jiffy in all three clocks. @clock: in: what it was before, zeroed
 * the first time; out. */
int kernel_clock_now(int prog_fd, uint64_t ns_per_jiffy, struct drain_clock *clock);

/* ---- kernel_source.c ------------------------------------------------------------------------ */

/* kernel_source_new - everything core needs opened and mapped. */
int kernel_source_new(struct capture_kernel *kernel, struct capture **out);

#endif
