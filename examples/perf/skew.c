/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chooses ranks as in Gray and others, "Quickly generating billion-record synthetic databases"
 * (1994), and permutes them, so that frequent positions are not neighbours.
 */
#include "skew.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

/* fio's limit too: further ranks weigh little, and a sum takes time. */
#define MOST_SUMMED 10000000u

/* What fio takes if there is no number. */
#define DEFAULT_ZIPF   1.1
#define DEFAULT_PARETO 0.2

static int parse_number(const char **text, double *value)
{
	char *end;

	if (!**text)
		return 0;
	if (*(*text)++ != ':')
		return -EINVAL;
	*value = strtod(*text, &end);
	if (end == *text)
		return -EINVAL;
	*text = end;
	return 0;
}

int skew_parse(const char *text, struct skew *skew)
{
	size_t len = strcspn(text, ":");

	memset(skew, 0, sizeof(*skew));
	skew->center = -1;
	if (!text[0] || !strcmp(text, "random"))
		return 0;
	if (len == strlen("zipf") && !strncmp(text, "zipf", len)) {
		skew->kind = SKEW_ZIPF;
		skew->power = DEFAULT_ZIPF;
	} else if (len == strlen("pareto") && !strncmp(text, "pareto", len)) {
		skew->kind = SKEW_PARETO;
		skew->power = DEFAULT_PARETO;
	} else {
		return -EINVAL;
	}
	text += len;
	if (parse_number(&text, &skew->power))
		return -EINVAL;
	if (*text && (parse_number(&text, &skew->center) || !(skew->center >= 0)))
		return -EINVAL;
	/* Written so that they are false for a NaN too. */
	if (*text || !(skew->center <= 1) || !(skew->power > 0 && skew->power < 1000))
		return -EINVAL;
	if (skew->kind == SKEW_ZIPF ? skew->power == 1 : !(skew->power < 1))
		return -EINVAL;
	return 0;
}

void skew_init(struct skew *skew, uint64_t count, uint64_t seed)
{
	uint64_t i;

	skew->count = count;
	skew->seed = seed;
	skew->first = random_next(&skew->seed) % count;
	if (skew->center >= 0)
		skew->first = (uint64_t)((double)(count - 1) * skew->center);
	if (skew->kind == SKEW_PARETO) {
		skew->exponent = log(skew->power) / log(1 - skew->power);
		return;
	}
	skew->exponent = 1 / (1 - skew->power);
	skew->zeta2 = 1 + pow(0.5, skew->power);
	skew->zeta = 0;
	for (i = 1; i <= count && i <= MOST_SUMMED; i++)
		skew->zeta += pow(1 / (double)i, skew->power);
	skew->eta = (1 - pow(2 / (double)count, 1 - skew->power)) / (1 - skew->zeta2 / skew->zeta);
}

static uint64_t zipf_rank(const struct skew *skew, double uniform)
{
	double sum = uniform * skew->zeta;

	if (sum < 1)
		return 0;
	if (sum < skew->zeta2)
		return 1;
	return (uint64_t)((double)skew->count *
			  pow(skew->eta * uniform - skew->eta + 1, skew->exponent));
}

uint64_t skew_next(struct skew *skew)
{
	double uniform = (double)(random_next(&skew->seed) >> 11) / (double)(1ull << 53);
	uint64_t rank;

	if (skew->kind == SKEW_ZIPF)
		rank = zipf_rank(skew, uniform);
	else
		rank = (uint64_t)((double)(skew->count - 1) * pow(uniform, skew->exponent));
	return (pattern_permute(rank, skew->count) + skew->first) % skew->count;
}
