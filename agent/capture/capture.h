/*
 * Capture owns the datapath: the kernel's maps (live), or the same code built for user space (demo,
 * replay). It hands up flow deltas and events, and takes rules down. Two faces:
 *  - struct capture_kernel belongs to the loader: load, attach, pin, follow interfaces. It holds
 *    links and programs, which core never does.
 *  - struct capture belongs to core's pipeline thread: drain, block, safe list, coverage. It holds
 *    map descriptors only.
 */
#ifndef SLUICE_CAPTURE_CAPTURE_H
#define SLUICE_CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/block.h"
#include "include/coverage.h"
#include "include/flow.h"
#include "include/payload.h"

struct prefix_set;

/* ---- what a source hands up ------------------------------------------------------------- */

/* A packet that a rule dropped, or only counted; sampled. */
struct capture_hit {
	struct five_tuple tuple;
	uint8_t direction, iface;
	uint8_t layer;	 /* enum block_layer */
	bool is_counted; /* it passed */
	uint32_t rule_id;
	uint32_t ip_bytes;
	uint64_t at_ns; /* monotonic */
};

/* Called on the draining thread; must not call back into capture. Any of them may be NULL. */
struct capture_sink {
	void *arg;
	void (*on_flow)(void *arg, const struct flow_delta *delta);
	void (*on_hit)(void *arg, const struct capture_hit *hit);
	/* @payload and its bytes are borrowed for the call */
	void (*on_payload)(void *arg, const struct payload *payload);
};

/* ---- core's side: one vtable, three sources (kernel, pcap file, simulator) ------------------ */

struct capture;

/*
 * capture_drain - consume the rings; with @scan also walk the flow cache (about 10 ns a slot).
 * Each packet is handed up exactly once, also across core's restart.
 * Returns the number of deltas, or -errno.
 */
int capture_drain(struct capture *capture, bool scan, const struct capture_sink *sink);

/*
 * capture_event_fd - readable when an event wants to be drained at once (while a domain is
 * blocked); -1 when there is none: drain on a timer.
 */
int capture_event_fd(const struct capture *capture);

/*
 * capture_block - add the rule and its entry, or replace the rule of the same id (same target).
 * The target is a prefix, or a name (rule->domain) with everything below it. Several rules may
 * hold the same target: of those that apply the one with the lowest id decides.
 * The kernel drops by it when this returns. -ENOSPC: table full; -EINVAL.
 */
int capture_block(struct capture *capture, const struct block_rule *rule);
/* capture_unblock - -ENOENT when there is no such rule. */
int capture_unblock(struct capture *capture, uint32_t rule_id);
/* capture_block_hits - what the rule dropped so far; -ENOENT. */
int capture_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits);
/*
 * capture_block_sync - make the maps hold exactly @rules: at start, after a crash. Hits of rules
 * that stay are kept. Returns the number of repairs, or -errno.
 */
int capture_block_sync(struct capture *capture, const struct block_rule *rules, size_t count);
/* capture_block_settle - after capture_block_sync and the lists of a start: entries that were found
 * in the maps and that nobody owns go, in steps as lists do. */
int capture_block_settle(struct capture *capture);
/* capture_safe_set - replace the safe list in the maps; never a moment without either. */
int capture_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count);
/*
 * capture_list_set - a rule with many targets: the prefixes and names of @set replace what
 * rule->rule_id held before, as a difference, in steps. The rule's own words are in force when this
 * returns; its target is not used. Takes a reference to @set. A second call while one runs goes on
 * from there.
 * Returns 0, -ENOMEM, -ENOSPC when the maps cannot hold it (nothing changed), -EINVAL.
 */
int capture_list_set(struct capture *capture, const struct block_rule *rule,
		     struct prefix_set *set);
/* capture_list_step - a bounded part of the work (some ms). Returns 1 while some is left, 0 when
 * all lists are in force, or -errno (the list stays as far as it came; call again to go on). */
