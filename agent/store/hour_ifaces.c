/*
 * Names of interfaces by hour.
 */
#include "agent/store/hour_ifaces.h"

#include <errno.h>
#include <string.h>

int hour_ifaces_read(struct db *db, int64_t hour,
		     char names[static HOUR_IFACES_END][IFACE_NAME_MAX])
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	memset(names, 0, HOUR_IFACES_END * sizeof(names[0]));
	query_init(&query, db, "SELECT iface, name FROM ifaces WHERE hour = ?");
	query_bind_int(&query, hour);
	while ((found = query_next(&query)) > 0) {
		int64_t number = query_int(&query, 0);

		if (number >= HOUR_IFACES_FIRST && number < HOUR_IFACES_END)
			query_text(&query, 1, names[number], sizeof(names[0]));
	}
	return found;
}

int hour_ifaces_open(struct hour_ifaces *ifaces, struct db *db, int64_t hour)
{
	char names[HOUR_IFACES_END][IFACE_NAME_MAX];
	int error = hour_ifaces_read(db, hour, names);

	if (error)
		return error;
	ifaces->hour = hour;
	ifaces->count = 0;
	memcpy(ifaces->names, names[HOUR_IFACES_FIRST], sizeof(ifaces->names));
	for (unsigned int i = 0; i < HOUR_IFACES_MAX; i++)
		if (*ifaces->names[i])
			ifaces->count = i + 1;
	return 0;
}

static int insert(const struct hour_ifaces *ifaces, struct db *db, const char *name)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "INSERT INTO ifaces VALUES (?,?,?)");
	query_bind_int(&query, ifaces->hour);
	query_bind_int(&query, HOUR_IFACES_FIRST + ifaces->count);
	query_bind_text(&query, name);
	return query_run(&query);
}

int hour_ifaces_put(struct hour_ifaces *ifaces, struct db *db, const char *name, uint8_t *number)
{
	unsigned int i = 0;

	if (!*name)
		return 0;
	while (i < ifaces->count && strncmp(ifaces->names[i], name, IFACE_NAME_MAX) != 0)
		i++;
	if (i == HOUR_IFACES_MAX)
		return 0;
	if (i == ifaces->count) {
		int error = insert(ifaces, db, name);
		if (error)
			return error;
		memccpy(ifaces->names[i], name, '\0', IFACE_NAME_MAX - 1);
		ifaces->count++;
	}
	*number = (uint8_t)(HOUR_IFACES_FIRST + i);
	return 0;
}

int hour_ifaces_drop(struct db *db, int64_t hour)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "DELETE FROM ifaces WHERE hour = ?");
	query_bind_int(&query, hour);
	return query_run(&query);
}
