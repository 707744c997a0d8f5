/*
 * Reading a BPF ring buffer with its data mapped once. libbpf's reader maps it twice, so that
 * records behind the end lie in one piece: twice the resident memory of the largest maps there
 * are. Who waits for a ring polls its map's descriptor. The layout is kernel/bpf/ringbuf.c and
 * include/uapi/linux/bpf.h. One thread.
 */
#ifndef SLUICE_CAPTURE_RING_READER_H
#define SLUICE_CAPTURE_RING_READER_H

#include <stddef.h>

#include "agent/util/cleanup.h"

struct ring_reader;

/* ring_reader_open - @fd: a BPF_MAP_TYPE_RINGBUF, borrowed until the return. 0, -ENOMEM, -errno. */
int ring_reader_open(int fd, struct ring_reader **out);
void ring_reader_free(struct ring_reader *reader); /* accepts NULL */
DEFINE_CLEANUP(ring_reader_free, struct ring_reader)

/* A record, valid until the return. Anything but 0 ends the pass behind it. */
typedef int (*ring_take)(void *arg, void *record, size_t len);

/* ring_reader_consume - gives every record that is whole to @take. Returns what @take ended it
 * with, else 0. */
int ring_reader_consume(struct ring_reader *reader, ring_take take, void *arg);

#endif
