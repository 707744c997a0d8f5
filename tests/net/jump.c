/*
 * A wall clock that jumps: preloaded into a service under test, it adds the milliseconds in the
 * file named by SLUICE_TEST_JUMP to CLOCK_REALTIME. Mapped before rights are dropped.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jump_ms;

__attribute__((constructor)) static void jump_open(void)
{
	const char *path = getenv("SLUICE_TEST_JUMP");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);

	if (mapped != MAP_FAILED)
		jump_ms = mapped;
	if (fd >= 0)
		(void)close(fd); /* read only */
}

static void add(struct timespec *time)
{
	int64_t ms = jump_ms ? *jump_ms : 0;

	time->tv_sec += ms / 1000;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result = (int)syscall(SYS_clock_gettime, clock, time);

	if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		add(time);
	return result;
}

time_t time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return 0;
}
