/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's system calls. What is not about VFIO goes to the C library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
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

/*
 * Of each descriptor: what it is, the path or name that it was opened by, and of a device's file
 * the iommufd that it is bound to.
 */
static enum file kinds[1024];
static char paths[1024][64];
static int bound[1024];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

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
	kernel_iommu_reset();
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

void kernel_add_other(const char *group)
{
	kernel.files[5] = "/sys/bus/pci/devices/" OTHER;
	kernel.files[6] = "/dev/vfio/devices/vfio4";
	kernel.files[7] = "/dev/vfio/8";
	kernel.neighbour = OTHER;
	kernel.neighbour_driver = kernel.driver;
	kernel.neighbour_group = group;
	kernel.neighbour_cdev = kernel.cdev ? "vfio4" : NULL;
}

unsigned kernel_count(const char *path)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		count += kinds[fd] && strncmp(paths[fd], path, strlen(path)) == 0;
	return count;
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

void kernel_note(unsigned long request, uint64_t a, uint64_t b, uint64_t c)
{
	if (kernel.ncalls < 256)
		kernel.calls[kernel.ncalls++] = (struct kernel_call){request, a, b, c};
}

static bool fails(const char *call)
{
	return kernel_fails && kernel_fails(call);
}

int kernel_refuse(int err)
{
	errno = err;
	return -1;
}

/* A descriptor of the process's own, so that nothing that is done to it can hurt. */
static int make(enum file kind, const char *path)
{
	int fd = __real_open64("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0 && fd < 1024);
	kinds[fd] = kind;
	snprintf(paths[fd], sizeof(paths[fd]), "%s", path);
	bound[fd] = -1;
	kernel.open++;
	return fd;
}

/* A group is opened once. */
static int open_file(const char *path)
{
	int fd;

	pthread_mutex_lock(&lock);
	if (strcmp(path, "/dev/iommu") == 0)
		fd = make(IOMMUFD, path);
	else if (strcmp(path, "/dev/vfio/vfio") == 0)
		fd = make(CONTAINER, path);
	else if (strstr(path, "/devices/"))
		fd = make(DEVICE, path);
	else
		fd = kernel_count(path) ? kernel_refuse(EBUSY) : make(GROUP, path);
	pthread_mutex_unlock(&lock);
	return fd;
}

int __wrap_open64(const char *path, int flags, ...)
{
	if (fails("open64"))
		return -1;
	if (strcmp(path, "/proc/self/pagemap") == 0)
		return make(PAGEMAP, path);
	if (strncmp(path, "/dev/", 5) != 0)
		return __real_open64(path, flags, 0600);
	if (kernel.denied && strcmp(path, kernel.denied) == 0)
		return kernel_refuse(kernel.denied_errno);
	if (!exists(path))
		return kernel_refuse(ENOENT);
	assert_true(flags & O_CLOEXEC);
	return open_file(path);
}

static void forget(int fd)
{
	kernel_iommu_forget(fd);
	kinds[fd] = NONE;
	kernel.open--;
}

int __wrap_close(int fd)
{
	int ret;

	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < 1024 && kinds[fd])
		forget(fd);
	ret = __real_close(fd);
	pthread_mutex_unlock(&lock);
	return fails("close") ? -1 : ret;
}

int __wrap_access(const char *path, int mode)
{
	if (fails("access"))
		return -1;
	if (!exists(path))
		return kernel_refuse(ENOENT);
	if (mode != F_OK && kernel.denied && strcmp(path, kernel.denied) == 0)
		return kernel_refuse(EACCES);
	return 0;
}

ssize_t __wrap_readlink(const char *path, char *buf, size_t len)
{
	const bool group = strstr(path, "/iommu_group");
	const char *to = group ? kernel.group : kernel.driver;

	if (fails("readlink"))
		return -1;
	if (kernel.neighbour && strstr(path, kernel.neighbour))
		to = !group                   ? kernel.neighbour_driver
		     : kernel.neighbour_group ? kernel.neighbour_group
					      : kernel.group;
	if (!to)
		return kernel_refuse(ENOENT);
	assert_true(strlen(to) < len);
	memcpy(buf, to, strlen(to));
	return (ssize_t)strlen(to);
}

/* A folder is its only entry of interest; each thread has one folder at a time. */
static __thread const char *entry;

