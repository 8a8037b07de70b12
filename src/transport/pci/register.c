/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers: accesses of exact width inside a window, and the function's command register. Control
 * registers are always reached through the bus and never through a mapping: a function that was
 * pulled answers with an error or with ones then, where a mapping might answer with a signal.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

int pci_gone(const struct pci_bus *bus, const char *how)
{
	return error_set(-ENOTCONN, "%s %s; it was unplugged or reset", bus->name, how);
}

int pci_read(const struct pci_window *w, uint64_t at, unsigned width, uint32_t *value)
{
	if (!range_inside(at, width, 0, w->len))
		return error_set(-EPROTO, "%s has no register at %llu", w->bus->name,
				 (unsigned long long)at);
	return w->bus->ops->bar_read(w->bus, w->bar, w->offset + at, width, value);
}

int pci_write(const struct pci_window *w, uint64_t at, unsigned width, uint32_t value)
{
	if (!range_inside(at, width, 0, w->len))
		return error_set(-EPROTO, "%s has no register at %llu", w->bus->name,
				 (unsigned long long)at);
	return w->bus->ops->bar_write(w->bus, w->bar, w->offset + at, width, value);
}

int pci_master(struct pci_bus *bus, bool on)
{
	uint32_t command;
	int ret;

	ret = bus->ops->config_read(bus, PCI_COMMAND, 2, &command);
	if (ret)
		return ret;
	/* Both spaces are on in either case: a BAR may be in either, and is still to be read. */
	command &= ~(uint32_t)PCI_COMMAND_MASTER;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	if (on)
		command |= PCI_COMMAND_MASTER;
	return bus->ops->config_write(bus, PCI_COMMAND, 2, command);
}
