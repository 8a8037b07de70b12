/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps responses to texts and errnos, and decides whether to retry. Values from a device are only
 * compared, never used as an index.
 */
#include <errno.h>
#include <linux/virtio_scsi.h>

#include "scsi/response.h"
#include "scsi/sense.h"
#include "util/bits.h"

/* A value with its text and the errno it maps to. */
struct outcome {
	uint8_t value;
	int result;
	const char *text;
};

/* The last three are responses to task management; devices also send 12 for commands. */
static const struct outcome responses[] = {
	{VIRTIO_SCSI_S_OK, 0, "OK"},
	{VIRTIO_SCSI_S_OVERRUN, -EOVERFLOW, "the transfer exceeds the data buffers"},
	{VIRTIO_SCSI_S_ABORTED, -ECANCELED, "aborted by task management"},
	{VIRTIO_SCSI_S_BAD_TARGET, -ENODEV, "no such target"},
	{VIRTIO_SCSI_S_RESET, -ECANCELED, "cancelled by a reset"},
	{VIRTIO_SCSI_S_BUSY, -EBUSY, "the device is busy"},
	{VIRTIO_SCSI_S_TRANSPORT_FAILURE, -EREMOTEIO, "the link from host to target failed"},
	{VIRTIO_SCSI_S_TARGET_FAILURE, -EREMOTEIO, "the target failed"},
	{VIRTIO_SCSI_S_NEXUS_FAILURE, -EREMOTEIO, "the nexus failed; another path may work"},
	{VIRTIO_SCSI_S_FAILURE, -EREMOTEIO, "failure with no cause given"},
	{VIRTIO_SCSI_S_FUNCTION_SUCCEEDED, -EREMOTEIO, "task management function succeeded"},
	{VIRTIO_SCSI_S_FUNCTION_REJECTED, -EREMOTEIO, "task management function rejected"},
	{VIRTIO_SCSI_S_INCORRECT_LUN, -ENODEV, "no such logical unit"},
};

/* CHECK CONDITION is looked up here only if there is no sense data, so the cause is unknown. */
static const struct outcome statuses[] = {
	{SCSI_GOOD, 0, "GOOD"},
	{SCSI_CHECK_CONDITION, -EREMOTEIO, "CHECK CONDITION"},
	{SCSI_CONDITION_MET, 0, "CONDITION MET"},
	{SCSI_BUSY, -EBUSY, "BUSY"},
	{SCSI_RESERVATION_CONFLICT, -EBADE, "RESERVATION CONFLICT"},
	{SCSI_TASK_SET_FULL, -EBUSY, "TASK SET FULL"},
	{SCSI_ACA_ACTIVE, -EREMOTEIO, "ACA ACTIVE"},
	{SCSI_TASK_ABORTED, -ECANCELED, "TASK ABORTED"},
};

#define ANY 0x100u

/*
 * The first entry that matches determines the errno, so entries for single codes come before those
 * for the whole key. Keys that are missing here map to -EREMOTEIO.
 */
static const struct sense_rule {
	uint16_t key;
	uint16_t asc;
	uint16_t ascq;
	int result;
} sense_rules[] = {
	{SCSI_KEY_RECOVERED_ERROR, ANY, ANY, 0},
	{SCSI_KEY_NOT_READY, 0x04, 0x01, -EBUSY},
	{SCSI_KEY_NOT_READY, 0x04, 0x0a, -EBUSY},
	{SCSI_KEY_NOT_READY, 0x3a, ANY, -ENOMEDIUM},
	{SCSI_KEY_NOT_READY, ANY, ANY, -EIO},
	{SCSI_KEY_MEDIUM_ERROR, ANY, ANY, -EIO},
	{SCSI_KEY_HARDWARE_ERROR, ANY, ANY, -EIO},
	{SCSI_KEY_ILLEGAL_REQUEST, 0x10, ANY, -EILSEQ},
	{SCSI_KEY_ILLEGAL_REQUEST, 0x20, 0x00, -EOPNOTSUPP},
	{SCSI_KEY_ILLEGAL_REQUEST, SCSI_ASC_NO_SUCH_LUN, ANY, -ENODEV},
	{SCSI_KEY_UNIT_ATTENTION, ANY, ANY, -EBUSY},
	{SCSI_KEY_DATA_PROTECT, 0x27, 0x07, -ENOSPC},
	{SCSI_KEY_DATA_PROTECT, 0x27, ANY, -EROFS},
	{SCSI_KEY_BLANK_CHECK, ANY, ANY, -EIO},
	{SCSI_KEY_ABORTED_COMMAND, 0x10, ANY, -EILSEQ},
	{SCSI_KEY_VOLUME_OVERFLOW, ANY, ANY, -ENOSPC},
	{SCSI_KEY_MISCOMPARE, ANY, ANY, -EILSEQ},
};

