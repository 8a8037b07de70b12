/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function that lies: configuration space and sizes of BARs as the bytes say, and registers
 * that change between two reads. The first bytes patch a function that is in order.
 */
#include "fuzz.h"

#include "kernel.h"
#include "pci/model.h"

static struct {
	struct input in;
	struct pci_bus_ops ops;
	const struct pci_bus_ops *honest;
	uint8_t registers[MODEL_SIZE + 4];
} evil;

/* One read of four or so is answered by the input; all ones are as likely as all else together. */
static void lie(uint32_t *value)
{
	uint8_t how = evil.in.left ? input_u8(&evil.in) : 0;

	if ((how & 3) == 1)
		*value = how & 4 ? UINT32_MAX : input_u32(&evil.in);
}

static int config_read(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value)
{
	int err = evil.honest->config_read(bus, offset, width, value);

	lie(value);
	if (width < 4)
		*value &= (1u << 8 * width) - 1;
	return err;
}

/* Registers are memory that keeps what is written, wherever the capabilities say that they lie. */
static uint8_t *place(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width)
{
	/* Whatever the function has there: what is outside of its BARs is never accessed. */
	MUST(bar < PCI_BARS && offset + width <= evil.honest->bar_size(bus, bar));
	MUST(width == 1 || width == 2 || width == 4);
	return evil.registers + offset % MODEL_SIZE;
}

static int bar_read(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		    uint32_t *value)
{
	*value = 0;
	memcpy(value, place(bus, bar, offset, width), width);
	lie(value);
	if (width < 4)
		*value &= (1u << 8 * width) - 1;
	return 0;
}

static int bar_write(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		     uint32_t value)
{
	memcpy(place(bus, bar, offset, width), &value, width);
	return 0;
}

/* So that every access is seen, none goes through a mapping. */
static void *bar_map(struct pci_bus *bus, unsigned bar, uint64_t offset, uint64_t len)
{
	(void)bus;
	(void)bar;
	(void)offset;
	(void)len;
	return NULL;
}

/* Puts some bytes of the input over configuration space and registers. */
static void patch(struct model *m)
{
	unsigned count = input_u8(&evil.in) & 31;

	while (count--) {
		uint8_t at = input_u8(&evil.in);

		m->config[at] = input_u8(&evil.in);
	}
	m->bars[MODEL_BAR] = input_u16(&evil.in);
	m->irqs_to_be_had = input_u8(&evil.in);
	memset(evil.registers, 0, sizeof(evil.registers));
	memset(evil.registers + COMMON(device_feature), 0xff, 4);
	evil.registers[COMMON(num_queues)] = input_u8(&evil.in);
	evil.registers[COMMON(queue_size)] = input_u8(&evil.in);
	input_take(&evil.in, evil.registers + MODEL_DEVICE, sizeof(struct virtio_scsi_config));
}

static void drive(struct transport *t)
{
	const struct transport_ops *ops = t->ops;
	uint8_t config[sizeof(struct virtio_scsi_config)];
	uint64_t features;
	unsigned what = 0;
	unsigned i;
	int count;

	if (!ops->get_features(t, &features))
		ops->set_features(t, features & (UINT64_C(1) << VIRTIO_F_VERSION_1));
	ops->set_status(t, 15);
	ops->read_config(t, 0, config, sizeof(config));
	count = ops->queue_count(t);
	for (i = 0; count > 0 && i < (unsigned)count && i < 4; i++)
		MUST(ops->queue_max(t, i) <= 32768);
	ops->check(t, &what);
	ops->set_status(t, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct transport_opts opts = {.timeout_ms = 1};
	static const struct kernel_hooks nobody;
	struct transport *t;
	struct model *m;

	kernel_begin(&nobody);
	m = model_standard();
	evil.in = (struct input){data, size};
	evil.honest = m->bus.ops;
	evil.ops = *evil.honest;
	evil.ops.config_read = config_read;
	evil.ops.bar_read = bar_read;
	evil.ops.bar_write = bar_write;
	evil.ops.bar_map = bar_map;
	m->bus.ops = &evil.ops;
	patch(m);
	if (!pci_attach(&m->bus, &pci_ops, &opts, &t)) {
		drive(t);
		t->ops->close(t);
	}
	model_free(m);
	kernel_end();
	return 0;
}
