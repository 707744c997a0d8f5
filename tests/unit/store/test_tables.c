/*
 * Users, sessions, blocks, safe list, settings and audit: what goes in comes out, also through
 * another connection to the file.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>

#include "agent/util/crypto.h"

static struct user ada(void)
{
	return (struct user){
		.name = "ada",
		.email = "ada@example.com",
		.password_hash = "$argon2id$v=19$x",
		.role = ROLE_ANALYST,
		.must_change = true,
		.created_unix_ms = 1700000000123,
	};
}

static void user_comes_back_as_inserted(void **state)
{
	struct fixture *f = *state;
	struct user user = ada(), out;
	char text[256];

	assert_int_equal(store_user_insert(f->store, &user), 0);
	assert_int_equal(store_user_by_name(f->store, "ada", &out), 0);
	assert_int_equal(out.id, user.id);
	assert_string_equal(out.email, "ada@example.com");
	assert_string_equal(out.password_hash, "$argon2id$v=19$x");
	assert_int_equal(out.role, ROLE_ANALYST);
	assert_true(out.must_change);
	assert_false(out.disabled);
	assert_int_equal(out.created_unix_ms, 1700000000123);
	assert_string_equal(
		raw_text(f, "main.db", "SELECT name||role||must_change FROM users", text), "ada21");
}

static void user_name_and_email_are_unique_in_any_case(void **state)
{
	struct fixture *f = *state;
	struct user user = ada(), same_name = ada(), same_email = ada();

	(void)snprintf(same_name.name, sizeof(same_name.name), "ADA");
	same_name.email[0] = '\0';
	(void)snprintf(same_email.name, sizeof(same_email.name), "grace");
	assert_int_equal(store_user_insert(f->store, &user), 0);
	assert_int_equal(store_user_insert(f->store, &same_name), -EEXIST);
	assert_int_equal(store_user_insert(f->store, &same_email), -EEXIST);
	assert_int_equal(same_name.id, 0);
}

static void users_without_email_may_be_many(void **state)
{
	struct fixture *f = *state;
	struct user one = { .name = "one" }, two = { .name = "two" }, list[4];

	assert_int_equal(store_user_insert(f->store, &one), 0);
	assert_int_equal(store_user_insert(f->store, &two), 0);
	assert_int_equal(store_user_list(f->store, list, 4), 2);
	assert_string_equal(list[1].name, "two");
	assert_string_equal(list[1].email, "");
	assert_int_equal(store_user_list(f->store, list, 1), 1);
}

static void user_is_found_only_as_written(void **state)
{
	struct fixture *f = *state;
	struct user user = ada(), out;

	assert_int_equal(store_user_insert(f->store, &user), 0);
	assert_int_equal(store_user_by_name(f->store, "Ada", &out), -ENOENT);
	assert_int_equal(store_user_by_id(f->store, user.id, &out), 0);
	assert_int_equal(store_user_by_id(f->store, 99, &out), -ENOENT);
}

static void user_update_changes_all_or_is_refused(void **state)
{
	struct fixture *f = *state;
	struct user user = ada(), out;

	assert_int_equal(store_user_insert(f->store, &user), 0);
	user.disabled = true;
	user.last_login_unix_ms = 77;
	(void)snprintf(user.password_hash, sizeof(user.password_hash), "other");
	assert_int_equal(store_user_update(f->store, &user), 0);
	assert_int_equal(store_user_by_id(f->store, user.id, &out), 0);
	assert_true(out.disabled);
	assert_int_equal(out.last_login_unix_ms, 77);
	assert_string_equal(out.password_hash, "other");
	user.id = 99;
	assert_int_equal(store_user_update(f->store, &user), -ENOENT);
}

static struct session session_of(int64_t user_id, uint8_t first_byte)
{
	struct session session = { .user_id = user_id, .created_unix_ms = 5, .seen_unix_ms = 6 };

	memset(session.id_hash, first_byte, sizeof(session.id_hash));
	memset(session.csrf, 0xcc, sizeof(session.csrf));
	session.peer = test_addr("2001:db8::7");
	return session;
}

static void session_comes_back_and_ends(void **state)
{
	struct fixture *f = *state;
	struct user user = ada();
	struct session out;

	assert_int_equal(store_user_insert(f->store, &user), 0);
	struct session session = session_of(user.id, 1);
	assert_int_equal(store_session_insert(f->store, &session), 0);
	assert_int_equal(store_session_touch(f->store, session.id_hash, 99), 0);
	assert_int_equal(store_session_by_hash(f->store, session.id_hash, &out), 0);
	assert_int_equal(out.seen_unix_ms, 99);
	assert_true(addr_is_equal(&out.peer, &session.peer));
	assert_memory_equal(out.csrf, session.csrf, 32);
	assert_int_equal(store_session_delete(f->store, session.id_hash), 0);
	assert_int_equal(store_session_by_hash(f->store, session.id_hash, &out), -ENOENT);
	assert_int_equal(store_session_touch(f->store, session.id_hash, 100), -ENOENT);
}

static void sessions_of_a_user_end_together(void **state)
{
	struct fixture *f = *state;
	struct user user = ada(), other = { .name = "other" };
	struct session list[4];

	assert_int_equal(store_user_insert(f->store, &user), 0);
	assert_int_equal(store_user_insert(f->store, &other), 0);
	struct session a = session_of(user.id, 1), b = session_of(user.id, 2),
		       c = session_of(other.id, 3);
	assert_int_equal(store_session_insert(f->store, &a), 0);
	assert_int_equal(store_session_insert(f->store, &b), 0);
	assert_int_equal(store_session_insert(f->store, &c), 0);
	assert_int_equal(store_session_list(f->store, list, 4), 3);
	assert_int_equal(store_session_delete_user(f->store, user.id), 0);
	assert_int_equal(store_session_list(f->store, list, 4), 1);
	assert_int_equal(list[0].user_id, other.id);
}

static void session_of_nobody_is_refused(void **state)
{
	struct fixture *f = *state;
	struct session session = session_of(42, 1);

	assert_int_equal(store_session_insert(f->store, &session), -ENOENT);
}

static struct block block_of(const char *addr, uint8_t len, uint32_t rule_id)
{
	struct block block = {
		.rule_id = rule_id,
		.target = { .addr = test_addr(addr), .len = len },
		.action = BLOCK_COUNT,
		.direction = BLOCK_IN,
		.proto = 6,
		.port = 40000,
		.source = BLOCK_BY_INCIDENT,
		.created_unix_ms = 10,
		.expires_unix_ms = 20,
		.incident_id = 3,
		.author = "ada",
		.reason = "scans",
	};

	return block;
}

static void block_comes_back_as_inserted(void **state)
{
	struct fixture *f = *state;
	struct block block = block_of("198.51.100.0", 24, 65535), out;
	char text[256];

	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_block_get(f->store, block.id, &out), 0);
	assert_memory_equal(&out.target, &block.target, sizeof(out.target));
	assert_int_equal(out.rule_id, 65535);
	assert_int_equal(out.port, 40000);
	assert_int_equal(out.proto, 6);
	assert_int_equal(out.action, BLOCK_COUNT);
	assert_int_equal(out.direction, BLOCK_IN);
	assert_int_equal(out.source, BLOCK_BY_INCIDENT);
	assert_int_equal(out.expires_unix_ms, 20);
	assert_int_equal(out.incident_id, 3);
	assert_string_equal(out.author, "ada");
	assert_string_equal(out.reason, "scans");
	/* 198.51.100.0 in network order, four bytes */
	assert_string_equal(raw_text(f, "main.db", "SELECT hex(addr) FROM blocks", text),
			    "C6336400");
}

