/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which descriptors are SCSI generic devices, and the device and LUNs that they stand for. There is
 * one device, at the address in VSCSI_SG_ADDRESS; all files of a process share it.
 */
#include "sg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/text.h"

#define PREFIX "vscsi:"
/* The major number of SCSI generic devices, Linux's SCSI_GENERIC_MAJOR. */
#define MAJOR 21
/* UNIT ATTENTIONs that a LUN may have pending when it is opened. */
#define ATTENTIONS 16

/* For changes of all that follows, which belongs to the process @owner. Held across fork(). */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vscsi_dev *device;
static struct sg_unit *units;
static struct sg_file *files;
static pid_t owner;

void sg_say(const char *format, ...)
{
	static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;
	static char last[512];
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	pthread_mutex_lock(&saying);
	if (strcmp(line, last))
		dprintf(STDERR_FILENO, "vscsi-sg: %s\n", line);
	memcpy(last, line, sizeof(last));
	pthread_mutex_unlock(&saying);
}

static void log_line(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	sg_say("%s", line);
}

bool sg_is_name(const char *name, uint32_t *target, uint32_t *number)
{
	return !strncmp(name, PREFIX, strlen(PREFIX)) &&
	       !text_lun(name + strlen(PREFIX), target, number);
}

void sg_explain(const char *name)
{
	if (!strncmp(name, PREFIX, strlen(PREFIX)))
		sg_say("'%s' is not " PREFIX "TARGET:LUN, 0:0 to 255:16383", name);
}

