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
	WORDS(RECOVERED_ERROR, 0x0b, 0x01, "the device is too warm"),
	WORDS(RECOVERED_ERROR, 0x0c, 0x01, "write succeeded after reallocating blocks"),
	WORDS(RECOVERED_ERROR, 0x17, 0x00, "data recovered without error correction"),
	WORDS(RECOVERED_ERROR, 0x17, 0x01, "data recovered with retries"),
	WORDS(RECOVERED_ERROR, 0x18, 0x00, "data recovered with error correction"),
	WORDS(RECOVERED_ERROR, 0x37, 0x00, "a parameter was rounded"),
	WORDS(RECOVERED_ERROR, 0x5d, 0x00, "the device expects to fail soon"),

	WORDS(NOT_READY, 0x04, 0x00, "logical unit not ready, no cause given"),
	WORDS(NOT_READY, 0x04, 0x01, "logical unit is becoming ready"),
	WORDS(NOT_READY, 0x04, 0x02, "logical unit must be started by a command"),
	WORDS(NOT_READY, 0x04, 0x03, "logical unit needs a person to intervene"),
	WORDS(NOT_READY, 0x04, 0x04, "format in progress"),
	WORDS(NOT_READY, 0x04, 0x05, "rebuild in progress"),
	WORDS(NOT_READY, 0x04, 0x06, "recalculation in progress"),
	WORDS(NOT_READY, 0x04, 0x07, "operation in progress"),
	WORDS(NOT_READY, 0x04, 0x08, "long write in progress"),
	WORDS(NOT_READY, 0x04, 0x09, "self-test in progress"),
	WORDS(NOT_READY, 0x04, 0x0a, "the path's access state is changing"),
	WORDS(NOT_READY, 0x04, 0x0b, "the path is in standby state"),
	WORDS(NOT_READY, 0x04, 0x0c, "the path is in unavailable state"),
	WORDS(NOT_READY, 0x04, 0x11, "logical unit needs an enable request"),
	WORDS(NOT_READY, 0x04, 0x12, "logical unit is offline"),
	WORDS(NOT_READY, 0x04, 0x14, "out of space for provisioning"),
	WORDS(NOT_READY, 0x04, 0x1b, "sanitize in progress"),
	WORDS(NOT_READY, 0x05, 0x00, "logical unit does not answer selection"),
	WORDS(NOT_READY, 0x08, 0x00, "communication with the logical unit failed"),
	WORDS(NOT_READY, 0x08, 0x01, "communication with the logical unit timed out"),
	WORDS(NOT_READY, 0x30, 0x00, "incompatible medium"),
	WORDS(NOT_READY, 0x31, 0x00, "medium format is damaged"),
	WORDS(NOT_READY, 0x3a, 0x00, "no medium present"),
	WORDS(NOT_READY, 0x3a, 0x01, "no medium present, tray closed"),
	WORDS(NOT_READY, 0x3a, 0x02, "no medium present, tray open"),
	WORDS(NOT_READY, 0x3a, 0x03, "no medium present, it can be loaded"),
	WORDS(NOT_READY, 0x3e, 0x00, "logical unit has not configured itself yet"),
	WORDS(NOT_READY, 0x3e, 0x01, "logical unit failure"),

	WORDS(MEDIUM_ERROR, 0x02, 0x00, "no seek complete"),
	WORDS(MEDIUM_ERROR, 0x03, 0x00, "write fault"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x00, "write error"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x02, "write error, reallocation failed"),
	WORDS(MEDIUM_ERROR, 0x0c, 0x03, "write error, reassignment recommended"),
	WORDS(MEDIUM_ERROR, 0x10, 0x00, "checksum of an identifier is wrong"),
	WORDS(MEDIUM_ERROR, 0x11, 0x00, "unrecovered read error"),
	WORDS(MEDIUM_ERROR, 0x11, 0x01, "read retries used up"),
	WORDS(MEDIUM_ERROR, 0x11, 0x02, "error too long to correct"),
	WORDS(MEDIUM_ERROR, 0x11, 0x04, "unrecovered read error, reallocation failed"),
	WORDS(MEDIUM_ERROR, 0x11, 0x0b, "unrecovered read error, reassignment recommended"),
	WORDS(MEDIUM_ERROR, 0x11, 0x14, "block was marked unreadable by a host"),
	WORDS(MEDIUM_ERROR, 0x14, 0x01, "record not found"),
	WORDS(MEDIUM_ERROR, 0x15, 0x00, "positioning error"),
	WORDS(MEDIUM_ERROR, 0x31, 0x00, "medium format is damaged"),
	WORDS(MEDIUM_ERROR, 0x31, 0x01, "format command failed"),
	WORDS(MEDIUM_ERROR, 0x32, 0x00, "no spare blocks left for defects"),
	WORDS(MEDIUM_ERROR, 0x57, 0x00, "table of contents cannot be read"),

	WORDS(HARDWARE_ERROR, 0x01, 0x00, "no index signal"),
	WORDS(HARDWARE_ERROR, 0x03, 0x00, "write fault"),
	WORDS(HARDWARE_ERROR, 0x08, 0x00, "communication with the logical unit failed"),
	WORDS(HARDWARE_ERROR, 0x08, 0x01, "communication with the logical unit timed out"),
	WORDS(HARDWARE_ERROR, 0x09, 0x00, "track following error"),
	WORDS(HARDWARE_ERROR, 0x15, 0x01, "mechanical positioning error"),
	WORDS(HARDWARE_ERROR, 0x19, 0x00, "defect list error"),
	WORDS(HARDWARE_ERROR, 0x32, 0x00, "no spare blocks left for defects"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x01, "logical unit failure"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x02, "time limit reached in the logical unit"),
	WORDS(HARDWARE_ERROR, 0x3e, 0x03, "self-test failed"),
	WORDS(HARDWARE_ERROR, 0x40, 0x80, "a component failed its diagnostics"),
	WORDS(HARDWARE_ERROR, 0x44, 0x00, "internal failure of the target"),
	WORDS(HARDWARE_ERROR, 0x47, 0x00, "parity error"),
	WORDS(HARDWARE_ERROR, 0x4c, 0x00, "self-configuration failed"),
	WORDS(HARDWARE_ERROR, 0x5d, 0x00, "the device expects to fail soon"),

	WORDS(ILLEGAL_REQUEST, 0x10, 0x01, "protection: block guard does not match"),
	WORDS(ILLEGAL_REQUEST, 0x10, 0x02, "protection: application tag does not match"),
	WORDS(ILLEGAL_REQUEST, 0x10, 0x03, "protection: reference tag does not match"),
	WORDS(ILLEGAL_REQUEST, 0x1a, 0x00, "parameter list has the wrong length"),
	WORDS(ILLEGAL_REQUEST, 0x20, 0x00, "command is not known"),
	WORDS(ILLEGAL_REQUEST, 0x20, 0x02, "access denied"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x00, "block address out of range"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x04, "write does not go where the zone is to be written"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x05, "write crosses the border of a zone"),
	WORDS(ILLEGAL_REQUEST, 0x21, 0x06, "read of blocks of a zone not yet written"),
	WORDS(ILLEGAL_REQUEST, 0x24, 0x00, "invalid field in the command"),
	WORDS(ILLEGAL_REQUEST, 0x25, 0x00, "logical unit is not there"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x00, "invalid field in the parameter list"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x01, "parameter is not known"),
	WORDS(ILLEGAL_REQUEST, 0x26, 0x02, "parameter has an invalid value"),
	WORDS(ILLEGAL_REQUEST, 0x2c, 0x00, "command comes out of sequence"),
	WORDS(ILLEGAL_REQUEST, 0x30, 0x00, "incompatible medium"),
	WORDS(ILLEGAL_REQUEST, 0x39, 0x00, "saving parameters is not possible"),
	WORDS(ILLEGAL_REQUEST, 0x49, 0x00, "invalid message"),
	WORDS(ILLEGAL_REQUEST, 0x53, 0x02, "medium removal is prevented"),
	WORDS(ILLEGAL_REQUEST, 0x55, 0x00, "system resource failure"),
	WORDS(ILLEGAL_REQUEST, 0x63, 0x00, "track ends within the requested area"),
	WORDS(ILLEGAL_REQUEST, 0x64, 0x00, "command does not fit the track's mode"),
	WORDS(ILLEGAL_REQUEST, 0x6f, 0x01, "copy protection: key is missing"),

	WORDS(UNIT_ATTENTION, 0x28, 0x00, "medium may have changed"),
	WORDS(UNIT_ATTENTION, 0x29, 0x00, "power on or reset occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x01, "power on occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x02, "bus reset occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x03, "device reset occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x04, "internal reset of the device occurred"),
	WORDS(UNIT_ATTENTION, 0x29, 0x07, "I_T nexus was lost"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x00, "parameters have changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x01, "mode parameters have changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x02, "log parameters have changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x03, "reservations were preempted"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x04, "reservations were released"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x05, "registrations were preempted"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x06, "the path's access state has changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x09, "capacity data has changed"),
	WORDS(UNIT_ATTENTION, 0x2a, 0x10, "timestamp has changed"),
	WORDS(UNIT_ATTENTION, 0x2f, 0x00, "commands were cleared by another initiator"),
	WORDS(UNIT_ATTENTION, 0x38, 0x07, "space for provisioning runs short"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x00, "operating conditions have changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x01, "microcode has changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x03, "INQUIRY data has changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x05, "device identifier has changed"),
	WORDS(UNIT_ATTENTION, 0x3f, 0x0e, "list of logical units has changed"),
	WORDS(UNIT_ATTENTION, 0x5a, 0x01, "an operator asks to remove the medium"),
	WORDS(UNIT_ATTENTION, 0x5d, 0x00, "the device expects to fail soon"),

	WORDS(DATA_PROTECT, 0x27, 0x00, "write protected"),
	WORDS(DATA_PROTECT, 0x27, 0x01, "write protected by hardware"),
	WORDS(DATA_PROTECT, 0x27, 0x02, "write protected by software"),
	WORDS(DATA_PROTECT, 0x27, 0x07, "no space left to provision blocks from"),
	WORDS(DATA_PROTECT, 0x55, 0x0e, "no zone resources left"),
	WORDS(DATA_PROTECT, 0x74, 0x71, "access to encrypted data denied"),

	WORDS(ABORTED_COMMAND, 0x00, 0x00, "the device ended it, no cause given"),
	WORDS(ABORTED_COMMAND, 0x10, 0x01, "protection: block guard does not match"),
	WORDS(ABORTED_COMMAND, 0x10, 0x02, "protection: application tag does not match"),
	WORDS(ABORTED_COMMAND, 0x10, 0x03, "protection: reference tag does not match"),
	WORDS(ABORTED_COMMAND, 0x2c, 0x00, "command comes out of sequence"),
	WORDS(ABORTED_COMMAND, 0x2f, 0x00, "commands were cleared by another initiator"),
	WORDS(ABORTED_COMMAND, 0x43, 0x00, "message error"),
	WORDS(ABORTED_COMMAND, 0x44, 0x00, "internal failure of the target"),
	WORDS(ABORTED_COMMAND, 0x47, 0x00, "parity error"),
	WORDS(ABORTED_COMMAND, 0x48, 0x00, "initiator reported an error"),
	WORDS(ABORTED_COMMAND, 0x4b, 0x00, "data phase error"),
	WORDS(ABORTED_COMMAND, 0x4e, 0x00, "commands overlapped"),
	WORDS(ABORTED_COMMAND, 0x55, 0x04, "not enough resources"),

	WORDS(MISCOMPARE, 0x1d, 0x00, "data differ from what was compared"),
	WORDS(MISCOMPARE, 0x1d, 0x01, "unmapped blocks differ from what was compared"),
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
