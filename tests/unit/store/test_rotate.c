/*
 * Keys of the vault: rotation while others write, cut off at any moment, and the damage that sealed
 * records show.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/store/db.h"
#include "agent/store/keyring.h"
#include "agent/store/recovery.h"
#include "agent/store/vault.h"
#include "agent/util/crypto_stream.h"

#define INCIDENTS 200
#define POINTS	  100
#define TRIALS	  10000

static void add_incidents(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++) {
		struct incident incident = { .src = test_addr("192.0.2.1") };
		char evidence[32] = "[]";
		struct incident_details details = { .evidence_json = evidence };

		(void)snprintf(details.reason, sizeof(details.reason), "reason %d", i);
		assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	}
}

static void check_incidents(struct fixture *f, int count)
{
	for (int i = 0; i < count; i++) {
		struct incident incident;
		struct incident_details details = { 0 };
		char expected[32];

		(void)snprintf(expected, sizeof(expected), "reason %d", i);
		assert_int_equal(store_incident_get(f->store, i + 1, &incident, &details), 0);
		assert_string_equal(details.reason, expected);
		assert_string_equal(details.evidence_json, "[]");
		store_incident_details_done(&details);
	}
}

static void rotation_seals_everything_with_a_new_key(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;
	struct store_vault_facts facts;
	struct audit_verdict verdict;

	add_incidents(f, INCIDENTS);
	assert_int_equal(write_audit(f->store, "test", NULL, "x", "", NULL), 0);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(rotation.key_id, 2);
	assert_int_equal(rotation.resealed, INCIDENTS);
	assert_int_equal(rotation.damaged, 0);
	assert_false(rotation.is_resumed);
	check_incidents(f, INCIDENTS);
	assert_int_equal(raw_int(f, "main.db",
				 "SELECT count(*) FROM incident_details"
				 " WHERE key_id = 2"),
			 INCIDENTS);
	assert_int_equal(store_vault_facts(f->store, &facts), 0);
	assert_int_equal(facts.write_key, 2);
	assert_int_equal(facts.key_count, 2);
	assert_int_equal(facts.left, 0);
	assert_int_equal(store_audit_check(f->store, &verdict), 0);
	assert_int_equal(verdict.problems_found, 0);
	/* and after a start, and once more */
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_false(store_rotation_is_unfinished(f->store));
	check_incidents(f, INCIDENTS);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(rotation.key_id, 3);
}

/* Keep only the newest line of the ring, as who cleans up would. */
static void drop_old_keys(const struct fixture *f)
{
	struct keyring ring;
	char error[256];

	assert_int_equal(keyring_load(f->key_file, &ring, error), 0);
	ring.keys[0] = ring.keys[ring.count - 1];
	ring.count = 1;
	assert_int_equal(keyring_store(f->key_file, &ring), 0);
}

static void after_rotation_the_old_key_is_not_needed(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;

	add_incidents(f, 5);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	fixture_close(f);
	drop_old_keys(f);
	assert_int_equal(fixture_open(f), 0);
	check_incidents(f, 5);
}

static bool stop_at_once(void *arg, uint64_t resealed)
{
	(void)arg;
	(void)resealed;
	return false;
}

static void interrupted_rotation_is_taken_up_without_another_key(void **state)
{
	struct fixture *f = *state;
	const struct store_rotate_guide guide = { stop_at_once, NULL };
	struct store_rotation rotation;

	add_incidents(f, INCIDENTS);
	assert_int_equal(store_rotate_key(f->store, &guide, &rotation, f->error), -ECANCELED);
	assert_in_range(rotation.resealed, 1, INCIDENTS - 1);
	assert_true(store_rotation_is_unfinished(f->store));
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_true(store_rotation_is_unfinished(f->store));
	check_incidents(f, INCIDENTS);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_true(rotation.is_resumed);
	assert_int_equal(rotation.key_id, 2);
	assert_false(store_rotation_is_unfinished(f->store));
	check_incidents(f, INCIDENTS);
}

static void rotation_without_the_missing_key_is_refused_at_start(void **state)
{
	struct fixture *f = *state;
	const struct store_rotate_guide guide = { stop_at_once, NULL };
	struct store_rotation rotation;

	add_incidents(f, INCIDENTS);
	assert_int_equal(store_rotate_key(f->store, &guide, &rotation, f->error), -ECANCELED);
	fixture_close(f);
	drop_old_keys(f);
	assert_int_equal(fixture_open(f), -ENOKEY);
	assert_non_null(strstr(f->error, "need key 1"));
}

/* ---- killed at any point ----------------------------------------------------------------------
 */

