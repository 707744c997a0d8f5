/*
 * What would happen to a packet, and why: every block and list that holds it, narrowest first, as
 * the datapath walks them, and the one that decides.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/util/addr.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"
#include "agent/util/proto.h"

/* One block that holds what was asked for. */
struct candidate {
	const struct active_block *active;
	struct prefix entry;	/* of a list */
	const char *entry_name; /* of a list, instead; NULL: none */
	size_t width;		/* prefix length, or length of the name: longer is narrower */
	uint32_t rule_id;
};

struct candidates {
	struct candidate items[BLOCK_MATCHES_MAX];
	size_t count;
};

static void keep(struct candidates *found, const struct active_block *active,
		 const struct prefix *entry, size_t width, uint32_t rule_id)
{
	if (found->count == BLOCK_MATCHES_MAX)
		return; /* more than anybody reads */
	found->items[found->count++] = (struct candidate){
		.active = active, .entry = *entry, .width = width, .rule_id = rule_id
	};
}

static void look_in_set(struct candidates *found, const struct active_block *active,
			const struct prefix_set *set, const struct prefix *asked)
{
	struct prefix entry;
	bool is_second = set == active->list->pending;

	if (set && prefix_set_holder(set, asked, &entry))
		keep(found, active, &entry, entry.len,
		     is_second ? active->list->facts.pending_rule_id : active->rule_id);
}

static void look_by_prefix(struct candidates *found, const struct active_block *active,
			   const struct prefix *asked)
{
	static const struct prefix none;
	const struct prefix *target = &active->target;

	if (active->list) {
		look_in_set(found, active, active->list->set, asked);
		if (!active->list->set ||
		    !prefix_set_holder(active->list->set, asked, &(struct prefix){ 0 }))
			look_in_set(found, active, active->list->pending, asked);
	} else if (!active->domain && target->len <= asked->len && prefix_overlaps(target, asked)) {
		keep(found, active, &none, target->len, active->rule_id);
	}
}

/* Of a list the version in force, else what waits beside it. */
static void look_by_name(struct candidates *found, const struct active_block *active,
			 const char *asked)
{
	static const struct prefix none;
	const struct active_list *list = active->list;
	uint32_t rule_id = active->rule_id;
	const char *name = active->domain;

	if (list) {
		name = name_set_holder(prefix_set_names(list->set), asked);
		if (!name) {
			name = name_set_holder(prefix_set_names(list->pending), asked);
			rule_id = list->facts.pending_rule_id;
		}
	} else if (name && !domain_is_under(asked, name)) {
		name = NULL;
	}
	if (!name || found->count == BLOCK_MATCHES_MAX)
		return;
	keep(found, active, &none, strlen(name), rule_id);
	found->items[found->count - 1].entry_name = list ? name : NULL;
}

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->width != y->width)
		return x->width < y->width ? 1 : -1;
	return (x->rule_id > y->rule_id) - (x->rule_id < y->rule_id);
}

/* "", or "only TCP to port 80, only what enters". */
static void format_scope(const struct active_block *active, char *text, size_t size)
{
	char proto[PROTO_TEXT_MAX] = "", port[24] = "";

	if (active->proto)
		proto_format(active->proto, proto);
	if (active->port)
		(void)snprintf(port, sizeof(port), "%sto port %u", active->proto ? " " : "",
			       active->port);
	(void)snprintf(text, size, "%s%s%s%s%s", *proto || *port ? "only " : "", proto, port,
		       (*proto || *port) && active->direction ? ", " : "",
		       active->direction == BLOCK_IN	? "only what enters"
		       : active->direction == BLOCK_OUT ? "only what leaves"
							: "");
}

/* Whether the packets asked about can be in the scope; what was not said may be. */
static bool is_in_scope(const struct active_block *active, const struct block *asked)
{
	if (active->proto && asked->proto && active->proto != asked->proto)
		return false;
	if (active->port && asked->port && active->port != asked->port)
		return false;
	return !active->direction || !asked->direction || active->direction == asked->direction;
}

