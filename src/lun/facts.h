/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The results of a probe, and how they become the limits and features of a LUN. Nothing here sends
 * a command. Private to this folder.
 */
#ifndef LUN_FACTS_H
#define LUN_FACTS_H

#include <vscsi/lun.h>

#include "lun/lun.h"
#include "scsi/capacity.h"
#include "scsi/inquiry.h"
#include "scsi/mode.h"
#include "scsi/vpd.h"

/**
 * struct lun_facts - The results of a probe
 * @inquiry: standard INQUIRY data
 * @pages: supported VPD pages
 * @serial, @wwid: names as text; @identity: all names, complete
 * @capacity: zeros without a medium
 * @limits, @provisioning, @mode: zeros if not reported
 * @rotation: revolutions per minute; 1 for non-rotating media, 0 if not reported
 * @registered: the key of struct lun_probe is registered
 */
struct lun_facts {
	struct scsi_inquiry inquiry;
	struct scsi_vpd_pages pages;
	char serial[SCSI_SERIAL_SIZE];
	char wwid[SCSI_WWID_SIZE];
	struct scsi_identity identity;
	struct scsi_capacity capacity;
	struct scsi_vpd_limits limits;
	struct scsi_vpd_provisioning provisioning;
	struct scsi_mode mode;
	uint16_t rotation;
	bool registered;
};

/* Whether a device type has block commands. */
bool lun_type_has_blocks(uint32_t type);

/* Sets the errno of refused writes; io_lun_set_limits() must follow. */
void lun_facts_limit_writes(struct vscsi_lun *lun);

/* Initializes a handle that is not in use yet. @limits: of the device. */
void lun_facts_apply(const struct lun_facts *facts, const struct lun_limits *limits,
		     struct vscsi_lun *lun);

/**
 * lun_facts_adopt - Update capacity, limits and features of a handle in use, but not its names
 * @facts: results for the same disk
 * @limits: of the device
 * @lun: the handle; the table's lock is held
 */
void lun_facts_adopt(const struct lun_facts *facts, const struct lun_limits *limits,
		     struct vscsi_lun *lun);

#endif
