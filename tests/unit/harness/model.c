/* SPDX-License-Identifier: BSD-3-Clause */
/* The device: chains in, answers out. What a disk says to a command is in tests/device. */
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>

#include "device/disk.h"
#include "model.h"
#include "util/bits.h"
#include "virtio/device.h"

/* What the next transport_open() connects to. */
static struct model *current;

int __wrap_transport_open(const char *address, const struct transport_opts *opts,
			  struct transport **out);

/* Stands in for the table of transports, by the linker's --wrap. */
int __wrap_transport_open(const char *address, const struct transport_opts *opts,
			  struct transport **out)
{
	(void)address;
	(void)opts;
	*out = &current->fake.transport;
	return 0;
}

static void broken(struct model *m, const char *rule)
{
	if (!m->broken)
		m->broken = rule;
}

static bool has(const struct model *m, unsigned bit)
{
	return m->fake.accepted & VIRTIO_BIT(bit);
}

/* Whether a piece of memory lies across a page: IOMMUs may map the two to different places. */
static bool is_split(const struct iovec *piece)
{
	uintptr_t at = (uintptr_t)piece->iov_base;

	return at / 4096 != (at + piece->iov_len - 1) / 4096;
}

/* Header and response come first, each alone in its piece (5.6.6.1). */
static void check_framing(struct model *m, const struct chain *chain)
{
	if (!chain->nout || chain->out[0].iov_len != HEADER_BYTES || !chain->nin ||
	    chain->in[0].iov_len != RESPONSE_BYTES)
		broken(m, "R-SCSI-28: header and response don't come first and alone");
	else if (is_split(&chain->out[0]) || is_split(&chain->in[0]))
		broken(m, "header or response lies across a page, which QEMU can't bear");
}

static bool take(struct model *m, unsigned queue, struct chain *chain)
{
	struct ring_device *ring = &m->rings[queue];
	struct device_elem elems[2 * MODEL_SEGS];
	unsigned i;

	memset(chain, 0, sizeof(*chain));
	chain->queue = queue;
	if (m->broken || !m->fake.started[queue])
		return false;
	if (!device_take(ring, &chain->taken, elems)) {
		if (ring->broken)
			broken(m, ring->broken);
		return false;
	}
	chain->head = chain->taken.id;
	chain->indirect = chain->taken.indirect;
	m->tables += chain->indirect;
	if (chain->taken.readable > MODEL_SEGS ||
	    chain->taken.count - chain->taken.readable > MODEL_SEGS) {
		broken(m, "R-SPLIT-13, R-PACK-16: a chain has more segments than the device takes");
		return false;
	}
	for (i = 0; i < chain->taken.count; i++) {
		struct iovec iov = {elems[i].at, elems[i].len};

		if (elems[i].writable)
			chain->in[chain->nin++] = iov;
		else
			chain->out[chain->nout++] = iov;
	}
	if (queue >= 2)
		check_framing(m, chain);
	return !m->broken;
}

bool model_take(struct model *m, unsigned queue, struct chain *chain)
{
	bool taken;

	pthread_mutex_lock(&m->lock);
	taken = take(m, queue, chain);
	pthread_mutex_unlock(&m->lock);
	return taken;
}

unsigned model_waiting(struct model *m, unsigned queue)
{
	return device_waiting(&m->rings[queue]);
}

static void give(struct model *m, const struct chain *chain, uint32_t used_len)
{
	struct ring_device *ring = &m->rings[chain->queue];

	if (!m->fake.started[chain->queue] || !device_give(ring, &chain->taken, used_len))
		return;
	if (device_show(ring) && m->fake.call_fds[chain->queue] >= 0)
		eventfd_write(m->fake.call_fds[chain->queue], 1);
}

void model_give(struct model *m, const struct chain *chain, uint32_t used_len)
{
	pthread_mutex_lock(&m->lock);
	give(m, chain, used_len);
	pthread_mutex_unlock(&m->lock);
}

static void answer(struct model *m, const struct chain *chain, const struct answer *a)
{
	struct virtio_scsi_cmd_resp *resp = chain->in[0].iov_base;

	resp->sense_len = htole32(a->sense_len);
	resp->resid = htole32(a->residual);
	resp->status_qualifier = htole16(a->qualifier);
	resp->status = a->status;
	resp->response = a->response;
	memcpy(resp->sense, a->sense, sizeof(a->sense));
	give(m, chain, a->used_len);
}

void model_answer(struct model *m, const struct chain *chain, const struct answer *a)
{
	pthread_mutex_lock(&m->lock);
	answer(m, chain, a);
	pthread_mutex_unlock(&m->lock);
}

struct answer model_good(const struct chain *chain)
{
	return (struct answer){
		.used_len = RESPONSE_BYTES + (uint32_t)chain_data_in(chain),
	};
}