int capture_list_step(struct capture *capture);
/* capture_rule_set - the words of a rule that exists (active, scope, end, action): one store. */
int capture_rule_set(struct capture *capture, const struct block_rule *rule);
/* capture_list_remove - a list goes, in steps as above; none of it drops when this returns. */
int capture_list_remove(struct capture *capture, uint32_t rule_id);
/* capture_target_hits - of one entry, whoever's it is; -ENOENT. */
int capture_target_hits(struct capture *capture, const struct prefix *target,
			struct block_hits *hits);
/* capture_name_hits - of the entry of exactly this name, whoever's it is; -ENOENT. */
int capture_name_hits(struct capture *capture, const char *name, struct block_hits *hits);
/* capture_list_hits - sum over the entries of a list as last read (a round takes seconds). */
int capture_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits);

/*
 * capture_domain_find - the rule that blocks @name (lower or upper case, dots between labels), by
 * itself or by a name above it; 0 when none does. Nothing is counted.
 */
uint32_t capture_domain_find(struct capture *capture, const char *name);
/* capture_domain_counted - as capture_domain_find, of rules that only count. */
uint32_t capture_domain_counted(struct capture *capture, const char *name);
/*
 * capture_flow_block - drop both ways of @tuple until @until_boot_ns because of @rule_id, and count
 * the hits there under @layer. The oldest makes room when full. Returns 0 or -errno.
 */
int capture_flow_block(struct capture *capture, const struct five_tuple *tuple, uint32_t rule_id,
		       uint8_t layer, uint64_t until_boot_ns);

/* capture_lease - no drop once CLOCK_BOOTTIME passes @until_boot_ns. */
int capture_lease(struct capture *capture, uint64_t until_boot_ns);
/* capture_is_panicked - `sluice panic` is in force: nothing is dropped whatever the lease says. */
bool capture_is_panicked(struct capture *capture);
int capture_coverage(struct capture *capture, struct coverage *coverage);
/* capture_now_ns - the source's monotonic clock: the machine's, or the scenario's. */
uint64_t capture_now_ns(struct capture *capture);
void capture_close(struct capture *capture); /* accepts NULL */
DEFINE_CLEANUP(capture_close, struct capture)

/* The vtable a source fills; first member of its own struct (capture/source.c calls through it). */
struct capture_ops {
	int (*event_fd)(const struct capture *);
	int (*list_set)(struct capture *, const struct block_rule *, struct prefix_set *);
	int (*list_step)(struct capture *);
	int (*rule_set)(struct capture *, const struct block_rule *);
	int (*list_remove)(struct capture *, uint32_t rule_id);
	int (*target_hits)(struct capture *, const struct prefix *, struct block_hits *);
	int (*name_hits)(struct capture *, const char *, struct block_hits *);
	int (*list_hits)(struct capture *, uint32_t rule_id, struct block_hits *);
	uint32_t (*domain_find)(struct capture *, const char *name, bool is_counted);
	int (*flow_block)(struct capture *, const struct five_tuple *, uint32_t rule_id,
			  uint8_t layer, uint64_t until_boot_ns);
	int (*drain)(struct capture *, bool scan, const struct capture_sink *);
	int (*block)(struct capture *, const struct block_rule *);
	int (*unblock)(struct capture *, uint32_t rule_id);
	int (*block_hits)(struct capture *, uint32_t rule_id, struct block_hits *);
	int (*block_sync)(struct capture *, const struct block_rule *, size_t);
	int (*block_settle)(struct capture *);
	int (*safe_set)(struct capture *, const struct prefix *, size_t);
	int (*lease)(struct capture *, uint64_t until_boot_ns);
	bool (*is_panicked)(struct capture *);
	int (*coverage)(struct capture *, struct coverage *);
	uint64_t (*now_ns)(struct capture *);
	void (*close)(struct capture *);
};

struct capture {
	const struct capture_ops *ops;
};

/* ---- user-space datapath: for the demo and replay ------------------------------------------- */

/* Frames between two drains that never overflow a ring, whatever they are; beyond, a packet may be
 * counted as unattributed. */
#define CAPTURE_USER_BURST 32768

/*
 * capture_user_new - the datapath of bpf/ compiled for this process, with maps of its own.
 * All clocks are the caller's: frames carry their time. The result is a complete source; a
 * simulator wraps or feeds it from the draining thread. capture_close frees it.
 * @flow_slots: in each family's cache, a power of two, 4 to 2^20
 * Returns 0, -EINVAL or -ENOMEM.
 */
