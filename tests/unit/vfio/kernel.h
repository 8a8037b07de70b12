/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel's VFIO as far as src/transport/vfio/ sees it: sysfs, the files under /dev, and what they
 * answer. The linker puts it in the place of the system calls, so the code under test is the
 * library's own. It stands in for a machine: neither iommufd nor a function without an IOMMU is
 * to be had in the virtual machine of tests/guest/, and no test depends on what this one has.
 */
#ifndef TESTS_UNIT_VFIO_KERNEL_H
#define TESTS_UNIT_VFIO_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conforms.h"
#include "transport/pci/bus.h"
#include "transport/vfio/iommufd_abi.h"
#include "transport/vfio/vfio.h"
#include "transport/transport.h"

#define NAME  "0000:00:05.0"
#define OTHER "0000:00:06.0" /* see kernel_add_other() */

/* One ioctl, and what mattered in it. */
struct kernel_call {
	unsigned long request;
	uint64_t a;
	uint64_t b;
	uint64_t c;
};

/**
 * struct kernel - The machine
 * @files: paths that can be opened; @denied: of those, the one that can't, with @denied_errno
 * @driver, @group: where the function's links lead, NULL: there is no such link
 * @cdev: the function's name among VFIO's device files, NULL: it has none
 * @neighbour, @neighbour_driver: another function of the group; @neighbour_group: or of its own
 *	group; @neighbour_cdev: as @cdev
 * @viable: what the group says of itself
 * @coherent: the container enforces coherence
 * @ranges, @nranges: addresses of the IOMMU; @total: how many it says there are
 * @info, @info_len: what is said of the container's IOMMU instead, as far as there is room
 * @alignment: of iommufd
 * @short_unmap: bytes that unmapping leaves out
 * @fail, @fail_errno: a request that fails
 * @irqs, @irq_flags: how many interrupts there are of each kind, and what is said of them
 * @flags: of the BARs, as VFIO_REGION_INFO_FLAG_*; @no_mmap: mapping is refused all the same
 * @pulled: accesses to registers fail
 * @huge_fd: a file of hugepages; @frames: physical page numbers of @area, one for 4096 bytes
 * @calls, @ncalls: what was asked, the first of it
 * @open: how many files are open
 */
struct kernel {
	const char *files[8];
	const char *denied;
	int denied_errno;
	const char *driver;
	const char *group;
	const char *cdev;
	const char *neighbour;
	const char *neighbour_driver;
	const char *neighbour_group;
	const char *neighbour_cdev;
	bool viable;
	bool coherent;
	struct pci_range ranges[64];
	unsigned nranges;
	unsigned total;
	const void *info;
	uint32_t info_len;
	uint64_t alignment;
	uint64_t short_unmap;
	unsigned long fail;
	int fail_errno;
	uint32_t irqs[VFIO_PCI_NUM_IRQS];
	uint32_t irq_flags;
	uint32_t flags;
	bool no_mmap;
	bool pulled;
	uint8_t registers[4096];
	int huge_fd;
	uintptr_t area;
	uint64_t frames[2048];
	struct kernel_call calls[256];
	unsigned ncalls;
	int open;
};

extern struct kernel kernel;

/* Whether a call, by its name for the linker, is to fail with the errno that is set; NULL: none. */
extern bool (*kernel_fails)(const char *call);

/* A machine with the group interface only, with iommufd too, and one without an IOMMU. */
void kernel_group(void);
void kernel_iommufd(void);
void kernel_noiommu(void);

/* Another function, bound to vfio-pci as well; @group: NULL: it is in the same group. */
void kernel_add_other(const char *group);

/* How many files are open whose path begins like that; devices that a group opened have none. */
unsigned kernel_count(const char *path);

/* The place of request number @skip of its kind in kernel.calls, -1: nowhere. */
int kernel_find(unsigned long request, unsigned skip);

/* Between its files: notes a call; returns -1 with errno. */
void kernel_note(unsigned long request, uint64_t a, uint64_t b, uint64_t c);
int kernel_refuse(int err);

/* iommu.c: the calls of a descriptor; one that is closed; a new machine */
int kernel_iommufd_ioctl(int fd, unsigned long request, void *arg);
int kernel_container_ioctl(int fd, unsigned long request, void *arg);
void kernel_iommu_forget(int fd);
void kernel_iommu_reset(void);

int iommufd_tests(void);
int type1_tests(void);
int group_tests(void);
int noiommu_tests(void);
int space_tests(void);

#endif