/* NULL for unknown values. */
static const struct outcome *find(const struct outcome *table, size_t count, unsigned value)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (table[i].value == value)
			return &table[i];
	}
	return NULL;
}

const char *scsi_response_text(unsigned response)
{
	const struct outcome *m = find(responses, ARRAY_LEN(responses), response);

	return m ? m->text : "unknown response";
}

const char *scsi_status_text(unsigned status)
{
	const struct outcome *m = find(statuses, ARRAY_LEN(statuses), status);

	return m ? m->text : "unknown status";
}

static bool rule_fits(const struct sense_rule *rule, const struct scsi_sense *sense)
{
	return rule->key == sense->key && (rule->asc == ANY || rule->asc == sense->asc) &&
	       (rule->ascq == ANY || rule->ascq == sense->ascq);
}

/*
 * Deferred sense data means that this command was not executed (SPC-4, "Deferred errors"). If an
 * earlier command was recovered, this one can simply be sent again. Otherwise an earlier write may
 * be lost; the caller must learn this, whatever the cause, because a retry would hide it.
 */
static int sense_result(const struct scsi_sense *sense)
{
	size_t i;

	if (sense->deferred)
		return sense->key == SCSI_KEY_RECOVERED_ERROR ? -EBUSY : -EIO;
	for (i = 0; i < ARRAY_LEN(sense_rules); i++) {
		if (rule_fits(&sense_rules[i], sense))
			return sense_rules[i].result;
	}
	return -EREMOTEIO;
}

static int result_of(const struct outcome *table, size_t count, uint8_t value)
{
	const struct outcome *m = find(table, count, value);

	return m ? m->result : -EREMOTEIO;
}

/* The sense data if it determines the result, or NULL. */
static const struct scsi_sense *deciding(uint8_t response, uint8_t status,
					 const struct scsi_sense *sense)
{
	bool counts = response == VIRTIO_SCSI_S_FAILURE ||
		      (response == VIRTIO_SCSI_S_OK && status == SCSI_CHECK_CONDITION);

	return counts ? sense : NULL;
}

int scsi_result(uint8_t response, uint8_t status, const struct scsi_sense *sense)
{
	int result;

	sense = deciding(response, status, sense);
	if (!sense && response != VIRTIO_SCSI_S_OK)
		return result_of(responses, ARRAY_LEN(responses), response);
	if (!sense)
		return result_of(statuses, ARRAY_LEN(statuses), status);
	result = sense_result(sense);
	/* Sense data can make FAILURE more specific, but not turn it into success. */
	return !result && response == VIRTIO_SCSI_S_FAILURE ? -EREMOTEIO : result;
}

enum scsi_retry scsi_retry(uint8_t response, uint8_t status, const struct scsi_sense *sense)
{
	int result = scsi_result(response, status, sense);

	sense = deciding(response, status, sense);
	if (result == -EBUSY)
		return sense && (sense->key == SCSI_KEY_UNIT_ATTENTION || sense->deferred)
			       ? SCSI_RETRY_NOW
			       : SCSI_RETRY_LATER;
	/* An error in protection information (ASC 10h) would only repeat. */
	if (result == -ECANCELED ||
	    (sense && sense->key == SCSI_KEY_ABORTED_COMMAND && result == -EREMOTEIO))
		return SCSI_RETRY_ABORTED;
	return SCSI_RETRY_NEVER;
}

bool scsi_flush_is_void(uint8_t response, uint8_t status, const struct scsi_sense *sense,
			bool write_cache)
{
	sense = deciding(response, status, sense);
	if (!sense || sense->deferred)
		return false;
	if (sense->key == SCSI_KEY_NO_SENSE)
		return !sense->asc && !sense->ascq;
	return !write_cache && sense->key == SCSI_KEY_ILLEGAL_REQUEST &&
	       sense->asc != SCSI_ASC_NO_SUCH_LUN;
}