/* The disk that is at every LUN. */
static struct disk disk_of(struct model *m)
{
	return (struct disk){
		.id = "TESTS   MODEL DISK      1.0 ",
		.type = m->type,
		.inquiry = 96,
		.serial = m->serial,
		.limits = true,
		.provisioning = 0xe4,
		.mode = m->mode,
		.blocks = m->blocks,
		.block_size = m->block_size,
		.max_transfer = m->max_transfer,
		.max_unmap = 0x10000,
		.max_ranges = 8,
		.max_same = 0x8000,
		.max_compare = 4,
		.data = m->disk,
		.bytes = sizeof(m->disk),
	};
}

static struct answer answer_of(const struct chain *chain, const struct disk_end *end)
{
	uint64_t in = chain_data_in(chain);
	struct answer a = {
		.status = end->status,
		.residual = (uint32_t)(in + chain_data_out(chain) - end->moved),
		.used_len = RESPONSE_BYTES + (uint32_t)(in ? end->moved : 0),
	};

	a.sense_len = disk_sense(end, a.sense);
	return a;
}

struct answer model_sense(const struct chain *chain, uint8_t key, uint8_t asc, uint8_t ascq)
{
	const struct disk_end end = disk_refuse(key, asc, ascq);

	return answer_of(chain, &end);
}

/* The LUNs of a target that are there; their number. */
static unsigned find_luns(const struct model *m, unsigned target, uint16_t luns[MODEL_LUNS])
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; target < MODEL_TARGETS && i < MODEL_LUNS; i++) {
		if (m->present[target][i])
			luns[count++] = (uint16_t)i;
	}
	return count;
}

/* What the test has to say to it, if anything. */
static const struct said *find_said(const struct model *m, const uint8_t *cdb)
{
	unsigned i;

	for (i = 0; i < m->nsaid; i++) {
		if (memcmp(m->said[i].cdb, cdb, sizeof(m->said[i].cdb)) == 0)
			return &m->said[i];
	}
	return NULL;
}

static struct answer answer_said(const struct chain *chain, const struct said *said)
{
	const struct iovec data = {(void *)(uintptr_t)said->data, said->len};
	struct disk_end end;

	if (!said->data)
		return said->end;
	end = disk_reply(&data, chain->in + 1, chain->nin - 1);
	return answer_of(chain, &end);
}

/* A LUN that is not there answers BAD TARGET, or 5/25 where its target is. */
struct answer model_execute(struct model *m, const struct chain *chain)
{
	const struct disk_io io = {chain->in + 1, chain->nin - 1, chain->out + 1, chain->nout - 1};
	const uint8_t *header = chain->out[0].iov_base;
	const uint8_t *cdb = chain_cdb(chain);
	const struct said *said = find_said(m, cdb);
	const struct disk disk = disk_of(m);
	uint16_t luns[MODEL_LUNS];
	unsigned count = find_luns(m, header[1], luns);
	struct disk_end end;

	if (!count)
		return (struct answer){.response = VIRTIO_SCSI_S_BAD_TARGET,
				       .used_len = RESPONSE_BYTES};
	if (cdb[0] == 0xa0)
		end = disk_report_luns(luns, count, cdb, &io);
	else if (header[3] >= MODEL_LUNS || !m->present[header[1]][header[3]])
		end = disk_refuse(5, 0x25, 0);
	else if (said)
		return answer_said(chain, said);
	else if (cdb[0] == 0x5e || cdb[0] == 0x5f)
		end = disk_persist(&m->pr, cdb, &io);
	else if (disk_conflicts(&m->pr, cdb))
		end = disk_conflict();
	else
		end = disk_execute(&disk, cdb, &io);
	return answer_of(chain, &end);
}

static void serve_tmf(struct model *m, const struct chain *chain)
{
	if (chain->nout != 1 || chain->out[0].iov_len != TMF_BYTES || chain->nin != 1 ||
	    chain->in[0].iov_len != 1)
		return broken(m, "R-SCSI-63: a malformed task management function");
	memcpy(m->tmf, chain->out[0].iov_base, TMF_BYTES);
	*(uint8_t *)chain->in[0].iov_base = m->tmf_response;
	give(m, chain, 1);
}

static void serve_chain(struct model *m, const struct chain *chain)
{
	struct answer a;

	if (chain->queue == 0)
		return serve_tmf(m, chain);
	if (++m->commands == m->unanswered)
		return;
	a = model_execute(m, chain);
	answer(m, chain, &a);
}

void model_serve_chain(struct model *m, const struct chain *chain)
{
	pthread_mutex_lock(&m->lock);
	serve_chain(m, chain);
	pthread_mutex_unlock(&m->lock);
}

/* Answers all that is there, and asks for the next kick. */
static void serve(struct model *m, unsigned queue)
{
	struct chain chain;

	if (queue == 1 || !m->fake.started[queue])
		return;
	do {
		while (take(m, queue, &chain))
			serve_chain(m, &chain);
	} while (!m->broken && !device_sleep(&m->rings[queue]));
}

