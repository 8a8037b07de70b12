/* SPDX-License-Identifier: BSD-3-Clause */
/* Holds chains against the framing of SCSI requests and events (virtio 1.4, 5.6.6). */
#include "rig/internal.h"

#define HEADER   19u /* of a command, before the CDB (5.6.6.1) */
#define RESPONSE 12u /* of a command, before the sense data */
#define TMF      24u /* 5.6.6.2 */
#define AN       16u
#define EVENT    16u /* 5.6.6.3 */

/*
 * 2.7.4 leaves the framing free, but real back-ends take the first readable descriptor for the
 * header and the first writable one for the response, so that each has to be alone in its own.
 */
static void check_command(struct rig *rig, unsigned queue, const struct rig_chain *chain)
{
	uint32_t header = HEADER + rig->opts.config.cdb_size;
	uint32_t response = RESPONSE + rig->opts.config.sense_size;

	if (chain->readable == 0 || chain->elems[0].len != header)
		rig_violate(rig, "queue %u, chain %u: R-SCSI-28: no separate header buffer", queue,
			    chain->head);
	if (chain->readable == chain->count || chain->elems[chain->readable].len != response)
		rig_violate(rig, "queue %u, chain %u: R-SCSI-27, 28: no separate response buffer",
			    queue, chain->head);
}

static void check_control(struct rig *rig, const struct rig_chain *chain)
{
	uint32_t len = chain->readable ? chain->elems[0].len : 0;

	if (chain->count != 2 || chain->readable != 1 || (len != TMF && len != AN))
		rig_violate(rig, "control queue, chain %u: malformed request", chain->head);
}

void framing_check(struct rig *rig, unsigned queue, const struct rig_chain *chain)
{
	if (queue >= 2)
		check_command(rig, queue, chain);
	else if (queue == 0)
		check_control(rig, chain);
	else if (chain->count != 1 || chain->readable || chain->elems[0].len < EVENT)
		rig_violate(rig, "event queue, chain %u: no buffer for an event", chain->head);
}
