/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Texts for sense data, those of T10 (SPC-4, "ASC and ASCQ assignments"): for the codes that disks,
 * CD-ROMs and arrays return, not for tapes, printers and scanners.
 */
#include "scsi/sense.h"
#include "util/bits.h"

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

struct sense_entry {
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
	const char *text;
};

/* Each text includes the name of the sense key, so that it is one static string. */
#define SENSE(key, asc, ascq, text)                             \
	{                                                       \
		SCSI_KEY_##key, asc, ascq, NAME_##key ": " text \
	}

/*
 * By key, then by code. A code that is used with several keys, such as 31/00, is listed for each.
 */
static const struct sense_entry entries[] = {
	SENSE(RECOVERED_ERROR, 0x00, 0x1d, "ATA pass-through information available"),
	SENSE(RECOVERED_ERROR, 0x0b, 0x01, "warning - specified temperature exceeded"),
	SENSE(RECOVERED_ERROR, 0x0c, 0x01, "write error - recovered with auto reallocation"),
	SENSE(RECOVERED_ERROR, 0x17, 0x00, "recovered data with no error correction applied"),
	SENSE(RECOVERED_ERROR, 0x17, 0x01, "recovered data with retries"),
	SENSE(RECOVERED_ERROR, 0x18, 0x00, "recovered data with error correction applied"),
	SENSE(RECOVERED_ERROR, 0x37, 0x00, "rounded parameter"),
	SENSE(RECOVERED_ERROR, 0x5d, 0x00, "failure prediction threshold exceeded"),

	SENSE(NOT_READY, 0x04, 0x00, "logical unit not ready, cause not reportable"),
	SENSE(NOT_READY, 0x04, 0x01, "logical unit is in process of becoming ready"),
	SENSE(NOT_READY, 0x04, 0x02, "logical unit not ready, initializing command required"),
	SENSE(NOT_READY, 0x04, 0x03, "logical unit not ready, manual intervention required"),
	SENSE(NOT_READY, 0x04, 0x04, "logical unit not ready, format in progress"),
	SENSE(NOT_READY, 0x04, 0x05, "logical unit not ready, rebuild in progress"),
	SENSE(NOT_READY, 0x04, 0x06, "logical unit not ready, recalculation in progress"),
	SENSE(NOT_READY, 0x04, 0x07, "logical unit not ready, operation in progress"),
	SENSE(NOT_READY, 0x04, 0x08, "logical unit not ready, long write in progress"),
	SENSE(NOT_READY, 0x04, 0x09, "logical unit not ready, self-test in progress"),
	SENSE(NOT_READY, 0x04, 0x0a,
	      "logical unit not accessible, asymmetric access state transition"),
	SENSE(NOT_READY, 0x04, 0x0b, "logical unit not accessible, target port in standby state"),
	SENSE(NOT_READY, 0x04, 0x0c,
	      "logical unit not accessible, target port in unavailable state"),
	SENSE(NOT_READY, 0x04, 0x11, "logical unit not ready, notify (enable spinup) required"),
	SENSE(NOT_READY, 0x04, 0x12, "logical unit not ready, offline"),
	SENSE(NOT_READY, 0x04, 0x14, "logical unit not ready, space allocation in progress"),
	SENSE(NOT_READY, 0x04, 0x1b, "logical unit not ready, sanitize in progress"),
	SENSE(NOT_READY, 0x05, 0x00, "logical unit does not respond to selection"),
	SENSE(NOT_READY, 0x08, 0x00, "logical unit communication failure"),
	SENSE(NOT_READY, 0x08, 0x01, "logical unit communication time-out"),
	SENSE(NOT_READY, 0x30, 0x00, "incompatible medium installed"),
	SENSE(NOT_READY, 0x31, 0x00, "medium format corrupted"),
	SENSE(NOT_READY, 0x3a, 0x00, "medium not present"),
	SENSE(NOT_READY, 0x3a, 0x01, "medium not present - tray closed"),
	SENSE(NOT_READY, 0x3a, 0x02, "medium not present - tray open"),
	SENSE(NOT_READY, 0x3a, 0x03, "medium not present - loadable"),
	SENSE(NOT_READY, 0x3e, 0x00, "logical unit has not self-configured yet"),
	SENSE(NOT_READY, 0x3e, 0x01, "logical unit failure"),

	SENSE(MEDIUM_ERROR, 0x02, 0x00, "no seek complete"),
	SENSE(MEDIUM_ERROR, 0x03, 0x00, "peripheral device write fault"),
	SENSE(MEDIUM_ERROR, 0x0c, 0x00, "write error"),
	SENSE(MEDIUM_ERROR, 0x0c, 0x02, "write error - auto reallocation failed"),
	SENSE(MEDIUM_ERROR, 0x0c, 0x03, "write error - recommend reassignment"),
	SENSE(MEDIUM_ERROR, 0x10, 0x00, "ID CRC or ECC error"),
	SENSE(MEDIUM_ERROR, 0x11, 0x00, "unrecovered read error"),
	SENSE(MEDIUM_ERROR, 0x11, 0x01, "read retries exhausted"),
	SENSE(MEDIUM_ERROR, 0x11, 0x02, "error too long to correct"),
	SENSE(MEDIUM_ERROR, 0x11, 0x04, "unrecovered read error - auto reallocate failed"),
	SENSE(MEDIUM_ERROR, 0x11, 0x0b, "unrecovered read error - recommend reassignment"),
	SENSE(MEDIUM_ERROR, 0x11, 0x14, "read error - LBA marked bad by application client"),
	SENSE(MEDIUM_ERROR, 0x14, 0x01, "record not found"),
	SENSE(MEDIUM_ERROR, 0x15, 0x00, "random positioning error"),
	SENSE(MEDIUM_ERROR, 0x31, 0x00, "medium format corrupted"),
	SENSE(MEDIUM_ERROR, 0x31, 0x01, "format command failed"),
	SENSE(MEDIUM_ERROR, 0x32, 0x00, "no defect spare location available"),
	SENSE(MEDIUM_ERROR, 0x57, 0x00, "unable to recover table of contents"),

	SENSE(HARDWARE_ERROR, 0x01, 0x00, "no index/sector signal"),
	SENSE(HARDWARE_ERROR, 0x03, 0x00, "peripheral device write fault"),
	SENSE(HARDWARE_ERROR, 0x08, 0x00, "logical unit communication failure"),
	SENSE(HARDWARE_ERROR, 0x08, 0x01, "logical unit communication time-out"),
	SENSE(HARDWARE_ERROR, 0x09, 0x00, "track following error"),
	SENSE(HARDWARE_ERROR, 0x15, 0x01, "mechanical positioning error"),
	SENSE(HARDWARE_ERROR, 0x19, 0x00, "defect list error"),
	SENSE(HARDWARE_ERROR, 0x32, 0x00, "no defect spare location available"),
	SENSE(HARDWARE_ERROR, 0x3e, 0x01, "logical unit failure"),
	SENSE(HARDWARE_ERROR, 0x3e, 0x02, "timeout on logical unit"),
	SENSE(HARDWARE_ERROR, 0x3e, 0x03, "logical unit failed self-test"),
	SENSE(HARDWARE_ERROR, 0x40, 0x80, "diagnostic failure on component 80h"),
	SENSE(HARDWARE_ERROR, 0x44, 0x00, "internal target failure"),
	SENSE(HARDWARE_ERROR, 0x47, 0x00, "SCSI parity error"),
	SENSE(HARDWARE_ERROR, 0x4c, 0x00, "logical unit failed self-configuration"),
	SENSE(HARDWARE_ERROR, 0x5d, 0x00, "failure prediction threshold exceeded"),

	SENSE(ILLEGAL_REQUEST, 0x10, 0x01, "logical block guard check failed"),
	SENSE(ILLEGAL_REQUEST, 0x10, 0x02, "logical block application tag check failed"),
	SENSE(ILLEGAL_REQUEST, 0x10, 0x03, "logical block reference tag check failed"),
	SENSE(ILLEGAL_REQUEST, 0x1a, 0x00, "parameter list length error"),
	SENSE(ILLEGAL_REQUEST, 0x20, 0x00, "invalid command operation code"),
	SENSE(ILLEGAL_REQUEST, 0x20, 0x02, "access denied - no access rights"),
	SENSE(ILLEGAL_REQUEST, 0x21, 0x00, "logical block address out of range"),
	SENSE(ILLEGAL_REQUEST, 0x21, 0x04, "unaligned write command"),
	SENSE(ILLEGAL_REQUEST, 0x21, 0x05, "write boundary violation"),
	SENSE(ILLEGAL_REQUEST, 0x21, 0x06, "attempt to read invalid data"),
	SENSE(ILLEGAL_REQUEST, 0x24, 0x00, "invalid field in CDB"),
	SENSE(ILLEGAL_REQUEST, 0x25, 0x00, "logical unit not supported"),
	SENSE(ILLEGAL_REQUEST, 0x26, 0x00, "invalid field in parameter list"),
	SENSE(ILLEGAL_REQUEST, 0x26, 0x01, "parameter not supported"),
	SENSE(ILLEGAL_REQUEST, 0x26, 0x02, "parameter value invalid"),
	SENSE(ILLEGAL_REQUEST, 0x2c, 0x00, "command sequence error"),
	SENSE(ILLEGAL_REQUEST, 0x30, 0x00, "incompatible medium installed"),
	SENSE(ILLEGAL_REQUEST, 0x39, 0x00, "saving parameters not supported"),
	SENSE(ILLEGAL_REQUEST, 0x49, 0x00, "invalid message error"),
	SENSE(ILLEGAL_REQUEST, 0x53, 0x02, "medium removal prevented"),
	SENSE(ILLEGAL_REQUEST, 0x55, 0x00, "system resource failure"),
	SENSE(ILLEGAL_REQUEST, 0x63, 0x00, "end of user area encountered on this track"),
	SENSE(ILLEGAL_REQUEST, 0x64, 0x00, "illegal mode for this track"),
	SENSE(ILLEGAL_REQUEST, 0x6f, 0x01,
	      "copy protection key exchange failure - key not present"),

	SENSE(UNIT_ATTENTION, 0x28, 0x00, "not ready to ready change, medium may have changed"),
	SENSE(UNIT_ATTENTION, 0x29, 0x00, "power on, reset, or bus device reset occurred"),
	SENSE(UNIT_ATTENTION, 0x29, 0x01, "power on occurred"),
	SENSE(UNIT_ATTENTION, 0x29, 0x02, "SCSI bus reset occurred"),
	SENSE(UNIT_ATTENTION, 0x29, 0x03, "bus device reset function occurred"),
	SENSE(UNIT_ATTENTION, 0x29, 0x04, "device internal reset"),
	SENSE(UNIT_ATTENTION, 0x29, 0x07, "I_T nexus loss occurred"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x00, "parameters changed"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x01, "mode parameters changed"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x02, "log parameters changed"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x03, "reservations preempted"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x04, "reservations released"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x05, "registrations preempted"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x06, "asymmetric access state changed"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x09, "capacity data has changed"),
	SENSE(UNIT_ATTENTION, 0x2a, 0x10, "timestamp changed"),
	SENSE(UNIT_ATTENTION, 0x2f, 0x00, "commands cleared by another initiator"),
	SENSE(UNIT_ATTENTION, 0x38, 0x07, "thin provisioning soft threshold reached"),
	SENSE(UNIT_ATTENTION, 0x3f, 0x00, "target operating conditions have changed"),
	SENSE(UNIT_ATTENTION, 0x3f, 0x01, "microcode has been changed"),
	SENSE(UNIT_ATTENTION, 0x3f, 0x03, "INQUIRY data has changed"),
	SENSE(UNIT_ATTENTION, 0x3f, 0x05, "device identifier changed"),
	SENSE(UNIT_ATTENTION, 0x3f, 0x0e, "reported LUNs data has changed"),
	SENSE(UNIT_ATTENTION, 0x5a, 0x01, "operator medium removal request"),
	SENSE(UNIT_ATTENTION, 0x5d, 0x00, "failure prediction threshold exceeded"),

	SENSE(DATA_PROTECT, 0x27, 0x00, "write protected"),
	SENSE(DATA_PROTECT, 0x27, 0x01, "hardware write protected"),
	SENSE(DATA_PROTECT, 0x27, 0x02, "logical unit software write protected"),
	SENSE(DATA_PROTECT, 0x27, 0x07, "space allocation failed write protect"),
	SENSE(DATA_PROTECT, 0x55, 0x0e, "insufficient zone resources"),
	SENSE(DATA_PROTECT, 0x74, 0x71, "logical unit access not authorized"),

	SENSE(ABORTED_COMMAND, 0x00, 0x00, "no additional sense information"),
	SENSE(ABORTED_COMMAND, 0x10, 0x01, "logical block guard check failed"),
	SENSE(ABORTED_COMMAND, 0x10, 0x02, "logical block application tag check failed"),
	SENSE(ABORTED_COMMAND, 0x10, 0x03, "logical block reference tag check failed"),
	SENSE(ABORTED_COMMAND, 0x2c, 0x00, "command sequence error"),
	SENSE(ABORTED_COMMAND, 0x2f, 0x00, "commands cleared by another initiator"),
	SENSE(ABORTED_COMMAND, 0x43, 0x00, "message error"),
	SENSE(ABORTED_COMMAND, 0x44, 0x00, "internal target failure"),
	SENSE(ABORTED_COMMAND, 0x47, 0x00, "SCSI parity error"),
	SENSE(ABORTED_COMMAND, 0x48, 0x00, "initiator detected error message received"),
	SENSE(ABORTED_COMMAND, 0x4b, 0x00, "data phase error"),
	SENSE(ABORTED_COMMAND, 0x4e, 0x00, "overlapped commands attempted"),
	SENSE(ABORTED_COMMAND, 0x55, 0x04, "insufficient registration resources"),

	SENSE(MISCOMPARE, 0x1d, 0x00, "miscompare during verify operation"),
	SENSE(MISCOMPARE, 0x1d, 0x01, "miscompare verify of unmapped LBA"),
};

/* For codes without a text. 0xc is obsolete. */
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

/* A linear search: texts are needed for messages, not per request. Accepts any numbers. */
const char *scsi_sense_text(unsigned key, unsigned asc, unsigned ascq)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(entries); i++) {
		if (entries[i].key == key && entries[i].asc == asc && entries[i].ascq == ascq)
			return entries[i].text;
	}
	if (key >= ARRAY_LEN(key_names) || !key_names[key])
		return "unknown sense key";
	return key_names[key];
}