static void be_killed_rotating(struct fixture *f, int fd)
{
	struct store_rotation rotation;

	if (fixture_open(f) || write(fd, "x", 1) != 1)
		_exit(1);
	for (;;)
		if (store_rotate_key(f->store, NULL, &rotation, f->error))
			_exit(2);
}

static void killed_rotations_lose_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int seed = 11, unfinished = 0;
	struct store_rotation rotation;
	struct store_vault_facts facts;

	add_incidents(f, INCIDENTS);
	for (int i = 0; i < POINTS; i++) {
		int fds[2], status;
		char byte;

		fixture_close(f);
		assert_int_equal(pipe(fds), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			be_killed_rotating(f, fds[1]);
		(void)close(fds[1]);
		assert_int_equal(read(fds[0], &byte, 1), 1);
		(void)close(fds[0]);
		(void)usleep((useconds_t)(rand_r(&seed) % 40000));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		/* or it had rotated until the ring was full */
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 2);
		assert_int_equal(fixture_open(f), 0);
		unfinished += store_rotation_is_unfinished(f->store);
		check_incidents(f, INCIDENTS);
		assert_int_equal(store_vault_facts(f->store, &facts), 0);
		if (facts.key_count < 16)
			continue;
		if (store_rotation_is_unfinished(f->store))
			assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
		fixture_close(f);
		drop_old_keys(f);
		assert_int_equal(fixture_open(f), 0);
	}
	assert_true(unfinished > 0); /* some were cut off in the middle */
	print_message("%u of %d kills left a rotation unfinished\n", unfinished, POINTS);
	if (store_rotation_is_unfinished(f->store))
		assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	check_incidents(f, INCIDENTS);
}

static void *write_and_read(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < 100; i++) {
		struct incident incident = { .src = test_addr("192.0.2.2") };
		struct incident_details details = { .reason = "meanwhile" };

		if (store_incident_insert(f->store, &incident, &details) ||
		    store_incident_get(f->store, incident.id, &incident, &details) ||
		    strcmp(details.reason, "meanwhile"))
			return f;
		store_incident_details_done(&details);
	}
	return NULL;
}

static void others_write_and_read_during_rotations(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;
	pthread_t thread;
	void *failed;

	add_incidents(f, INCIDENTS);
	assert_int_equal(pthread_create(&thread, NULL, write_and_read, f), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	check_incidents(f, INCIDENTS);
}

static void full_ring_refuses_another_key(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;

	for (int i = 1; i < KEYRING_KEYS_MAX; i++)
		assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), -ENOSPC);
	assert_non_null(strstr(f->error, "full with 32 keys"));
	assert_int_equal(rotation.key_id, KEYRING_KEYS_MAX);
}

/* ---- the ring's file --------------------------------------------------------------------------
 */

static void append_bytes(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->key_file, "ae");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void a_line_cut_off_by_a_power_failure_is_no_key(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;
	struct keyring ring;
	char error[256];

	add_incidents(f, 3);
	fixture_close(f);
	append_bytes(f, "2 AAAAAAAAAAAAAAAA");
	assert_int_equal(fixture_open(f), 0);
	check_incidents(f, 3);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(keyring_load(f->key_file, &ring, error), 0);
	assert_int_equal(ring.count, 2);
	keyring_wipe(&ring);
	fixture_close(f);
	/* but a whole line that is wrong is an error, as before */
	append_bytes(f, "3 AAAAAAAAAAAAAAAA\n");
	assert_int_equal(fixture_open(f), -EINVAL);
	assert_non_null(strstr(f->error, "line 4"));
}

