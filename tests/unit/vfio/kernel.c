/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's system calls. What is not about VFIO goes to the C library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel.h"

#define REGION(index) ((uint64_t)(index) << 40)
#define BAR_SIZE      0x4000u

struct kernel kernel;
bool (*kernel_fails)(const char *call);

enum file { NONE, CONTAINER, GROUP, IOMMUFD, DEVICE, PAGEMAP };

static enum file kinds[1024];

int __real_open64(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_pread64(int fd, void *buf, size_t len, off_t at);
ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t at);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);
int __real_fstatfs64(int fd, struct statfs *fs);

int __wrap_open64(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_access(const char *path, int mode);
ssize_t __wrap_readlink(const char *path, char *buf, size_t len);
int __wrap_ioctl(int fd, unsigned long request, ...);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at);
ssize_t __wrap___pread64_chk(int fd, void *buf, size_t len, off_t at, size_t room);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t at);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);
int __wrap_fstatfs64(int fd, struct statfs *fs);
DIR *__real_opendir(const char *path);
struct dirent *__real_readdir64(DIR *dir);
int __real_closedir(DIR *dir);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir64(DIR *dir);
int __wrap_closedir(DIR *dir);

void kernel_group(void)
{
	unsigned i;

	memset(&kernel, 0, sizeof(kernel));
	kernel.files[0] = "/dev/vfio/vfio";
	kernel.files[1] = "/dev/vfio/7";
	kernel.files[2] = "/sys/bus/pci/devices/" NAME;
	kernel.driver = "../../../bus/pci/drivers/vfio-pci";
	kernel.group = "../../../kernel/iommu_groups/7";
	kernel.viable = true;
	kernel.coherent = true;
	kernel.ranges[0] = (struct pci_range){0, 0xfedfffff};
	kernel.ranges[1] = (struct pci_range){0xfef00000, (UINT64_C(1) << 48) - 1};
	kernel.nranges = kernel.total = 2;
	kernel.alignment = 4096;
	kernel.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		       VFIO_REGION_INFO_FLAG_MMAP;
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		kernel.irqs[i] = i == VFIO_PCI_MSIX_IRQ_INDEX ? 4 : 1;
	kernel.irq_flags = VFIO_IRQ_INFO_EVENTFD;
	kernel.huge_fd = -1;
}

void kernel_iommufd(void)
{
	kernel_group();
	kernel.cdev = "vfio3";
	kernel.files[3] = "/dev/iommu";
	kernel.files[4] = "/dev/vfio/devices/vfio3";
}

void kernel_noiommu(void)
{
	kernel_group();
	kernel.files[1] = "/dev/vfio/noiommu-7";
}

static bool exists(const char *path)
{
	unsigned i;

	for (i = 0; i < 8; i++) {
		if (kernel.files[i] && strcmp(kernel.files[i], path) == 0)
			return true;
	}
	return false;
}

int kernel_find(unsigned long request, unsigned skip)
{
	unsigned i;

	for (i = 0; i < kernel.ncalls; i++) {
		if (kernel.calls[i].request == request && !skip--)
			return (int)i;
	}
	return -1;
}

static void note(unsigned long request, uint64_t a, uint64_t b, uint64_t c)
{
	assert_true(kernel.ncalls < 256);
	kernel.calls[kernel.ncalls++] = (struct kernel_call){request, a, b, c};
}

static bool fails(const char *call)
{
	return kernel_fails && kernel_fails(call);
}

static int refuse(int err)
{
	errno = err;
	return -1;
}

