/*
 * What may never be blocked: special ranges, this host's own network, admins, SSH peers, the
 * configuration, entries by hand. An order is refused when it overlaps any of them; the datapath
 * has the list too and asks it before every drop, for what joins the list after an order.
 */
#include "agent/block/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/log.h"

#define RESOLVER_AGE_NS (60 * NS_PER_S)
/* Reading the host costs at most that part of a core: 1 %, also on a router with a full table. */
#define READ_SHARE 100

/* Source: RFC 6890, RFC 1122 3.2.1.3, RFC 4291 2.5 and 2.7. */
static const struct {
	const char *prefix;
	uint8_t kind;
	const char *note;
} special_ranges[] = {
	{ "0.0.0.0/8", SAFE_SPECIAL, "unspecified (this network)" },
	{ "127.0.0.0/8", SAFE_LOOPBACK, "loopback" },
	{ "169.254.0.0/16", SAFE_SPECIAL, "link-local" },
	{ "224.0.0.0/4", SAFE_SPECIAL, "multicast" },
	{ "255.255.255.255", SAFE_SPECIAL, "broadcast" },
	{ "::", SAFE_SPECIAL, "unspecified" },
	{ "::1", SAFE_LOOPBACK, "loopback" },
	{ "fe80::/10", SAFE_SPECIAL, "link-local" },
	{ "ff00::/8", SAFE_SPECIAL, "multicast" },
};

/* ---- the lists ------------------------------------------------------------------------------ */

static int add_text(struct safe_list *list, const char *text, enum safe_kind kind, const char *note)
{
	struct prefix prefix;
	int error = prefix_parse(text, true, &prefix);

	if (error)
		return error;
	return safe_list_add(list, &prefix, kind, note);
}

static int add_specials(struct safe_list *list)
{
	/* ::ffff:0:0/96 as IPv6 cannot be written: its text means IPv4 */
	struct prefix mapped = {
		.addr = { .bytes = { [10] = 0xff, [11] = 0xff }, .family = ADDR_IPV6 }, .len = 96
	};
	int error = safe_list_add(list, &mapped, SAFE_SPECIAL, "IPv4-mapped");

	for (size_t i = 0; !error && i < sizeof(special_ranges) / sizeof(special_ranges[0]); i++)
		error = add_text(list, special_ranges[i].prefix, special_ranges[i].kind,
				 special_ranges[i].note);
	return error;
}

static int add_configured(const struct config *config, struct safe_list *list)
{
	char item[128];

	for (size_t i = 0; config_list_item(config, CONFIG_BLOCK_SAFE, i, item, sizeof(item));
	     i++) {
		int error = add_text(list, item, SAFE_CONFIG, "[Block] safe");

		if (error == -EINVAL)
			log_error("[Block] safe holds no address or prefix: %s", item);
		if (error)
			return error;
	}
	return 0;
}

int safe_init(struct block_service *service)
{
	int error = add_specials(&service->safe[SAFE_FROM_SPECIAL]);

	service->is_safe_changed = true;
	for (size_t i = 0; !error && i < service->options.fixed_count; i++) {
		const struct safe_entry *entry = &service->options.fixed[i];

		error = safe_list_add(&service->safe[SAFE_FROM_SPECIAL], &entry->prefix,
				      (enum safe_kind)entry->kind, entry->note);
	}
	if (error)
		return error;
	return add_configured(service->options.config, &service->safe[SAFE_FROM_CONFIG]);
}

int block_reload(struct block_service *service)
{
	CLEANUP(safe_list_done) struct safe_list fresh = { 0 };
	int error = add_configured(service->options.config, &fresh);

	if (error)
		return error;
	safe_exchange(service, SAFE_FROM_CONFIG, &fresh);
	return safe_push(service);
}

void safe_done(struct block_service *service)
{
	for (size_t i = 0; i < SAFE_SOURCE_COUNT; i++)
		safe_list_done(&service->safe[i]);
}

void safe_exchange(struct block_service *service, enum safe_source source, struct safe_list *fresh)
{
	struct safe_list old = service->safe[source];

	if (safe_list_is_equal(&old, fresh))
		return;
	if (fresh->refused > old.refused)
		log_warn("safe list full, entries left out source=%d count=%zu", source,
			 fresh->refused);
	service->safe[source] = *fresh;
	service->is_safe_changed = true;
	*fresh = old;
}

int safe_load_manual(struct block_service *service)
{
	CLEANUP(safe_list_done) struct safe_list fresh = { 0 };
	int count;

	fresh.items = calloc(SAFE_LIST_MAX, sizeof(*fresh.items));
	if (!fresh.items)
		return -ENOMEM;
	fresh.capacity = SAFE_LIST_MAX;
	count = store_safe_list(service->options.store, fresh.items, SAFE_LIST_MAX);
	if (count < 0)
		return count;
	fresh.count = (size_t)count;
	safe_exchange(service, SAFE_FROM_MANUAL, &fresh);
	return 0;
}

/* ---- the host ------------------------------------------------------------------------------- */

