/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/scsi/ - SCSI data formats
 *
 * Provides: builders for CDBs and parameter lists, parsers for everything a device returns, and the
 * mapping of a response to an errno. The headers below can also be included one by one.
 *
 * Never does: allocate, log, keep state, send a command or decide what to do about an error. A
 * parser reads no byte beyond the length it was given, whatever the lengths inside the data say.
 *
 * Locking: none needed; all functions are pure.
 */
#ifndef SCSI_SCSI_H
#define SCSI_SCSI_H

#include "scsi/capacity.h"
#include "scsi/cdb.h"
#include "scsi/inquiry.h"
#include "scsi/lun_addr.h"
#include "scsi/mode.h"
#include "scsi/report_luns.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "scsi/vpd.h"

#endif
