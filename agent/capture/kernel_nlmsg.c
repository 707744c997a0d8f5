/*
 * Netlink requests and replies, as in netlink(7). Everything read is bounded by its own length
 * and by what was received.
 */
#include "agent/capture/kernel_nlmsg.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/util/cleanup.h"

#define REPLY_TIMEOUT_S 2

void *nlmsg_begin(struct nlmsg_request *request, uint16_t type, uint16_t flags, size_t size)
{
	assert(NLMSG_ALIGN(size) <= sizeof(request->body));
	request->head.nlmsg_type = type;
	request->head.nlmsg_flags = NLM_F_REQUEST | flags;
	request->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(NLMSG_ALIGN(size));
	return request->body;
}

static struct rtattr *put(struct nlmsg_request *request, uint16_t type, const void *data,
			  size_t len)
{
	struct rtattr *attr = (struct rtattr *)((char *)request + request->head.nlmsg_len);

	assert(request->head.nlmsg_len + RTA_SPACE(len) <= sizeof(*request));
	attr->rta_type = type;
	attr->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	request->head.nlmsg_len += (uint32_t)RTA_SPACE(len);
	return attr;
}

void nlmsg_put(struct nlmsg_request *request, uint16_t type, const void *data, size_t len)
{
	(void)put(request, type, data, len);
}

void nlmsg_put_u32(struct nlmsg_request *request, uint16_t type, uint32_t value)
{
	(void)put(request, type, &value, sizeof(value));
}

struct rtattr *nlmsg_nest(struct nlmsg_request *request, uint16_t type)
{
	return put(request, type, NULL, 0);
}

void nlmsg_nest_end(struct nlmsg_request *request, struct rtattr *nest)
{
	const char *end = (const char *)request + request->head.nlmsg_len;

	nest->rta_len = (unsigned short)(end - (const char *)nest);
}

void nlmsg_attrs(const struct rtattr *attr, size_t left, const struct rtattr **attrs,
		 unsigned short max)
{
	memset(attrs, 0, (max + 1UL) * sizeof(const struct rtattr *));
	while (left >= sizeof(*attr) && attr->rta_len >= sizeof(*attr) && attr->rta_len <= left) {
		unsigned short type = attr->rta_type & NLA_TYPE_MASK;
		size_t step = RTA_ALIGN(attr->rta_len);

		if (type <= max)
			attrs[type] = attr;
		left -= step < left ? step : left;
		attr = (const struct rtattr *)((const char *)attr + step);
	}
}

const struct rtattr *nlmsg_nested(const struct rtattr *parent, unsigned short type)
{
	const struct rtattr *attr = parent ? RTA_DATA(parent) : NULL;
	size_t left = parent ? RTA_PAYLOAD(parent) : 0;

	while (left >= sizeof(*attr) && attr->rta_len >= sizeof(*attr) && attr->rta_len <= left) {
		size_t step = RTA_ALIGN(attr->rta_len);

		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
		left -= step < left ? step : left;
		attr = (const struct rtattr *)((const char *)attr + step);
	}
	return NULL;
}

uint32_t nlmsg_u32(const struct rtattr *attr)
{
	uint32_t value = 0;

	if (attr && RTA_PAYLOAD(attr) >= sizeof(value))
		memcpy(&value, RTA_DATA(attr), sizeof(value));
	return value;
}

void nlmsg_text(const struct rtattr *attr, char *out, size_t size)
{
	size_t len = attr ? RTA_PAYLOAD(attr) : 0;

	len = len < size - 1 ? len : size - 1;
	if (len)
		memcpy(out, RTA_DATA(attr), len);
	out[len] = '\0';
}

/* The attributes of an error message come after the request it answers, which is cut to its header
 * when capped (netlink(7), NETLINK_CAP_ACK). */
static void read_reason(const struct nlmsghdr *message, struct nlmsg_answer *answer)
{
	const struct nlmsgerr *error = NLMSG_DATA(message);
	const struct rtattr *attrs[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*error);

	if (!answer || !(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED) && error->msg.nlmsg_len > sizeof(error->msg))
		skip += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	if (NLMSG_PAYLOAD(message, 0) < skip)
		return;
	nlmsg_attrs((const struct rtattr *)((const char *)error + skip),
		    NLMSG_PAYLOAD(message, 0) - skip, attrs, NLMSGERR_ATTR_MAX);
	nlmsg_text(attrs[NLMSGERR_ATTR_MSG], answer->text, answer->size);
}

/* One received datagram. Returns 1 to go on, 0 at the end, or -errno. */
static int read_part(const char *buffer, size_t left, nlmsg_read_fn read, void *arg,
		     struct nlmsg_answer *answer)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;

	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		const struct nlmsgerr *error = NLMSG_DATA(message);
		int err;

		if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
			if (NLMSG_PAYLOAD(message, 0) < sizeof(error->error))
				return -EPROTO;
			if (message->nlmsg_type == NLMSG_ERROR &&
			    NLMSG_PAYLOAD(message, 0) >= sizeof(*error))
				read_reason(message, answer);
			return error->error;
		}
		err = read ? read(message, arg) : 0;
		if (err < 0)
			return err;
	}
	return 1;
}

static int open_socket(void)
{
	const struct timeval timeout = { .tv_sec = REPLY_TIMEOUT_S };
	const int on = 1;
	CLEANUP(close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on)))
		return -errno;
	return TAKE_FD(fd);
}

int nlmsg_exchange(struct nlmsg_request *request, nlmsg_read_fn read, void *arg,
		   struct nlmsg_answer *answer)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_BUFFER_BYTES];
	CLEANUP(close) int fd = open_socket();
	int state = 1;

	if (fd < 0)
		return fd;
	if (send(fd, request, request->head.nlmsg_len, 0) < 0)
		return -errno;
	while (state > 0) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		state = read_part(buffer, (size_t)got, read, arg, answer);
	}
	return state;
}
