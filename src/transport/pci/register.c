/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registers: accesses of exact width inside a window, and the function's command register. Control
 * registers are always reached through the bus and never through a mapping: a function that was
 * pulled answers with an error or with ones then, where a mapping might answer with a signal.
 */
#include <errno.h>
#include <stddef.h>

#include <linux/pci_regs.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

int pci_gone(const struct pci_bus *bus, const char *how)
{
	return error_set(-ENOTCONN, "%s %s; it was unplugged or reset", bus->name, how);
}

bool pci_begin(struct transport *t, const char *op)
{
	struct pci_bus *bus = pci_of(t)->bus;

	return !bus->ops->begin || bus->ops->begin(bus, op, t->wait);
}

/* A window is empty from the loss of a function until its registers are found again. */
static int no_register(const struct pci_window *w, uint64_t at)
{
	if (!w->len)
		return pci_gone(w->bus, "was not found again");
	return error_set(-EPROTO, "%s has no register at %llu", w->bus->name,
			 (unsigned long long)at);
}

int pci_read(const struct pci_window *w, uint64_t at, unsigned width, uint32_t *value)
{
	if (!range_inside(at, width, 0, w->len))
		return no_register(w, at);
	return w->bus->ops->bar_read(w->bus, w->bar, w->offset + at, width, value);
}

/* A value of @width bytes as a function has it that isn't there. */
static bool all_ones(uint32_t value, unsigned width)
{
	return value == (UINT64_C(1) << 8 * width) - 1;
}

/*
 * Most registers may hold ones, but no device shows all eight bits of the status: where a register
 * reads as ones, that decides.
 */
int pci_read_common(struct pci_function *f, unsigned at, unsigned width, uint32_t *value)
{
	const struct pci_window *w = &f->layout.common;
	uint32_t status = 0;
	int ret;

	ret = pci_read(w, at, width, value);
	if (ret || !all_ones(*value, width))
		return ret;
	ret = pci_read(w, offsetof(struct virtio_pci_common_cfg, device_status), 1, &status);
	if (!ret && all_ones(status, 1))
		ret = pci_gone(f->bus, "answers every read with ones");
	return ret;
}

int pci_read_config_word(struct pci_bus *bus, unsigned at, uint32_t *value)
{
	int ret = bus->ops->config_read(bus, at, 2, value);

	if (!ret && all_ones(*value, 2))
		ret = pci_gone(bus, "answers every read with ones");
	return ret;
}

int pci_write(const struct pci_window *w, uint64_t at, unsigned width, uint32_t value)
{
	if (!range_inside(at, width, 0, w->len))
		return no_register(w, at);
	return w->bus->ops->bar_write(w->bus, w->bar, w->offset + at, width, value);
}

int pci_master(struct pci_bus *bus, bool on)
{
	uint32_t command;
	int ret;

	ret = pci_read_config_word(bus, PCI_COMMAND, &command);
	if (ret)
		return ret;
	/* Both spaces are on in either case: a BAR may be in either, and is still to be read. */
	command &= ~(uint32_t)PCI_COMMAND_MASTER;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_IO;
	if (on)
		command |= PCI_COMMAND_MASTER;
	return bus->ops->config_write(bus, PCI_COMMAND, 2, command);
}
