/*
 * A bounded burst of small UDP packets for the counting tests: usage: sender ADDRESS PORT COUNT
 * FLOWS. Prints how many the kernel took. Source ports 20000 .. 20000 + FLOWS - 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH	  64
#define FLOWS_MAX 1024

static int open_flow(const struct sockaddr_in *to, unsigned int index)
{
	struct sockaddr_in from = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)(20000 + index)) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (const struct sockaddr *)to, sizeof(*to))) {
		perror("sender");
		exit(1);
	}
	return fd;
}

/* Up to @want packets of one flow; how many went. A refusal by the other side is no failure. */
static long send_batch(int fd, long want)
{
	static char payload[18];
	struct iovec part = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct mmsghdr messages[BATCH];
	int count = want < BATCH ? (int)want : BATCH, sent;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < count; i++) {
		messages[i].msg_hdr.msg_iov = &part;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	sent = sendmmsg(fd, messages, (unsigned int)count, 0);
	if (sent < 0 && (errno == ENOBUFS || errno == EAGAIN || errno == ECONNREFUSED))
		return 0;
	if (sent < 0) {
		perror("sender: sendmmsg");
		exit(1);
	}
	return sent;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fds[FLOWS_MAX];
	long left, sent = 0;
	unsigned int flows;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	left = strtol(argv[3], NULL, 10);
	flows = (unsigned int)strtoul(argv[4], NULL, 10);
	if (flows < 1 || flows > FLOWS_MAX)
		return 2;
	for (unsigned int i = 0; i < flows; i++)
		fds[i] = open_flow(&to, i);
	for (unsigned int i = 0; left > 0; i = (i + 1) % flows) {
		long now = send_batch(fds[i], left);

		left -= now;
		sent += now;
	}
	printf("%ld\n", sent);
	return 0;
}
