/*
 * The recovery key as people keep it: "sluice-recovery-1:" and 32 bytes as base64url on one line.
 */
#ifndef SLUICE_CLI_RECOVERY_TEXT_H
#define SLUICE_CLI_RECOVERY_TEXT_H

#include <stdint.h>

#define RECOVERY_TEXT_PREFIX "sluice-recovery-1:"
#define RECOVERY_TEXT_MAX    80

/* recovery_text_write - to be wiped by the caller. */
void recovery_text_write(const uint8_t secret[static 32], char out[static RECOVERY_TEXT_MAX]);
/* recovery_text_read - from the file @path. Returns a cli_exit, said. */
int recovery_text_read(const char *path, uint8_t out[static 32]);

#endif
