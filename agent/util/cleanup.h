/*
 * Resources that clean up themselves: CLEANUP(x_free) struct x *p = NULL; and hand over with
 * TAKE(p). DEFINE_CLEANUP makes the glue for one destructor of a pointer type. Any thread.
 */
#ifndef SLUICE_UTIL_CLEANUP_H
#define SLUICE_UTIL_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn##_cleanup)))

/* The value of @p, which is NULL afterwards: ownership moves to whoever takes the result. */
#define TAKE(p)                             \
	({                                  \
		__typeof__(p) taken_ = (p); \
		(p) = NULL;                 \
		taken_;                     \
	})

#define DEFINE_CLEANUP(fn, type)                                                           \
	static inline void fn##_cleanup(type **p) /* NOLINT(bugprone-macro-parentheses) */ \
	{                                                                                  \
		fn(*p);                                                                    \
	}

static inline void free_cleanup(void *p)
{
	void *memory = *(void **)p;

	free(memory);
}

static inline void close_cleanup(const int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about a failing close of a descriptor we leave */
}

/* As TAKE for a descriptor guarded by CLEANUP(close): it becomes -1. */
#define TAKE_FD(fd)             \
	({                      \
		int fd_ = (fd); \
		(fd) = -1;      \
		fd_;            \
	})

#endif
