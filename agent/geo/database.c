/*
 * MaxMind's format, version 2.0 (maxmind.github.io/MaxMind-DB), as MaxMind, DB-IP and IPinfo write
 * it. What it says is others' word: bounded, cleaned, and of the type it should have or nothing.
 */
#include "agent/geo/database.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/utf8.h"

#define COPY_BYTES (256U << 10)
#define MS_PER_S   1000LL

struct database {
	MMDB_s mmdb;
};

/* ---- a copy of our own ------------------------------------------------------------------------
 */

static int fail(struct geo_state *state, int error, const char *text)
{
	(void)snprintf(state->error, sizeof(state->error), "%s", text);
	return error;
}

static int write_whole(int to, const char *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t wrote = write(to, data + done, len - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return wrote ? -errno : -EIO;
		done += (size_t)wrote;
	}
	return 0;
}

static int copy(int from, int to)
{
	CLEANUP(free) char *part = malloc(COPY_BYTES);
	size_t total = 0;

	if (!part)
		return -ENOMEM;
	for (;;) {
		ssize_t got = read(from, part, COPY_BYTES);
		int error;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : 0;
		total += (size_t)got;
		if (total > GEO_FILE_BYTES_MAX)
			return -EFBIG;
		error = write_whole(to, part, (size_t)got);
		if (error)
			return error;
	}
}

/* Without a name, so that it is gone with its last user. Returns a descriptor or -errno. */
static int copy_of(const char *path, const char *dir, struct geo_state *state)
{
	CLEANUP(close) int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(close) int to = -1;
	char text[120];
	struct stat is;
	int error;

	if (from < 0) {
		error = -errno;
		(void)snprintf(text, sizeof(text), "It cannot be read: %s.", strerror(-error));
		return fail(state, error, text);
	}
	if (fstat(from, &is) || !S_ISREG(is.st_mode))
		return fail(state, -EINVAL, "It is no regular file.");
	if ((uint64_t)is.st_size > GEO_FILE_BYTES_MAX)
		return fail(state, -EFBIG, "It is larger than 512 MiB.");
	to = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	error = to < 0 ? -errno : copy(from, to);
	if (error) {
		(void)snprintf(text, sizeof(text), "It cannot be copied: %s.", strerror(-error));
		return fail(state, error, text);
	}
	return TAKE_FD(to);
}

/* ---- open and close ----------------------------------------------------------------------------
 */

/* UTF-8 without what steers a terminal or hides; what does not fit whole is left out. */
static void clean(const char *data, size_t len, char *out, size_t size)
{
	size_t used = 0, at = 0;

	while (at < len) {
		bool is_valid;
		size_t step = utf8_sequence_len(data + at, len - at, &is_valid);

		if (!step || used + step >= size)
			break;
		if (is_valid && !utf8_is_steering(utf8_decode(data + at, step))) {
			memcpy(out + used, data + at, step);
			used += step;
		}
		at += step;
	}
	out[used] = '\0';
}

int database_open(const char *path, const char *dir, struct geo_state *state, struct database **out)
{
	CLEANUP(free) struct database *database = calloc(1, sizeof(*database));
	CLEANUP(close) int fd = copy_of(path, dir, state);
	char link[40];
	int status;

	if (!database)
		return fail(state, -ENOMEM, "There is no memory.");
	if (fd < 0)
		return fd;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	status = MMDB_open(link, MMDB_MODE_MMAP, &database->mmdb);
	if (status != MMDB_SUCCESS)
		return fail(state, -EBADMSG, "It is no MaxMind DB, or it is damaged.");
	clean(database->mmdb.metadata.database_type, strlen(database->mmdb.metadata.database_type),
	      state->kind, sizeof(state->kind));
	if (database->mmdb.metadata.build_epoch < INT64_MAX / MS_PER_S)
		state->built_unix_ms = (int64_t)database->mmdb.metadata.build_epoch * MS_PER_S;
	*out = TAKE(database);
	return 0;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	MMDB_close(&database->mmdb);
	free(database);
}

