/* SPDX-License-Identifier: BSD-3-Clause */
/* The function in memory: its registers, as virtio 1.4, 4.1.4.3 has them, and its log. */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "fence.h"
#include "model.h"

static struct model *model_of(struct pci_bus *bus)
{
	return (struct model *)bus;
}

/* The function's registers and configuration space are little-endian. */
static uint32_t get_le(const void *from, unsigned width)
{
	uint32_t value = 0;

	memcpy(&value, from, width);
	return le32toh(value);
}

static void put_le(void *to, unsigned width, uint32_t value)
{
	value = htole32(value);
	memcpy(to, &value, width);
}

/* Counts an access; the function may be gone from this one on. */
static void live_on(struct model *m)
{
	if (!m->lives || --m->lives)
		return;
	m->dead = m->dies;
	m->gone = !m->dies;
}

static void note(struct model *m, enum model_access access, unsigned bar, uint64_t offset,
		 unsigned width, uint64_t value)
{
	if (m->logged == m->log_room) {
		m->log_room *= 2;
		m->log = realloc(m->log, m->log_room * sizeof(*m->log));
		assert_non_null(m->log);
	}
	m->log[m->logged++] = (struct model_entry){access, bar, offset, width, value};
}

/* The model of which fences are noted: the one made last. */
static struct model *noted;

void model_fence(int order)
{
	note(noted, FENCE, MODEL_BAR, (uint64_t)order, 0, 0);
}

void model_set(struct model *m, unsigned offset, unsigned width, uint32_t value)
{
	put_le(m->config + offset, width, value);
}

static int config_read(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value)
{
	struct model *m = model_of(bus);

	live_on(m);
	assert_true(offset % width == 0 && offset + width <= sizeof(m->config));
	*value = m->gone ? UINT32_MAX >> (32 - 8 * width) : get_le(m->config + offset, width);
	note(m, CONFIG_READ, 0, offset, width, *value);
	return m->dead ? -ENOTCONN : 0;
}

static int config_write(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t value)
{
	struct model *m = model_of(bus);

	live_on(m);
	note(m, CONFIG_WRITE, 0, offset, width, value);
	if (m->gone || m->dead)
		return m->dead ? -ENOTCONN : 0;
	model_set(m, offset, width, value);
	if (offset == m->sticky_at)
		m->config[offset + 1] |= (uint8_t)(m->sticky >> 8);
	return 0;
}

/* Registers answer only while the space that they lie in is on. */
static void check_space(const struct model *m)
{
	assert_true(m->config[PCI_COMMAND] & (m->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY));
}

static uint64_t bar_size(struct pci_bus *bus, unsigned bar)
{
	assert_true(bar < PCI_BARS);
	return model_of(bus)->bars[bar];
}

/* Beyond the last queue, the registers of a queue read 0 (4.1.5.1.3). */
static struct model_queue *selected(struct model *m)
{
	static struct model_queue none;

	none = (struct model_queue){.size = 0};
	return m->select < m->num_queues ? &m->queues[m->select] : &none;
}

static uint8_t read_status(struct model *m)
{
	if (!m->status_stays)
		return m->status;
	m->status_stays -= m->status_stays != UINT_MAX;
	return m->status | VIRTIO_CONFIG_S_ACKNOWLEDGE;
}

static uint8_t read_generation(struct model *m)
{
	if (m->generation_moves) {
		m->generation_moves -= m->generation_moves != UINT_MAX;
		m->generation++;
		/* What is read between two generations is another value each time. */
		m->device.max_lun = htole32(le32toh(m->device.max_lun) + 1);
	}
	return m->generation;
}

static bool has(const struct model *m, unsigned feature)
{
	return m->accepted[feature / 32] >> feature % 32 & 1;
}

/* Half of what is offered. */
static uint32_t read_offer(struct model *m)
{
	uint64_t offer = m->offer;

	if (m->next_offer)
		m->offer = m->next_offer;
	return m->device_select > 1 ? 0 : (uint32_t)(offer >> 32 * m->device_select);
}

static uint32_t read_common(struct model *m, uint64_t at)
{
	struct model_queue *q = selected(m);

	switch (at) {
	case COMMON(device_feature):
		return read_offer(m);
	case COMMON(msix_config):
		return m->config_vector;
	case COMMON(num_queues):
		return m->num_queues;
	case COMMON(device_status):
		return read_status(m);
	case COMMON(config_generation):
		return read_generation(m);
	case COMMON(queue_size):
		return q->size;
	case COMMON(queue_msix_vector):
		return q->vector;
	case COMMON(queue_enable):
		return q->enable;
	case COMMON(queue_notify_off):
		return q->notify_off;
	case PCI_QUEUE_NOTIFY_DATA:
		assert_true(has(m, VIRTIO_F_NOTIF_CONFIG_DATA));
		return q->name;
	default:
		fail_msg("register %u is not to be read", (unsigned)at);
		return 0;
	}
}

