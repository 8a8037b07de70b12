/* SPDX-License-Identifier: BSD-3-Clause */
/* The back-end's disks: whose commands they execute, how often, and what they say instead. */
#include <endian.h>

#include "backend_parts.h"
#include "device/disk.h"

#define BLOCKS   64u
#define HEADER   51u
#define RESPONSE 108u
#define SILENCE  255u /* a lie: no answer */

static struct {
	struct {
		char name; /* 0: none */
		uint8_t data[BLOCKS * BACKEND_BLOCK];
	} at[BACKEND_LUNS];
	char next;
	uint8_t executed[BACKEND_TAGS];
} disks;

/* Each block says whose it is. */
static void fill(unsigned lun)
{
	unsigned i;

	disks.at[lun].name = disks.next++;
	for (i = 0; i < BLOCKS; i++)
		disks.at[lun].data[i * BACKEND_BLOCK] = (uint8_t)disks.at[lun].name;
}

void disks_begin(void)
{
	unsigned i;

	disks.next = 'A';
	memset(disks.executed, 0, sizeof(disks.executed));
	for (i = 0; i < BACKEND_LUNS; i++)
		fill(i);
}

void disks_swap(unsigned lun, bool gone)
{
	if (gone)
		disks.at[lun].name = 0;
	else
		fill(lun);
	/* There are only so many names. */
	if (disks.next == 'z')
		disks.next = 'A';
}

char backend_disk(unsigned lun)
{
	return disks.at[lun].name;
}

unsigned backend_executed(unsigned tag)
{
	return disks.executed[tag];
}

static struct virtio_scsi_cmd_resp *response_of(const struct held *held)
{
	return held->nin && held->in[0].iov_len >= RESPONSE ? held->in[0].iov_base : NULL;
}

/* Gives back and forgets a command. */
static void give(struct ring *ring, unsigned which, uint32_t used)
{
	struct device_chain chain = ring->held[which].chain;

	ring->nheld--;
	memmove(&ring->held[which], &ring->held[which + 1],
		(ring->nheld - which) * sizeof(ring->held[0]));
	if (ring->started && device_give(&ring->dev, &chain, used))
		ring_call(ring);
}

static void end_with(struct ring *ring, unsigned which, const struct disk_end *end,
		     uint8_t response)
{
	const struct held *held = &ring->held[which];
	struct virtio_scsi_cmd_resp *resp = response_of(held);
	uint64_t in = disk_room(held->in, held->nin) - RESPONSE;
	uint64_t all = in + disk_room(held->out, held->nout) - HEADER;

	memset(resp, 0, RESPONSE);
	resp->sense_len = htole32(disk_sense(end, resp->sense));
	resp->resid = htole32((uint32_t)(all - end->moved));
	resp->status = end->status;
	resp->response = response;
	give(ring, which, RESPONSE + (uint32_t)(in ? end->moved : 0));
}

/* What is written has to be meant for the disk that it is written to. */
static void check_write(const struct held *held, const uint8_t *cdb, char name)
{
	bool write = cdb[0] == 0x2a || cdb[0] == 0x8a;

	if (write && backend_is_honest() && held->nout > 1)
		MUST(*(const char *)held->out[1].iov_base == name);
}

static struct disk_end execute(const struct held *held, const uint8_t *header)
{
	const struct disk_io io = {held->in + 1, held->nin - 1, held->out + 1, held->nout - 1};
	const uint8_t *cdb = header + 19;
	unsigned lun = header[3];
	char serial[8] = "-------";
	struct disk disk = {
		.id = "TESTS   FUZZED DISK     1.0 ",
		.inquiry = 96,
		.serial = serial,
		.limits = true,
		.provisioning = 0xe4,
		.blocks = BLOCKS,
		.block_size = BACKEND_BLOCK,
		.max_transfer = 32,
		.max_unmap = 64,
		.max_ranges = 4,
		.max_same = 32,
		.max_compare = 4,
		.bytes = BLOCKS * BACKEND_BLOCK,
	};
	uint16_t luns[BACKEND_LUNS];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < BACKEND_LUNS; i++) {
		if (disks.at[i].name)
			luns[count++] = (uint16_t)i;
	}
	if (cdb[0] == 0xa0)
		return disk_report_luns(luns, count, cdb, &io);
	if (lun >= BACKEND_LUNS || !disks.at[lun].name)
		return disk_refuse(5, 0x25, 0);
	if (cdb[0] == BACKEND_ONCE) {
		disks.executed[cdb[1]]++;
		return (struct disk_end){.status = 0};
	}
	check_write(held, cdb, disks.at[lun].name);
	serial[0] = disks.at[lun].name;
	disk.data = disks.at[lun].data;
	return disk_execute(&disk, cdb, &io);
}

