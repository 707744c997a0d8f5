/*
 * The datapath's programs: found in the loaded object, or taken over from their pins. To verify
 * them takes most of a start, and a restart after a crash needs the very same ones: they are
 * pinned with a record of what they were made of and which maps they hold.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/object.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

#define RECORD_PIN "programs"

/* What the pinned programs are; written after them and taken away before them. */
struct programs_record {
	uint8_t digest[CRYPTO_HASH_BYTES];
	uint64_t ns_per_jiffy;			 /* this kernel's; 0 = to be measured again */
	uint32_t programs[KERNEL_PROGRAM_COUNT]; /* ids, which no later program ever has */
	uint32_t maps[KERNEL_MAP_COUNT];
};

static const struct {
	const char *name, *pin;
} programs[KERNEL_PROGRAM_COUNT] = {
	[KERNEL_INGRESS] = { "sluice_ingress", "program_ingress" },
	[KERNEL_INGRESS_TC] = { "sluice_ingress_tc", "program_ingress_tc" },
	[KERNEL_EGRESS] = { "sluice_egress", "program_egress" },
	[KERNEL_CLOCK] = { "sluice_clock", "program_clock" },
};

static int program_id(int fd, uint32_t *id)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	*id = info.id;
	return 0;
}

static int map_id(int fd, uint32_t *id)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	*id = info.id;
	return 0;
}

/* Everything that goes into a load: the object, its constants and sizes, and the kernel. */
static void digest_of(const struct capture_kernel *kernel, uint8_t digest[CRYPTO_HASH_BYTES])
{
	struct {
		uint8_t object[CRYPTO_HASH_BYTES];
		uint32_t cpus, flow_sets;
		struct utsname kernel;
	} of;

	memset(&of, 0, sizeof(of)); /* also what lies between its members */
	crypto_digest(bpf_object, bpf_object_len, of.object);
	of.cpus = kernel->maps.cpus;
	of.flow_sets = kernel->maps.flow_sets;
	(void)uname(&of.kernel); /* zeros stay: pins do not outlive a kernel anyway */
	crypto_digest(&of, sizeof(of), digest);
}

/* Digest and maps of a record; the programs are the caller's. -ENOENT: a map is not there. */
static int describe(const struct capture_kernel *kernel, struct programs_record *record)
{
	int err = 0;

	memset(record, 0, sizeof(*record));
	digest_of(kernel, record->digest);
	for (int map = 0; map < KERNEL_MAP_COUNT && !err; map++)
		err = kernel->maps.fd[map] < 0 ? -ENOENT
					       : map_id(kernel->maps.fd[map], &record->maps[map]);
	return err;
}

void kernel_programs_init(struct capture_kernel *kernel)
{
	for (int i = 0; i < KERNEL_PROGRAM_COUNT; i++)
		kernel->programs[i] = -1;
}

void kernel_programs_done(struct capture_kernel *kernel)
{
	for (int i = 0; i < KERNEL_PROGRAM_COUNT; i++) {
		if (kernel->programs[i] >= 0)
			(void)close(kernel->programs[i]); /* attached, pinned or not needed */
		kernel->programs[i] = -1;
	}
}

/* ---- from the object ------------------------------------------------------------------------- */

static int pin_all(const struct capture_kernel *kernel, const struct programs_record *record)
{
	struct bpf_map_create_opts options = { .sz = sizeof(options) };
	const uint32_t first = 0;
	int err = 0;
	CLEANUP(close)
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, RECORD_PIN, sizeof(first), sizeof(*record), 1,
				&options);

	if (fd < 0 || bpf_map_update_elem(fd, &first, record, BPF_ANY))
		return -errno;
	for (int i = 0; i < KERNEL_PROGRAM_COUNT && !err; i++)
		err = kernel_pin_put(kernel->pin_dir, programs[i].pin, kernel->programs[i]);
	return err ? err : kernel_pin_put(kernel->pin_dir, RECORD_PIN, fd);
}

int kernel_programs_take(struct capture_kernel *kernel, const struct bpf_object *object)
{
	for (int i = 0; i < KERNEL_PROGRAM_COUNT; i++) {
		const struct bpf_program *program =
			bpf_object__find_program_by_name(object, programs[i].name);

		if (!program)
			return -ENOENT;
		kernel->programs[i] = dup(bpf_program__fd(program));
		if (kernel->programs[i] < 0)
			return -errno;
	}
	return program_id(kernel->programs[KERNEL_INGRESS], &kernel->ingress_id);
}

void kernel_programs_pin(const struct capture_kernel *kernel)
{
	struct programs_record record;
	int err;

	if (!kernel->pin_dir)
		return;
	err = kernel_pin_remove(kernel->pin_dir, RECORD_PIN);
	if (!err)
		err = describe(kernel, &record);
	if (!err && kernel_clock_is_exact(kernel->ns_per_jiffy))
		record.ns_per_jiffy = kernel->ns_per_jiffy;
	for (int i = 0; i < KERNEL_PROGRAM_COUNT && !err; i++)
		err = program_id(kernel->programs[i], &record.programs[i]);
	if (!err)
		err = pin_all(kernel, &record);
	if (err)
		log_warn("programs not pinned, a restart verifies them again error=%s",
			 strerror(-err));
}

/* ---- from the pins --------------------------------------------------------------------------- */

static int read_record(const char *pin_dir, struct programs_record *record)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	const uint32_t first = 0;
	CLEANUP(close) int fd = kernel_pin_get(pin_dir, RECORD_PIN);

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(*record))
		return -ENOENT; /* another version's */
	return bpf_map_lookup_elem(fd, &first, record) ? -errno : 0;
}

static int adopt_all(struct capture_kernel *kernel, const struct programs_record *record)
{
	for (int i = 0; i < KERNEL_PROGRAM_COUNT; i++) {
		uint32_t id = 0;
		int err;

		kernel->programs[i] = kernel_pin_get(kernel->pin_dir, programs[i].pin);
		if (kernel->programs[i] < 0)
			return kernel->programs[i];
		err = program_id(kernel->programs[i], &id);
		if (err)
			return err;
		if (id != record->programs[i])
			return -ENOENT;
	}
	kernel->ingress_id = record->programs[KERNEL_INGRESS];
	return 0;
}

bool kernel_programs_adopt(struct capture_kernel *kernel)
{
	struct programs_record record, wanted;

	if (!kernel->pin_dir || read_record(kernel->pin_dir, &record) || describe(kernel, &wanted))
		return false;
	if (memcmp(record.digest, wanted.digest, sizeof(record.digest)) != 0 ||
	    memcmp(record.maps, wanted.maps, sizeof(record.maps)) != 0)
		return false;
	if (!adopt_all(kernel, &record)) {
		kernel->ns_per_jiffy = record.ns_per_jiffy;
		return true;
	}
	kernel_programs_done(kernel);
	return false;
}
