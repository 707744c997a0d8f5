/*
 * Up to eight flows of each of 128 cases. When all are taken the longest unused makes room.
 */
#include "agent/detect/evidence.h"

#include <stddef.h>

#include "agent/util/clock.h"

#define CASES	128
#define KEEP_NS (3600 * NS_PER_S)

struct evidence_case {
	struct row row;
	unsigned int count;
	struct flow flows[FINDING_EVIDENCE_MAX];
};

static const struct row_shape evidence_case_shape = { .size = sizeof(struct evidence_case),
						      .clear_size =
							      offsetof(struct evidence_case, flows),
						      .keep_ns = KEEP_NS };

int evidence_init(struct evidence *evidence)
{
	return rowset_init(&evidence->cases, CASES, &evidence_case_shape);
}

void evidence_done(struct evidence *evidence)
{
	rowset_done(&evidence->cases);
}

void evidence_keep(struct evidence *evidence, uint64_t key, const struct flow *flow)
{
	bool is_new;
	struct evidence_case *kept = rowset_take(&evidence->cases, key, flow->last_ns, &is_new);
	unsigned int i = 0;

	while (i < kept->count && kept->flows[i].id != flow->id)
		i++;
	if (i == FINDING_EVIDENCE_MAX)
		return;
	kept->flows[i] = *flow;
	if (i == kept->count)
		kept->count++;
}

void evidence_give(const struct evidence *evidence, uint64_t key, struct finding *finding)
{
	const struct evidence_case *kept = rowset_find(&evidence->cases, key);

	if (!kept)
		return;
	finding->evidence_count = kept->count;
	for (unsigned int i = 0; i < kept->count; i++)
		finding->evidence[i] = kept->flows[i];
}
