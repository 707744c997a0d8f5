/*
 * Whether flows.db is whole, as far as can be seen in a moment. Only the thread that opens it calls
 * this, before anybody else reads the file.
 */
#ifndef SLUICE_STORE_HISTORY_CHECK_H
#define SLUICE_STORE_HISTORY_CHECK_H

struct db;

/*
 * history_check - a schema or a page that makes no sense. Ends after 0.2 s and the table it is at
 * then: what was not looked at is taken as good.
 * Returns 0, -EBADMSG when the file is damaged, or -errno.
 */
int history_check(struct db *db);

#endif