/* The header of a command that has one, and a response. */
static const uint8_t *header_of(const struct held *held)
{
	if (!held->nout || held->out[0].iov_len != HEADER || !response_of(held))
		return NULL;
	return held->out[0].iov_base;
}

static void answer(struct ring *ring, unsigned which)
{
	const uint8_t *header = header_of(&ring->held[which]);
	const struct held *held = &ring->held[which];
	struct disk_end end = {.status = 0};
	uint8_t response = VIRTIO_SCSI_S_OK;

	if (!header) {
		give(ring, which, 0);
		return;
	}
	if (header[1])
		response = VIRTIO_SCSI_S_BAD_TARGET;
	else
		end = execute(held, header);
	end_with(ring, which, &end, response);
}

/* Ends of commands that SCSI has, and what no device should say. */
static void answer_lie(struct ring *ring, unsigned which, unsigned how)
{
	static const uint8_t senses[][3] = {
		{6, 0x29, 0},   {6, 0x3f, 3}, {6, 0x3f, 0x0e}, {6, 0x3f, 5},
		{6, 0x2a, 9},   {6, 0x2a, 1}, {0xb, 0, 0},     {0xb, 0x10, 1},
		{2, 4, 1},      {3, 0x11, 0}, {5, 0x20, 0},    {7, 0x27, 0},
		{0xe, 0x1d, 0}, {5, 0x24, 0}, {5, 0x25, 0},    {1, 0, 0},
	};
	static const uint8_t statuses[] = {0x08, 0x18, 0x28, 0x30, 0x40, 0x04};
	struct held *held = &ring->held[which];
	struct virtio_scsi_cmd_resp *resp = response_of(held);
	struct disk_end end = {.status = 0};
	struct iovec data;
	const uint8_t *sense;
	unsigned i;

	be.disk_lied = true;
	if (!resp)
		return;
	data = held->in[held->nin > 1];
	switch (how % 8) {
	case 0:
	case 1:
		sense = senses[input_back(be.in) % (sizeof(senses) / 3)];
		end = disk_refuse(sense[0], sense[1], sense[2]);
		end_with(ring, which, &end, 0);
		return;
	case 2:
		end.status = statuses[input_back(be.in) % sizeof(statuses)];
		end_with(ring, which, &end, 0);
		return;
	case 3:
		end_with(ring, which, &end, input_back(be.in));
		return;
	case 4:
		for (i = 0; i < 32; i++)
			((uint8_t *)resp)[i % RESPONSE] = input_back(be.in);
		give(ring, which, input_back(be.in));
		return;
	case 5:
		memset(resp, 0, RESPONSE);
		memset(data.iov_base, input_back(be.in), data.iov_len);
		give(ring, which, RESPONSE);
		return;
	default:
		/* Correct except for one byte of the data. */
		answer(ring, which);
		((uint8_t *)data.iov_base)[input_back(be.in) % data.iov_len] = input_back(be.in);
	}
}

/* Whether a task management function is about a command. */
static bool concerns(const struct virtio_scsi_ctrl_tmf_req *tmf, const struct held *held)
{
	const uint8_t *header = header_of(held);
	uint32_t subtype = le32toh(tmf->subtype);

	if (!header)
		return false;
	if (subtype == VIRTIO_SCSI_T_TMF_ABORT_TASK)
		return !memcmp(header + 8, &tmf->tag, sizeof(tmf->tag));
	return subtype == VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET || !memcmp(header, tmf->lun, 8);
}