static bool is_due(const struct block_service *service, const struct safe_clock *read,
		   uint64_t age_ns)
{
	uint64_t age = service->boot_ns() - read->at_ns;

	return read->at_ns == 0 || (age >= age_ns && age >= read->took_ns * READ_SHARE);
}

static void note_read(struct block_service *service, struct safe_clock *read, uint64_t begin_ns)
{
	read->at_ns = service->boot_ns();
	read->took_ns = read->at_ns - begin_ns;
}

/* A part that could not be read keeps what it had: better one safe address too many. */
static void refresh_network(struct block_service *service)
{
	static struct log_limit limit;
	CLEANUP(safe_list_done) struct safe_list own = { 0 };
	CLEANUP(safe_list_done) struct safe_list gateways = { 0 };
	uint64_t begin = service->boot_ns();
	int error = host_read_network(service->host, &own, &gateways);

	note_read(service, &service->network_read, begin);
	if (error) {
		log_write_limited(&limit, LOG_LEVEL_WARN,
				  "own addresses and gateways not read, the last ones stand: %s",
				  strerror(-error));
		return;
	}
	safe_exchange(service, SAFE_FROM_ADDRESSES, &own);
	safe_exchange(service, SAFE_FROM_GATEWAYS, &gateways);
}

static void refresh_ssh(struct block_service *service)
{
	CLEANUP(safe_list_done) struct safe_list peers = { 0 };
	uint64_t begin = service->boot_ns();
	int error = host_read_ssh(service->host, &peers);

	note_read(service, &service->ssh_read, begin);
	if (!error)
		safe_exchange(service, SAFE_FROM_SSH, &peers);
}

static void refresh_resolvers(struct block_service *service)
{
	/* the second holds the real ones where the first names systemd-resolved's stub */
	static const char *const files[] = { "/etc/resolv.conf",
					     "/run/systemd/resolve/resolv.conf" };
	CLEANUP(safe_list_done) struct safe_list resolvers = { 0 };
	uint64_t begin = service->boot_ns();
	int error = host_read_resolvers(files[0], &resolvers);

	if (!error)
		(void)host_read_resolvers(files[1], &resolvers); /* absent without resolved */
	note_read(service, &service->files_read, begin);
	if (!error)
		safe_exchange(service, SAFE_FROM_RESOLVERS, &resolvers);
}

void safe_refresh_host(struct block_service *service, uint64_t age_ns)
{
	if (!service->host)
		return;
	if (is_due(service, &service->network_read, age_ns))
		refresh_network(service);
	if (is_due(service, &service->ssh_read, age_ns))
		refresh_ssh(service);
	if (is_due(service, &service->files_read, RESOLVER_AGE_NS))
		refresh_resolvers(service);
}

/* A burst of changes is read again at most that part of the time; the tick reads the rest. */
#define CHANGE_SHARE 3

int block_host_fd(const struct block_service *service)
{
	return service->host ? host_watch_fd(service->host) : -1;
}

void block_host_ready(struct block_service *service)
{
	const struct safe_clock *read = &service->network_read;

	if (!service->host || !host_take_changes(service->host))
		return;
	if (service->boot_ns() - read->at_ns < read->took_ns * CHANGE_SHARE) {
		service->network_read.at_ns = 0; /* due at the next tick */
		return;
	}
	refresh_network(service);
	(void)safe_push(service); /* logged there, tried again at the next tick */
}

/* ---- to the datapath ------------------------------------------------------------------------ */

static int compare_prefixes(const void *a, const void *b)
{
	const struct prefix *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	return order ? order : (int)x->len - (int)y->len;
}

static size_t collect(const struct block_service *service, struct prefix *out)
{
	size_t count = 0, kept = 0;

	/* special ranges are refused as orders and never change: the datapath needs none */
	for (size_t source = SAFE_FROM_SPECIAL + 1; source < SAFE_SOURCE_COUNT; source++) {
		for (size_t i = 0; i < service->safe[source].count; i++)
			out[count++] = service->safe[source].items[i].prefix;
	}
	qsort(out, count, sizeof(*out), compare_prefixes);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || !prefix_is_equal(&out[kept - 1], &out[i]))
			out[kept++] = out[i];
	}
	return kept;
}

int safe_push(struct block_service *service)
{
	static struct log_limit limit;
	const struct block_datapath *datapath = &service->options.datapath;
	CLEANUP(free) struct prefix *prefixes = NULL;
	size_t most = 1;
	int error;

	if (!service->is_safe_changed)
		return 0;
	for (size_t source = 0; source < SAFE_SOURCE_COUNT; source++)
		most += service->safe[source].count;
	prefixes = calloc(most, sizeof(*prefixes));
	if (!prefixes)
		return -ENOMEM;
	error = datapath->safe_set(datapath->arg, prefixes, collect(service, prefixes));
	if (error) {
		log_write_limited(&limit, LOG_LEVEL_ERROR, "datapath has not got the safe list: %s",
				  strerror(-error));
		return error;
	}
	service->is_safe_changed = false;
	return 0;
}
