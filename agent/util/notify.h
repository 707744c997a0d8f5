/*
 * What a service tells systemd, without its library: datagrams to $NOTIFY_SOCKET (sd_notify(3)).
 * One thread: the supervisor's.
 */
#ifndef SLUICE_UTIL_NOTIFY_H
#define SLUICE_UTIL_NOTIFY_H

/*
 * notify_send - @state: lines such as "READY=1\nSTATUS=counting", "WATCHDOG=1", "STOPPING=1".
 * Returns 1 when sent, 0 when nobody asked for it ($NOTIFY_SOCKET unset), or -errno.
 */
int notify_send(const char *state);

#endif
