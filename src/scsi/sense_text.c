/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sense data in words. The numbers are T10's (SPC-4, "ASC and ASCQ assignments"): those that disks,
 * CD-ROMs and arrays return, not those of tapes, printers and scanners.
 */
#include <vscsi/scsi.h>

#include "scsi/sense.h"
#include "util/bits.h"
#include "util/export.h"

#define NAME_NO_SENSE        "NO SENSE"
#define NAME_RECOVERED_ERROR "RECOVERED ERROR"
#define NAME_NOT_READY       "NOT READY"
#define NAME_MEDIUM_ERROR    "MEDIUM ERROR"
#define NAME_HARDWARE_ERROR  "HARDWARE ERROR"
#define NAME_ILLEGAL_REQUEST "ILLEGAL REQUEST"
#define NAME_UNIT_ATTENTION  "UNIT ATTENTION"
#define NAME_DATA_PROTECT    "DATA PROTECT"
#define NAME_BLANK_CHECK     "BLANK CHECK"
#define NAME_VENDOR_SPECIFIC "VENDOR SPECIFIC"
#define NAME_COPY_ABORTED    "COPY ABORTED"
#define NAME_ABORTED_COMMAND "ABORTED COMMAND"
#define NAME_VOLUME_OVERFLOW "VOLUME OVERFLOW"
#define NAME_MISCOMPARE      "MISCOMPARE"
#define NAME_COMPLETED       "COMPLETED"

struct sense_words {
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
	const char *text;
};

/* The key belongs to the entry: so each sentence can be one static string. */
#define WORDS(key, asc, ascq, text)                             \
	{                                                       \
		SCSI_KEY_##key, asc, ascq, NAME_##key ": " text \
	}

