/* SPDX-License-Identifier: BSD-3-Clause */
/* The device's configuration space, read as a snapshot (virtio 1.4, 2.5.1, 4.1.3.1 and 5.6.4). */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

#define FIELD(name) offsetof(struct virtio_scsi_config, name)

int pci_generation(struct pci_function *f, uint8_t *generation)
{
	uint32_t value;
	int ret;

	ret = pci_read_common(f, offsetof(struct virtio_pci_common_cfg, config_generation), 1,
			      &value);
	if (!ret)
		*generation = (uint8_t)value;
	return ret;
}

/* Each field by an access of its own width (4.1.3.1): all have 32 bits but these two. */
static unsigned width_at(unsigned offset)
{
	return offset == FIELD(max_channel) || offset == FIELD(max_target) ? 2 : 4;
}

/* Whether the range begins and ends between fields, and inside the structure. */
static bool whole_fields(unsigned offset, unsigned len)
{
	unsigned at = 0;

	while (at < offset)
		at += width_at(at);
	if (at != offset || !range_inside(offset, len, 0, sizeof(struct virtio_scsi_config)))
		return false;
	while (at < offset + len)
		at += width_at(at);
	return at == offset + len;
}

static int read_fields(struct pci_function *f, unsigned offset, char *buf, unsigned len)
{
	unsigned at = 0;
	int ret = 0;

	while (at < len && !ret) {
		unsigned width = width_at(offset + at);
		uint32_t value = 0;

		ret = pci_read(&f->layout.device, offset + at, width, &value);
		/* The number's low bytes come first, as on the device. */
		value = htole32(value);
		memcpy(buf + at, &value, width);
		at += width;
	}
	return ret;
}

/*
 * Several fields are no snapshot unless the generation was the same before and after (2.5.1). A
 * device that changes it for ever is not waited for.
 */
int pci_read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	struct pci_function *f = pci_of(t);
	uint8_t before;
	uint8_t after;
	unsigned i;
	int ret;

	if (!whole_fields(offset, len))
		return error_set(-EINVAL, "%u bytes of configuration at %u are no whole fields",
				 len, offset);
	pci_begin(t, __func__);
	ret = pci_generation(f, &after);
	for (i = 0; !ret && i < PCI_GENERATIONS; i++) {
		before = after;
		ret = read_fields(f, offset, buf, len);
		if (!ret)
			ret = pci_generation(f, &after);
		f->generation = after;
		if (!ret && before == after)
			return 0;
	}
	if (ret)
		return ret;
	return error_set(-EPROTO, "the configuration of %s changed during each of %d reads",
			 f->bus->name, PCI_GENERATIONS);
}

int pci_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	struct pci_function *f = pci_of(t);
	uint32_t value;

	/* 5.6.4.2: the driver writes sense_size and cdb_size, nothing else. */
	if (len != 4 || (offset != FIELD(sense_size) && offset != FIELD(cdb_size)))
		return error_set(-EINVAL, "%u bytes of configuration at %u can't be written", len,
				 offset);
	memcpy(&value, buf, sizeof(value));
	pci_begin(t, __func__);
	return pci_write(&f->layout.device, offset, 4, le32toh(value));
}