static void block_cannot_be_active_twice(void **state)
{
	struct fixture *f = *state;
	struct block block = block_of("198.51.100.7", 32, 1),
		     again = block_of("198.51.100.7", 32, 2),
		     same_rule = block_of("198.51.100.8", 32, 1);

	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_block_insert(f->store, &again), -EEXIST);
	assert_int_equal(store_block_insert(f->store, &same_rule), -EEXIST);
	assert_int_equal(store_block_end(f->store, block.id, BLOCK_REMOVED, 30), 0);
	assert_int_equal(store_block_insert(f->store, &again), 0);
}

static void block_ends_once(void **state)
{
	struct fixture *f = *state;
	struct block block = block_of("2001:db8::", 32, 1), out;

	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_block_end(f->store, block.id, BLOCK_EXPIRED, 30), 0);
	assert_int_equal(store_block_end(f->store, block.id, BLOCK_REMOVED, 31), -ENOENT);
	assert_int_equal(store_block_get(f->store, block.id, &out), 0);
	assert_int_equal(out.state, BLOCK_EXPIRED);
	assert_int_equal(out.ended_unix_ms, 30);
}

static void block_list_is_newest_first_and_pages(void **state)
{
	struct fixture *f = *state;
	struct block list[4];

	for (uint8_t i = 1; i <= 5; i++) {
		char addr[16];

		(void)snprintf(addr, sizeof(addr), "192.0.2.%d", i);
		struct block block = block_of(addr, 32, i);
		assert_int_equal(store_block_insert(f->store, &block), 0);
	}
	assert_int_equal(store_block_end(f->store, 4, BLOCK_REMOVED, 1), 0);
	assert_int_equal(store_block_list(f->store, false, 0, list, 2), 2);
	assert_int_equal(list[0].id, 5);
	assert_int_equal(list[1].id, 4);
	assert_int_equal(store_block_list(f->store, true, 5, list, 4), 3);
	assert_int_equal(list[0].id, 3);
}

static void block_hits_survive(void **state)
{
	struct fixture *f = *state;
	struct block block = block_of("192.0.2.1", 32, 1), out;
	struct block_hits hits = { .packets = 5000000000ULL,
				   .bytes = 7000000000000ULL,
				   .last_unix_ms = 1700000000000,
				   .layers = { 4999999990ULL, 1, 2, 3, 4 } };

	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_block_save_hits(f->store, block.id, &hits), 0);
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_block_get(f->store, block.id, &out), 0);
	assert_memory_equal(&out.hits, &hits, sizeof(hits));
}