static void a_last_line_without_its_end_is_a_key(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;
	struct stat info;

	add_incidents(f, 3);
	fixture_close(f);
	assert_int_equal(stat(f->key_file, &info), 0);
	assert_int_equal(truncate(f->key_file, info.st_size - 1), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	check_incidents(f, 3);
}

/* ---- damage -----------------------------------------------------------------------------------
 */

static void every_flipped_bit_and_moved_record_is_detected(void **state)
{
	struct fixture *f = *state;
	struct vault *vault = NULL;
	struct vault_plain plain = { 0 };
	uint8_t sealed[256], text[100];
	unsigned int seed = 3;

	memset(text, 'x', sizeof(text));
	assert_int_equal(vault_open(f->key_file, false, &vault, f->error), 0);
	size_t len = vault_sealed_len(sizeof(text));
	for (int i = 0; i < TRIALS; i++) {
		struct vault_place place = { "incident_details", 1 + i, "reason,evidence,notes" };
		struct vault_place other = place;

		assert_int_equal(vault_seal(vault, &place, text, sizeof(text), sealed), 0);
		unsigned int kind = (unsigned int)rand_r(&seed) % 5;
		if (kind == 0)
			other.row = 1 + (i + 1 + rand_r(&seed) % (TRIALS - 1)) % TRIALS;
		else if (kind == 1)
			other.table = "recovery";
		else if (kind == 2)
			other.columns = "reason,notes,evidence";
		else
			sealed[(size_t)rand_r(&seed) % len] ^= (uint8_t)(1U << rand_r(&seed) % 8);
		int error = vault_unseal(vault, &other, sealed, len, &plain);
		if (error != -EBADMSG && error != -ENOKEY)
			fail_msg("trial %d of kind %u: %d", i, kind, error);
	}
	vault_close(vault);
}

static void swapped_and_changed_rows_do_not_open(void **state)
{
	static const char *const changes[] = {
		"UPDATE incident_details SET sealed = (SELECT sealed FROM incident_details"
		" WHERE incident_id = 2) WHERE incident_id = 1",
		"UPDATE incident_details SET key_id = 9 WHERE incident_id = 1",
		"UPDATE incident_details SET sealed = substr(sealed, 1, length(sealed) - 1)"
		" WHERE incident_id = 1",
		"UPDATE incident_details SET sealed = x'' WHERE incident_id = 1",
	};
	struct fixture *f = *state;
	struct incident incident;
	struct incident_details details = { 0 };

	add_incidents(f, 3);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		raw_exec(f, "main.db",
			 "CREATE TEMP TABLE t AS SELECT * FROM incident_details;"
			 "CREATE TABLE IF NOT EXISTS kept AS SELECT * FROM incident_details");
		raw_exec(f, "main.db", changes[i]);
		assert_int_equal(store_incident_get(f->store, 1, &incident, &details), -EBADMSG);
		raw_exec(f, "main.db",
			 "INSERT OR REPLACE INTO incident_details SELECT * FROM kept");
		assert_int_equal(store_incident_get(f->store, 1, &incident, &details), 0);
		store_incident_details_done(&details);
	}
}

static void damaged_rows_stay_and_do_not_stop_a_rotation(void **state)
{
	struct fixture *f = *state;
	struct store_rotation rotation;

	add_incidents(f, 10);
	raw_exec(f, "main.db",
		 "UPDATE incident_details SET sealed = zeroblob(90)"
		 " WHERE incident_id = 4");
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(rotation.resealed, 9);
	assert_int_equal(rotation.damaged, 1);
	assert_int_equal(raw_int(f, "main.db",
				 "SELECT count(*) FROM incident_details"
				 " WHERE sealed = zeroblob(90) AND key_id = 1"),
			 1);
	assert_false(store_rotation_is_unfinished(f->store));
}

/* ---- recovery --------------------------------------------------------------------------------
 */

static void recovery_key_opens_the_ring_also_after_rotation(void **state)
{
	struct fixture *f = *state;
	uint8_t public_key[CRYPTO_BOX_PUBLIC_BYTES], secret[CRYPTO_BOX_SECRET_BYTES];
	uint8_t other_public[CRYPTO_BOX_PUBLIC_BYTES], other[CRYPTO_BOX_SECRET_BYTES];
	struct store_rotation rotation;
	struct keyring ring, have;
	struct db *db = NULL;
	char path[PATH_MAX];

	crypto_box_new(public_key, secret);
	crypto_box_new(other_public, other);
	assert_int_equal(store_recovery_set(f->store, public_key), 0);
	assert_int_equal(store_rotate_key(f->store, NULL, &rotation, f->error), 0);
	assert_int_equal(db_open(fixture_path(f, "main.db", path), DB_READ, 1000, &db), 0);
	assert_int_equal(recovery_open_ring(db, other, &ring), -EKEYREJECTED);
	assert_int_equal(recovery_open_ring(db, secret, &ring), 0);
	assert_int_equal(keyring_load(f->key_file, &have, f->error), 0);
	assert_int_equal(ring.count, 2);
	assert_memory_equal(ring.keys[1].key, have.keys[1].key, CRYPTO_KEY_BYTES);
	assert_memory_equal(ring.keys[0].key, have.keys[0].key, CRYPTO_KEY_BYTES);
	db_close(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(rotation_seals_everything_with_a_new_key),
		T(after_rotation_the_old_key_is_not_needed),
		T(interrupted_rotation_is_taken_up_without_another_key),
		T(rotation_without_the_missing_key_is_refused_at_start),
		T(killed_rotations_lose_nothing),
		T(others_write_and_read_during_rotations),
		T(full_ring_refuses_another_key),
		T(a_line_cut_off_by_a_power_failure_is_no_key),
		T(a_last_line_without_its_end_is_a_key),
		T(every_flipped_bit_and_moved_record_is_detected),
		T(swapped_and_changed_rows_do_not_open),
		T(damaged_rows_stay_and_do_not_stop_a_rotation),
		T(recovery_key_opens_the_ring_also_after_rotation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
