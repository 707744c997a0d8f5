/*
 * What the service does by itself for what it keeps: backups and rotation of the vault's key.
 */
#ifndef SLUICE_UPKEEP_H
#define SLUICE_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

struct upkeep_status {
	bool is_rotating;
	uint64_t resealed;	/* incidents, by the rotation that runs or ran last */
	unsigned int damaged;	/* of them did not open and were left */
	char rotate_error[256]; /* of the last rotation; "" = none */

	bool is_backing_up;
	char backup_dir[256];
	char backup_file[256];	/* the last one made since the start; "" = none */
	char backup_error[256]; /* of the last attempt; "" = none */
	uint64_t backups_made, backups_failed;
	int64_t next_backup_s; /* from now; -1 = none is scheduled */
};

#endif
