/* The list of safe entries: grow, compare, free. */
#include "agent/block/safe_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"

static int grow(struct safe_list *list)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 16;
	struct safe_entry *items;

	if (list->count >= SAFE_LIST_MAX) {
		list->refused++;
		return -ENOSPC;
	}
	items = reallocarray(list->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	list->capacity = capacity;
	return 0;
}

int safe_list_add(struct safe_list *list, const struct prefix *prefix, enum safe_kind kind,
		  const char *note)
{
	struct safe_entry *entry;
	int error;

	for (size_t i = 0; i < list->count; i++) {
		if (prefix_is_equal(&list->items[i].prefix, prefix))
			return 0;
	}
	if (list->count == list->capacity) {
		error = grow(list);
		if (error)
			return error;
	}
	entry = &list->items[list->count++];
	memset(entry, 0, sizeof(*entry));
	entry->prefix = *prefix;
	entry->kind = kind;
	(void)snprintf(entry->note, sizeof(entry->note), "%s", note); /* cut on purpose */
	return 0;
}

bool safe_list_is_equal(const struct safe_list *a, const struct safe_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct safe_entry *x = &a->items[i], *y = &b->items[i];

		if (!prefix_is_equal(&x->prefix, &y->prefix) || x->kind != y->kind ||
		    strcmp(x->note, y->note) != 0)
			return false;
	}
	return true;
}

void safe_list_done(struct safe_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}
