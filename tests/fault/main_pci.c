/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The same for PCI functions: VFIO with a stub of the kernel, and virtio above it with a simulated
 * function.
 */
#include <limits.h>
#include <unistd.h>

#include "../unit/pci/model.h"
#include "../unit/vfio/kernel.h"
#include "scenario.h"
#include "util/error.h"

#define IOVA UINT64_C(0x40000000)

/* Called by the stub with the name of each call that it wraps; whether it must fail. */
static bool inject_by_name(const char *name)
{
	static const struct {
		const char *name;
		enum call call;
	} calls[] = {
		{"access", CALL_ACCESS},   {"close", CALL_CLOSE},       {"fstatfs64", CALL_FSTATFS},
		{"ioctl", CALL_IOCTL},     {"mmap64", CALL_MMAP},       {"open64", CALL_OPEN},
		{"opendir", CALL_OPENDIR}, {"readdir64", CALL_READDIR}, {"pread64", CALL_PREAD},
		{"pwrite64", CALL_PWRITE}, {"readlink", CALL_READLINK},
	};
	unsigned i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		if (!strcmp(name, calls[i].name))
			return fault_injected(calls[i].call);
	}
	return false;
}

/* Without an IOMMU, addresses are translated. */
static int find(const struct world *w, struct pci_bus *bus)
{
	uint64_t iova;
	unsigned i;

	if (!bus->physical)
		return 0;
	kernel.huge_fd = w->own_fd;
	kernel.area = (uintptr_t)w->own;
	for (i = 0; i < ARRAY_LEN(kernel.frames); i++)
		kernel.frames[i] = UINT64_C(1) << 63 | (100 + i);
	return bus->ops->dma_where(
		bus, &(struct dma_region){.addr = kernel.area, .len = WORLD_OWN, .fd = w->own_fd},
		&iova);
}

/* Everything that a transport does with a function, from open to close. */
static int run_transport(const struct world *w, unsigned iommu)
{
	struct pci_bus *bus;
	int fds[2] = {STDIN_FILENO, STDOUT_FILENO};
	uint32_t value;
	void *page;
	int err;

	err = vfio_open(NAME, iommu, &bus);
	if (err)
		return err;
	err = bus->ops->bar_write(bus, 4, 0x100, 4, 1);
	if (!err)
		err = bus->ops->bar_read(bus, 4, 0x100, 4, &value);
	page = bus->ops->bar_map(bus, 4, 0x1000, 0x20);
	if (page)
		bus->ops->bar_unmap(bus, page, 0x20);
	if (!err)
		err = bus->ops->irq_set(bus, fds, 2);
	if (!err)
		err = find(w, bus);
	if (!err)
		err = bus->ops->dma_map(
			bus, &(struct dma_region){.addr = 0x7f0000000000, .len = 0x200000}, IOVA);
	if (!err)
		err = bus->ops->dma_unmap(bus, IOVA, 0x200000);
	error_keep(true);
	bus->ops->leaving(bus);
	bus->ops->close(bus);
	error_keep(false);
	assert_int_equal(kernel.open, 0);
	return err;
}

static int run_in_group(struct world *w)
{
	kernel_group();
	return run_transport(w, TRANSPORT_IOMMU_AUTO);
}

static int run_in_iommufd(struct world *w)
{
	kernel_iommufd();
	return run_transport(w, TRANSPORT_IOMMU_AUTO);
}

static int run_without_iommu(struct world *w)
{
	kernel_noiommu();
	return run_transport(w, TRANSPORT_IOMMU_NONE);
}

/* Static because it is large. */
static struct model *model;

static void reset_model(unsigned vectors)
{
	model_free(model);
	model = model_standard();
	model->irqs_to_be_had = vectors;
}

static int start_queues(struct transport *t, char *memory)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < 6 && !err; i++) {
		const struct transport_queue queue = {
			.index = i,
			.size = 16,
			.desc = memory,
			.driver = memory + 1024,
			.device = memory + 2048,
		};

		err = pci_ops.queue_start(t, &queue);
	}
	return err;
}

/* Includes sleeping: all operations that concern interrupts. */
static int attach(struct world *w)
{
	const struct transport_opts opts = {.timeout_ms = 1000};
	const struct dma_region region = {
		.addr = (uintptr_t)w->own, .len = WORLD_OWN, .fd = w->own_fd};
	struct transport *t;
	uint64_t iova;
	unsigned what;
	int err;

	err = pci_attach(&model->bus, &pci_ops, &opts, &t);
	if (err)
		return err;
	err = pci_ops.mem_map(t, &region, &iova);
	if (!err)
		err = start_queues(t, w->own);
	if (!err)
		err = pci_ops.call_clear(t, 2);
	if (!err)
		err = pci_ops.check(t, &what);
	error_keep(true);
	pci_ops.close(t);
	error_keep(false);
	return err;
}

static void setup_vectors(struct world *w)
{
	(void)w;
	reset_model(UINT_MAX);
}

static void setup_shared_vector(struct world *w)
{
	(void)w;
	reset_model(1);
}

static const struct scenario pci_scenarios[] = {
	{"VFIO's group interface", NULL, run_in_group, NO_DEVICE | FALLBACKS, NULL},
	{"VFIO with iommufd", NULL, run_in_iommufd, NO_DEVICE | FALLBACKS, NULL},
	{"VFIO without an IOMMU", NULL, run_without_iommu, NO_DEVICE | FALLBACKS, NULL},
	{"a PCI function", setup_vectors, attach, NO_DEVICE, NULL},
	{"a PCI function with one vector", setup_shared_vector, attach, NO_DEVICE, NULL},
};

int main(void)
{
	int failed;

	kernel_fails = inject_by_name;
	model = model_standard();
	failed = run_scenarios("pci", pci_scenarios, ARRAY_LEN(pci_scenarios));
	model_free(model);
	return failed != 0;
}
