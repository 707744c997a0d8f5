/*
 * Growing a forest: each tree copies its rows, then cuts them at random until one is left, all are
 * alike, or the last level is reached.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/forest.h"
#include "agent/model/internal.h"
#include "agent/model/random.h"

/* One tree while it grows. */
struct grower {
	struct forest *forest;
	struct random random;
	float *rows;	   /* the tree's own copy, sample * features */
	uint32_t *order;   /* rows of a node lie together */
	uint32_t *varying; /* features that vary over the tree's rows */
	uint32_t varying_count;
	uint32_t *drawn; /* rows of the file, sorted */
	struct forest_node *nodes;
	float *depths, *densities;
};

/* The rows of one node, and where it lies. */
struct branch {
	uint32_t node, level;
	uint32_t from, count; /* in order[] */
	float sparseness;     /* log of the share of the root's volume */
};

/* @sample different rows of @count. Source: Floyd, CACM 30(9), 1987, over a small hash set. */
static void draw_rows(struct grower *g, size_t count)
{
	uint32_t sample = g->forest->sample, mask = FOREST_SAMPLE_MAX * 4 - 1, used = 0;
	uint32_t *set = g->drawn + sample;

	if (sample == count) {
		for (uint32_t i = 0; i < sample; i++)
			g->drawn[i] = i;
		return;
	}
	while (mask > sample * 4)
		mask >>= 1;
	memset(set, 0xff, (mask + 1) * sizeof(*set));
	for (size_t top = count - sample; top < count; top++) {
		uint32_t row = random_below(&g->random, (uint32_t)top + 1);

		for (int second = 0; second < 2; second++) {
			uint32_t slot = (uint32_t)hash_mix(row) & mask;

			while (set[slot] != UINT32_MAX && set[slot] != row)
				slot = (slot + 1) & mask;
			if (set[slot] != row) {
				set[slot] = row;
				g->drawn[used++] = row;
				break;
			}
			row = (uint32_t)top; /* drawn before: the newest one cannot have been */
		}
	}
}

/* Copies the drawn rows; notes which features vary at all. */
static void take_rows(struct grower *g, const float *rows)
{
	uint32_t features = g->forest->features;

	for (uint32_t i = 0; i < g->forest->sample; i++) {
		memcpy(g->rows + (size_t)i * features, rows + (size_t)g->drawn[i] * features,
		       features * sizeof(float));
		g->order[i] = i;
	}
	g->varying_count = 0;
	for (uint32_t f = 0; f < features; f++) {
		uint32_t i = 1;

		while (i < g->forest->sample && g->rows[(size_t)i * features + f] == g->rows[f])
			i++;
		if (i < g->forest->sample)
			g->varying[g->varying_count++] = f;
	}
}

static bool find_range(const struct grower *g, const struct branch *b, uint32_t feature, float *low,
		       float *high)
{
	uint32_t features = g->forest->features;
	float least = g->rows[(size_t)g->order[b->from] * features + feature], most = least;

	for (uint32_t i = 1; i < b->count; i++) {
		float x = g->rows[(size_t)g->order[b->from + i] * features + feature];

		least = x < least ? x : least;
		most = x > most ? x : most;
	}
	*low = least;
	*high = most;
	return least < most;
}

/*
 * A feature that varies here, all of them equally likely: the list is shuffled as far as needed.
 * What is constant here stays constant below, but lies in the list for the branches beside.
 */
static bool choose_feature(struct grower *g, const struct branch *b, uint32_t *feature, float *low,
			   float *high)
{
	for (uint32_t tried = 0; tried < g->varying_count; tried++) {
		uint32_t at = tried + random_below(&g->random, g->varying_count - tried);
		uint32_t chosen = g->varying[at];

		g->varying[at] = g->varying[tried];
		g->varying[tried] = chosen;
		if (find_range(g, b, chosen, low, high)) {
			*feature = chosen;
			return true;
		}
	}
	return false;
}

/* A cut in [low, high): the upper side always keeps a row. */
static float choose_threshold(struct grower *g, float low, float high)
{
	double unit = random_unit(&g->random);
	float threshold = (float)((double)low + unit * ((double)high - (double)low));

	return threshold < high ? threshold : low;
}

static uint32_t partition(struct grower *g, const struct branch *b, uint32_t feature,
			  float threshold)
{
	uint32_t features = g->forest->features, *order = g->order + b->from, left = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		uint32_t row = order[i];
		bool is_right = g->rows[(size_t)row * features + feature] > threshold;

		order[i] = order[left];
		order[left] = row;
		left += !is_right;
	}
	return left;
}

