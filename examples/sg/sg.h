/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCSI generic devices in a process that was not written for this library. wrap.c takes the calls
 * of the C library, file.c knows which descriptors are ours, command.c executes SCSI commands, and
 * control.c answers the other requests of Linux's sg driver.
 *
 * A program opens "vscsi:TARGET:LUN". What it gets is a memfd of that name: a descriptor that the
 * kernel copies, passes on and closes as any other, so none of these calls has to be wrapped. The
 * descriptor is recognized by its inode, and one inherited by exec() by the name of its file. The
 * memfd is also the reserved buffer of sg(4), which programs may map.
 */
#ifndef SG_SG_H
#define SG_SG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <scsi/sg.h>
#include <vscsi/vscsi.h>

/* Size of the reserved buffer until SG_SET_RESERVED_SIZE; as in sg(4). */
#define RESERVED_BYTES 32768

/* A LUN of the device, opened once for all files. Never freed except in a child of fork(). */
struct sg_unit {
	struct sg_unit *next;
	uint32_t target;
	uint32_t number;
	uint8_t type; /* peripheral device type */
	struct vscsi_lun *lun;
};

/* What sg(4) keeps for an open file. Never freed: copies of its descriptor are not counted. */
struct sg_file {
	struct sg_file *next;
	dev_t dev;
	ino_t ino;
	uint32_t target;
	uint32_t number;
	struct sg_unit *unit; /* NULL in a child process until it is used there */
	uint32_t timeout_ms;  /* SG_SET_TIMEOUT */
	bool by_pack_id;      /* SG_SET_FORCE_PACK_ID */
	struct sg_done *done; /* written and executed, not read yet; oldest first */
	pthread_mutex_t lock; /* for the last two */
};

/*
 * sg_open - open "vscsi:TARGET:LUN"
 * @name: such a name, see sg_is_name()
 * @flags: of open(); O_CLOEXEC counts, and O_NONBLOCK
 *
 * The first one in a process connects to the device. A pending UNIT ATTENTION is cleared, as the
 * kernel does when it finds a disk. Prints why it fails.
 *
 * Return: the descriptor, or a negative errno.
 */
int sg_open(const char *name, int flags);

/* sg_is_name - whether @name is one that sg_open() takes; nothing else is ours. */
bool sg_is_name(const char *name, uint32_t *target, uint32_t *number);

/* sg_explain - print what is wrong with a name that was meant to be ours; nothing for others. */
void sg_explain(const char *name);

/* sg_describe - what stat() says of a unit: a character device of the sg driver. */
void sg_describe(uint32_t target, uint32_t number, struct stat *st);

/*
 * sg_find - the file of a descriptor, or NULL if it is not one of ours.
 * @adopt: whether it may be one that this process has inherited, which costs a system call more.
 *	Needs a device then, so it may print an error text and fail.
 */
struct sg_file *sg_find(int fd, bool adopt);

/*
 * sg_ready - the unit of a file, opened again in a child of fork().
 * Prints why it fails. Return: 0 or a negative errno.
 */
int sg_ready(struct sg_file *file);

/* sg_device - the device; only after sg_ready(). */
struct vscsi_dev *sg_device(void);

/* sg_execute - SG_IO. Return: 0 with the results in @header, or a negative errno. */
int sg_execute(struct sg_file *file, int fd, struct sg_io_hdr *header);

/*
 * sg_write, sg_read - the asynchronous interface of sg(4): a header is written, and read back when
 * the command is done. Here the write waits for the command. Return: bytes, or a negative errno.
 */
ssize_t sg_write(struct sg_file *file, int fd, const void *buf, size_t bytes);
ssize_t sg_read(struct sg_file *file, void *buf, size_t bytes);

/*
 * sg_control - any other request of ioctl().
 * Return: 0, a positive value that ioctl() returns, or a negative errno; -ENOTTY for one unknown.
 */
int sg_control(struct sg_file *file, int fd, unsigned long request, void *argument);

/* sg_is_request - whether a request of ioctl() is one of the sg driver's or SCSI's. */
bool sg_is_request(unsigned long request);

/*
 * sg_enter, sg_leave - around calls of the library: what it calls itself is not for us.
 * Return: whether the thread was inside already.
 */
bool sg_enter(void);
void sg_leave(bool before);

/* sg_say - print a line on stderr; a line that repeats the previous one is left out. */
void sg_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
