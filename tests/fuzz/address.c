/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses with their options, as people and configuration files give them. */
#include "fuzz.h"

#include <vscsi/error.h>

#include "api/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts)};
	char where[ADDRESS_MAX];
	char id[SCSI_WWID_SIZE];
	char *address = malloc(size + 1);
	int err;

	MUST(address);
	memcpy(address, data, size);
	address[size] = 0;
	err = address_parse(address, where, &opts, id);
	if (!err)
		MUST(strnlen(id, sizeof(id)) < sizeof(id) &&
		     strnlen(where, sizeof(where)) < sizeof(where));
	if (!err)
		err = address_check(&opts);
	/* A refusal says why; what was taken is within the limits that the table names. */
	MUST(err ? *vscsi_last_error() : opts.queues <= 254 && opts.queue_size <= 32768);
	free(address);
	return 0;
}
