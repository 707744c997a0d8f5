/*
 * The loader's half: the embedded object into the kernel, what is pinned taken over, everything
 * handed to attach and to core. Turns the kernel's refusals into sentences with a remedy.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/object.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/rights.h"

#define KERNEL_MIN_MAJOR 6 /* Debian 12's kernel: nothing older is tested */
#define KERNEL_MIN_MINOR 1

DEFINE_CLEANUP(bpf_object__close, struct bpf_object)

static int print_line(enum libbpf_print_level level, const char *format, va_list args)
{
	char text[1024];

	if (level == LIBBPF_DEBUG)
		return 0;
	(void)vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	/* What matters of it comes back as an error, with our sentence. */
	log_debug("libbpf: %s", text);
	return 0;
}

static bool has_rights(void)
{
	bool admin = rights_has_capability(CAP_SYS_ADMIN);

	return rights_has_capability(CAP_NET_ADMIN) &&
	       (admin || (rights_has_capability(CAP_BPF) && rights_has_capability(CAP_PERFMON)));
}

/* False when the kernel does not say. */
static bool is_old_kernel(struct utsname *name)
{
	unsigned long major;
	char *end;

	if (uname(name))
		return false;
	major = strtoul(name->release, &end, 10); /* "6.1.0-56-cloud-amd64" */
	if (*end != '.')
		return false;
	return major < KERNEL_MIN_MAJOR ||
	       (major == KERNEL_MIN_MAJOR && strtoul(end + 1, NULL, 10) < KERNEL_MIN_MINOR);
}

/* The sentence for a refused load; returns the code its exit status comes from. */
static int explain(int err, char *error)
{
	struct utsname name = { 0 };

	if (err == -ENOSYS) {
		(void)snprintf(
			error, KERNEL_ERROR_MAX,
			"this kernel has no BPF (CONFIG_BPF_SYSCALL); use Linux 6.1 or newer, "
			"or try `sluice demo`");
		return -ENOSYS;
	}
	if (err == -EPERM || err == -EACCES) {
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "bpf(2) is refused in spite of the capabilities: a container or "
			       "lockdown forbids it; run on the host, or try `sluice demo`");
		return -EPERM;
	}
	if (err != -ENOMEM && is_old_kernel(&name)) {
		(void)snprintf(
			error, KERNEL_ERROR_MAX,
			"Linux %.60s is too old: sluice needs 6.1 or newer; `sluice demo` runs "
			"everywhere",
			name.release);
		return -EOPNOTSUPP;
	}
	if (err == -ENOMEM)
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "no memory for the datapath's maps; lower [Capture] flow_slots");
	else
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "the kernel refuses the datapath (%s); log_level = DEBUG shows why",
			       strerror(-err));
	return err == -EINVAL || err == -E2BIG ? -EOPNOTSUPP : err;
}

static void explain_pin(const char *pin_dir, int err, char *error)
{
	if (err == -EOPNOTSUPP)
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "%.120s is not in a bpffs: `mount -t bpf bpf DIR` makes one",
			       pin_dir);
	else
		(void)snprintf(error, KERNEL_ERROR_MAX, "cannot pin in %.120s: %s",
			       pin_dir ? pin_dir : "no folder", strerror(-err));
}

static int check_rights(char *error)
{
	if (has_rights())
		return 0;
	(void)snprintf(
		error, KERNEL_ERROR_MAX,
		"sluice run needs root or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; start it with "
		"sudo, or try `sluice demo`");
	return -EPERM;
}

static int set_options(struct capture_kernel *kernel, const struct capture_kernel_options *options)
{
	kernel->interfaces = strdup(options->interfaces);
	kernel->pin_dir = options->pin_dir ? strdup(options->pin_dir) : NULL;
	kernel->tc_handle = kernel_tc_handle(options->pin_dir);
	if (!kernel->interfaces || (options->pin_dir && !kernel->pin_dir))
		return -ENOMEM;
	kernel->fix_offloads = options->fix_offloads;
	kernel->promisc = options->promisc;
	kernel->mode = !strcmp(options->mode, "xdp")  ? KERNEL_MODE_XDP
		       : !strcmp(options->mode, "tc") ? KERNEL_MODE_TC
						      : KERNEL_MODE_AUTO;
	return 0;
}

static int load_programs(struct capture_kernel *kernel, struct bpf_object *object)
{
	int err = kernel->replay_cpus ? kernel_maps_set_word(object, "replay_clock", 1) : 0;

	if (!err)
		err = bpf_object__load(object);
	if (!err)
		err = kernel_programs_take(kernel, object);
	return err;
}

static int measure_clock(struct capture_kernel *kernel)
{
	if (kernel->replay_cpus) {
		kernel->ns_per_jiffy = NS_PER_MS;
		return 0;
	}
	return kernel_clock_measure(kernel->programs[KERNEL_CLOCK], &kernel->ns_per_jiffy);
}

