/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does what firmware does for a function after a reset: assigns addresses to its BARs. QEMU's
 * server answers no access to a BAR before. The driver never uses the addresses.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "transport/vfio_user/session.h"

/* Distance of the BARs, below 4 GiB or 64 KiB; a larger BAR gets no address. */
#define MEMORY_STEP (1u << 28)
#define PORT_STEP   (1u << 12)

/* Whether a BAR has 64 bits: its upper half is where the next BAR would be. */
static bool is_wide(uint32_t bar)
{
	return !(bar & PCI_BASE_ADDRESS_SPACE_IO) &&
	       (bar & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static int place(struct vfu *v, unsigned bar, bool *wide)
{
	unsigned at = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t now = 0;
	uint32_t step;
	int ret;

	ret = vfu_config_read(&v->bus, at, 4, &now);
	*wide = is_wide(now);
	step = now & PCI_BASE_ADDRESS_SPACE_IO ? PORT_STEP : MEMORY_STEP;
	if (ret || vfu_bar_size(&v->bus, bar) > step)
		return ret;
	ret = vfu_config_write(&v->bus, at, 4, (bar + 1) * step);
	if (!ret && *wide && bar + 1 < PCI_BARS)
		ret = vfu_config_write(&v->bus, at + 4, 4, 0);
	return ret;
}

int vfu_place(struct vfu *v)
{
	unsigned bar;
	int ret = 0;

	for (bar = 0; bar < PCI_BARS && !ret; bar++) {
		bool wide = false;

		if (vfu_bar_size(&v->bus, bar))
			ret = place(v, bar, &wide);
		bar += wide;
	}
	return ret;
}

int vfu_reset(struct pci_bus *bus)
{
	const struct vfu_call call = {.command = VFU_DEVICE_RESET};
	int ret = vfu_call(vfu_of(bus), &call);

	return ret ? ret : vfu_place(vfu_of(bus));
}