/* A descriptor of the process's own, so that nothing that is done to it can hurt. */
static int make(enum file kind)
{
	int fd = __real_open64("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0 && fd < 1024);
	kinds[fd] = kind;
	kernel.open++;
	return fd;
}

int __wrap_open64(const char *path, int flags, ...)
{
	if (fails("open64"))
		return -1;
	if (strcmp(path, "/proc/self/pagemap") == 0)
		return make(PAGEMAP);
	if (strncmp(path, "/dev/", 5) != 0)
		return __real_open64(path, flags, 0600);
	if (kernel.denied && strcmp(path, kernel.denied) == 0)
		return refuse(kernel.denied_errno);
	if (!exists(path))
		return refuse(ENOENT);
	assert_true(flags & O_CLOEXEC);
	if (strcmp(path, "/dev/iommu") == 0)
		return make(IOMMUFD);
	if (strcmp(path, "/dev/vfio/vfio") == 0)
		return make(CONTAINER);
	return make(strstr(path, "/devices/") ? DEVICE : GROUP);
}

int __wrap_close(int fd)
{
	int ret;

	if (fd >= 0 && fd < 1024 && kinds[fd]) {
		kinds[fd] = NONE;
		kernel.open--;
	}
	ret = __real_close(fd);
	return fails("close") ? -1 : ret;
}

int __wrap_access(const char *path, int mode)
{
	if (fails("access"))
		return -1;
	if (!exists(path))
		return refuse(ENOENT);
	if (mode != F_OK && kernel.denied && strcmp(path, kernel.denied) == 0)
		return refuse(EACCES);
	return 0;
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t len)
{
	const char *to = strstr(path, "/iommu_group") ? kernel.group : kernel.driver;

	if (fails("readlink"))
		return -1;
	if (kernel.neighbour && strstr(path, kernel.neighbour))
		to = kernel.neighbour_driver;
	if (!to)
		return refuse(ENOENT);
	assert_true(strlen(to) < len);
	memcpy(buf, to, strlen(to));
	return (ssize_t)strlen(to);
}

/* A folder is its only entry of interest; there is one folder at a time. */
static const char *entry;

DIR *__wrap_opendir(const char *path)
{
	/* A fuzzer reads its inputs. */
	if (strncmp(path, "/sys/", 5) != 0)
		return __real_opendir(path);
	if (fails("opendir"))
		return NULL;
	entry = strstr(path, "/vfio-dev") ? kernel.cdev : kernel.neighbour;
	return entry ? (DIR *)(void *)&entry : NULL;
}

struct dirent *__wrap_readdir64(DIR *dir)
{
	static struct dirent one;

	if ((void *)dir != (void *)&entry)
		return __real_readdir64(dir);
	if (!entry || fails("readdir64"))
		return NULL;
	snprintf(one.d_name, sizeof(one.d_name), "%s", entry);
	entry = NULL;
	return &one;
}

int __wrap_closedir(DIR *dir)
{
	return (void *)dir == (void *)&entry ? 0 : __real_closedir(dir);
}

static int iova_ranges(struct iommu_ioas_iova_ranges *ask)
{
	struct iommu_iova_range *out = (void *)(uintptr_t)ask->allowed_iovas;
	unsigned room = ask->num_iovas;
	unsigned i;

	for (i = 0; i < room && i < kernel.nranges; i++) {
		out[i].start = kernel.ranges[i].first;
		out[i].last = kernel.ranges[i].last;
	}
	ask->num_iovas = kernel.total;
	ask->out_iova_alignment = kernel.alignment;
	note(IOMMU_IOAS_IOVA_RANGES, ask->size, ask->ioas_id, 0);
	return kernel.total > room ? refuse(EMSGSIZE) : 0;
}

static int iommufd_ioctl(unsigned long request, void *arg)
{
	struct iommu_ioas_alloc *alloc = arg;
	struct iommu_ioas_map *map = arg;
	struct iommu_ioas_unmap *unmap = arg;

	switch (request) {
	case IOMMU_IOAS_ALLOC:
		note(request, alloc->size, alloc->flags, 0);
		alloc->out_ioas_id = 42;
		return 0;
	case IOMMU_IOAS_IOVA_RANGES:
		return iova_ranges(arg);
	case IOMMU_IOAS_MAP:
		assert_int_equal(map->size, sizeof(*map));
		assert_int_equal(map->ioas_id, 42);
		assert_int_equal(map->__reserved, 0);
		assert_int_equal(map->flags, 7);
		note(request, map->user_va, map->length, map->iova);
		return 0;
	case IOMMU_IOAS_UNMAP:
		assert_int_equal(unmap->size, sizeof(*unmap));
		assert_int_equal(unmap->ioas_id, 42);
		note(request, 0, unmap->length, unmap->iova);
		unmap->length -= kernel.short_unmap;
		return 0;
	default:
		return refuse(ENOTTY);
	}
}

static int region_info(struct vfio_region_info *info)
{
	if (info->index > VFIO_PCI_CONFIG_REGION_INDEX)
		return refuse(EINVAL);
	info->offset = REGION(info->index);
	info->size = info->index == VFIO_PCI_CONFIG_REGION_INDEX ? 256
		     : info->index == 4                          ? BAR_SIZE
								 : 0;
	info->flags = kernel.flags;
	return 0;
}

static int device_ioctl(unsigned long request, void *arg)
{
	struct vfio_device_bind_iommufd *bind = arg;
	struct vfio_device_attach_iommufd_pt *attach = arg;
	struct vfio_irq_info *irq = arg;
	struct vfio_irq_set *set = arg;

	switch (request) {
	case VFIO_DEVICE_BIND_IOMMUFD:
		assert_int_equal(kinds[bind->iommufd], IOMMUFD);
		note(request, bind->argsz, bind->flags, 0);
		return 0;
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		note(request, attach->argsz, attach->flags, attach->pt_id);
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq->flags = kernel.irq_flags;
		irq->count = kernel.irqs[irq->index];
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		note(request, set->index, set->count, set->flags);
		return 0;
	case VFIO_DEVICE_RESET:
		note(request, 0, 0, 0);
		return 0;
	default:
		return refuse(ENOTTY);
	}
}

/* The IOMMU of a container: an answer with one capability, the list of ranges. */
static int type1_info(struct vfio_iommu_type1_info *info)
{
	struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1},
		.nr_iovas = kernel.nranges,
	};
	uint32_t len = (uint32_t)(sizeof(*info) + sizeof(cap) +
				  kernel.nranges * sizeof(struct vfio_iova_range));
	char *at = (char *)info + sizeof(*info);
	unsigned i;

	if (kernel.info) {
		memcpy(info, kernel.info,
		       info->argsz < kernel.info_len ? info->argsz : kernel.info_len);
		return 0;
	}
	info->flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info->iova_pgsizes = 0x40201000;
	if (info->argsz >= len) {
		info->cap_offset = sizeof(*info);
		memcpy(at, &cap, sizeof(cap));
		at += sizeof(cap);
		for (i = 0; i < kernel.nranges; i++, at += sizeof(struct vfio_iova_range))
			memcpy(at, &kernel.ranges[i], sizeof(struct vfio_iova_range));
	}
	info->argsz = len;
	return 0;
}