DIR *__wrap_opendir(const char *path)
{
	/* A fuzzer reads its inputs. */
	if (strncmp(path, "/sys/", 5) != 0)
		return __real_opendir(path);
	if (fails("opendir"))
		return NULL;
	if (strstr(path, "/vfio-dev"))
		entry = strstr(path, OTHER) ? kernel.neighbour_cdev : kernel.cdev;
	else
		entry = strstr(path, OTHER) ? NAME : kernel.neighbour;
	return entry ? (DIR *)(void *)&entry : NULL;
}

struct dirent *__wrap_readdir64(DIR *dir)
{
	static __thread struct dirent one;

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

static int region_info(struct vfio_region_info *info)
{
	if (info->index > VFIO_PCI_CONFIG_REGION_INDEX)
		return kernel_refuse(EINVAL);
	info->offset = REGION(info->index);
	info->size = info->index == VFIO_PCI_CONFIG_REGION_INDEX ? 256
		     : info->index == 4                          ? BAR_SIZE
								 : 0;
	info->flags = kernel.flags;
	return 0;
}

/*
 * As vfio_df_open() and iommu_device_claim_dma_owner(): a function has one user, a group one
 * iommufd.
 */
static int bind_iommufd(int fd, int iommufd)
{
	int i;

	for (i = 0; i < 1024; i++) {
		if (kinds[i] != DEVICE || bound[i] < 0)
			continue;
		if (strcmp(paths[i], paths[fd]) == 0)
			return kernel_refuse(EINVAL);
		if (bound[i] != iommufd && !kernel.neighbour_group)
			return kernel_refuse(EPERM);
	}
	bound[fd] = iommufd;
	return 0;
}

static int device_ioctl(int fd, unsigned long request, void *arg)
{
	struct vfio_device_bind_iommufd *bind = arg;
	struct vfio_device_attach_iommufd_pt *attach = arg;
	struct vfio_irq_info *irq = arg;
	struct vfio_irq_set *set = arg;

	switch (request) {
	case VFIO_DEVICE_BIND_IOMMUFD:
		assert_int_equal(kinds[bind->iommufd], IOMMUFD);
		kernel_note(request, bind->argsz, bind->flags, 0);
		return bind_iommufd(fd, bind->iommufd);
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		kernel_note(request, attach->argsz, attach->flags, attach->pt_id);
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq->flags = kernel.irq_flags;
		irq->count = kernel.irqs[irq->index];
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		kernel_note(request, set->index, set->count, set->flags);
		return 0;
	case VFIO_DEVICE_RESET:
		kernel_note(request, 0, 0, 0);
		return 0;
	default:
		return kernel_refuse(ENOTTY);
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
		kernel_note(request, 0, 0, 0);
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		assert_true(strcmp(arg, NAME) == 0 || (kernel.neighbour && !strcmp(arg, OTHER)));
		kernel_note(request, 0, 0, 0);
		return make(DEVICE, arg);
	default:
		return kernel_refuse(ENOTTY);
	}
}

static int ioctl_of(int fd, unsigned long request, void *arg)
{
	switch (kinds[fd]) {
	case CONTAINER:
		return kernel_container_ioctl(fd, request, arg);
	case GROUP:
		return group_ioctl(request, arg);
	case IOMMUFD:
		return kernel_iommufd_ioctl(fd, request, arg);
	case DEVICE:
		return device_ioctl(fd, request, arg);
	default:
		return kernel_refuse(EBADF);
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;
	int ret;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if (fails("ioctl"))
		return -1;
	if (request == kernel.fail)
		return kernel_refuse(kernel.fail_errno);
	assert_true(fd >= 0 && fd < 1024);
	pthread_mutex_lock(&lock);
	ret = ioctl_of(fd, request, arg);
	pthread_mutex_unlock(&lock);
	return ret;
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
		return kernel_refuse(EIO);
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
		return kernel_refuse(EIO);
	memcpy(kernel.registers + (at & 0xfff), buf, len);
	return (ssize_t)len;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	if (fails("mmap64"))
		return MAP_FAILED;
	if (fd < 0 || fd >= 1024 || kinds[fd] != DEVICE)
		return __real_mmap64(addr, len, prot, flags, fd, at);
	kernel_note(0, (uint64_t)at, len, (uint64_t)prot);
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
