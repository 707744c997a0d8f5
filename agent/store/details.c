/*
 * Sealing and unsealing of incident details, and the check at start that the key ring fits them.
 */
#include "agent/store/details.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buffer.h"
#include "agent/util/crypto.h"

/* How many of the newest rows of a key are tried at start: one damaged row must not look like a
 * wrong key, and keep the service from starting. */
#define CHECK_ROWS 8

static struct vault_place details_place(int64_t id)
{
	return (struct vault_place){ "incident_details", id, "reason,evidence,notes" };
}

/* Fields, each a little-endian 32-bit length and its bytes; no text is length UINT32_MAX. Records
 * of earlier versions end after the third. */
#define FIELD_COUNT	4
#define FIELD_COUNT_OLD 3
#define NO_TEXT		UINT32_MAX

static void append_field(struct buffer *buffer, const char *text)
{
	uint32_t len = text ? (uint32_t)strnlen(text, DETAILS_MAX) : NO_TEXT;
	uint8_t prefix[4];

	for (int i = 0; i < 4; i++)
		prefix[i] = (uint8_t)(len >> (8 * i));
	buffer_append(buffer, prefix, sizeof(prefix));
	if (text)
		buffer_append(buffer, text, len);
}

static int take_field(const uint8_t **at, const uint8_t *end, char **out)
{
	uint32_t len = 0;

	if (end - *at < 4)
		return -EBADMSG;
	for (int i = 0; i < 4; i++)
		len |= (uint32_t)(*at)[i] << (8 * i);
	*at += 4;
	if (len == NO_TEXT)
		return 0;
	if ((size_t)(end - *at) < len)
		return -EBADMSG;
	*out = strndup((const char *)*at, len);
	*at += len;
	return *out ? 0 : -ENOMEM;
}

void store_incident_details_done(struct incident_details *details)
{
	free(details->evidence_json);
	free(details->notes);
	free(details->features_json);
	*details = (struct incident_details){ 0 };
}

static void incident_texts_cleanup(struct incident_details *details)
{
	store_incident_details_done(details);
}

static int details_decode(const struct vault_plain *plain, struct incident_details *out)
{
	const uint8_t *at = plain->data, *end = plain->data + plain->len;
	CLEANUP(incident_texts) struct incident_details texts = { 0 };
	CLEANUP(free) char *reason = NULL;
	int error = take_field(&at, end, &reason);

	if (!error)
		error = take_field(&at, end, &texts.evidence_json);
	if (!error)
		error = take_field(&at, end, &texts.notes);
	if (!error && at < end) /* records of earlier versions end here */
		error = take_field(&at, end, &texts.features_json);
	if (error)
		return error;
	(void)snprintf(out->reason, sizeof(out->reason), "%s", reason ? reason : "");
	out->evidence_json = TAKE(texts.evidence_json);
	out->notes = TAKE(texts.notes);
	out->features_json = TAKE(texts.features_json);
	return 0;
}

static int details_store(struct db *main, int64_t id, const uint8_t *sealed, size_t len)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "INSERT INTO incident_details (incident_id, key_id, sealed) VALUES (?,?,?)"
		   " ON CONFLICT(incident_id) DO UPDATE"
		   " SET key_id = excluded.key_id, sealed = excluded.sealed");
	query_bind_int(&query, id);
	query_bind_int(&query, vault_key_of(sealed, len));
	query_bind_blob(&query, sealed, len);
	return query_run(&query);
}

int details_write(struct db *main, const struct vault *vault, int64_t id,
		  const struct incident_details *details)
{
	CLEANUP(buffer_done) struct buffer plain;
	struct vault_place place = details_place(id);

	buffer_init(&plain, DETAILS_MAX);
	append_field(&plain, details->reason);
	append_field(&plain, details->evidence_json);
	append_field(&plain, details->notes);
	append_field(&plain, details->features_json);
	if (plain.error)
		return plain.error;
	size_t sealed_len = vault_sealed_len(plain.len);
	CLEANUP(free) uint8_t *sealed = malloc(sealed_len);
	int error = sealed ? vault_seal(vault, &place, plain.data, plain.len, sealed) : -ENOMEM;
	crypto_wipe(plain.data, plain.len);
	return error ? error : details_store(main, id, sealed, sealed_len);
}

static int details_unseal(struct query *query, const struct vault *vault, int64_t id,
			  struct incident_details *out)
{
	CLEANUP(vault_plain_done) struct vault_plain plain = { 0 };
	struct vault_place place = details_place(id);
	size_t sealed_len;
	const uint8_t *sealed = query_blob(query, 0, &sealed_len);

