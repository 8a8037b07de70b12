/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe: reads identity, capacity, limits and features of a logical unit, one query at a time.
 * Private to this folder.
 */
#ifndef LUN_PROBE_H
#define LUN_PROBE_H

#include "lun/facts.h"
#include "lun/query.h"

/**
 * struct lun_probe - A walk through the table of steps
 * @query: the current query
 * @identity_only: skip all steps after the identity
 * @key: reservation key that may be registered; 0: none
 * @step: current step; @asked: its query has begun
 * @dropping: the query in flight belongs to an earlier walk: discard its answer
 * @names_bytes: length of page 83h if the answer was cut off, else 0
 * @capacity_known, @mode_known: no other form of the command is needed
 * @repeats: queries repeated because they were aborted
 * @restarts: walks restarted because of a unit attention
 * @facts: results so far
 */
struct lun_probe {
	struct query query;
	bool identity_only;
	uint64_t key;
	unsigned step;
	bool asked;
	bool dropping;
	uint32_t names_bytes;
	bool capacity_known;
	bool mode_known;
	unsigned repeats;
	unsigned restarts;
	struct lun_facts facts;
};

/**
 * lun_probe_create - Allocate a probe with all its memory
 * @target, @number: LUN to probe
 *
 * Return: 0; -EINVAL, -ENOMEM with the text set.
 */
int lun_probe_create(struct lun_table *table, unsigned target, unsigned number,
		     struct lun_probe **out);
void lun_probe_destroy(struct lun_probe *probe);

/* Begins a walk. A walk in progress is discarded. @key: as in struct lun_probe. */
void lun_probe_begin(struct lun_probe *probe, bool identity_only, uint64_t key);

/**
 * lun_probe_step - Advance as far as possible without waiting
 * @unsent: as for query_step()
 *
 * Return: 0 when @probe->facts is complete (it stays valid until the next lun_probe_begin());
 * -EINPROGRESS; or a negative errno with the text set.
 */
int lun_probe_step(struct lun_probe *probe, bool *unsent);

#endif
