#include "agent/capture/ring_reader.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

struct ring_reader {
	uint64_t *consumed;	  /* position, a page of its own, written here */
	const uint64_t *produced; /* position, a page of its own; the data follow */
	const uint8_t *data;
	size_t size, page; /* bytes; size is a power of two */
	uint8_t *whole;	   /* a record that goes on at the beginning; size bytes, touched by it */
};

int ring_reader_open(int fd, struct ring_reader **out)
{
	CLEANUP(ring_reader_free) struct ring_reader *reader = calloc(1, sizeof(*reader));
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	void *at;

	if (!reader)
		return -ENOMEM;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		return -errno;
	reader->size = info.max_entries;
	reader->page = (size_t)sysconf(_SC_PAGESIZE);
	reader->whole = malloc(reader->size);
	if (!reader->whole)
		return -ENOMEM;
	at = mmap(NULL, reader->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	reader->consumed = at;
	at = mmap(NULL, reader->page + reader->size, PROT_READ, MAP_SHARED, fd,
		  (off_t)reader->page);
	if (at == MAP_FAILED)
		return -errno;
	reader->produced = at;
	reader->data = (const uint8_t *)at + reader->page;
	*out = TAKE(reader);
	return 0;
}

void ring_reader_free(struct ring_reader *reader)
{
	if (!reader)
		return;
	if (reader->consumed)
		(void)munmap(reader->consumed, reader->page);
	if (reader->produced)
		(void)munmap((void *)reader->produced, reader->page + reader->size);
	free(reader->whole);
	free(reader);
}

/* The @len bytes at @position, in one piece. */
static void *record_at(const struct ring_reader *reader, uint64_t position, size_t len)
{
	size_t at = position & (reader->size - 1), first = reader->size - at;

	if (len <= first)
		return (void *)(reader->data + at);
	memcpy(reader->whole, reader->data + at, first);
	memcpy(reader->whole + first, reader->data, len - first);

	return reader->whole;
}

int ring_reader_consume(struct ring_reader *reader, ring_take take, void *arg)
{
	uint64_t position = *reader->consumed;
	int end = 0;

	while (!end && position < __atomic_load_n(reader->produced, __ATOMIC_ACQUIRE)) {
		const uint32_t *head =
			(const uint32_t *)(reader->data + (position & (reader->size - 1)));
		uint32_t said = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		size_t len = said & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (said & BPF_RINGBUF_BUSY_BIT || len > reader->size)
			break;
		if (!(said & BPF_RINGBUF_DISCARD_BIT))
			end = take(arg, record_at(reader, position + BPF_RINGBUF_HDR_SZ, len), len);
		position += (BPF_RINGBUF_HDR_SZ + len + 7) / 8 * 8;
		__atomic_store_n(reader->consumed, position, __ATOMIC_RELEASE);
	}
	return end;
}
