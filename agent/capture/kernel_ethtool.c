/*
 * NIC offloads that keep a driver from native XDP: which, whether they can be switched off, and
 * the command that does. Features by name through the ethtool ioctl, as ethtool(8) does it.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/capture/kernel.h"
#include "agent/util/cleanup.h"

#define FEATURES_MAX 256 /* 64 in Linux 6.18 (include/linux/netdev_features.h); room to grow */
#define BLOCKS_MAX   (FEATURES_MAX / 32)

/* A word of the driver's refusal, the feature it means by its kernel name, and what the host of a
 * virtual NIC must switch off when the guest cannot. */
static const struct {
	const char *word;
	const char *features[3];
	const char *host;
} offloads[] = {
	{ "GRO_HW", { "rx-gro-hw", NULL }, "guest_tso4, guest_tso6, guest_csum" },
	{ "GRO-HW", { "rx-gro-hw", NULL }, NULL },
	{ "HW-GRO", { "rx-gro-hw", NULL }, NULL },
	{ "LRO", { "rx-lro", NULL }, NULL },
};

/* The ioctl's structures end in arrays without a size; these are the same with room. */
struct feature_state {
	uint32_t cmd, size;
	struct ethtool_get_features_block blocks[BLOCKS_MAX];
};

struct feature_order {
	uint32_t cmd, size;
	struct ethtool_set_features_block blocks[BLOCKS_MAX];
};

struct feature_names {
	uint32_t cmd, set, count;
	char text[FEATURES_MAX][ETH_GSTRING_LEN];
};

struct feature_count {
	uint32_t cmd, reserved;
	uint64_t sets;
	uint32_t count;
};

#define SAME_OFFSET(ours, a, theirs, b) \
	_Static_assert(offsetof(struct ours, a) == offsetof(struct theirs, b), "as the kernel's")
SAME_OFFSET(feature_state, blocks, ethtool_gfeatures, features);
SAME_OFFSET(feature_order, blocks, ethtool_sfeatures, features);
SAME_OFFSET(feature_names, text, ethtool_gstrings, data);
SAME_OFFSET(feature_count, count, ethtool_sset_info, data);

static int ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq request = { 0 };

	(void)strncpy(request.ifr_name, ifname, sizeof(request.ifr_name) - 1);
	request.ifr_data = command;
	return ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
}

/* How many features the kernel knows; their names in @names. */
static int read_names(int fd, const char *ifname, struct feature_names *names)
{
	struct feature_count sets = { .cmd = ETHTOOL_GSSET_INFO, .sets = 1ULL << ETH_SS_FEATURES };
	int err = ethtool(fd, ifname, &sets);

	if (err)
		return err;
	if (!sets.count || sets.count > FEATURES_MAX)
		return -E2BIG;
	names->cmd = ETHTOOL_GSTRINGS;
	names->set = ETH_SS_FEATURES;
	names->count = sets.count;
	err = ethtool(fd, ifname, names);
	return err ? err : (int)sets.count;
}

static int feature_bit(const struct feature_names *names, int count, const char *name)
{
	for (int i = 0; i < count; i++) {
		if (!strncmp(names->text[i], name, ETH_GSTRING_LEN))
			return i;
	}
	return -ENOENT;
}

/* Switch off those of @features that are on and may be; with @is_asking only say if one could. */
static int features_off(const char *ifname, const char *const *features, bool is_asking)
{
	CLEANUP(close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct feature_names names = { 0 };
	struct feature_state state = { .cmd = ETHTOOL_GFEATURES, .size = BLOCKS_MAX };
	struct feature_order order = { .cmd = ETHTOOL_SFEATURES };
	int count;
	int wanted = 0;

	if (fd < 0)
		return -errno;
	count = read_names(fd, ifname, &names);
	if (count < 0)
		return count;
	order.size = (uint32_t)(count + 31) / 32;
	if (ethtool(fd, ifname, &state))
		return -EOPNOTSUPP;
	for (; *features; features++) {
		int bit = feature_bit(&names, count, *features);
		uint32_t mask = bit < 0 ? 0 : 1U << (bit % 32);
		const struct ethtool_get_features_block *now =
			&state.blocks[bit < 0 ? 0 : bit / 32];

		if (!(now->active & mask) || !(now->available & mask) ||
		    (now->never_changed & mask))
			continue;
		order.blocks[bit / 32].valid |= mask;
		wanted++;
	}
	if (!wanted)
		return -EOPNOTSUPP;
	return is_asking ? 0 : ethtool(fd, ifname, &order);
}

static int find_offload(const char *reason)
{
	for (size_t i = 0; i < sizeof(offloads) / sizeof(offloads[0]); i++) {
		if (strstr(reason, offloads[i].word))
			return (int)i;
	}
	return -ENOENT;
}

void kernel_offload_note(const char *ifname, const char *reason, char *note, size_t size)
{
	int found = find_offload(reason);
	const char *host;

	if (found < 0) {
		(void)snprintf(note, size, "no native XDP: %s", reason);
		return;
	}
	if (!features_off(ifname, offloads[found].features, true)) {
		(void)snprintf(note, size, "no native XDP while %s is on: ethtool -K %s %s off",
			       offloads[found].word, ifname, offloads[found].features[0]);
		return;
	}
	host = offloads[found].host;
	(void)snprintf(note, size,
		       "no native XDP while %s is on: ethtool -K %s %s off; fixed here%s%s",
		       offloads[found].word, ifname, offloads[found].features[0],
		       host ? ", so the host must switch off " : "", host ? host : "");
}

int kernel_offload_fix(const char *ifname, const char *reason)
{
	int found = find_offload(reason);

	return found < 0 ? found : features_off(ifname, offloads[found].features, false);
}
