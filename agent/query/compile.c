/*
 * The tree into its conditions with jumps: a record walks from condition to condition until it is
 * accepted or rejected, and no condition is looked at whose answer cannot matter any more. Cheap
 * conditions stand first.
 */
#include "agent/query/internal.h"

/* Reading a text can mean a lookup in the hour's names, so it comes last. */
static unsigned int cost_of_term(const struct term *term)
{
	switch (term->subject) {
	case SUBJECT_TEXT:
		return 1000 + 20 * term->count;
	case SUBJECT_SRC:
	case SUBJECT_DST:
	case SUBJECT_EITHER:
		return 4 + 2 * term->count;
	default:
		return 1 + term->count;
	}
}

/* The children of @node in order of their cost, equal ones as written. */
static void sort_children(struct flow_query *query, struct node *node)
{
	int sorted = -1;

	for (int at = node->child, next; at >= 0; at = next) {
		int *link = &sorted;

		next = query->nodes[at].next;
		while (*link >= 0 && query->nodes[*link].cost <= query->nodes[at].cost)
			link = &query->nodes[*link].next;
		query->nodes[at].next = *link;
		*link = at;
	}
	node->child = sorted;
}

/* Nodes come behind their children, so one walk forward finds every child's cost ready. */
static void weigh(struct flow_query *query)
{
	for (int i = 0; i < query->node_count; i++) {
		struct node *node = &query->nodes[i];

		node->cost = node->kind == NODE_TERM ? cost_of_term(&query->terms[node->term]) : 0;
		for (int at = node->child; at >= 0; at = query->nodes[at].next)
			node->cost += query->nodes[at].cost;
		if (node->kind == NODE_AND || node->kind == NODE_OR)
			sort_children(query, node);
	}
}

/* Where the walk of @index begins, when it is to go on at @on_true or @on_false. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static int place(struct flow_query *query, int index, int on_true, int on_false)
{
	const struct node *node = &query->nodes[index];
	int children[FLOW_QUERY_TERMS_MAX + 1], count = 0, entry;

	switch (node->kind) {
	case NODE_TERM:
		query->terms[node->term].on_true = on_true;
		query->terms[node->term].on_false = on_false;
		return node->term;
	case NODE_NOT:
		return place(query, node->child, on_false, on_true);
	case NODE_ALL:
		return on_true;
	case NODE_AND:
	case NODE_OR:
		break;
	}
	for (int at = node->child; at >= 0; at = query->nodes[at].next)
		children[count++] = at;
	entry = node->kind == NODE_AND ? on_true : on_false;
	while (count-- > 0) /* each leads to the one behind it */
		entry = node->kind == NODE_AND ? place(query, children[count], entry, on_false)
					       : place(query, children[count], on_true, entry);
	return entry;
}

void compile_query(struct flow_query *query)
{
	weigh(query);
	query->start = place(query, query->root, TERM_ACCEPT, TERM_REJECT);
}
