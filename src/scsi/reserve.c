/* SPDX-License-Identifier: BSD-3-Clause */
/* PERSISTENT RESERVE IN and OUT. */
#include <errno.h>

#include "scsi/reserve.h"
#include "scsi/span.h"

void scsi_cdb_pr_in(uint8_t cdb[SCSI_CDB_LEN], uint8_t action, uint16_t alloc)
{
	memset(cdb, 0, SCSI_CDB_LEN);
	cdb[0] = SCSI_PERSISTENT_IN;
	cdb[1] = action;
	put_be16(cdb + 7, alloc);
}

/* SCOPE is 0: the logical unit. */
void scsi_cdb_pr_out(uint8_t cdb[SCSI_CDB_LEN], uint8_t action, uint32_t type)
{
	memset(cdb, 0, SCSI_CDB_LEN);
	cdb[0] = SCSI_PERSISTENT_OUT;
	cdb[1] = action;
	cdb[2] = (uint8_t)type;
	put_be32(cdb + 5, SCSI_PR_LIST_LEN);
}

void scsi_pr_list(uint8_t list[SCSI_PR_LIST_LEN], uint64_t key, uint64_t action_key, bool aptpl)
{
	memset(list, 0, SCSI_PR_LIST_LEN);
	put_be64(list, key);
	put_be64(list + 8, action_key);
	list[20] = aptpl;
}

int scsi_pr_parse_keys(const uint8_t *header, size_t len, uint32_t *generation, unsigned *received)
{
	uint32_t bytes;

	if (len < SCSI_PR_HEADER_LEN)
		return -EPROTO;
	*generation = get_be32(header);
	bytes = get_be32(header + 4);
	*received = least(bytes, least(len - SCSI_PR_HEADER_LEN, UINT32_MAX)) / 8;
	return (int)(least(bytes, INT32_MAX) / 8);
}

bool scsi_pr_has_key(const uint8_t *data, size_t len, uint64_t key)
{
	unsigned received = 0;
	uint32_t generation;
	int count = scsi_pr_parse_keys(data, len, &generation, &received);
	unsigned i;

	for (i = 0; i < received; i++) {
		if (get_be64(data + SCSI_PR_KEYS_LEN((size_t)i)) == key)
			return true;
	}
	return count > 0 && (unsigned)count > received;
}

/* Without a reservation the data is only the header. */
int scsi_pr_parse_reservation(const uint8_t *data, size_t len, struct vscsi_pr_reservation *out)
{
	struct span list = {data, len};

	memset(out, 0, sizeof(*out));
	if (len < SCSI_PR_HEADER_LEN)
		return -EPROTO;
	out->generation = span_be32(list, 0);
	if (!span_be32(list, 4))
		return 0;
	list = span_limit(list, SCSI_PR_HEADER_LEN + (size_t)span_be32(list, 4));
	if (!span_has(list, SCSI_PR_HEADER_LEN, SCSI_PR_RESERVATION_LEN - SCSI_PR_HEADER_LEN))
		return -EPROTO;
	out->key = span_be64(list, 8);
	out->type = span_u8(list, 21) & 0x0f;
	return 0;
}

/* The bits of the type mask are numbered by the types, from the low bit of the first byte on. */
int scsi_pr_parse_capabilities(const uint8_t *data, size_t len, struct vscsi_pr_capabilities *out)
{
	memset(out, 0, sizeof(*out));
	if (len < SCSI_PR_CAPABILITIES_LEN || get_be16(data) < SCSI_PR_CAPABILITIES_LEN)
		return -EPROTO;
	if (data[2] & 0x01)
		out->flags |= VSCSI_PR_CAN_PERSIST;
	if (data[3] & 0x01)
		out->flags |= VSCSI_PR_PERSISTS;
	if (data[3] & 0x80)
		out->types = data[4] | (uint32_t)data[5] << 8;
	return 0;
}
