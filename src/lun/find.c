/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds a LUN by one of its names: probes all LUNs of a scan, because two may have the name. */
#include <errno.h>
#include <stdlib.h>

#include "lun/find.h"
#include "lun/probe.h"
#include "util/error.h"

/**
 * struct lun_find - A search
 * @table: table of the device
 * @id: the name
 * @left, @count: LUNs still to probe, beginning with the current one
 * @probe: of the current LUN; NULL: not begun
 * @found: first LUN that has the name; @identity: its identity
 * @matches: number of LUNs that have the name
 */
struct lun_find {
	struct lun_table *table;
	const char *id;
	const struct vscsi_lun_addr *left;
	unsigned count;
	struct lun_probe *probe;
	struct vscsi_lun_addr found;
	struct scsi_identity identity;
	unsigned matches;
};

int lun_find_begin(struct lun_table *table, const char *id, const struct vscsi_lun_addr *addrs,
		   unsigned count, struct lun_find **out)
{
	struct lun_find *find = calloc(1, sizeof(*find));

	if (!find)
		return error_set(-ENOMEM, "out of memory");
	find->table = table;
	find->id = id;
	find->left = addrs;
	find->count = count;
	*out = find;
	return 0;
}

void lun_find_end(struct lun_find *find)
{
	lun_probe_destroy(find->probe);
	free(find);
}

/* Processes the result of a probe. Return: 0, or the error that the search fails with. */
static int take(struct lun_find *find, int err)
{
	const struct vscsi_lun_addr *addr = find->left++;
	bool same = !err && scsi_identity_has(&find->probe->facts.identity, find->id);
	bool first = same && !find->matches++;

	find->count--;
	if (first) {
		find->found = *addr;
		find->identity = find->probe->facts.identity;
	}
	lun_probe_destroy(find->probe);
	find->probe = NULL;
	/* A LUN that rejects the probe doesn't match. */
	if (!same)
		return query_has_no_answer(err) ? err : 0;
	if (!first)
		return error_set(-ENOTUNIQ,
				 "LUN %u:%u and LUN %u:%u have the same identity \"%s\"; open one "
				 "of them by its address",
				 find->found.target, find->found.lun, addr->target, addr->lun,
				 find->id);
	return 0;
}

int lun_find_step(struct lun_find *find, struct vscsi_lun_addr *out, struct scsi_identity *identity)
{
	bool unsent = false;
	int err = 0;

	while (!err && find->count) {
		if (!find->probe) {
			err = lun_probe_create(find->table, find->left->target, find->left->lun,
					       &find->probe);
			if (err)
				return err;
			lun_probe_begin(find->probe, true, 0);
		}
		err = lun_probe_step(find->probe, &unsent);
		if (unsent)
			query_submit(find->table->queue);
		if (err != -EINPROGRESS)
			err = take(find, err);
	}
	if (err)
		return err;
	if (!find->matches)
		return error_set(-ENODEV, "no LUN of the device has the identity \"%s\"", find->id);
	*out = find->found;
	*identity = find->identity;
	return 0;
}
