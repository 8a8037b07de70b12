/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI commands inside chains (virtio 1.4, 5.6.6.1) and events (5.6.6.3), as far as tests need
 * them.
 */
#include <endian.h>
#include <string.h>

#include "rig/internal.h"

const struct virtio_scsi_cmd_req *rig_command(const struct rig_chain *chain)
{
	return chain->elems[0].addr;
}

struct virtio_scsi_cmd_resp *rig_response(const struct rig_chain *chain)
{
	return chain->elems[chain->readable].addr;
}

/* Data-out follows the header in the readable part (5.6.6.1). */
size_t rig_data_out(const struct rig_chain *chain, void *buf, size_t len)
{
	size_t done = 0;
	size_t total = 0;
	unsigned i;

	for (i = 1; i < chain->readable; i++) {
		const struct rig_elem *e = &chain->elems[i];
		size_t n = e->len < len - done ? e->len : len - done;

		if (n)
			memcpy((char *)buf + done, e->addr, n);
		done += n;
		total += e->len;
	}
	return total;
}

size_t rig_data_in_room(const struct rig_chain *chain)
{
	size_t total = 0;
	unsigned i;

	for (i = chain->readable + 1; i < chain->count; i++)
		total += chain->elems[i].len;
	return total;
}

/* Data-in follows the response in the writable part (5.6.6.1). */
static size_t fill_data_in(const struct rig_chain *chain, const char *data, size_t len)
{
	size_t done = 0;
	unsigned i;

	for (i = chain->readable + 1; i < chain->count && done < len; i++) {
		const struct rig_elem *e = &chain->elems[i];
		size_t n = e->len < len - done ? e->len : len - done;

		memcpy(e->addr, data + done, n);
		done += n;
	}
	return done;
}

void rig_complete(struct rig *rig, unsigned queue, const struct rig_chain *chain,
		  const struct rig_reply *reply)
{
	uint8_t bytes[512] = {0};
	struct virtio_scsi_cmd_resp head = {
		.sense_len = htole32(reply->sense_len),
		.resid = htole32(reply->residual),
		.status = reply->status,
		.response = reply->response,
	};
	uint32_t len = chain->elems[chain->readable].len;
	size_t data = 0;

	/* The kernel's structure ends with a sense array of fixed size; only its head is used. */
	memcpy(bytes, &head, 12);
	if (reply->sense && reply->sense_len <= sizeof(bytes) - 12)
		memcpy(bytes + 12, reply->sense, reply->sense_len);
	memcpy(rig_response(chain), bytes, len < sizeof(bytes) ? len : sizeof(bytes));
	if (reply->len)
		data = fill_data_in(chain, reply->data, reply->len);
	rig_put(rig, queue, chain->head, (uint32_t)(len + data));
}

/* One step under the lock: a serving thread must not take the buffer in between. */
bool rig_event(struct rig *rig, uint32_t event, const uint8_t lun[8], uint32_t reason)
{
	struct virtio_scsi_event e = {.event = htole32(event), .reason = htole32(reason)};
	struct rig_chain chain;
	bool ok;

	memcpy(e.lun, lun, sizeof(e.lun));
	rig_lock(rig);
	ok = rig_take(rig, 1, &chain);
	if (ok) {
		memcpy(chain.elems[0].addr, &e, sizeof(e));
		rig_put(rig, 1, chain.head, sizeof(e));
		rig_call(rig, 1);
	}
	rig_unlock(rig);
	return ok;
}