/* ---- look-ups ----------------------------------------------------------------------------------
 */

#define PATH_PARTS 3

static bool get(MMDB_entry_s *entry, const char *const path[PATH_PARTS], uint32_t type,
		MMDB_entry_data_s *out)
{
	return MMDB_aget_value(entry, out, path) == MMDB_SUCCESS && out->has_data &&
	       out->type == type;
}

static void read_text(MMDB_entry_s *entry, const char *const path[PATH_PARTS], char *out,
		      size_t size)
{
	MMDB_entry_data_s data;

	if (!*out && get(entry, path, MMDB_DATA_TYPE_UTF8_STRING, &data))
		clean(data.utf8_string, data.data_size, out, size);
}

/* MaxMind and DB-IP; then where the network is registered; then IPinfo. */
static void read_country(MMDB_entry_s *entry, char out[static GEO_COUNTRY_MAX])
{
	static const char *const paths[][PATH_PARTS] = { { "country", "iso_code", NULL },
							 { "registered_country", "iso_code", NULL },
							 { "country_code", NULL },
							 { "country", NULL } };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !*out; i++) {
		MMDB_entry_data_s data;

		if (!get(entry, paths[i], MMDB_DATA_TYPE_UTF8_STRING, &data) ||
		    data.data_size != 2 || !isalpha((unsigned char)data.utf8_string[0]) ||
		    !isalpha((unsigned char)data.utf8_string[1]))
			continue; /* a name, or nonsense */
		out[0] = (char)toupper((unsigned char)data.utf8_string[0]);
		out[1] = (char)toupper((unsigned char)data.utf8_string[1]);
		out[2] = '\0';
	}
}

/* A number, or IPinfo's text "AS64496". */
static uint32_t read_asn(MMDB_entry_s *entry)
{
	static const char *const number[PATH_PARTS] = { "autonomous_system_number", NULL };
	static const char *const text[PATH_PARTS] = { "asn", NULL };
	MMDB_entry_data_s data;
	uint64_t asn = 0;

	if (get(entry, number, MMDB_DATA_TYPE_UINT32, &data))
		return data.uint32;
	if (!get(entry, text, MMDB_DATA_TYPE_UTF8_STRING, &data) || data.data_size < 3 ||
	    data.data_size > 12 || memcmp(data.utf8_string, "AS", 2) != 0)
		return 0;
	for (uint32_t i = 2; i < data.data_size; i++) {
		if (!isdigit((unsigned char)data.utf8_string[i]))
			return 0;
		asn = asn * 10 + (uint64_t)(data.utf8_string[i] - '0');
	}
	return asn <= UINT32_MAX ? (uint32_t)asn : 0;
}

static void read_network(MMDB_entry_s *entry, struct geo_place *out)
{
	static const char *const owners[][PATH_PARTS] = {
		{ "autonomous_system_organization", NULL }, { "as_name", NULL }, { "name", NULL }
	};

	out->asn = read_asn(entry);
	for (size_t i = 0; out->asn && i < sizeof(owners) / sizeof(owners[0]); i++)
		read_text(entry, owners[i], out->owner, sizeof(out->owner));
}

static MMDB_lookup_result_s look_up(const MMDB_s *mmdb, const struct addr *addr, int *error)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };

	if (addr->family == ADDR_IPV4) {
		memcpy(&four.sin_addr, addr->bytes + 12, 4);
		return MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&four, error);
	}
	memcpy(&six.sin6_addr, addr->bytes, 16);
	return MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&six, error);
}

void database_find(const struct database *database, const struct addr *addr, struct geo_place *out)
{
	MMDB_lookup_result_s found;
	int error = MMDB_SUCCESS;

	if (addr->family == ADDR_NONE)
		return;
	found = look_up(&database->mmdb, addr, &error);
	if (error != MMDB_SUCCESS || !found.found_entry)
		return;
	read_country(&found.entry, out->country);
	if (!out->asn)
		read_network(&found.entry, out);
}
