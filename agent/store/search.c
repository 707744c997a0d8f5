/*
 * Records of the history that match a query, newest first.
 */
#include "agent/store/search.h"

#include <errno.h>
#include <string.h>

#include "agent/util/clock.h"
#include "include/history.h"

/* The plan of a query speaks of columns without knowing the store. */
_Static_assert((int)FLOW_NEED_ADDRS == (int)SCAN_ADDRS && (int)FLOW_NEED_PORTS == (int)SCAN_PORTS &&
		       (int)FLOW_NEED_PROTO == (int)SCAN_PROTO &&
		       (int)FLOW_NEED_BYTES == (int)SCAN_BYTES &&
		       (int)FLOW_NEED_PACKETS == (int)SCAN_PACKETS &&
		       (int)FLOW_NEED_START == (int)SCAN_START &&
		       (int)FLOW_NEED_TCP == (int)SCAN_TCP &&
		       (int)FLOW_NEED_STATE == (int)SCAN_STATE &&
		       (int)FLOW_NEED_VLAN == (int)SCAN_VLAN && (int)FLOW_NEED_ID == (int)SCAN_ID &&
		       (int)FLOW_NEED_NAMES == (int)SCAN_NAMES &&
		       (int)FLOW_NEED_SRC == (int)SCAN_SRC && (int)FLOW_NEED_DST == (int)SCAN_DST,
	       "needs are columns");

const struct flow_texts *search_texts(struct search *search, const struct flow_record *record)
{
	const struct record_names *names = scan_names(search->scan, record);

	search->texts = (struct flow_texts){ 0 };
	if (names)
		search->texts = (struct flow_texts){ .sni = names->sni,
						     .host = names->host,
						     .ja4 = names->ja4,
						     .process = names->process,
						     .unit = names->unit };
	search->texts.ends = search->options->ends;
	search->texts.ends_arg = search->options->ends_arg;
	search->texts.iface = scan_iface(search->scan, record);
	if (!*search->texts.iface && search->options->ifaces)
		search->texts.iface = search->options->ifaces[record->iface];
	return &search->texts;
}

static const struct flow_texts *ask_texts(void *arg, const struct flow_record *record)
{
	return search_texts(arg, record);
}

static void set_scan_options(const struct search_run *run, struct scan_options *options)
{
	const struct history_search *asked = run->options;
	const struct flow_query_plan *plan = asked->query ? flow_query_plan(asked->query) : NULL;

	*options = (struct scan_options){ .from_unix_ms = asked->from_unix_ms,
					  .to_unix_ms = asked->to_unix_ms,
					  .columns = run->columns | (plan ? plan->needs : 0),
					  .addrs = run->addrs,
					  .addr_count = run->addr_count,
					  .after = { asked->after_hour, asked->after_row },
					  .deadline_ns = asked->deadline_ns };
	if (asked->is_in_view)
		options->columns |= SCAN_ADDRS | SCAN_PORTS | SCAN_PROTO | SCAN_VLAN;
	if (plan && plan->from_unix_ms > options->from_unix_ms)
		options->from_unix_ms = plan->from_unix_ms;
	if (plan && plan->to_unix_ms < options->to_unix_ms)
		options->to_unix_ms = plan->to_unix_ms;
	if (plan && plan->addr_count) {
		options->addrs = plan->addrs;
		options->addr_count = plan->addr_count;
	}
	if (options->addr_count > SCAN_ADDRS_MAX)
		options->addr_count = 0; /* too many to prune by: every record is looked at */
}

/* Returns false when the visitor has had enough; the reach is then behind its record. */
static bool look_at(const struct search_run *run, struct search *search,
		    const struct flow_record *record, struct history_reach *reach)
{
	const struct flow_query *query = run->options->query;

	if (query && !flow_query_matches(query, record, ask_texts, search))
		return true;
	if (run->options->is_in_view && !run->options->is_in_view(run->options->view_arg, record))
		return true;
	if (run->match(run->arg, search, record))
		return true;
	reach->hour = record->hour;
	reach->row = record->row;
	reach->unix_ms = record->end_unix_ms;
	return false;
}

static void set_reach(const struct scan *scan, struct history_reach *reach)
{
	const struct scan_place place = scan_place(scan);

	reach->hour = place.hour;
	reach->row = place.row;
	reach->unix_ms = scan_reached_unix_ms(scan);
}

int search_run(const struct search_run *run, struct history_reach *reach)
{
	CLEANUP(scan_free) struct scan *scan = NULL;
	struct search search = { .options = run->options };
	struct scan_options options;
	const struct flow_record *records;
	int count;

	*reach = (struct history_reach){ .hour = run->options->after_hour,
					 .row = run->options->after_row };
	set_scan_options(run, &options);
	if (options.from_unix_ms >= options.to_unix_ms) { /* nothing can match */
		reach->is_complete = true;
		reach->unix_ms = options.from_unix_ms;
		return 0;
	}
	count = scan_new(run->store, &options, &scan);
	if (count)
		return count;
	search.scan = scan;
	while ((count = scan_block(scan, &records)) > 0) {
		for (int i = 0; i < count; i++) {
			reach->looked_at++;
			if (run->fetch)
				run->fetch(run->arg, &records[i], count - i);
			if (!look_at(run, &search, &records[i], reach))
				return 0;
		}
	}
	set_reach(scan, reach);
	reach->is_complete = count == 0;
	return count == -ETIMEDOUT ? 0 : count;
}

/* ---- records themselves ---------------------------------------------------------------------- */

struct visitor {
	history_visit_fn visit;
	void *arg;
};

static bool visit_match(void *arg, struct search *search, const struct flow_record *record)
{
	const struct visitor *visitor = arg;

	return visitor->visit(visitor->arg, record, search_texts(search, record));
}

int store_search(struct store *store, const struct history_search *search, history_visit_fn visit,
		 void *arg, struct history_reach *reach)
{
	struct visitor visitor = { visit, arg };
	const struct search_run run = { .store = store,
					.options = search,
					.columns = search->needs ? search->needs : SCAN_ALL,
					.match = visit_match,
					.arg = &visitor };

	return search_run(&run, reach);
}
