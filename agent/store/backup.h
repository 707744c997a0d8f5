/*
 * What backup.c, backup_keep.c and restore.c share with open.c.
 */
#ifndef SLUICE_STORE_BACKUP_H
#define SLUICE_STORE_BACKUP_H

#include <stdbool.h>
#include <stddef.h>

/* In the state directory while a restore replaces files. */
#define RESTORE_MARK "restore.pending"
/* Of backups that sluice names itself: sluice-20261124T214500Z.backup, so names sort by time. */
#define BACKUP_SUFFIX ".backup"
#define BACKUP_PREFIX "sluice-"
/* Below the state directory, where no other place is configured. */
#define BACKUP_DIR "backups"

/* For struct schema_guard: a backup of main.db as it is, beside it. */
struct backup_guard {
	const char *dir;
	bool is_demo;
	char *error; /* 256 bytes */
};
/* backup_before_rewrite - DIR/main.before-vN.backup. Returns 0 or -errno with a sentence. */
int backup_before_rewrite(void *guard, unsigned int to);

/* backup_newest - path of the newest backup in @dir. -ENOENT. */
int backup_newest(const char *dir, char *out, size_t size);

#endif
