/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions of one IOMMU group in one process: what they share, and when it is closed. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "util/error.h"

#define ROUNDS 200

/* The interfaces of the kernel: what a group has once, and what each function has. */
static const struct dma_region one_page = {.addr = 0x7f0000000000, .len = 4096};

static const struct {
	unsigned iommu;
	void (*machine)(void);
	const char *once;
	unsigned long each;
} interfaces[] = {
	{TRANSPORT_IOMMU_GROUP, kernel_group, "/dev/vfio/vfio", VFIO_GROUP_GET_DEVICE_FD},
	{TRANSPORT_IOMMU_FD, kernel_iommufd, "/dev/iommu", VFIO_DEVICE_ATTACH_IOMMUFD_PT},
	{TRANSPORT_IOMMU_NONE, kernel_noiommu, "/dev/vfio/vfio", VFIO_GROUP_GET_DEVICE_FD},
};

#define INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

static struct pci_bus *open_bus(const char *name, unsigned iommu)
{
	struct pci_bus *bus;

	assert_int_equal(vfio_open(name, iommu, &bus), 0);
	return bus;
}

/* Either may be closed first: what both need is closed with the other. */
static void test_two_of_a_group(void **state)
{
	struct pci_bus *bus[2];
	unsigned i;
	unsigned k;

	(void)state;
	for (i = 0; i < 2 * INTERFACES; i++) {
		interfaces[i / 2].machine();
		kernel_add_other(NULL);
		bus[0] = open_bus(NAME, interfaces[i / 2].iommu);
		bus[1] = open_bus(OTHER, interfaces[i / 2].iommu);
		assert_int_equal(kernel_count(interfaces[i / 2].once), 1);
		assert_true(kernel_find(interfaces[i / 2].each, 1) > 0);
		assert_non_null(bus[0]->space);
		assert_ptr_equal(bus[0]->space, bus[1]->space);
		for (k = 0; k < 2; k++)
			assert_int_equal(bus[k]->ops->dma_map(bus[k], &one_page, 4096 * k), 0);
		bus[i % 2]->ops->close(bus[i % 2]);
		k = !(i % 2);
		assert_int_equal(kernel_count(interfaces[i / 2].once), 1);
		assert_int_equal(bus[k]->ops->dma_unmap(bus[k], 4096 * k, 4096), 0);
		bus[k]->ops->close(bus[k]);
		assert_int_equal(kernel.open, 0);
	}
}

static void test_two_groups(void **state)
{
	struct pci_bus *bus[2];
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		interfaces[i].machine();
		kernel_add_other("../../../kernel/iommu_groups/8");
		bus[0] = open_bus(NAME, interfaces[i].iommu);
		bus[1] = open_bus(OTHER, interfaces[i].iommu);
		assert_int_equal(kernel_count(interfaces[i].once), 2);
		assert_ptr_not_equal(bus[0]->space, bus[1]->space);
		bus[0]->ops->close(bus[0]);
		assert_int_equal(kernel_count(interfaces[i].once), 1);
		bus[1]->ops->close(bus[1]);
		assert_int_equal(kernel.open, 0);
	}
}

/* The group interface would open it a second time. */
static void test_the_same_twice(void **state)
{
	struct pci_bus *second;
	struct pci_bus *bus;
	unsigned i;
	int open;

	(void)state;
	for (i = 0; i < INTERFACES; i++) {
		interfaces[i].machine();
		bus = open_bus(NAME, interfaces[i].iommu);
		open = kernel.open;
		assert_int_equal(vfio_open(NAME, interfaces[i].iommu, &second), -EBUSY);
		assert_non_null(strstr(error_text(), "another device of this program"));
		assert_int_equal(kernel.open, open);
		bus->ops->close(bus);
		bus = open_bus(NAME, interfaces[i].iommu);
		bus->ops->close(bus);
		assert_int_equal(kernel.open, 0);
	}
}

/* One that can't be opened leaves nothing but the other. */
static void test_failures(void **state)
{
	struct pci_bus *second;
	struct pci_bus *bus;
	unsigned i;
	int open;

	(void)state;
	for (i = 0; i < INTERFACES; i++) {
		interfaces[i].machine();
		kernel_add_other(NULL);
		bus = open_bus(NAME, interfaces[i].iommu);
		open = kernel.open;
		kernel.fail = interfaces[i].each;
		kernel.fail_errno = EIO;
		assert_int_equal(vfio_open(OTHER, interfaces[i].iommu, &second), -EIO);
		assert_int_equal(kernel.open, open);
		assert_int_equal(bus->ops->dma_map(bus, &one_page, 0), 0);
		bus->ops->close(bus);
		assert_int_equal(vfio_open(OTHER, interfaces[i].iommu, &second), -EIO);
		assert_int_equal(kernel.open, 0);
	}
}

struct worker {
	const char *name;
	unsigned iommu;
	pthread_barrier_t *start;
	unsigned failed;
};

static void *open_and_close(void *arg)
{
	struct worker *w = arg;
	struct pci_bus *bus;
	unsigned i;

	pthread_barrier_wait(w->start);
	for (i = 0; i < ROUNDS; i++) {
		if (vfio_open(w->name, w->iommu, &bus))
			w->failed++;
		else
			bus->ops->close(bus);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_barrier_t start;
	pthread_t threads[2];
	unsigned i;
	unsigned k;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct worker workers[2] = {{NAME, interfaces[i].iommu, &start, 0},
					    {OTHER, interfaces[i].iommu, &start, 0}};

		interfaces[i].machine();
		kernel_add_other(NULL);
		pthread_barrier_init(&start, NULL, 2);
		for (k = 0; k < 2; k++)
			assert_int_equal(
				pthread_create(&threads[k], NULL, open_and_close, &workers[k]), 0);
		for (k = 0; k < 2; k++) {
			pthread_join(threads[k], NULL);
			assert_int_equal(workers[k].failed, 0);
		}
		pthread_barrier_destroy(&start);
		assert_int_equal(kernel.open, 0);
	}
}

/* In a child: the parent's space isn't joined, and closing touches the child's descriptors only. */
static int run_child(struct pci_bus *bus)
{
	struct pci_bus *other;

	/* The group is still the parent's. */
	if (vfio_open(OTHER, TRANSPORT_IOMMU_GROUP, &other) != -EBUSY)
		return 1;
	kernel.ncalls = 0;
	bus->ops->close(bus);
	if (kernel.open || kernel.ncalls)
		return 2;
	if (vfio_open(OTHER, TRANSPORT_IOMMU_GROUP, &other))
		return 3;
	other->ops->close(other);
	return kernel.open ? 4 : 0;
}

static void test_fork(void **state)
{
	struct pci_bus *bus;
	pid_t child;
	int status;

	(void)state;
	kernel_group();
	kernel_add_other(NULL);
	bus = open_bus(NAME, TRANSPORT_IOMMU_GROUP);
	child = fork();
	if (child == 0)
		_exit(run_child(bus));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	bus->ops->close(bus);
	assert_int_equal(kernel.open, 0);
}

int space_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_of_a_group), cmocka_unit_test(test_two_groups),
		cmocka_unit_test(test_the_same_twice), cmocka_unit_test(test_failures),
		cmocka_unit_test(test_threads),        cmocka_unit_test(test_fork),
	};

	return cmocka_run_group_tests_name("vfio/space", tests, NULL, NULL);
}
