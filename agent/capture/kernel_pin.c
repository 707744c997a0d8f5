/*
 * Pins: objects of the kernel kept by name in a bpffs, so that enforcement outlives every process.
 * Also `sluice panic`, which needs nothing but the control map's pin.
 */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/rules.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

#define BPFFS_ROOT    "/run/sluice-bpf"
#define PIN_PATH_MAX  4096
#define DIR_HASH_SIZE 8 /* bytes of the state directory's hash that name its folder */

static int pin_path(const char *pin_dir, const char *name, char path[PIN_PATH_MAX])
{
	int len = snprintf(path, PIN_PATH_MAX, "%s/%s", pin_dir, name);

	return len > 0 && len < PIN_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* As root the pins go to whoever owns the bpffs: the service's user comes back to them. */
static int give_to_owner_of(const char *parent, const char *path)
{
	struct stat owner;

	if (geteuid() != 0)
		return 0;
	if (stat(parent, &owner))
		return -errno;
	return lchown(path, owner.st_uid, owner.st_gid) ? -errno : 0;
}

int kernel_pin_open_dir(const char *pin_dir)
{
	char parent[PIN_PATH_MAX];
	char *slash;

	if (snprintf(parent, sizeof(parent), "%s", pin_dir) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return -EINVAL;
	*slash = '\0';
	if (!is_bpffs(parent))
		return -EOPNOTSUPP;
	if (mkdir(pin_dir, 0700)) {
		if (errno != EEXIST)
			return -errno;
		return is_bpffs(pin_dir) ? 0 : -EOPNOTSUPP;
	}
	return give_to_owner_of(parent, pin_dir);
}

int kernel_pin_get(const char *pin_dir, const char *name)
{
	char path[PIN_PATH_MAX];
	int err = pin_path(pin_dir, name, path);
	int fd = err ? -1 : bpf_obj_get(path);

	if (err)
		return err;
	return fd < 0 ? -errno : fd;
}

int kernel_pin_put(const char *pin_dir, const char *name, int fd)
{
	char path[PIN_PATH_MAX];
	int err;

	if (!pin_dir)
		return 0;
	err = pin_path(pin_dir, name, path);
	if (err)
		return err;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	if (bpf_obj_pin(fd, path))
		return -errno;
	return give_to_owner_of(pin_dir, path);
}

int kernel_pin_remove(const char *pin_dir, const char *name)
{
	char path[PIN_PATH_MAX];
	int err;

	if (!pin_dir)
		return 0;
	err = pin_path(pin_dir, name, path);
	if (err)
		return err;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

int capture_pin_path(const char *state_dir, char *out, size_t size)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	char hex[2 * DIR_HASH_SIZE + 1];
	CLEANUP(free) char *real = realpath(state_dir, NULL); /* NULL: not made yet */
	const char *path = real ? real : state_dir;
	int len;

	crypto_digest(path, strlen(path), hash);
	for (int i = 0; i < DIR_HASH_SIZE; i++)
		(void)snprintf(hex + 2L * i, 3, "%02x", hash[i]);
	len = snprintf(out, size, "%s/%s", BPFFS_ROOT, hex);
	return len > 0 && (size_t)len < size ? 0 : -ENAMETOOLONG;
}

int capture_mount_bpffs(unsigned int uid, unsigned int gid)
{
	if (!is_bpffs(BPFFS_ROOT)) {
		if (mkdir(BPFFS_ROOT, 0700) && errno != EEXIST)
			return -errno;
		if (mount("sluice-bpf", BPFFS_ROOT, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  "mode=0700"))
			return -errno;
	}
	if (geteuid() == 0 && chown(BPFFS_ROOT, uid, gid))
		return -errno;
	return 0;
}

/* The first words of a control map of whatever version: abi, flags and lease are those of every
 * layout. NULL with errno; whoever maps it unmaps it. */
static struct control *control_map(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	void *at;

	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return NULL;
	if (!(info.map_flags & BPF_F_MMAPABLE) ||
	    info.value_size < offsetof(struct control, safe_epoch)) {
		errno = EPROTO;
		return NULL;
	}
	at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static void control_unmap(struct control *control)
{
	if (control) /* what was written stays: the memory is the map's */
		(void)munmap(control, sizeof(*control));
}
DEFINE_CLEANUP(control_unmap, struct control)

int capture_panic(const char *pin_dir, bool on)
{
	CLEANUP(close) int fd = kernel_pin_get(pin_dir, "control");
	CLEANUP(control_unmap) struct control *control = fd < 0 ? NULL : control_map(fd);

	if (!control)
		return fd < 0 ? fd : -errno;
	rules_set_panic(control, on);
	if (on)
		rules_set_lease(control, 0);
	return 0;
}

int kernel_panic_carry(const char *pin_dir, int control_fd)
{
	CLEANUP(close) int fd = kernel_pin_get(pin_dir, "control");
	CLEANUP(control_unmap) struct control *before = fd < 0 ? NULL : control_map(fd);
	CLEANUP(control_unmap) struct control *now = NULL;

	if (!before)
		return fd < 0 ? fd : -errno;
	now = control_map(control_fd);
	if (!now)
		return -errno;
	if (before->flags & CONTROL_PANIC)
		rules_set_panic(now, true);
	return 0;
}