	int error = vault_unseal(vault, &place, sealed, sealed_len, &plain);
	return error || !out ? error : details_decode(&plain, out);
}

int details_read(struct db *db, const struct vault *vault, int64_t id, struct incident_details *out)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "SELECT sealed, key_id FROM incident_details WHERE incident_id = ?");
	query_bind_int(&query, id);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	size_t len;
	const uint8_t *sealed = query_blob(&query, 0, &len);
	if (query_int(&query, 1) != (int64_t)vault_key_of(sealed, len))
		return -EBADMSG;
	return details_unseal(&query, vault, id, out);
}

/* ---- rotation -------------------------------------------------------------------------------- */

static int reseal_one(struct db *main, const struct vault *vault, struct query *query)
{
	CLEANUP(vault_plain_done) struct vault_plain plain = { 0 };
	int64_t id = query_int(query, 0);
	struct vault_place place = details_place(id);
	size_t len;
	const uint8_t *old = query_blob(query, 1, &len);

	int error = vault_unseal(vault, &place, old, len, &plain);
	if (error)
		return error;
	CLEANUP(free) uint8_t *sealed = malloc(len); /* the same plain text: the same length */
	if (!sealed)
		return -ENOMEM;
	error = vault_seal(vault, &place, plain.data, plain.len, sealed);
	return error ? error : details_store(main, id, sealed, len);
}

int details_reseal(struct db *main, const struct vault *vault, struct details_reseal *batch)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found = 0;

	query_init(&query, main,
		   "SELECT incident_id, sealed FROM incident_details"
		   " WHERE incident_id > ? AND key_id <> ? ORDER BY incident_id LIMIT ?");
	query_bind_int(&query, batch->after_id);
	query_bind_int(&query, vault_write_key(vault));
	query_bind_int(&query, RESEAL_ROWS);
	for (batch->rows = 0; (found = query_next(&query)) > 0; batch->rows++) {
		int error = reseal_one(main, vault, &query);

		batch->after_id = query_int(&query, 0);
		/* A row that does not open is left as it is: it may be evidence, or its key return.
		 */
		if (error == -EBADMSG || error == -ENOKEY)
			batch->damaged++;
		else if (error)
			return error;
	}
	return found;
}

/* ---- at start -------------------------------------------------------------------------------- */

int incidents_are_sealed(struct db *main)
{
	/* a backup of an older version has no second factors yet */
	static const char has_totp[] =
		"SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'user_totp')";
	int64_t any = 0, totp = 0;

	if (db_read_int(main, "SELECT EXISTS (SELECT 1 FROM incident_details)", &any) ||
	    db_read_int(main, has_totp, &totp) ||
	    (totp && db_read_int(main, "SELECT EXISTS (SELECT 1 FROM user_totp)", &totp)))
		return -EIO;
	return any || totp;
}

/* 0 when one of the newest rows opens. */
static int key_opens_rows(struct db *main, const struct vault *vault, int64_t key_id)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	query_init(&query, main,
		   "SELECT sealed, incident_id FROM incident_details WHERE key_id = ?"
		   " ORDER BY incident_id DESC LIMIT ?");
	query_bind_int(&query, key_id);
	query_bind_int(&query, CHECK_ROWS);
	while ((found = query_next(&query)) > 0)
		if (!details_unseal(&query, vault, query_int(&query, 1), NULL))
			return 0;
	return found < 0 ? found : -ENOKEY;
}

int incidents_check_vault(struct db *main, const struct vault *vault, char *error)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found, result = 0;

	query_init(&query, main, "SELECT DISTINCT key_id FROM incident_details");
	while (!result && (found = query_next(&query)) > 0) {
		int64_t key_id = query_int(&query, 0);
		bool is_there = key_id > 0 && key_id <= UINT32_MAX &&
				vault_has_key(vault, (uint32_t)key_id);

		result = is_there ? key_opens_rows(main, vault, key_id) : -ENOKEY;
		if (!result)
			continue;
		(void)snprintf(
			error, STORE_ERROR_MAX,
			is_there ? "key %" PRId64 " of the key ring does not open the sealed "
				   "incidents: it belongs to another database; put back the "
				   "key ring of this one"
				 : "sealed incidents need key %" PRId64 ", which the key ring "
				   "lacks: put back the key ring of this database",
			key_id);
	}
	return result ? result : found;
}