int capture_user_new(unsigned int flow_slots, struct capture **out);
/* capture_user_add_iface - returns the one-byte index, or -ENOSPC. */
int capture_user_add_iface(struct capture *user, const char *name);
/* One frame with its Ethernet header, borrowed for the call. */
struct capture_frame {
	const void *data;
	size_t len;
	uint64_t at_ns;	   /* monotonic, of the scenario or the file */
	uint8_t iface;	   /* from capture_user_add_iface */
	uint8_t direction; /* enum direction: which entry program */
};

/*
 * capture_user_feed - one frame through the entry program of its direction.
 * Returns 1 when it passes, 0 when it is dropped, -EINVAL for an interface never added or a frame
 * beyond 64 KiB and its Ethernet header.
 */
int capture_user_feed(struct capture *user, const struct capture_frame *frame);
/* capture_user_set_boot_ns - "now" for rule ends and the lease; feed sets the monotonic clock. */
void capture_user_set_boot_ns(struct capture *user, uint64_t boot_ns);
/* capture_user_is_full - drain now: the next frames might not find room for their events. */
bool capture_user_is_full(const struct capture *user);
/* capture_user_set_unix_ms - wall time of the latest frame, for the last hit of a rule; without it
 * the machine's. */
void capture_user_set_unix_ms(struct capture *user, int64_t unix_ms);

/* ---- capture files: for replay ----------------------------------------------------------------
 */

/*
 * capture_replay_new - as capture_user_new with one interface, whose clock is the file's and whose
 * events have no budget; @kernel runs the same frames through sluice_ingress in the kernel
 * (BPF_PROG_TEST_RUN; needs its rights) instead of the build for this process.
 * @error: at least 256 bytes. Returns 0, -EPERM, -EOPNOTSUPP, other -errno.
 */
int capture_replay_new(bool kernel, struct capture **out, char *error);
/* capture_replay_feed - one frame with an Ethernet header; times are nanoseconds since the file's
 * first packet. Returns 1 passed, 0 dropped, -errno when the frame cannot be used. */
int capture_replay_feed(struct capture *replay, const struct capture_frame *frame);
/* capture_replay_is_full - as capture_user_is_full; the same answers for both datapaths. */
bool capture_replay_is_full(const struct capture *replay);

struct capture_file;

/* One packet of a file, its link layer made Ethernet; borrowed until the next read. */
struct capture_packet {
	const void *data;
	size_t len;	 /* bytes there are, with the Ethernet header */
	size_t wire_len; /* as the file says; more than len: cut by the snap length */
	int64_t unix_ns;
};

/* What of a file could not be used, and why. */
struct capture_file_losses {
	uint64_t too_short, too_long; /* frames no device carries: under 14, over 65549 bytes */
	uint64_t no_ip;		      /* of a link type whose packets are not IP */
	uint64_t no_time;	      /* time stamps that go back or are none; clamped */
	char note[256];		      /* where the file broke off; empty when it did not */
};

/*
 * capture_file_open - pcap or pcapng of any link type libpcap reads, "-" for standard input.
 * @error: at least 256 bytes, libpcap's reason. Returns 0, -EINVAL when it is no capture file,
 * other -errno.
 */
int capture_file_open(const char *path, struct capture_file **out, char *error);
/* capture_file_read - returns 1, 0 at the end (also of a broken file; see losses), -errno. */
int capture_file_read(struct capture_file *file, struct capture_packet *packet);
const struct capture_file_losses *capture_file_losses(const struct capture_file *file);
void capture_file_close(struct capture_file *file); /* accepts NULL */
DEFINE_CLEANUP(capture_file_close, struct capture_file)

/* ---- the view filter: [Sniffer] filter, what is shown and never what is blocked --- */

struct capture_view;
#define CAPTURE_REASON_MAX 256

/* capture_view_check - @reason: at least CAPTURE_REASON_MAX bytes, with word and column of what is
 * no pcap filter; "" is fine. Returns 0, -EINVAL, -ENOMEM. May ask for names of hosts. */
