/* SPDX-License-Identifier: BSD-3-Clause */
/* The disks of the peers: as few commands as a disk can do with, all else is refused. */
#include "peer.h"

#define GOOD            0x00
#define CHECK_CONDITION 0x02

#define ILLEGAL_REQUEST 0x05
#define UNIT_ATTENTION  0x06

static uint64_t get_be(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *at++;
	return v;
}

static void put_be(uint8_t *at, uint64_t v, unsigned bytes)
{
	while (bytes--) {
		at[bytes] = (uint8_t)v;
		v >>= 8;
	}
}

static struct outcome refuse(uint8_t key, uint8_t asc, uint8_t ascq)
{
	return (struct outcome){.status = CHECK_CONDITION, .key = key, .asc = asc, .ascq = ascq};
}

/* Copies to the buffers for data-in, as far as they reach. */
static struct outcome send(const struct rig_chain *chain, const uint8_t *data, size_t len)
{
	struct outcome end = {.status = GOOD};
	unsigned i;

	for (i = chain->readable + 1; i < chain->count && end.moved < len; i++) {
		const struct rig_elem *e = &chain->elems[i];
		size_t n = e->len < len - end.moved ? e->len : len - end.moved;

		memcpy(e->addr, data + end.moved, n);
		end.moved += n;
	}
	return end;
}

/* Answers with data whose room the CDB tells too: some peers believe the one, some the other. */
static struct outcome reply(struct peer *peer, const struct rig_chain *chain, uint64_t alloc,
			    const uint8_t *data, size_t len)
{
	if (alloc != rig_data_in_room(chain))
		peer_complain(peer, "an allocation length is not the length of the buffers");
	return send(chain, data, len);
}

static struct outcome inquiry(struct peer *peer, const struct unit *unit,
			      const struct rig_chain *chain, const uint8_t *cdb)
{
	static const uint8_t pages[] = {0x00, 0xb0, 0xb2};
	uint8_t data[64] = {[2] = 6, [3] = 2, [4] = 31};
	uint8_t count = peer->habit->unmap ? 3 : 2;
	uint64_t alloc = get_be(cdb + 3, 2);

	if (!(cdb[1] & 1)) {
		/* No unit of that number: nothing connected, and no type either (SPC-4, 6.4.2). */
		data[0] = unit ? 0x00 : 0x7f;
		memcpy(data + 8, "PEER    HABITUAL DISK   0001", 28);
		return reply(peer, chain, alloc, data, 36);
	}
	if (!unit || !peer->habit->max_blocks || !memchr(pages, cdb[2], count))
		return refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	memset(data, 0, sizeof(data));
	data[1] = cdb[2];
	if (cdb[2] == 0x00) {
		data[3] = count;
		memcpy(data + 4, pages, count);
		return reply(peer, chain, alloc, data, 4u + count);
	}
	if (cdb[2] == 0xb2) {
		data[3] = 4;
		data[5] = 0x80;
		return reply(peer, chain, alloc, data, 8);
	}
	data[3] = 0x3c;
	put_be(data + 8, peer->habit->max_blocks, 4);
	if (peer->habit->unmap) {
		put_be(data + 20, PEER_BLOCKS, 4);
		put_be(data + 24, 1, 4);
	}
	return reply(peer, chain, alloc, data, sizeof(data));
}

static struct outcome report_luns(struct peer *peer, unsigned target, const struct rig_chain *chain,
				  const uint8_t *cdb)
{
	uint8_t data[8 + 8 * PEER_UNITS] = {0};
	size_t len = 8;
	unsigned i;

	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target != target)
			continue;
		/* Peripheral device form as long as it will do, as disks have it. */
		put_be(data + len,
		       peer->units[i].lun < 256 ? peer->units[i].lun : 0x4000 | peer->units[i].lun,
		       2);
		len += 8;
	}
	put_be(data, len - 8, 4);
	return reply(peer, chain, get_be(cdb + 6, 4), data, len);
}

static struct outcome capacity(struct peer *peer, const struct rig_chain *chain, const uint8_t *cdb)
{
	uint8_t data[32] = {0};

