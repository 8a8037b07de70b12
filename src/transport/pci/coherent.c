/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Coherence. No cache is ever flushed by hand here, so every access of the device has to be a
 * coherent one. On PCI Express a function may mark its accesses as "no snoop"; an IOMMU that
 * ignores the mark settles it, else the function's own control register does.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "transport/pci/function.h"
#include "util/error.h"

int pci_keep_coherent(struct pci_function *f)
{
	const struct pci_bus_ops *ops = f->bus->ops;
	unsigned at = f->layout.express + PCI_EXP_DEVCTL;
	uint32_t control;
	int ret;

	/* Conventional PCI has no such accesses. */
	if (f->bus->snoops || !f->layout.express)
		return 0;
	ret = pci_read_config_word(f->bus, at, &control);
	if (ret || !(control & PCI_EXP_DEVCTL_NOSNOOP_EN))
		return ret;
	ret = ops->config_write(f->bus, at, 2, control & ~(uint32_t)PCI_EXP_DEVCTL_NOSNOOP_EN);
	if (!ret)
		ret = pci_read_config_word(f->bus, at, &control);
	if (!ret && control & PCI_EXP_DEVCTL_NOSNOOP_EN)
		ret = error_set(-EOPNOTSUPP,
				"%s may go round the processors' caches: its IOMMU doesn't make it "
				"coherent, and it can't be forbidden in the function",
				f->bus->name);
	return ret;
}