static uint16_t take_vector(const struct model *m, uint32_t vector)
{
	if (m->vector_lies)
		return (uint16_t)(vector + 7);
	return vector < m->vectors_taken ? (uint16_t)vector : VIRTIO_MSI_NO_VECTOR;
}

static void reset_device(struct model *m)
{
	unsigned i;

	m->accepted[0] = m->accepted[1] = 0;
	m->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (i = 0; i < MODEL_QUEUES; i++) {
		m->queues[i].size = m->queue_max;
		m->queues[i].vector = VIRTIO_MSI_NO_VECTOR;
		m->queues[i].enable = 0;
	}
}

static void write_common(struct model *m, uint64_t at, uint32_t value)
{
	struct model_queue *q = selected(m);

	if (at >= COMMON(queue_desc_lo) && at <= COMMON(queue_used_hi)) {
		q->address[(at - COMMON(queue_desc_lo)) / 4] = value;
		return;
	}
	switch (at) {
	case COMMON(device_feature_select):
		m->device_select = value;
		break;
	case COMMON(guest_feature_select):
		m->driver_select = value;
		break;
	case COMMON(guest_feature):
		m->accepted[m->driver_select & 1] = value;
		break;
	case COMMON(msix_config):
		m->config_vector = take_vector(m, value);
		break;
	case COMMON(device_status):
		m->status = (uint8_t)value;
		if (!value)
			reset_device(m);
		break;
	case COMMON(queue_select):
		m->select = (uint16_t)value;
		break;
	case COMMON(queue_size):
		q->size = (uint16_t)value;
		break;
	case COMMON(queue_msix_vector):
		q->vector = take_vector(m, value);
		break;
	case COMMON(queue_enable):
		q->enable = m->enable_ignored ? 0 : (uint16_t)value;
		break;
	default:
		fail_msg("register %u is not to be written", (unsigned)at);
	}
}

static int bar_read(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		    uint32_t *value)
{
	struct model *m = model_of(bus);

	assert_true(bar == MODEL_BAR && offset % width == 0 && offset + width <= m->bars[bar]);
	check_space(m);
	live_on(m);
	*value = 0;
	if (m->gone)
		*value = UINT32_MAX >> (32 - 8 * width);
	else if (offset < MODEL_ISR)
		*value = read_common(m, offset);
	else if (offset >= MODEL_DEVICE && offset + width <= MODEL_DEVICE + sizeof(m->device))
		*value = get_le((char *)&m->device + offset - MODEL_DEVICE, width);
	else
		fail_msg("nothing is to be read at %llu", (unsigned long long)offset);
	note(m, BAR_READ, bar, offset, width, *value);
	return m->dead ? -ENOTCONN : 0;
}

static int bar_write(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		     uint32_t value)
{
	struct model *m = model_of(bus);

	assert_true(bar == MODEL_BAR && offset % width == 0 && offset + width <= m->bars[bar]);
	check_space(m);
	live_on(m);
	note(m, BAR_WRITE, bar, offset, width, value);
	if (m->dead)
		return -ENOTCONN;
	if (offset < MODEL_ISR && !m->gone)
		write_common(m, offset, value);
	else if (offset >= MODEL_DEVICE && offset + width <= MODEL_DEVICE + sizeof(m->device))
		put_le((char *)&m->device + offset - MODEL_DEVICE, width, value);
	return 0;
}

/* Where every kick has to be seen, nothing is mapped. */
static void *bar_map(struct pci_bus *bus, unsigned bar, uint64_t offset, uint64_t len)
{
	struct model *m = model_of(bus);

	assert_true(range_inside(offset, len, 0, m->bars[bar]));
	if (!m->window)
		return NULL;
	m->mapped_at = offset;
	m->mapped_len = len;
	return m->window;
}

static void bar_unmap(struct pci_bus *bus, void *addr, uint64_t len)
{
	struct model *m = model_of(bus);

	assert_ptr_equal(addr, m->window);
	assert_int_equal(len, m->mapped_len);
	m->mapped_len = 0;
}

static int dma_where(struct pci_bus *bus, const struct dma_region *region, uint64_t *iova)
{
	struct model *m = model_of(bus);

	assert_true(m->bus.physical && region->len);
	if (region->fd < 0)
		return -EOPNOTSUPP;
	*iova = region->addr + m->physical;
	return 0;
}

static int dma_map(struct pci_bus *bus, const struct dma_region *region, uint64_t iova)
{
	assert_true(region->len > 0);
	note(model_of(bus), DMA_MAP, 0, iova, 0, region->addr);
	return model_of(bus)->map_err;
}

static int dma_unmap(struct pci_bus *bus, uint64_t iova, uint64_t len)
{
	note(model_of(bus), DMA_UNMAP, 0, iova, 0, len);
	return 0;
}

static int irq_set(struct pci_bus *bus, const int *fds, unsigned count)
{
	struct model *m = model_of(bus);

	note(m, IRQ_SET, 0, count, 0, 0);
	if (count > m->irqs_to_be_had)
		return (int)m->irqs_to_be_had;
	if (count)
		memcpy(m->fds, fds, count * sizeof(*fds));
	return 0;
}