/* By key, then by code. A code that comes with several keys, as 31/00 does, is here for each. */
static const struct sense_words words[] = {
	WORDS(RECOVERED_ERROR, 0x00, 0x1d, "ATA pass-through information available"),
	WORDS(RECOVERED_ERROR, 0x0b, 0x01, "warning - specified temperature exceeded"),
	WORDS(RECOVERED_ERROR, 0x0c, 0x01, "write error - recovered with auto reallocation"),
	WORDS(RECOVERED_ERROR, 0x17, 0x00, "recovered data with no error correction applied"),
	WORDS(RECOVERED_ERROR, 0x17, 0x01, "recovered data with retries"),
	WORDS(RECOVERED_ERROR, 0x18, 0x00, "recovered data with error correction applied"),
	WORDS(RECOVERED_ERROR, 0x37, 0x00, "rounded parameter"),
	WORDS(RECOVERED_ERROR, 0x5d, 0x00, "failure prediction threshold exceeded"),

	WORDS(NOT_READY, 0x04, 0x00, "logical unit not ready, cause not reportable"),
	WORDS(NOT_READY, 0x04, 0x01, "logical unit is in process of becoming ready"),
	WORDS(NOT_READY, 0x04, 0x02, "logical unit not ready, initializing command required"),
	WORDS(NOT_READY, 0x04, 0x03, "logical unit not ready, manual intervention required"),
	WORDS(NOT_READY, 0x04, 0x04, "logical unit not ready, format in progress"),
	WORDS(NOT_READY, 0x04, 0x05, "logical unit not ready, rebuild in progress"),
	WORDS(NOT_READY, 0x04, 0x06, "logical unit not ready, recalculation in progress"),
	WORDS(NOT_READY, 0x04, 0x07, "logical unit not ready, operation in progress"),
	WORDS(NOT_READY, 0x04, 0x08, "logical unit not ready, long write in progress"),
	WORDS(NOT_READY, 0x04, 0x09, "logical unit not ready, self-test in progress"),
	WORDS(NOT_READY, 0x04, 0x0a,
	      "logical unit not accessible, asymmetric access state transition"),
	WORDS(NOT_READY, 0x04, 0x0b, "logical unit not accessible, target port in standby state"),
	WORDS(NOT_READY, 0x04, 0x0c,
	      "logical unit not accessible, target port in unavailable state"),
	WORDS(NOT_READY, 0x04, 0x11, "logical unit not ready, notify (enable spinup) required"),
	WORDS(NOT_READY, 0x04, 0x12, "logical unit not ready, offline"),
	WORDS(NOT_READY, 0x04, 0x14, "logical unit not ready, space allocation in progress"),
	WORDS(NOT_READY, 0x04, 0x1b, "logical unit not ready, sanitize in progress"),
	WORDS(NOT_READY, 0x05, 0x00, "logical unit does not respond to selection"),
	WORDS(NOT_READY, 0x08, 0x00, "logical unit communication failure"),
	WORDS(NOT_READY, 0x08, 0x01, "logical unit communication time-out"),
	WORDS(NOT_READY, 0x30, 0x00, "incompatible medium installed"),
	WORDS(NOT_READY, 0x31, 0x00, "medium format corrupted"),
	WORDS(NOT_READY, 0x3a, 0x00, "medium not present"),
	WORDS(NOT_READY, 0x3a, 0x01, "medium not present - tray closed"),
	WORDS(NOT_READY, 0x3a, 0x02, "medium not present - tray open"),
	WORDS(NOT_READY, 0x3a, 0x03, "medium not present - loadable"),
	WORDS(NOT_READY, 0x3e, 0x00, "logical unit has not self-configured yet"),
	WORDS(NOT_READY, 0x3e, 0x01, "logical unit failure"),

	WORDS(MEDIUM_ERROR, 0x02, 0x00, "no seek complete"),
	WORDS(MEDIUM_ERROR, 0x03, 0x00, "peripheral device write fault"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x00, "write error"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x02, "write error - auto reallocation failed"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x03, "write error - recommend reassignment"),
	WORDS(MEDIUM_ERROR, 0x10, 0x00, "ID CRC or ECC error"),
	WORDS(MEDIUM_ERROR, 0x11, 0x00, "unrecovered read error"),
	WORDS(MEDIUM_ERROR, 0x11, 0x01, "read retries exhausted"),
	WORDS(MEDIUM_ERROR, 0x11, 0x02, "error too long to correct"),
	WORDS(MEDIUM_ERROR, 0x11, 0x04, "unrecovered read error - auto reallocate failed"),
	WORDS(MEDIUM_ERROR, 0x11, 0x0b, "unrecovered read error - recommend reassignment"),
	WORDS(MEDIUM_ERROR, 0x11, 0x14, "read error - LBA marked bad by application client"),
	WORDS(MEDIUM_ERROR, 0x14, 0x01, "record not found"),
	WORDS(MEDIUM_ERROR, 0x15, 0x00, "random positioning error"),
	WORDS(MEDIUM_ERROR, 0x31, 0x00, "medium format corrupted"),
	WORDS(MEDIUM_ERROR, 0x31, 0x01, "format command failed"),
	WORDS(MEDIUM_ERROR, 0x32, 0x00, "no defect spare location available"),
	WORDS(MEDIUM_ERROR, 0x57, 0x00, "unable to recover table of contents"),

	WORDS(HARDWARE_ERROR, 0x01, 0x00, "no index/sector signal"),
	WORDS(HARDWARE_ERROR, 0x03, 0x00, "peripheral device write fault"),
	WORDS(HARDWARE_ERROR, 0x08, 0x00, "logical unit communication failure"),
	WORDS(HARDWARE_ERROR, 0x08, 0x01, "logical unit communication time-out"),
	WORDS(HARDWARE_ERROR, 0x09, 0x00, "track following error"),
	WORDS(HARDWARE_ERROR, 0x15, 0x01, "mechanical positioning error"),
	WORDS(HARDWARE_ERROR, 0x19, 0x00, "defect list error"),
	WORDS(HARDWARE_ERROR, 0x32, 0x00, "no defect spare location available"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x01, "logical unit failure"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x02, "timeout on logical unit"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x03, "logical unit failed self-test"),
	WORDS(HARDWARE_ERROR, 0x40, 0x80, "diagnostic failure on component 80h"),
	WORDS(HARDWARE_ERROR, 0x44, 0x00, "internal target failure"),
	WORDS(HARDWARE_ERROR, 0x47, 0x00, "SCSI parity error"),
	WORDS(HARDWARE_ERROR, 0x4c, 0x00, "logical unit failed self-configuration"),
	WORDS(HARDWARE_ERROR, 0x5d, 0x00, "failure prediction threshold exceeded"),

	WORDS(ILLEGAL_REQUEST, 0x10, 0x01, "logical block guard check failed"),
	WORDS(ILLEGAL_REQUEST, 0x10, 0x02, "logical block application tag check failed"),
	WORDS(ILLEGAL_REQUEST, 0x10, 0x03, "logical block reference tag check failed"),
	WORDS(ILLEGAL_REQUEST, 0x1a, 0x00, "parameter list length error"),
	WORDS(ILLEGAL_REQUEST, 0x20, 0x00, "invalid command operation code"),
	WORDS(ILLEGAL_REQUEST, 0x20, 0x02, "access denied - no access rights"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x00, "logical block address out of range"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x04, "unaligned write command"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x05, "write boundary violation"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x06, "attempt to read invalid data"),
	WORDS(ILLEGAL_REQUEST, 0x24, 0x00, "invalid field in CDB"),
	WORDS(ILLEGAL_REQUEST, 0x25, 0x00, "logical unit not supported"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x00, "invalid field in parameter list"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x01, "parameter not supported"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x02, "parameter value invalid"),
	WORDS(ILLEGAL_REQUEST, 0x2c, 0x00, "command sequence error"),
	WORDS(ILLEGAL_REQUEST, 0x30, 0x00, "incompatible medium installed"),
	WORDS(ILLEGAL_REQUEST, 0x39, 0x00, "saving parameters not supported"),
	WORDS(ILLEGAL_REQUEST, 0x49, 0x00, "invalid message error"),
	WORDS(ILLEGAL_REQUEST, 0x53, 0x02, "medium removal prevented"),
	WORDS(ILLEGAL_REQUEST, 0x55, 0x00, "system resource failure"),
	WORDS(ILLEGAL_REQUEST, 0x63, 0x00, "end of user area encountered on this track"),
	WORDS(ILLEGAL_REQUEST, 0x64, 0x00, "illegal mode for this track"),
	WORDS(ILLEGAL_REQUEST, 0x6f, 0x01,
	      "copy protection key exchange failure - key not present"),

	WORDS(UNIT_ATTENTION, 0x28, 0x00, "not ready to ready change, medium may have changed"),
	WORDS(UNIT_ATTENTION, 0x29, 0x00, "power on, reset, or bus device reset occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x01, "power on occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x02, "SCSI bus reset occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x03, "bus device reset function occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x04, "device internal reset"),
	WORDS(UNIT_ATTENTION, 0x29, 0x07, "I_T nexus loss occurred"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x00, "parameters changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x01, "mode parameters changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x02, "log parameters changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x03, "reservations preempted"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x04, "reservations released"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x05, "registrations preempted"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x06, "asymmetric access state changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x09, "capacity data has changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x10, "timestamp changed"),
	WORDS(UNIT_ATTENTION, 0x2f, 0x00, "commands cleared by another initiator"),
	WORDS(UNIT_ATTENTION, 0x38, 0x07, "thin provisioning soft threshold reached"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x00, "target operating conditions have changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x01, "microcode has been changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x03, "INQUIRY data has changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x05, "device identifier changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x0e, "reported LUNs data has changed"),
	WORDS(UNIT_ATTENTION, 0x5a, 0x01, "operator medium removal request"),
	WORDS(UNIT_ATTENTION, 0x5d, 0x00, "failure prediction threshold exceeded"),

	WORDS(DATA_PROTECT, 0x27, 0x00, "write protected"),
	WORDS(DATA_PROTECT, 0x27, 0x01, "hardware write protected"),
	WORDS(DATA_PROTECT, 0x27, 0x02, "logical unit software write protected"),
	WORDS(DATA_PROTECT, 0x27, 0x07, "space allocation failed write protect"),
	WORDS(DATA_PROTECT, 0x55, 0x0e, "insufficient zone resources"),
	WORDS(DATA_PROTECT, 0x74, 0x71, "logical unit access not authorized"),

	WORDS(ABORTED_COMMAND, 0x00, 0x00, "no additional sense information"),
	WORDS(ABORTED_COMMAND, 0x10, 0x01, "logical block guard check failed"),
	WORDS(ABORTED_COMMAND, 0x10, 0x02, "logical block application tag check failed"),
	WORDS(ABORTED_COMMAND, 0x10, 0x03, "logical block reference tag check failed"),
	WORDS(ABORTED_COMMAND, 0x2c, 0x00, "command sequence error"),
	WORDS(ABORTED_COMMAND, 0x2f, 0x00, "commands cleared by another initiator"),
	WORDS(ABORTED_COMMAND, 0x43, 0x00, "message error"),
	WORDS(ABORTED_COMMAND, 0x44, 0x00, "internal target failure"),
	WORDS(ABORTED_COMMAND, 0x47, 0x00, "SCSI parity error"),
	WORDS(ABORTED_COMMAND, 0x48, 0x00, "initiator detected error message received"),
	WORDS(ABORTED_COMMAND, 0x4b, 0x00, "data phase error"),
	WORDS(ABORTED_COMMAND, 0x4e, 0x00, "overlapped commands attempted"),
	WORDS(ABORTED_COMMAND, 0x55, 0x04, "insufficient registration resources"),

	WORDS(MISCOMPARE, 0x1d, 0x00, "miscompare during verify operation"),
	WORDS(MISCOMPARE, 0x1d, 0x01, "miscompare verify of unmapped LBA"),
};

/* For codes that have no sentence. 0xc is no longer assigned. */
static const char *const key_names[16] = {
	[SCSI_KEY_NO_SENSE] = NAME_NO_SENSE,
	[SCSI_KEY_RECOVERED_ERROR] = NAME_RECOVERED_ERROR,
	[SCSI_KEY_NOT_READY] = NAME_NOT_READY,
	[SCSI_KEY_MEDIUM_ERROR] = NAME_MEDIUM_ERROR,
	[SCSI_KEY_HARDWARE_ERROR] = NAME_HARDWARE_ERROR,
	[SCSI_KEY_ILLEGAL_REQUEST] = NAME_ILLEGAL_REQUEST,
	[SCSI_KEY_UNIT_ATTENTION] = NAME_UNIT_ATTENTION,
	[SCSI_KEY_DATA_PROTECT] = NAME_DATA_PROTECT,
	[SCSI_KEY_BLANK_CHECK] = NAME_BLANK_CHECK,
	[SCSI_KEY_VENDOR_SPECIFIC] = NAME_VENDOR_SPECIFIC,
	[SCSI_KEY_COPY_ABORTED] = NAME_COPY_ABORTED,
	[SCSI_KEY_ABORTED_COMMAND] = NAME_ABORTED_COMMAND,
	[SCSI_KEY_VOLUME_OVERFLOW] = NAME_VOLUME_OVERFLOW,
	[SCSI_KEY_MISCOMPARE] = NAME_MISCOMPARE,
	[SCSI_KEY_COMPLETED] = NAME_COMPLETED,
};

/*
 * A plain walk: words are asked for messages, never for each request. The numbers may be a caller's
 * own, of any size, so they are compared as they came.
 */
EXPORT const char *vscsi_sense_text(unsigned key, unsigned asc, unsigned ascq)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].key == key && words[i].asc == asc && words[i].ascq == ascq)
			return words[i].text;
	}
	if (key >= ARRAY_LEN(key_names) || !key_names[key])
		return "unknown sense key";
	return key_names[key];
}