void sg_describe(uint32_t target, uint32_t number, struct stat *st)
{
	*st = (struct stat){
		.st_mode = S_IFCHR | 0660,
		.st_nlink = 1,
		.st_uid = geteuid(),
		.st_gid = getegid(),
		.st_rdev = makedev(MAJOR, target << 14 | number),
		.st_ino = target << 14 | number,
		.st_blksize = 4096,
	};
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/* In a child of fork() the parent's objects can only be closed. */
static void disown(void)
{
	struct sg_unit *unit;
	struct sg_file *file;

	for (file = files; file; file = file->next)
		file->unit = NULL;
	while (units) {
		unit = units;
		units = unit->next;
		vscsi_lun_close(unit->lun);
		free(unit);
	}
	vscsi_dev_close(device);
	device = NULL;
}

/* Connects to the device, unless this process has done so. */
static int open_device(void)
{
	const char *address = getenv("VSCSI_SG_ADDRESS");
	static bool first = true;
	int ret;

	if (device && owner == getpid())
		return 0;
	if (device)
		disown();
	if (!address) {
		sg_say("VSCSI_SG_ADDRESS is not set: start the program with vscsi-sg");
		return -ENXIO;
	}
	if (first) {
		first = false;
		vscsi_set_log(VSCSI_LOG_DEFAULT, log_line, NULL);
		pthread_atfork(before_fork, after_fork, after_fork);
	}
	owner = getpid();
	ret = vscsi_dev_open(address, NULL, &device);
	if (ret)
		sg_say("cannot open the device: %s", vscsi_last_error());
	return ret;
}

/* Asks what the unit is, and takes what it has to report from before it was opened. */
static int greet(struct sg_unit *unit)
{
	uint8_t data[36] = {0};
	struct iovec in = {.iov_base = data, .iov_len = sizeof(data)};
	struct vscsi_command inquiry = {
		.size = sizeof(inquiry),
		.cdb_len = 6,
		.cdb = {0x12, 0, 0, 0, sizeof(data)},
		.in = &in,
		.in_count = 1,
		.retries = 5,
	};
	struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	struct vscsi_completion done = {0};
	unsigned i;
	int ret = vscsi_sync_command(unit->lun, &inquiry, NULL);

	if (ret) {
		sg_say("cannot open " PREFIX "%u:%u: %s", unit->target, unit->number,
		       vscsi_last_error());
		return ret;
	}
	/* Qualifier 011b: the target has no such unit (SPC-4, INQUIRY). */
	if (data[0] >> 5 == 3) {
		sg_say("cannot open " PREFIX "%u:%u: there is no such LUN", unit->target,
		       unit->number);
		return -ENXIO;
	}
	unit->type = data[0] & 0x1f;
	for (i = 0; i < ATTENTIONS; i++) {
		/* Whether the unit is ready is for the program to find out. */
		if (!vscsi_sync_command(unit->lun, &ready, &done) || done.sense_key != 6)
			break;
	}
	return 0;
}

/* The unit, opened if it isn't yet; the lock is held. */
static int open_unit(uint32_t target, uint32_t number, struct sg_unit **out)
{
	const struct vscsi_lun_opts opts = {.size = sizeof(opts), .flags = VSCSI_LUN_NO_PROBE};
	struct sg_unit *unit;
	int ret = open_device();

	if (ret)
		return ret;
	for (unit = units; unit; unit = unit->next) {
		if (unit->target == target && unit->number == number) {
			*out = unit;
			return 0;
		}
	}
	unit = malloc(sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	*unit = (struct sg_unit){.next = units, .target = target, .number = number};
	ret = vscsi_lun_open(device, target, number, &opts, &unit->lun);
	if (ret)
		sg_say("cannot open " PREFIX "%u:%u: %s", target, number, vscsi_last_error());
	else
		ret = greet(unit);
	if (ret) {
		vscsi_lun_close(unit->lun);
		free(unit);
		return ret;
	}
	units = unit;
	*out = unit;
	return 0;
}

/* Makes the descriptor one of ours; the lock is held. */
static int add_file(int fd, struct sg_unit *unit, struct sg_file **out)
{
	struct sg_file *file;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	file = malloc(sizeof(*file));
	if (!file)
		return -ENOMEM;
	*file = (struct sg_file){
		.next = files,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.target = unit->target,
		.number = unit->number,
		.unit = unit,
		.timeout_ms = 60000,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	/* Pairs with the acquire in known(). */
	__atomic_store_n(&files, file, __ATOMIC_RELEASE);
	*out = file;
	return 0;
}

static int create(const char *name, int flags, struct sg_unit *unit)
{
	struct sg_file *file;
	int ret;
	int fd = memfd_create(name, flags & O_CLOEXEC ? MFD_CLOEXEC : 0);

	if (fd < 0)
		return -errno;
	/* Programs that have closed their standard descriptors print into what is opened next. */
	if (fd <= STDERR_FILENO) {
		ret = fcntl(fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, STDERR_FILENO + 1);
		close(fd);
		if (ret < 0)
			return -errno;
		fd = ret;
	}
	ret = ftruncate(fd, RESERVED_BYTES) ? -errno : add_file(fd, unit, &file);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

int sg_open(const char *name, int flags)
{
	bool before = sg_enter();
	struct sg_unit *unit;
	uint32_t target, number;
	int ret = -EINVAL;

	pthread_mutex_lock(&lock);
	if (sg_is_name(name, &target, &number))
		ret = open_unit(target, number, &unit);
	if (!ret)
		ret = create(name, flags, unit);
	pthread_mutex_unlock(&lock);
	sg_leave(before);
	return ret;
}

/* A descriptor from before exec(): its link is "/memfd:vscsi:0:0 (deleted)". */
static struct sg_file *inherit(int fd)
{
	static const char begin[] = "/memfd:", end[] = " (deleted)";
	struct sg_file *file = NULL;
	uint32_t target, number;
	struct sg_unit *unit;
	char path[64], link[128];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link) - 1);
	if (len < (ssize_t)(sizeof(begin) + sizeof(end)))
		return NULL;
	link[len] = 0;
	if (strncmp(link, begin, strlen(begin)) || strcmp(link + len - strlen(end), end))
		return NULL;
	link[len - (ssize_t)strlen(end)] = 0;
	if (!sg_is_name(link + strlen(begin), &target, &number))
		return NULL;
	if (!open_unit(target, number, &unit))
		add_file(fd, unit, &file);
	return file;
}

/* Takes no lock: a signal handler may read and write. Files are only ever added. */
static struct sg_file *known(const struct stat *st)
{
	struct sg_file *file;

	/* Pairs with the release in add_file(). */
	for (file = __atomic_load_n(&files, __ATOMIC_ACQUIRE); file; file = file->next) {
		if (file->ino == st->st_ino && file->dev == st->st_dev)
			break;
	}
	return file;
}

struct sg_file *sg_find(int fd, bool adopt)
{
	struct sg_file *file = NULL;
	struct stat st;
	bool before;

	/* Until the first one is opened, this costs other descriptors nothing. */
	if (!adopt && !__atomic_load_n(&files, __ATOMIC_RELAXED))
		return NULL;
	before = sg_enter();
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		file = known(&st);
	else
		adopt = false;
	if (!file && adopt) {
		pthread_mutex_lock(&lock);
		/* Another thread may have been first. */
		file = known(&st);
		if (!file)
			file = inherit(fd);
		pthread_mutex_unlock(&lock);
	}
	sg_leave(before);
	return file;
}

int sg_ready(struct sg_file *file)
{
	bool before = sg_enter();
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (!file->unit || owner != getpid())
		ret = open_unit(file->target, file->number, &file->unit);
	pthread_mutex_unlock(&lock);
	sg_leave(before);
	return ret;
}

struct vscsi_dev *sg_device(void)
{
	return device;
}
