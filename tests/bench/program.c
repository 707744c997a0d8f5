/*
 * Loading and running the measured programs.
 */
#include "tests/bench/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/bench/measure.h"

#define CHUNK	  32768	    /* packets of a test run: evicted flows of all of them fit the ring */
#define RING_SIZE (4 << 20) /* as agent/capture makes it */

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* The program @name of @file, nothing pinned, no other loaded. NULL: errno. */
static struct bpf_object *object_open(const char *file, const char *name,
				      struct bpf_program **chosen)
{
	struct bpf_object *object;
	struct bpf_program *program = NULL;
	struct bpf_map *map = NULL;

	(void)libbpf_set_print(silent); /* returns the earlier one, not an error */
	object = bpf_object__open(file);
	if (!object)
		return NULL;
	while ((map = bpf_object__next_map(object, map)))
		(void)bpf_map__set_pin_path(map, NULL); /* without memory: refused at load */
	while ((program = bpf_object__next_program(object, program))) {
		(void)bpf_program__set_autoload(program, false); /* not loaded yet: cannot fail */
	}
	*chosen = bpf_object__find_program_by_name(object, name);
	if (*chosen) {
		(void)bpf_program__set_autoload(*chosen, true);
		return object;
	}
	bpf_object__close(object);
	errno = ENOENT;
	return NULL;
}

int program_load(struct program *program, const char *file, const char *name)
{
	struct bpf_program *chosen;
	int err;

	*program = (struct program){ .object = object_open(file, name, &chosen) };
	if (!program->object)
		return -errno;
	err = bpf_object__load(program->object);
	program->fd = bpf_program__fd(chosen);
	return err;
}

int program_map(const struct program *program, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(program->object, name);
	char section[64];

	(void)snprintf(section, sizeof(section), ".data.%s", name); /* a global variable's own */
	return fd >= 0 ? fd : bpf_object__find_map_fd_by_name(program->object, section);
}

static void *map_memory(const struct bpf_object *object, const char *name, size_t size)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* A tail call wants the same attach type and the same word on fragments: all four are tried. */
static int wrapper_try(struct program *program, const char *file, unsigned int kind)
{
	struct bpf_program *call;
	struct bpf_object *object = object_open(file, "vary_call", &call);
	uint32_t zero = 0;

	if (!object)
		return -errno;
	(void)bpf_program__set_expected_attach_type(call, kind & 1 ? 0 : BPF_XDP);
	if (kind & 2)
		(void)bpf_program__set_flags(call, BPF_F_XDP_HAS_FRAGS);
	if (bpf_object__load(object) ||
	    bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "target"), &zero,
				&program->fd, BPF_ANY)) {
		bpf_object__close(object);
		return -EINVAL;
	}
	program->wrapper = object;
	program->wrapper_fd = bpf_program__fd(call);
	return 0;
}

int program_wrap(struct program *program, const char *file)
{
	int err = -EINVAL;

	for (unsigned int kind = 0; err && kind < 4; kind++)
		err = wrapper_try(program, file, kind);
	if (err)
		return err;
	program->vary = map_memory(program->wrapper, "vary", 4096);
	program->order = map_memory(program->wrapper, "order", ORDER_SIZE * 8UL);
	return program->vary && program->order ? 0 : -ENOMEM;
}

static int on_record(void *arg, void *data, size_t size)
{
	(void)arg;
	(void)data;
	(void)size;
	return 0;
}

int program_drain(struct program *program, uint32_t cpu)
{
	int ring = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "evict", 0, 0, RING_SIZE, NULL);

	if (ring < 0 ||
	    bpf_map_update_elem(program_map(program, "evict_cpu"), &cpu, &ring, BPF_ANY))
		return -errno;
	program->evict = ring_buffer__new(ring, on_record, NULL, NULL);
	return program->evict ? 0 : -errno;
}

int program_drain_shared(struct program *program)
{
	program->evict = ring_buffer__new(program_map(program, "evict"), on_record, NULL, NULL);
	return program->evict ? 0 : -errno;
}

void program_close(struct program *program)
{
	ring_buffer__free(program->evict);
	if (program->vary)
		(void)munmap(program->vary, 4096);
	if (program->order)
		(void)munmap(program->order, ORDER_SIZE * 8UL);
	bpf_object__close(program->wrapper);
	bpf_object__close(program->object);
	*program = (struct program){ .fd = -1 };
}

/* Marsaglia, "Xorshift RNGs", 2003 */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

int program_order_zipf(struct program *program, uint32_t flows)
{
	double *sums = malloc(flows * sizeof(*sums)), sum = 0;
	uint32_t seed = 777;

	if (!sums)
		return -ENOMEM;
	for (uint32_t i = 0; i < flows; i++)
		sums[i] = sum += 1.0 / (i + 1);
	for (uint32_t i = 0; i < ORDER_SIZE; i++) {
		double at = next_random(&seed) / 4294967296.0 * sum;
		uint32_t low = 0, high = flows - 1;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (sums[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		program->order[i * 2UL] = low; /* a value takes 8 bytes */
	}
	free(sums);
	return 0;
}

double program_run(struct program *program, struct run *run)
{
	static uint8_t out[FRAME_ROOM];
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = run->frame->data,
		    .data_size_in = (uint32_t)run->frame->len, .data_out = out,
		    .data_size_out = sizeof(out));
	int fd = run->mode == VARY_NONE ? program->fd : program->wrapper_fd;
	uint32_t left = run->packets;
	double spent = 0, began;

	if (run->mode != VARY_NONE) {
		program->vary->mode = run->mode;
		program->vary->flows = run->flows;
		program->vary->base = run->base;
	}
	while (left) {
		options.repeat = left < CHUNK ? (int)left : CHUNK;
		options.data_size_out = sizeof(out);
		began = cpu_ns();
		if (bpf_prog_test_run_opts(fd, &options))
			return -1;
		spent += cpu_ns() - began;
		if (program->evict && ring_buffer__consume(program->evict) < 0)
			return -1;
		left -= (uint32_t)options.repeat;
	}
	run->verdict = options.retval;
	program->packets += run->packets;
	return spent / run->packets;
}