static void safe_list_comes_back(void **state)
{
	struct fixture *f = *state;
	struct safe_entry entry = { .prefix = { .addr = test_addr("203.0.113.0"), .len = 24 },
				    .note = "office" };
	struct safe_entry list[2];

	assert_int_equal(store_safe_insert(f->store, &entry, "ada"), 0);
	assert_int_equal(store_safe_insert(f->store, &entry, "ada"), -EEXIST);
	assert_int_equal(store_safe_list(f->store, list, 2), 1);
	assert_int_equal(list[0].id, entry.id);
	assert_memory_equal(&list[0].prefix, &entry.prefix, sizeof(entry.prefix));
	assert_string_equal(list[0].note, "office");
	assert_int_equal(store_safe_delete(f->store, entry.id), 0);
	assert_int_equal(store_safe_delete(f->store, entry.id), -ENOENT);
}

static void setting_is_replaced(void **state)
{
	struct fixture *f = *state;
	char value[8];

	assert_int_equal(store_setting_get(f->store, "k", value, sizeof(value)), -ENOENT);
	assert_int_equal(store_setting_set(f->store, "k", "one"), 0);
	assert_int_equal(store_setting_set(f->store, "k", "seven77"), 0);
	assert_int_equal(store_setting_get(f->store, "k", value, sizeof(value)), 0);
	assert_string_equal(value, "seven77");
	assert_int_equal(store_setting_get(f->store, "k", value, 7), -ENOBUFS);
}

/* The chain as documented, computed here on its own from what the file holds. */
static void le64(uint8_t **at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*(*at)++ = (uint8_t)(value >> (8 * i));
}

static void text_field(uint8_t **at, const unsigned char *text)
{
	size_t len = strlen((const char *)text);

	le64(at, len);
	memcpy(*at, text, len);
	*at += len;
}

static void chain_check_row(sqlite3_stmt *row, uint8_t previous[32])
{
	uint8_t bytes[1024], hash[32], *at = bytes;
	struct addr peer = { 0 };

	if (sqlite3_column_bytes(row, 3) == 4)
		peer = addr_from_ipv4(sqlite3_column_blob(row, 3));
	memcpy(at, previous, 32);
	at += 32;
	le64(&at, (uint64_t)sqlite3_column_int64(row, 0));
	le64(&at, (uint64_t)sqlite3_column_int64(row, 1));
	text_field(&at, sqlite3_column_text(row, 2));
	le64(&at, peer.family);
	memcpy(at, peer.bytes, 16);
	at += 16;
	for (int i = 4; i <= 6; i++)
		text_field(&at, sqlite3_column_text(row, i));
	crypto_digest(bytes, (size_t)(at - bytes), hash);
	assert_memory_equal(sqlite3_column_blob(row, 7), previous, 32);
	assert_memory_equal(sqlite3_column_blob(row, 8), hash, 32);
	memcpy(previous, hash, 32);
}

static void audit_rows_are_chained(void **state)
{
	struct fixture *f = *state;
	struct addr peer = test_addr("192.0.2.9");
	uint8_t previous[32] = { 0 };
	sqlite3_stmt *rows;

	assert_int_equal(
		write_audit(f->store, "ada", &peer, "block.add", "192.0.2.1", "{\"id\":1}"), 0);
	assert_int_equal(write_audit(f->store, "unix:root", NULL, "login", NULL, NULL), 0);
	assert_int_equal(write_audit(f->store, "ada", &peer, "logout", "", "{}"), 0);
	sqlite3 *db = raw_open(f, "main.db");
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM audit ORDER BY id", -1, &rows, NULL),
			 SQLITE_OK);
	for (int id = 1; id <= 3; id++) {
		assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
		assert_int_equal(sqlite3_column_int(rows, 0), id);
		chain_check_row(rows, previous);
	}
	assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
	(void)sqlite3_finalize(rows);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void audit_rows_cannot_be_changed_by_sql(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db;

	assert_int_equal(write_audit(f->store, "ada", NULL, "login", "", "{}"), 0);
	db = raw_open(f, "main.db");
	assert_int_equal(sqlite3_exec(db, "UPDATE audit SET who='x'", NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL),
			 SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(user_comes_back_as_inserted),
		T(user_name_and_email_are_unique_in_any_case),
		T(users_without_email_may_be_many),
		T(user_is_found_only_as_written),
		T(user_update_changes_all_or_is_refused),
		T(session_comes_back_and_ends),
		T(sessions_of_a_user_end_together),
		T(session_of_nobody_is_refused),
		T(block_comes_back_as_inserted),
		T(block_cannot_be_active_twice),
		T(block_ends_once),
		T(block_list_is_newest_first_and_pages),
		T(block_hits_survive),
		T(safe_list_comes_back),
		T(setting_is_replaced),
		T(audit_rows_are_chained),
		T(audit_rows_cannot_be_changed_by_sql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