/* What is in order comes back in order, so only the oldest can be ended. */
static void abort_some(struct ring *ring, const struct virtio_scsi_ctrl_tmf_req *tmf)
{
	const struct disk_end end = {.status = 0};
	unsigned i;

	for (i = ring->started ? ring->nheld : 0; i-- > 0;) {
		if (concerns(tmf, &ring->held[i]) && (!ring->dev.in_order || i == 0))
			end_with(ring, i, &end, VIRTIO_SCSI_S_ABORTED);
	}
}

/* Done before it is answered (virtio 1.4, 5.6.6.2). After a silence the oldest is next in order. */
static void manage(struct ring *control)
{
	unsigned which = control->dev.in_order ? 0 : control->nheld - 1;
	struct held *held = &control->held[which];
	struct virtio_scsi_ctrl_tmf_req tmf;
	unsigned lie = backend_lie(&be.disk_lies);
	unsigned r;

	if (lie % 4 == 3)
		return;
	if (!held->nout || held->out[0].iov_len < sizeof(tmf) || !held->nin) {
		give(control, which, 0);
		return;
	}
	memcpy(&tmf, held->out[0].iov_base, sizeof(tmf));
	for (r = 2; r < BACKEND_RINGS && lie % 4 < 2; r++)
		abort_some(&be.rings[r], &tmf);
	*(uint8_t *)held->in[0].iov_base = lie ? input_back(be.in) : VIRTIO_SCSI_S_OK;
	give(control, which, 1);
}

void backend_work(void)
{
	unsigned r;
	unsigned i;

	for (r = 2; r < BACKEND_RINGS; r++) {
		for (i = 0; be.rings[r].started && i < be.rings[r].nheld; i++) {
			const struct held *held = &be.rings[r].held[i];

			if (header_of(held) && !header_of(held)[1])
				execute(held, header_of(held));
		}
	}
}

void backend_hold(bool hold)
{
	be.hold = hold;
}

/* Commands that probe a LUN are answered at once: opening it isn't the point. */
static bool is_lun_probe(const struct held *held)
{
	const uint8_t *header = header_of(held);

	if (!header)
		return false;
	return header[19] == 0x12 || header[19] == 0x00 || header[19] == 0x25 ||
	       header[19] == 0x9e || header[19] == 0x1a || header[19] == 0xa0;
}

void disks_serve(struct ring *ring, unsigned index)
{
	unsigned last = ring->nheld - 1;
	unsigned lie;

	if (index == 0) {
		manage(ring);
		return;
	}
	if (be.hold && (!is_lun_probe(&ring->held[last]) || ring->dev.in_order))
		return;
	lie = backend_lie(&be.disk_lies);
	if (lie == SILENCE)
		return;
	if (ring->dev.in_order)
		last = 0;
	if (lie)
		answer_lie(ring, last, lie);
	else
		answer(ring, last);
}

void backend_give(unsigned which, bool lie)
{
	unsigned r = 2 + which % (BACKEND_RINGS - 2);
	struct ring *ring = &be.rings[r];

	if (!ring->started || be.fd < 0 || !ring->nheld)
		return;
	which = ring->dev.in_order ? 0 : which / (BACKEND_RINGS - 2) % ring->nheld;
	if (lie)
		answer_lie(ring, which, input_back(be.in));
	else
		answer(ring, which);
}

void backend_event(uint32_t event, unsigned lun, uint32_t reason)
{
	struct ring *ring = &be.rings[1];
	struct virtio_scsi_event *e;
	struct held held;

	if (!ring->started || be.fd < 0 || !ring_take(ring, &held))
		return;
	e = held.nin && held.in[0].iov_len >= sizeof(*e) ? held.in[0].iov_base : NULL;
	if (e) {
		*e = (struct virtio_scsi_event){.event = htole32(event), .reason = htole32(reason)};
		e->lun[0] = 1;
		e->lun[2] = 0x40;
		e->lun[3] = (uint8_t)lun;
	}
	if (device_give(&ring->dev, &held.chain, e ? sizeof(*e) : 0))
		ring_call(ring);
}