void model_release(struct model *m, unsigned queue)
{
	pthread_mutex_lock(&m->lock);
	m->held &= ~(UINT64_C(1) << queue);
	serve(m, queue);
	pthread_mutex_unlock(&m->lock);
}

bool model_event(struct model *m, uint32_t event, const uint8_t lun[8], uint32_t reason)
{
	struct virtio_scsi_event *e;
	struct chain chain;

	if (!model_take(m, 1, &chain))
		return false;
	if (chain.nout || chain.nin != 1 || chain.in[0].iov_len < sizeof(*e)) {
		broken(m, "R-SCSI-83, 85: no buffer for an event");
		return false;
	}
	e = chain.in[0].iov_base;
	e->event = htole32(event);
	memcpy(e->lun, lun, sizeof(e->lun));
	e->reason = htole32(reason);
	model_give(m, &chain, sizeof(*e));
	return true;
}

static void *memory_at(void *ctx, uint64_t addr, uint64_t len)
{
	struct model *m = ctx;

	return fake_memory(&m->fake, addr, len);
}

/* Where a ring stands, in the form of struct transport_queue.base. */
static uint32_t base_of(const struct ring_device *ring)
{
	return ring->packed ? device_position(ring) : ring->seen;
}

/* The device's end of a ring that starts, from zero or from its resume base. */
static void start(struct model *m, unsigned index)
{
	struct transport_queue *queue = &m->fake.queues[index];
	struct ring_device *ring = &m->rings[index];
	bool packed = has(m, VIRTIO_F_RING_PACKED);
	bool fresh = queue->base == (packed ? 0x80008000 : 0);

	if (ring->desc == queue->desc && queue->base == base_of(ring) && !fresh)
		return;
	if (!fresh)
		return broken(m, "R-VU-54: a ring was started in the middle");
	device_detach(ring);
	ring->desc = queue->desc;
	ring->driver = queue->driver;
	ring->device = queue->device;
	ring->size = queue->size;
	ring->packed = packed;
	ring->in_order = has(m, VIRTIO_F_IN_ORDER);
	ring->event_idx = has(m, VIRTIO_RING_F_EVENT_IDX);
	ring->indirect = has(m, VIRTIO_RING_F_INDIRECT_DESC);
	ring->max_elems = 2 * MODEL_SEGS;
	ring->translate = memory_at;
	ring->ctx = m;
	device_attach(ring);
	/* What it had taken and not given back is taken once more. */
	device_move(ring, (uint16_t)queue->base,
		    (uint16_t)(packed ? queue->base >> 16 : queue->base));
}

void model_hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;

	pthread_mutex_lock(&m->lock);
	if (call == FAKE_QUEUE_START)
		start(m, queue);
	else if (call == FAKE_QUEUE_STOP)
		m->fake.base[queue] = base_of(&m->rings[queue]);
	else if (call == FAKE_NOTIFY && !(m->held & UINT64_C(1) << queue))
		serve(m, queue);
	pthread_mutex_unlock(&m->lock);
}

void model_init(struct model *m)
{
	memset(m->disk, 0, sizeof(m->disk));
	model_renew(m);
}

void model_renew(struct model *m)
{
	memset(m->rings, 0, offsetof(struct model, disk) - offsetof(struct model, rings));
	pthread_mutex_init(&m->lock, NULL);
	fake_init(&m->fake);
	/* This device has split rings only, and gives chains back as it likes. */
	m->fake.ops.features &= ~(VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER));
	m->fake.shift = UINT64_C(0x100000000000);
	m->fake.hook = model_hook;
	m->fake.ctx = m;
	m->present[0][0] = true;
	m->present[1][2] = true;
	m->serial = "SN42";
	m->blocks = MODEL_BLOCKS;
	m->block_size = MODEL_BLOCK;
	m->max_transfer = 1024;
	current = m;
}

void model_fini(struct model *m)
{
	unsigned i;

	for (i = 0; i < FAKE_QUEUES; i++) {
		if (m->rings[i].broken)
			broken(m, m->rings[i].broken);
		device_detach(&m->rings[i]);
	}
	fake_fini(&m->fake);
	pthread_mutex_destroy(&m->lock);
	current = NULL;
}

const uint8_t *chain_cdb(const struct chain *chain)
{
	return (const uint8_t *)chain->out[0].iov_base + 19;
}

static uint64_t sum(const struct iovec *iov, unsigned count)
{
	uint64_t bytes = 0;
	unsigned i;

	for (i = 1; i < count; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

uint64_t chain_data_out(const struct chain *chain)
{
	return sum(chain->out, chain->nout);
}

uint64_t chain_data_in(const struct chain *chain)
{
	return sum(chain->in, chain->nin);
}

void put_lun(uint8_t out[8], unsigned target, unsigned lun)
{
	memset(out, 0, 8);
	out[0] = 1;
	out[1] = (uint8_t)target;
	out[2] = (uint8_t)(0x40 | lun >> 8);
	out[3] = (uint8_t)lun;
}