/* A branch that ends: every way down from it leads to its leftmost leaf. */
static void end_branch(struct grower *g, const struct branch *b)
{
	uint32_t node = b->node;
	float share = (float)b->count / (float)g->forest->sample;

	for (uint32_t level = b->level; level < g->forest->depth; level++) {
		g->nodes[node] = (struct forest_node){ .threshold = INFINITY };
		node *= 2;
	}
	node -= 1U << g->forest->depth;
	g->depths[node] = (float)(b->level + forest_mean_depth(b->count));
	if (g->densities)
		g->densities[node] = b->sparseness - logf(share);
}

/* Cuts @b; both halves come out. False: it ends here. */
static bool cut_branch(struct grower *g, const struct branch *b, struct branch halves[static 2])
{
	float low, high, threshold, share;
	uint32_t feature, left;

	if (b->level == g->forest->depth || b->count < 2 ||
	    !choose_feature(g, b, &feature, &low, &high))
		return false;
	threshold = choose_threshold(g, low, high);
	left = partition(g, b, feature, threshold);
	g->nodes[b->node] = (struct forest_node){ .threshold = threshold, .feature = feature };
	/* a side without width still has rows: as wide as one of them */
	share = (float)(((double)threshold - (double)low) / ((double)high - (double)low));
	share = fminf(fmaxf(share, 1e-6F), 1 - 1e-6F);
	halves[0] = (struct branch){ 2 * b->node, b->level + 1, b->from, left, 0 };
	halves[1] = (struct branch){ 2 * b->node + 1, b->level + 1, b->from + left, b->count - left,
				     0 };
	if (g->densities) {
		halves[0].sparseness = b->sparseness + logf(share);
		halves[1].sparseness = b->sparseness + logf(1 - share);
	}
	return true;
}

static void grow_tree(struct grower *g)
{
	struct branch waiting[FOREST_DEPTH_MAX + 2], halves[2];
	unsigned int count = 1;

	waiting[0] = (struct branch){ .node = 1, .count = g->forest->sample };
	while (count > 0) {
		struct branch b = waiting[--count];

		if (!cut_branch(g, &b, halves)) {
			end_branch(g, &b);
			continue;
		}
		waiting[count++] = halves[1];
		waiting[count++] = halves[0];
	}
}

static int check(size_t count, uint32_t features, const struct forest_options *options)
{
	if (!options->trees || options->trees > FOREST_TREES_MAX)
		return -EINVAL;
	if (options->sample < FOREST_SAMPLE_MIN || options->sample > FOREST_SAMPLE_MAX)
		return -EINVAL;
	if (!features || features > MODEL_FEATURES_MAX)
		return -EINVAL;
	return count < FOREST_SAMPLE_MIN || count > MODEL_ROWS_MAX ? -EINVAL : 0;
}

static void grow_all(struct grower *g, const float *rows, size_t count, uint64_t seed)
{
	struct forest *forest = g->forest;
	size_t cells = (size_t)1 << forest->depth;

	for (uint32_t tree = 0; tree < forest->trees; tree++) {
		g->random.state = hash_pair(seed, tree);
		g->nodes = forest->nodes + tree * cells;
		g->depths = forest->depths + tree * cells;
		g->densities = forest->densities ? forest->densities + tree * cells : NULL;
		draw_rows(g, count);
		take_rows(g, rows);
		grow_tree(g);
	}
}

int forest_fit(const float *rows, size_t count, uint32_t features,
	       const struct forest_options *options, struct forest **out)
{
	CLEANUP(forest_free) struct forest *forest = NULL;
	CLEANUP(free) float *copy = NULL;
	CLEANUP(free) uint32_t *numbers = NULL;
	struct forest sizes = { .trees = options->trees, .features = features };
	struct grower grower = { 0 };
	uint32_t sample;

	if (check(count, features, options))
		return -EINVAL;
	sample = count < options->sample ? (uint32_t)count : options->sample;
	sizes.sample = sample;
	while (1U << sizes.depth < sample)
		sizes.depth++;
	forest = forest_alloc(&sizes, options->has_density);
	copy = malloc((size_t)sample * features * sizeof(*copy));
	numbers = calloc(2 * (size_t)sample + features + 4UL * FOREST_SAMPLE_MAX, sizeof(*numbers));
	if (!forest || !copy || !numbers)
		return -ENOMEM;
	grower.forest = forest;
	grower.rows = copy;
	grower.order = numbers;
	grower.varying = numbers + sample;
	grower.drawn = grower.varying + features;
	grow_all(&grower, rows, count, options->seed);
	*out = TAKE(forest);
	return 0;
}