int capture_view_check(const char *text, char *reason);
/* capture_view_new - NULL for "". Errors as above. */
int capture_view_new(const char *text, struct capture_view **out);
void capture_view_free(struct capture_view *view); /* accepts NULL */
DEFINE_CLEANUP(capture_view_free, struct capture_view)
/* capture_view_has - it takes a packet of either direction. Any thread. */
bool capture_view_has(const struct capture_view *view, const struct five_tuple *tuple,
		      uint16_t vlan);

/* ---- loader's side --------------------------------------------------------------------------- */

struct capture_kernel;

struct capture_kernel_options {
	unsigned int flow_slots; /* per CPU, a power of two */
	const char *mode;	 /* "auto", "xdp", "tc" */
	const char *interfaces;	 /* "auto", or names, comma separated */
	bool fix_offloads;	 /* [Capture] fix_offloads */
	bool promisc;		 /* [Capture] promisc: set on what is watched, undone with it */
	const char *pin_dir;	 /* folder in a bpffs, made if absent; NULL = unpinned */
};

/*
 * capture_kernel_load - programs and maps into the kernel; maps and links found in the pin folder
 * with the same ABI version are taken over, programs replaced in place.
 * @error: at least 256 bytes; on failure one sentence with the remedy.
 * Returns 0, -EPERM (exit 77), -ENOSYS or -EOPNOTSUPP (exit 69), other -errno.
 */
int capture_kernel_load(const struct capture_kernel_options *options, struct capture_kernel **out,
			char *error);
/* capture_kernel_set_interfaces - other ones from now on, as in the options; those in both are not
 * touched. Returns how many are watched, or -errno with @error (256 bytes); they are waited for. */
int capture_kernel_set_interfaces(struct capture_kernel *kernel, const char *interfaces,
				  char *error);
/*
 * capture_kernel_attach - attach to the interfaces asked for; one that is missing now is waited
 * for. -ENODEV with @error when none of the named ones exists; -EBUSY names who holds the hook.
 */
int capture_kernel_attach(struct capture_kernel *kernel, char *error);
/* capture_kernel_netlink_fd - readable when links or routes changed; then call _follow. */
int capture_kernel_netlink_fd(const struct capture_kernel *kernel);
/* capture_kernel_follow - re-attach what came back, drop what went, follow default routes. */
int capture_kernel_follow(struct capture_kernel *kernel);
/*
 * capture_kernel_tick - a few times a second, in the loader: repairs what others took off, goes
 * back to native XDP when its hook is free again, and takes tc where the gateway stopped answering
 * after native XDP was attached. Never waits.
 */
void capture_kernel_tick(struct capture_kernel *kernel, uint64_t now_ns);
/*
 * capture_kernel_filled - core says: its rules are in the maps. Where an earlier version with maps
 * of another layout enforced until now, the programs are replaced in place and the pins follow.
 * Without being told, that happens after HANDOVER_S of kernel_handover.c.
 */
void capture_kernel_filled(struct capture_kernel *kernel);
/* capture_kernel_open - core's half, in the forked child: maps mapped, rings open. */
int capture_kernel_open(struct capture_kernel *kernel, struct capture **out);
/* capture_kernel_core_fds - descriptors core keeps (no link, no program but the clock's). */
size_t capture_kernel_core_fds(const struct capture_kernel *kernel, int *fds, size_t max);
/* capture_kernel_forget - in a child: drop links and programs without detaching anything. */
void capture_kernel_forget(struct capture_kernel *kernel);
/* capture_kernel_free - the pins stay; unpinned links detach. Accepts NULL. */
void capture_kernel_free(struct capture_kernel *kernel);
DEFINE_CLEANUP(capture_kernel_free, struct capture_kernel)

/* capture_pin_path - "<root>/<hash of the state directory>" where @root is the bpffs. */
int capture_pin_path(const char *state_dir, char *out, size_t size);
/* capture_mount_bpffs - mount /run/sluice-bpf when root and absent; chown to @uid. */
int capture_mount_bpffs(unsigned int uid, unsigned int gid);
/* capture_panic - end (or with @on false re-allow) all enforcement through the pins, service alive
 * or not. -ENOENT when nothing is pinned there. */
int capture_panic(const char *pin_dir, bool on);

#endif
