/*
 * A bounded burst of small UDP packets for the counting tests: usage: sender ADDRESS PORT COUNT
 * SOURCES [PORTS [FROM RATE]]. Prints how many the kernel took. Source ports 20000 .. 20000 +
 * SOURCES - 1, each packet to the next of the PORTS from PORT on. With the address FROM, at RATE
 * packets a second whatever becomes of the interface, until SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    64
#define SOURCES_MAX 1024

struct burst {
	struct in_addr to, from;
	unsigned int port, ports; /* destination ports: the first, how many */
	unsigned long next;	  /* packets so far */
	long rate;		  /* a second; 0 = as fast as it goes */
};

static volatile sig_atomic_t is_over;

static void end(int number)
{
	(void)number;
	is_over = 1;
}

static int open_source(const struct burst *burst, unsigned int index)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_addr = burst->from,
				    .sin_port = htons((uint16_t)(20000 + index)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from))) {
		perror("sender");
		exit(1);
	}
	return fd;
}

/* Up to @want packets of one source; how many went. */
static long send_batch(int fd, struct burst *burst, long want)
{
	static char payload[18];
	struct iovec part = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct sockaddr_in to[BATCH];
	struct mmsghdr messages[BATCH];
	int count = want < BATCH ? (int)want : BATCH, sent;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < count; i++) {
		unsigned long step = (burst->next + (unsigned long)i) % burst->ports;

		to[i] = (struct sockaddr_in){ .sin_family = AF_INET,
					      .sin_addr = burst->to,
					      .sin_port = htons((uint16_t)(burst->port + step)) };
		messages[i].msg_hdr.msg_name = &to[i];
		messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, messages, (unsigned int)count, 0);
	if (sent < 0 && (burst->rate || errno == ENOBUFS || errno == EAGAIN))
		return 0;
	if (sent < 0) {
		perror("sender: sendmmsg");
		exit(1);
	}
	burst->next += (unsigned long)sent;
	return sent;
}

/* Time that one batch takes at the rate. */
static void pace(const struct burst *burst)
{
	struct timespec pause = { .tv_nsec = 0 };

	if (!burst->rate)
		return;
	pause.tv_nsec = 1000000000L / burst->rate * BATCH;
	(void)nanosleep(&pause, NULL); /* cut short by SIGTERM only */
}

int main(int argc, char **argv)
{
	struct burst burst = { .ports = 1 };
	int fds[SOURCES_MAX];
	unsigned int sources;
	long left;

	if (argc < 5 || argc == 7 || argc > 8 || inet_pton(AF_INET, argv[1], &burst.to) != 1)
		return 2;
	burst.port = (unsigned int)strtoul(argv[2], NULL, 10);
	left = strtol(argv[3], NULL, 10);
	sources = (unsigned int)strtoul(argv[4], NULL, 10);
	if (argc > 5)
		burst.ports = (unsigned int)strtoul(argv[5], NULL, 10);
	if (argc == 8) {
		burst.rate = strtol(argv[7], NULL, 10);
		if (inet_pton(AF_INET, argv[6], &burst.from) != 1 || burst.rate < BATCH)
			return 2;
	}
	if (sources < 1 || sources > SOURCES_MAX || burst.ports < 1 ||
	    burst.port + burst.ports > 65536)
		return 2;
	for (unsigned int i = 0; i < sources; i++)
		fds[i] = open_source(&burst, i);
	if (signal(SIGTERM, end) == SIG_ERR)
		return 1;
	for (unsigned int i = 0; left > 0 && !is_over; i = (i + 1) % sources) {
		left -= send_batch(fds[i], &burst, left);
		pace(&burst);
	}
	printf("%lu\n", burst.next);
	return 0;
}
