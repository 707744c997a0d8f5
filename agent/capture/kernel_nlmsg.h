/*
 * Netlink messages: one request, its replies with bounds checked, the kernel's own words when it
 * refuses. Opens a socket per request. The loader's thread.
 */
#ifndef SLUICE_CAPTURE_KERNEL_NLMSG_H
#define SLUICE_CAPTURE_KERNEL_NLMSG_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#define NLMSG_BUFFER_BYTES                                                    \
	32768 /* a dump's part is at most 32 KiB (af_netlink.c, netlink_dump) \
	       */
#define NLMSG_REQUEST_BYTES 256

struct nlmsg_request {
	struct nlmsghdr head;
	uint8_t body[NLMSG_REQUEST_BYTES];
};

/* Where the extended acknowledgement's text goes (NLMSGERR_ATTR_MSG). */
struct nlmsg_answer {
	char *text;
	size_t size;
};

typedef int (*nlmsg_read_fn)(const struct nlmsghdr *message, void *arg);

/* nlmsg_begin - header and a zeroed family header of @size bytes, which is returned. */
void *nlmsg_begin(struct nlmsg_request *request, uint16_t type, uint16_t flags, size_t size);
/* The request never outgrows its body: our requests are of fixed shape. */
void nlmsg_put_u32(struct nlmsg_request *request, uint16_t type, uint32_t value);
void nlmsg_put(struct nlmsg_request *request, uint16_t type, const void *data, size_t len);
struct rtattr *nlmsg_nest(struct nlmsg_request *request, uint16_t type);
void nlmsg_nest_end(struct nlmsg_request *request, struct rtattr *nest);

/*
 * nlmsg_exchange - send, and hand every reply to @read until the dump's end or acknowledgement.
 * @read, @answer: may be NULL
 * Returns 0, the kernel's -errno, -ETIMEDOUT, or what @read returned below 0.
 */
int nlmsg_exchange(struct nlmsg_request *request, nlmsg_read_fn read, void *arg,
		   struct nlmsg_answer *answer);

/* nlmsg_attrs - attributes by type, NULL where absent; @attrs holds @max + 1. */
void nlmsg_attrs(const struct rtattr *attr, size_t left, const struct rtattr **attrs,
		 unsigned short max);
/* nlmsg_nested - attribute of @type within @parent (may be NULL), or NULL. */
const struct rtattr *nlmsg_nested(const struct rtattr *parent, unsigned short type);
/* nlmsg_u32 - 0 when absent or too short. */
uint32_t nlmsg_u32(const struct rtattr *attr);
/* nlmsg_text - copied and terminated; "" when absent. */
void nlmsg_text(const struct rtattr *attr, char *out, size_t size);

#endif