static void judge(const struct block_service *service, const struct active_block *active,
		  const struct block *asked, struct block_match *match)
{
	uint64_t now = service->boot_ns();
	char scope[96];

	format_scope(active, scope, sizeof(scope));
	if (active->state == BLOCK_OFF)
		(void)snprintf(match->why, sizeof(match->why), "turned off");
	else if (active->end_boot_ns && now >= active->end_boot_ns)
		(void)snprintf(match->why, sizeof(match->why), "expired");
	else if (active->confirm_boot_ns && now >= active->confirm_boot_ns)
		(void)snprintf(match->why, sizeof(match->why), "not confirmed in time");
	else if (!is_in_scope(active, asked))
		(void)snprintf(match->why, sizeof(match->why), "does not apply: %s", scope);
	else {
		match->applies = true;
		(void)snprintf(match->why, sizeof(match->why), "%s%s%s",
			       active->action == BLOCK_COUNT ? "counts only" : "",
			       active->action == BLOCK_COUNT && scope[0] ? ", " : "", scope);
		if (active->confirm_boot_ns)
			(void)snprintf(
				match->why, sizeof(match->why),
				"ends in %llu s unless confirmed%s%s",
				(unsigned long long)((active->confirm_boot_ns - now) / NS_PER_S),
				scope[0] ? ", " : "", scope);
	}
}

static void fill(struct block_service *service, struct candidates *found, const struct block *asked,
		 struct block_verdict *verdict)
{
	qsort(found->items, found->count, sizeof(found->items[0]), compare);
	for (size_t i = 0; i < found->count; i++) {
		struct block_match *match = &verdict->matches[verdict->match_count++];

		*match = (struct block_match){ .entry = found->items[i].entry };
		if (found->items[i].entry_name)
			(void)snprintf(match->entry_name, sizeof(match->entry_name), "%s",
				       found->items[i].entry_name); /* fits */
		judge(service, found->items[i].active, asked, match);
		(void)block_read_row(service, found->items[i].active->id, &match->block);
		if (match->applies && verdict->decides < 0)
			verdict->decides = (int)i;
	}
}

static void tell(struct block_verdict *verdict, const char *asked)
{
	struct block_outcome *outcome = &verdict->outcome;
	const struct block_match *match;
	char what[BLOCK_TEXT_MAX], entry[DOMAIN_TEXT_MAX] = "", prefix[PREFIX_TEXT_MAX];
	static const char *const done[] = { "dropped", "counted only", "refused" };
	int len;

	if (verdict->decides < 0) {
		(void)snprintf(outcome->message, sizeof(outcome->message), "%s",
			       verdict->match_count ? "no block that holds it applies"
						    : "nothing blocks it");
		return;
	}
	match = &verdict->matches[verdict->decides];
	(void)snprintf(entry, sizeof(entry), "%s",
		       match->entry.addr.family != ADDR_NONE ? prefix_format(&match->entry, prefix)
							     : match->entry_name); /* fits */
	len = snprintf(outcome->message, sizeof(outcome->message),
		       "%.80s is %s by block %lld of %.64s%s%.80s%s%.60s", asked,
		       done[match->block.action <= BLOCK_REFUSE ? match->block.action : 0],
		       (long long)match->block.id, block_text(&match->block, what),
		       entry[0] ? ", entry " : "", entry, match->why[0] ? ": " : "", match->why);
	if (len >= (int)sizeof(outcome->message)) /* long names: say that it was cut */
		memcpy(outcome->message + sizeof(outcome->message) - sizeof("..."), "...",
		       sizeof("..."));
}

int block_test(struct block_service *service, const struct block_question *question,
	       struct block_verdict *verdict)
{
	const struct block_request request = { .value = question->value,
					       .direction = question->direction,
					       .proto = question->proto,
					       .port = question->port };
	struct candidates found = { .count = 0 };
	struct block_outcome *outcome = &verdict->outcome;
	struct principal nobody = { .name = "" };
	struct block asked = { 0 };
	char text[BLOCK_TEXT_MAX];

	*verdict = (struct block_verdict){ .outcome = { .field = "" }, .decides = -1 };
	safe_refresh_host(service, NS_PER_S);
	if (order_parse(service, &request, &asked, outcome) != 0)
		return outcome->error;
	for (size_t i = 0; i < service->active_count; i++) {
		const struct active_block *active = &service->active[i];

		if (!asked.domain[0])
			look_by_prefix(&found, active, &asked.target);
		else
			look_by_name(&found, active, asked.domain);
	}
	fill(service, &found, &asked, verdict);
	tell(verdict, block_text(&asked, text));
	if (!asked.domain[0] && safe_check(service, &nobody, &asked.target, outcome) != 0) {
		for (size_t i = 0; i < verdict->match_count; i++)
			(void)snprintf(verdict->matches[i].why, sizeof(verdict->matches[i].why),
				       "overridden by the safe list");
		verdict->decides = -1;
	}
	return outcome->error;
}
