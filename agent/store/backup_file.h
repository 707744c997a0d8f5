/*
 * The file of a backup: a header, chunks of at most 64 KiB, a zero, and BLAKE2b-256 of all before.
 * What the chunks carry is a row of named files, a manifest first. With a key each chunk is one
 * message of a secretstream. Written beside its name and renamed at the end, so that a file of that
 * name is whole. One thread at a time.
 *
 * Header, 136 bytes, numbers little endian: "SLUICEBK", version u16 = 1, kind u8 (enum
 * backup_lock), 5 zero bytes, salt of the passphrase [16], stream key locked for the recovery key
 * [80], header of the stream [24]; zero where the kind has none. Chunk: length u32, bytes.
 * File inside: length of the name u8, name, size u64, bytes; an empty name ends them.
 */
#ifndef SLUICE_STORE_BACKUP_FILE_H
#define SLUICE_STORE_BACKUP_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"
#include "agent/util/cleanup.h"

#define BACKUP_NAME_MAX 64

struct backup_writer;
struct backup_reader;

/* backup_writer_new - begin @path, 0600; what is there stays until the end. Returns 0 or -errno. */
int backup_writer_new(const char *path, const struct store_backup_key *key,
		      struct backup_writer **out);
/* backup_writer_free - one that was not finished leaves nothing. Accepts NULL. */
void backup_writer_free(struct backup_writer *writer);
DEFINE_CLEANUP(backup_writer_free, struct backup_writer)

/* backup_writer_begin - the next file; then exactly @size bytes of it. */
int backup_writer_begin(struct backup_writer *writer, const char *name, uint64_t size);
int backup_writer_put(struct backup_writer *writer, const void *data, size_t len);
/* backup_writer_finish - on disk under its name. @bytes: of the whole. */
int backup_writer_finish(struct backup_writer *writer, uint64_t *bytes);

/*
 * backup_reader_new - opened after the whole was read against its checksum.
 * @key: NULL is fine for a backup without one
 * Returns 0; -EINVAL: no backup; -ESTALE: of a newer version; -EBADMSG: cut off or changed;
 * -ENOKEY: it needs a passphrase or the recovery key; -EKEYREJECTED: another one; -errno.
 */
int backup_reader_new(const char *path, const struct store_backup_key *key,
		      struct backup_reader **out);
void backup_reader_free(struct backup_reader *reader);
DEFINE_CLEANUP(backup_reader_free, struct backup_reader)
/* backup_reader_next - the next file; what was not read of the last one is passed over. Returns 1,
 * 0 at the end, -EBADMSG, -EKEYREJECTED. */
int backup_reader_next(struct backup_reader *reader, char name[static BACKUP_NAME_MAX],
		       uint64_t *size);
/* backup_reader_get - exactly @len bytes of this file; -EBADMSG when it has fewer left. */
int backup_reader_get(struct backup_reader *reader, void *out, size_t len);

#endif
