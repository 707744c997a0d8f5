/*
 * Authentication on a real store in a temporary folder; work runs at once unless a test holds it
 * back; clocks that stand still until a test moves them.
 */
#ifndef SLUICE_TESTS_UNIT_AUTH_FIXTURE_H
#define SLUICE_TESTS_UNIT_AUTH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define GOOD_PASSWORD  "a quiet heron stands"
#define OTHER_PASSWORD "seven grey umbrellas"

/*
 * Stands before libsodium's own for the whole program: hashes of the lowest cost that it takes, as
 * one of 64 MiB takes a tenth of a second. The cost is checked in tests/unit/util/test_crypto.c.
 */
int crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long len,
			       unsigned long long passes, size_t memory_bytes);

int crypto_pwhash_argon2id_str(char *out, const char *password, unsigned long long len,
			       unsigned long long passes, size_t memory_bytes)
{
	static __typeof__(&crypto_pwhash_argon2id_str) real;

	(void)passes;
	(void)memory_bytes;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_argon2id_str");
	return real(out, password, len, 1, 8192);
}

static uint64_t now_boot_ns;
static int64_t now_unix_ms;

static inline uint64_t fake_boot_ns(void)
{
	return now_boot_ns;
}

static inline int64_t fake_unix_ms(void)
{
	return now_unix_ms;
}

static inline void pass_s(int64_t seconds)
{
	now_boot_ns += (uint64_t)seconds * NS_PER_S;
	now_unix_ms += seconds * 1000;
}

struct held_job {
	void (*work)(void *);
	void (*done)(void *);
	void *job;
};

struct fixture {
	char dir[64];
	struct store *store;
	struct auth *auth;
	struct auth_options options;
	char token[44];
	bool holds; /* jobs wait in held until release() */
	struct held_job held[32];
	size_t held_count;
	uint64_t ended[64];
	size_t ended_count;
	struct auth_outcome outcome;
	int answers;
	int user_error;
	const char *user_message;
};

static inline int fake_run(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct fixture *f = arg;

	if (f->holds) {
		assert_true(f->held_count < 32);
		f->held[f->held_count++] = (struct held_job){ work, done, job };
		return 0;
	}
	work(job);
	done(job);
	return 0;
}

static inline void release(struct fixture *f)
{
	f->holds = false;
	for (size_t i = 0; i < f->held_count; i++) {
		f->held[i].work(f->held[i].job);
		f->held[i].done(f->held[i].job);
	}
	f->held_count = 0;
}

static inline void fake_end(void *arg, uint64_t tag)
{
	struct fixture *f = arg;

	if (f->ended_count < 64)
		f->ended[f->ended_count++] = tag;
}

static inline void on_outcome(void *arg, const struct auth_outcome *outcome)
{
	struct fixture *f = arg;

	f->outcome = *outcome;
	f->answers++;
}

static inline void on_user(void *arg, int error, const char *message)
{
	struct fixture *f = arg;

	f->user_error = error;
	f->user_message = message;
	f->answers++;
}

static inline struct addr peer_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static inline void fixture_start(struct fixture *f)
{
	assert_int_equal(auth_new(&f->options, &f->auth), 0);
	f->auth->boot_ns = fake_boot_ns;
	f->auth->unix_ms = fake_unix_ms;
	assert_int_equal(auth_prepare(f->auth, f->token), 0);
}

static inline void fixture_restart(struct fixture *f)
{
	auth_free(f->auth);
	f->auth = NULL;
	fixture_start(f);
}

static inline void open_store(struct fixture *f)
{
	char key[96], error[256];
	struct store_options options = {
		.dir = f->dir,
		.key_file = key,
		.flows_max_bytes = 16777216,
		.flows_max_age_s = 86400,
		.is_demo = true, /* relaxed sync: tests need no durability */
	};

	(void)snprintf(key, sizeof(key), "%s/secret.key", f->dir);
	if (store_open(&options, &f->store, error) != 0)
		fail_msg("store: %s", error);
}

/* Store and options, nothing prepared yet. */
static inline int fixture_setup_bare(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	log_init("test", LOG_LEVEL_ERROR);
	assert_int_equal(crypto_init(), 0);
	assert_int_equal(unsetenv("SLUICE_ADMIN_PASSWORD_FILE"), 0);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-auth-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	open_store(f);
	now_boot_ns = 100000 * NS_PER_S;
	now_unix_ms = 1764000000000; /* 2025-11-24T16:00:00Z */
	f->options = (struct auth_options){
		.store = f->store,
		.run = fake_run,
		.run_arg = f,
		.on_session_end = fake_end,
		.arg = f,
		.state_dir = f->dir,
		.is_loopback = true,
	};
	*state = f;
	return 0;
}

static inline int add_user(struct fixture *f, const char *name, const char *password,
			   enum role role)
{
	struct auth_user_order order = { .name = name, .password = password, .role = role };

	return auth_user_add(f->store, &order, NULL);
}

/* Set up: admin "admin" with GOOD_PASSWORD. */
static inline int fixture_setup(void **state)
{
	struct fixture *f;

	assert_int_equal(fixture_setup_bare(state), 0);
	f = *state;
	assert_int_equal(add_user(f, "admin", GOOD_PASSWORD, ROLE_ADMIN), 0);
	fixture_start(f);
	return 0;
}

static inline int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
	(void)info;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	auth_free(f->auth);
	store_close(f->store);
	assert_int_equal(nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(f);
	return 0;
}

static inline int login(struct fixture *f, const char *name, const char *password, const char *from)
{
	struct auth_claim claim = { .name = name, .password = password };
	struct addr peer = peer_of(from);
	int before = f->answers;

	auth_login(f->auth, &claim, &peer, on_outcome, f);
	assert_int_equal(f->answers, before + 1);
	return f->outcome.error;
}

static inline int session(struct fixture *f, const char *id, struct principal *who)
{
	struct addr peer = peer_of("127.0.0.1");
	struct principal ignored;

	return auth_session(f->auth, id, &peer, who ? who : &ignored, NULL);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_BARE(name) cmocka_unit_test_setup_teardown(name, fixture_setup_bare, fixture_teardown)

#endif