	if ((cdb[1] & 0x1f) != 0x10)
		return refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	put_be(data, PEER_BLOCKS - 1, 8);
	put_be(data + 8, PEER_BLOCK, 4);
	return reply(peer, chain, get_be(cdb + 10, 4), data, sizeof(data));
}

/* Buffers and CDB have to agree to the byte: peers exist that believe the buffers. */
static struct outcome move(struct peer *peer, struct unit *unit, const struct rig_chain *chain,
			   const uint8_t *cdb)
{
	bool wide = cdb[0] & 0x80;
	bool write = cdb[0] & 0x02;
	uint64_t lba = wide ? get_be(cdb + 2, 8) : get_be(cdb + 2, 4);
	uint64_t blocks = wide ? get_be(cdb + 10, 4) : get_be(cdb + 7, 2);
	size_t bytes = write ? rig_data_out(chain, NULL, 0) : rig_data_in_room(chain);

	if (bytes != blocks * PEER_BLOCK) {
		peer_complain(peer, "blocks of the CDB and bytes of the buffers differ");
		return refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	}
	if (lba > PEER_BLOCKS || blocks > PEER_BLOCKS - lba)
		return refuse(ILLEGAL_REQUEST, 0x21, 0x00);
	if (peer->habit->max_blocks && blocks > peer->habit->max_blocks)
		return refuse(ILLEGAL_REQUEST, 0x24, 0x00);
	if (!write)
		return send(chain, unit->data + lba * PEER_BLOCK, bytes);
	rig_data_out(chain, unit->data + lba * PEER_BLOCK, bytes);
	return (struct outcome){.status = GOOD, .moved = bytes};
}

/* One range, whose blocks become zeros. The parameters are used and not counted as moved. */
static struct outcome unmap(struct unit *unit, const struct rig_chain *chain)
{
	uint8_t list[24];
	uint64_t lba;
	uint64_t blocks;

	if (rig_data_out(chain, list, sizeof(list)) != sizeof(list) || get_be(list + 2, 2) != 16)
		return refuse(ILLEGAL_REQUEST, 0x26, 0x00);
	lba = get_be(list + 8, 8);
	blocks = get_be(list + 16, 4);
	if (lba > PEER_BLOCKS || blocks > PEER_BLOCKS - lba)
		return refuse(ILLEGAL_REQUEST, 0x21, 0x00);
	memset(unit->data + lba * PEER_BLOCK, 0, blocks * PEER_BLOCK);
	return (struct outcome){.status = GOOD};
}

static struct outcome medium(struct peer *peer, struct unit *unit, const struct rig_chain *chain,
			     const uint8_t *cdb)
{
	uint8_t asc = unit->asc;

	unit->asc = 0;
	if (asc)
		return refuse(UNIT_ATTENTION, asc, unit->ascq);
	switch (cdb[0]) {
	case 0x00: /* TEST UNIT READY */
	case 0x35: /* SYNCHRONIZE CACHE */
	case 0x91:
		return (struct outcome){.status = GOOD};
	case 0x28: /* READ and WRITE */
	case 0x2a:
	case 0x88:
	case 0x8a:
		return move(peer, unit, chain, cdb);
	case 0x42:
		if (peer->habit->unmap)
			return unmap(unit, chain);
		return refuse(ILLEGAL_REQUEST, 0x20, 0x00);
	case 0x9e:
		return capacity(peer, chain, cdb);
	default:
		return refuse(ILLEGAL_REQUEST, 0x20, 0x00);
	}
}

struct outcome unit_execute(struct peer *peer, struct unit *unit, const struct rig_chain *chain)
{
	uint8_t cdb[32];

	memcpy(cdb, rig_command(chain)->cdb, sizeof(cdb));
	if (cdb[0] == 0x12)
		return inquiry(peer, unit, chain, cdb);
	if (cdb[0] == 0xa0)
		return report_luns(peer, rig_command(chain)->lun[1], chain, cdb);
	if (!unit)
		return refuse(ILLEGAL_REQUEST, 0x25, 0x00);
	return medium(peer, unit, chain, cdb);
}