static int container_ioctl(unsigned long request, void *arg)
{
	struct vfio_iommu_type1_dma_map *map = arg;
	struct vfio_iommu_type1_dma_unmap *unmap = arg;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)arg == VFIO_DMA_CC_IOMMU ? kernel.coherent
							   : (uintptr_t)arg == VFIO_TYPE1v2_IOMMU;
	case VFIO_SET_IOMMU:
		note(request, (uintptr_t)arg, 0, 0);
		return 0;
	case VFIO_IOMMU_GET_INFO:
		return type1_info(arg);
	case VFIO_IOMMU_MAP_DMA:
		assert_int_equal(map->flags, 3);
		note(request, map->vaddr, map->size, map->iova);
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		note(request, 0, unmap->size, unmap->iova);
		unmap->size -= kernel.short_unmap;
		return 0;
	default:
		return refuse(ENOTTY);
	}
}

static int group_ioctl(unsigned long request, void *arg)
{
	struct vfio_group_status *status = arg;
	int container;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status->flags = kernel.viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		memcpy(&container, arg, sizeof(container));
		assert_int_equal(kinds[container], CONTAINER);
		note(request, 0, 0, 0);
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		assert_string_equal(arg, NAME);
		note(request, 0, 0, 0);
		return make(DEVICE);
	default:
		return refuse(ENOTTY);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (fails("ioctl"))
		return -1;
	if (request == kernel.fail)
		return refuse(kernel.fail_errno);
	assert_true(fd >= 0 && fd < 1024);
	switch (kinds[fd]) {
	case CONTAINER:
		return container_ioctl(request, arg);
	case GROUP:
		return group_ioctl(request, arg);
	case IOMMUFD:
		return iommufd_ioctl(request, arg);
	case DEVICE:
		return device_ioctl(request, arg);
	default:
		return refuse(EBADF);
	}
}

static ssize_t read_pagemap(void *buf, off_t at)
{
	uint64_t addr = (uint64_t)at / 8 * 4096;
	uint64_t entry_of_page = 0;

	assert_true(addr >= kernel.area && addr < kernel.area + sizeof(kernel.frames) * 512);
	entry_of_page = kernel.frames[(addr - kernel.area) / 4096];
	memcpy(buf, &entry_of_page, sizeof(entry_of_page));
	return sizeof(entry_of_page);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t at)
{
	assert_true(fd >= 0 && fd < 1024);
	if (fails("pread64"))
		return -1;
	if (kinds[fd] == PAGEMAP)
		return read_pagemap(buf, at);
	if (kinds[fd] != DEVICE)
		return __real_pread64(fd, buf, len, at);
	if (kernel.pulled)
		return refuse(EIO);
	memcpy(buf, kernel.registers + (at & 0xfff), len);
	return (ssize_t)len;
}

ssize_t __wrap___pread64_chk(int fd, void *buf, size_t len, off_t at, size_t room)
{
	assert_true(len <= room);
	return __wrap_pread64(fd, buf, len, at);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t at)
{
	assert_true(fd >= 0 && fd < 1024);
	if (fails("pwrite64"))
		return -1;
	if (kinds[fd] != DEVICE)
		return __real_pwrite64(fd, buf, len, at);
	if (kernel.pulled)
		return refuse(EIO);
	memcpy(kernel.registers + (at & 0xfff), buf, len);
	return (ssize_t)len;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	if (fails("mmap64"))
		return MAP_FAILED;
	if (fd < 0 || fd >= 1024 || kinds[fd] != DEVICE)
		return __real_mmap64(addr, len, prot, flags, fd, at);
	note(0, (uint64_t)at, len, (uint64_t)prot);
	if (kernel.no_mmap) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	return __real_mmap64(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	if (fails("fstatfs64"))
		return -1;
	if (fd != kernel.huge_fd)
		return __real_fstatfs64(fd, fs);
	memset(fs, 0, sizeof(*fs));
	fs->f_type = HUGETLBFS_MAGIC;
	fs->f_bsize = 2 << 20;
	return 0;
}
