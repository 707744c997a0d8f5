/*
 * What a service tells systemd, without its library: datagrams to $NOTIFY_SOCKET (sd_notify(3)).
 * One thread: the supervisor's.
 */
#ifndef SLUICE_UTIL_NOTIFY_H
#define SLUICE_UTIL_NOTIFY_H

#include <stdint.h>

/*
 * notify_send - @state: lines such as "READY=1\nSTATUS=counting", "WATCHDOG=1", "STOPPING=1".
 * Returns 1 when sent, 0 when nobody asked for it ($NOTIFY_SOCKET unset), or -errno.
 */
int notify_send(const char *state);

/*
 * notify_watchdog_ms - how often "WATCHDOG=1" has to be sent: half of $WATCHDOG_USEC, as
 * sd_watchdog_enabled(3) advises. 0 = no watchdog, or it waits for another process.
 */
int64_t notify_watchdog_ms(void);

#endif