static bool leaving(struct pci_bus *bus)
{
	return model_of(bus)->leaving;
}

static int reset(struct pci_bus *bus)
{
	note(model_of(bus), RESET, 0, 0, 0, 0);
	return 0;
}

static void close_bus(struct pci_bus *bus)
{
	model_of(bus)->closed = true;
}

static const struct pci_bus_ops model_ops = {
	.config_read = config_read,
	.config_write = config_write,
	.bar_size = bar_size,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.dma_where = dma_where,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.irq_set = irq_set,
	.leaving = leaving,
	.reset = reset,
	.close = close_bus,
};

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));
	unsigned i;

	assert_non_null(m);
	/* Room for all that most tests do: allocations that fail are those of the library. */
	m->log_room = 4096;
	m->log = malloc(m->log_room * sizeof(*m->log));
	assert_non_null(m->log);
	noted = m;
	m->bus = (struct pci_bus){
		.ops = &model_ops,
		.name = "0000:00:05.0",
		.vectors = 2048,
		.page = 4096,
		.ranges = {{0, 0xfedfffff}, {0xfef00000, (UINT64_C(1) << 48) - 1}},
		.nranges = 2,
	};
	model_set(m, PCI_VENDOR_ID, 4, 0x10481af4);
	m->config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	m->cap = 0x40;
	m->link = PCI_CAPABILITY_LIST;
	m->bars[MODEL_BAR] = MODEL_SIZE;
	m->offer = UINT64_MAX;
	m->device.num_queues = htole32(4);
	m->num_queues = 6;
	m->queue_max = 256;
	m->vectors_taken = 2048;
	m->irqs_to_be_had = 2048;
	for (i = 0; i < MODEL_QUEUES; i++)
		m->queues[i] = (struct model_queue){.notify_off = (uint16_t)i,
						    .name = (uint16_t)(0xabc0 + i)};
	reset_device(m);
	return m;
}

static unsigned link_cap(struct model *m, uint8_t id, unsigned len)
{
	unsigned at = m->cap;

	m->config[m->link] = (uint8_t)at;
	m->config[at] = id;
	m->link = at + 1;
	m->cap = (at + (len < 8 ? 8 : len) + 3) & ~3u;
	assert_true(m->cap <= sizeof(m->config));
	return at;
}

unsigned model_cap(struct model *m, unsigned type, unsigned bar, uint32_t offset, uint32_t length,
		   unsigned len)
{
	struct virtio_pci_cap cap = {.cap_vndr = PCI_CAP_ID_VNDR,
				     .cap_len = (uint8_t)len,
				     .cfg_type = (uint8_t)type,
				     .bar = (uint8_t)bar,
				     .offset = htole32(offset),
				     .length = htole32(length)};
	unsigned at = link_cap(m, PCI_CAP_ID_VNDR, len);

	memcpy(m->config + at, &cap, len < sizeof(cap) ? len : sizeof(cap));
	/* The multiplier of a notification structure, and filler of any other. */
	if (len >= sizeof(cap) + 4)
		m->config[at + sizeof(cap)] = 4;
	return at;
}

unsigned model_foreign(struct model *m, uint8_t id)
{
	return link_cap(m, id, 12);
}

void model_rest(struct model *m, unsigned except)
{
	if (except != VIRTIO_PCI_CAP_COMMON_CFG)
		model_cap(m, VIRTIO_PCI_CAP_COMMON_CFG, MODEL_BAR, MODEL_COMMON, 0x1000, 16);
	if (except != VIRTIO_PCI_CAP_NOTIFY_CFG)
		model_cap(m, VIRTIO_PCI_CAP_NOTIFY_CFG, MODEL_BAR, MODEL_NOTIFY, 0x5000, 20);
	if (except != VIRTIO_PCI_CAP_DEVICE_CFG)
		model_cap(m, VIRTIO_PCI_CAP_DEVICE_CFG, MODEL_BAR, MODEL_DEVICE, 0x1000, 16);
}

struct model *model_standard(void)
{
	struct model *m = model_new();

	model_cap(m, VIRTIO_PCI_CAP_ISR_CFG, MODEL_BAR, MODEL_ISR, 0x1000, 16);
	model_rest(m, 0);
	return m;
}

struct transport *model_attach(struct model *m)
{
	const struct transport_opts opts = {.timeout_ms = 60000};
	struct transport *t;

	assert_int_equal(pci_attach(&m->bus, &pci_ops, &opts, &t), 0);
	return t;
}

void model_free(struct model *m)
{
	free(m->log);
	free(m);
}

unsigned model_count(const struct model *m, enum model_access access, uint64_t offset)
{
	unsigned count = 0;

	while (model_find(m, access, offset, count) >= 0)
		count++;
	return count;
}

int model_find(const struct model *m, enum model_access access, uint64_t offset, unsigned skip)
{
	unsigned i;

	for (i = 0; i < m->logged; i++) {
		if (m->log[i].access == access && m->log[i].offset == offset && !skip--)
			return (int)i;
	}
	return -1;
}