/* The object goes again when this returns: what stays is held by descriptors of our own. */
static int open_object(struct capture_kernel *kernel)
{
	CLEANUP(bpf_object__close)
	struct bpf_object *object = bpf_object__open_mem(bpf_object, bpf_object_len, NULL);
	bool is_adopted;
	int err;

	if (!object)
		return -errno;
	err = kernel_maps_prepare(&kernel->maps, object, kernel->pin_dir);
	if (err)
		return err;
	is_adopted = kernel_programs_adopt(kernel);
	if (!is_adopted)
		err = load_programs(kernel, object);
	if (!err)
		err = kernel_maps_finish(&kernel->maps, object, kernel->pin_dir);
	if (!err && !kernel->ns_per_jiffy)
		err = measure_clock(kernel);
	if (!err && !is_adopted && !kernel->maps.is_successor)
		kernel_programs_pin(kernel);
	return err;
}

static int load_object(struct capture_kernel *kernel, unsigned int flow_slots)
{
	int cpus = kernel->replay_cpus ? (int)kernel->replay_cpus : kernel_possible_cpus();
	int err;

	if (cpus < 0)
		return cpus;
	kernel->maps.cpus = (uint32_t)cpus;
	kernel->maps.flow_sets = kernel_flow_sets(flow_slots, kernel->maps.cpus);
	err = open_object(kernel);
	return err ? err : kernel_rows_map(kernel);
}

/* @replay_cpus: 0 = live */
static int load(const struct capture_kernel_options *options, uint32_t replay_cpus,
		struct capture_kernel **out, char *error)
{
	CLEANUP(capture_kernel_free) struct capture_kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return explain(-ENOMEM, error);
	kernel->replay_cpus = replay_cpus;
	kernel->notify = -1;
	kernel_maps_init(&kernel->maps);
	kernel_programs_init(kernel);
	for (int i = 0; i < IFACES_MAX; i++)
		kernel->links[i].xdp_fd = -1;
	(void)libbpf_set_print(print_line); /* returns the earlier one, not an error */
	err = set_options(kernel, options);
	if (!err && kernel->pin_dir)
		err = kernel_pin_open_dir(kernel->pin_dir);
	if (err) {
		explain_pin(options->pin_dir, err, error);
		return err;
	}
	err = load_object(kernel, options->flow_slots);
	if (err)
		return explain(err, error);
	*out = TAKE(kernel);
	return 0;
}

int capture_kernel_load(const struct capture_kernel_options *options, struct capture_kernel **out,
			char *error)
{
	int err = check_rights(error);

	return err ? err : load(options, 0, out, error);
}

int kernel_load_replay(unsigned int flow_slots, uint32_t cpus, struct capture_kernel **out,
		       char *error)
{
	const struct capture_kernel_options options = {
		.flow_slots = flow_slots,
		.mode = "xdp",
		.interfaces = "",
	};

	if (!has_rights()) {
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "--datapath kernel needs root or CAP_BPF, CAP_NET_ADMIN and "
			       "CAP_PERFMON; --datapath user needs no rights");
		return -EPERM;
	}
	return load(&options, cpus, out, error);
}

/* ---- the children, and the end ------------------------------------------------------------------
 */

size_t capture_kernel_core_fds(const struct capture_kernel *kernel, int *fds, size_t max)
{
	size_t count = kernel->core_fd_count < max ? kernel->core_fd_count : max;

	if (count)
		memcpy(fds, kernel->core_fds, count * sizeof(*fds));
	return count;
}

static void close_descriptors(struct capture_kernel *kernel)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		if (kernel->links[i].xdp_fd >= 0)
			(void)close(kernel->links[i].xdp_fd); /* pinned, or the parent's too */
		kernel->links[i].xdp_fd = -1;
	}
	if (kernel->rows)
		(void)munmap(kernel->rows, IFACES_MAX * sizeof(*kernel->rows));
	kernel->rows = NULL;
	kernel_maps_done(&kernel->maps);
	if (kernel->notify >= 0)
		(void)close(kernel->notify);
	kernel->notify = -1;
	kernel_programs_done(kernel);
}

void capture_kernel_forget(struct capture_kernel *kernel)
{
	kernel->is_forgotten = true;
	close_descriptors(kernel);
}

void capture_kernel_free(struct capture_kernel *kernel)
{
	if (!kernel)
		return;
	for (int i = 0; i < IFACES_MAX && !kernel->is_forgotten && kernel->rows; i++) {
		if (!kernel->links[i].ifindex)
			continue;
		if (!kernel->pin_dir)
			kernel_detach_device(kernel, i);
		else
			kernel_promisc_end(kernel, i); /* nobody listens any more */
	}
	close_descriptors(kernel);
	free(kernel->interfaces);
	free(kernel->pin_dir);
	free(kernel->core_fds);
	free(kernel);
}

int capture_kernel_open(struct capture_kernel *kernel, struct capture **out)
{
	return kernel_source_new(kernel, out);
}
