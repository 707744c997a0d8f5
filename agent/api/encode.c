/*
 * Nouns to JSON, with the field names of the contract (docs/api.md).
 */
#include <stdio.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/auth/auth.h"
#include "agent/block/block.h"
#include "agent/util/addr.h"
#include "agent/util/proto.h"
#include "include/device.h"

const char *attach_mode_name(uint8_t mode)
{
	static const char *const names[] = { "none", "xdp", "tc", "user" };

	return mode < sizeof(names) / sizeof(names[0]) ? names[mode] : "none";
}

const char *encode_enforcement(const struct api *api)
{
	if (api->options.is_panicked(api->options.arg))
		return "panic";
	return api->options.is_dry_run ? "dry_run" : "on";
}

void encode_addr(struct json *object, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	json_set_string(object, key, addr->family == ADDR_NONE ? NULL : addr_format(addr, text));
}

struct json *encode_principal(const struct principal *who)
{
	struct json *user = json_new_object();

	json_set_string(user, "name", who->name);
	json_set_string(user, "role", auth_role_name((enum role)who->role));
	json_set_bool(user, "must_change", who->must_change);
	return user;
}

void encode_hits(struct json *item, const struct block_hits *hits)
{
	json_set_uint(item, "hits", hits->packets);
	json_set_uint(item, "hit_bytes", hits->bytes);
	json_set_time(item, "last_hit", hits->last_unix_ms);
}

static struct json *encode_layers(const struct block_hits *hits)
{
	static const char *const names[HIT_LAYER_COUNT] = {
		[HIT_DNS] = "dns", [HIT_TLS] = "tls", [HIT_HTTP] = "http", [HIT_QUIC] = "quic"
	};
	struct json *layers = json_new_object();

	for (size_t i = 0; i < HIT_LAYER_COUNT; i++)
		if (names[i])
			json_set_uint(layers, names[i], hits->layers[i]);
	return layers;
}

static void encode_list_facts(struct json *item, const struct block *block)
{
	const struct block_list_facts *facts = &block->facts;

	if (!block->list[0]) {
		json_set_null(item, "list");
		json_set_null(item, "entries");
		return;
	}
	json_set_string(item, "list", block->list);
	json_set_uint(item, "entries", facts->version ? facts->entries : facts->pending_entries);
	json_set_uint(item, "pending_entries", facts->pending_entries);
	json_set_uint(item, "version", facts->version);
	json_set_time(item, "updated", facts->updated_unix_ms);
}

static const char *block_kind(const struct block *block)
{
	if (block->list[0])
		return "list";
	if (block->domain[0])
		return "domain";
	return prefix_is_exact(&block->target) ? "address" : "prefix";
}

struct json *encode_block(const struct block *block)
{
	char value[PREFIX_TEXT_MAX], proto[PROTO_TEXT_MAX];
	struct json *item = json_new_object();

	json_set_int(item, "id", block->id);
	json_set_string(item, "kind", block_kind(block));
	json_set_string(item, "value",
			block->list[0]	   ? block->list
			: block->domain[0] ? block->domain
					   : prefix_format(&block->target, value));
	json_set_string(item, "action", block_action_name(block->action));
	json_set_string(item, "direction", block_direction_name(block->direction));
	json_set_string(item, "proto", block->proto ? proto_format(block->proto, proto) : NULL);
	if (block->port)
		json_set_int(item, "port", block->port);
	else
		json_set_null(item, "port");
	json_set_string(item, "reason", block->reason);
	json_set_string(item, "source", block_source_name(block->source));
	json_set_string(item, "author", block->author);
	json_set_time(item, "created", block->created_unix_ms);
	json_set_time(item, "expires", block->expires_unix_ms);
	json_set_time(item, "ended", block->ended_unix_ms);
	json_set_string(item, "state", block_state_name(block->state));
	encode_hits(item, &block->hits);
	json_set(item, "layers", encode_layers(&block->hits));
	encode_list_facts(item, block);
	if (block->incident_id)
		json_set_int(item, "incident_id", block->incident_id);
	else
		json_set_null(item, "incident_id");
	if (block->parent_id)
		json_set_int(item, "parent_id", block->parent_id);
	else
		json_set_null(item, "parent_id");
	json_set_time(item, "confirm_by", block->confirm_by_unix_ms);
	return edit_tagged(EDITED_BLOCK, item);
}

static const char *source_name(uint8_t source)
{
	static const char *const names[DEVICE_SOURCE_COUNT] = {
		[DEVICE_DNS] = "dns", [DEVICE_MDNS] = "mdns", [DEVICE_DHCP] = "dhcp"
	};

	return source < DEVICE_SOURCE_COUNT ? names[source] : "";
}

static void set_known(struct json *object, const char *key, const char *text)
{
	json_set_string(object, key, *text ? text : NULL);
}

struct json *encode_facts(const struct api *api, const struct addr *addr)
{
	struct json *object = json_new_object();
	struct addr_facts facts = { .source = 0 };

	if (api->options.facts)
		api->options.facts(api->options.arg, addr, &facts);
	set_known(object, "name", facts.name);
	set_known(object, "name_source", *facts.name ? source_name(facts.source) : "");
	set_known(object, "country", facts.place.country);
	if (facts.place.asn)
		json_set_uint(object, "asn", facts.place.asn);
	else
		json_set_null(object, "asn");
	set_known(object, "as_owner", facts.place.owner);
	return object;
}

struct json *encode_host(const struct api *api, const struct host_total *host)
{
	struct json *item = json_new_object();
	struct addr_facts facts = { .source = 0 };

	if (api->options.facts)
		api->options.facts(api->options.arg, &host->addr, &facts);

	encode_addr(item, "ip", &host->addr);
	json_set_uint(item, "packets", host->packets);
	json_set_uint(item, "bytes", host->bytes);
	json_set_uint(item, "flows", host->flows);
	json_set_uint(item, "ports", host->ports);
	json_set_time(item, "last_seen", host->last_unix_ms);
	set_known(item, "name", facts.name);
	set_known(item, "country", facts.place.country);
	return item;
}

struct json *encode_proto(const struct proto_total *total)
{
	char proto[PROTO_TEXT_MAX];
	struct json *item = json_new_object();

	json_set_string(item, "proto", proto_format(total->proto, proto));
	json_set_uint(item, "packets", total->packets);
	json_set_uint(item, "bytes", total->bytes);
	json_set_uint(item, "flows", total->flows);
	return item;
}

struct json *encode_ifaces(const struct coverage *coverage)
{
	struct json *items = json_new_array();

	for (unsigned int i = 0; i < coverage->iface_count; i++) {
		const struct coverage_iface *iface = &coverage->ifaces[i];
		struct json *item = json_new_object();

		json_set_string(item, "name", iface->name);
		json_set_string(item, "mode", attach_mode_name(iface->mode));
		json_set_string(item, "note", *iface->note ? iface->note : NULL);
		json_add(items, item);
	}
	return items;
}
