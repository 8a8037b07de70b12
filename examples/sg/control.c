/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The requests of ioctl() that sg(4) knows besides SG_IO.
 */
#include "sg.h"

#include <errno.h>
#include <linux/fs.h>
#include <scsi/scsi_ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Missing in glibc's <scsi/scsi_ioctl.h> and <scsi/sg.h>. */
#define SCSI_IOCTL_GET_IDLUN      0x5382
#define SCSI_IOCTL_GET_BUS_NUMBER 0x5386
#define SG_SCSI_RESET_TARGET      4

/* The driver of Linux 6.1: version 3.5.36. */
#define VERSION 30536
/* Largest reserved buffer. */
#define RESERVE_MAX (64 << 20)
/* SG_SET_TIMEOUT counts in USER_HZ. */
#define MS_PER_TICK 10

/* What SCSI_IOCTL_GET_IDLUN fills in; Linux's struct scsi_idlun. */
struct idlun {
	uint32_t target_and_lun; /* one byte each: target, LUN, channel, host */
	uint32_t host;
};

bool sg_is_request(unsigned long request)
{
	/* SG_* are 0x22xx, SCSI_IOCTL_* 0x53xx. */
	return request >> 8 == 0x22 || request >> 8 == 0x53 || request == BLKSECTGET;
}

/* The reserved buffer is the file itself. */
static int reserved(int fd, int wanted)
{
	bool before = sg_enter();
	struct stat st;
	int ret = 0;

	if (wanted > RESERVE_MAX)
		wanted = RESERVE_MAX;
	if (wanted < 0 ? fstat(fd, &st) : ftruncate(fd, wanted))
		ret = -errno;
	else if (wanted < 0)
		ret = (int)st.st_size;
	sg_leave(before);
	return ret;
}

static int reset(struct sg_file *file, int what)
{
	bool before;
	int ret = sg_ready(file);

	if (ret)
		return ret;
	before = sg_enter();
	/* SG_SCSI_RESET_NO_ESCALATE is what the library does anyway. */
	switch (what & 0x7f) {
	case SG_SCSI_RESET_NOTHING:
		break;
	case SG_SCSI_RESET_DEVICE:
		ret = vscsi_lun_reset(file->unit->lun);
		break;
	case SG_SCSI_RESET_TARGET:
		ret = vscsi_target_reset(sg_device(), file->target);
		break;
	case SG_SCSI_RESET_HOST:
		ret = vscsi_dev_reset(sg_device());
		break;
	default: /* there is no bus */
		ret = -EOPNOTSUPP;
	}
	if (ret && ret != -EOPNOTSUPP)
		sg_say("%s", vscsi_last_error());
	sg_leave(before);
	return ret;
}

static int describe(struct sg_file *file, struct sg_scsi_id *id)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	bool before;
	int ret = sg_ready(file);

	if (ret)
		return ret;
	before = sg_enter();
	vscsi_lun_get_info(file->unit->lun, &info);
	sg_leave(before);
	*id = (struct sg_scsi_id){
		.scsi_id = (int)file->target,
		.lun = (int)file->number,
		.scsi_type = file->unit->type,
		.h_cmd_per_lun = (short)(info.queue_limit < 128 ? info.queue_limit : 128),
		.d_queue_depth = (short)(info.queue_limit < 128 ? info.queue_limit : 128),
	};
	return 0;
}

int sg_control(struct sg_file *file, int fd, unsigned long request, void *argument)
{
	int *number = argument;
	int ret = 0;

	/* The value itself is returned. */
	if (request == SG_GET_TIMEOUT)
		return (int)(file->timeout_ms / MS_PER_TICK);
	if (!argument)
		return -EFAULT;
	switch (request) {
	case SG_GET_VERSION_NUM:
		*number = VERSION;
		return 0;
	case SG_SET_TIMEOUT:
		if (*number < 0)
			return -EIO;
		file->timeout_ms =
			(uint32_t)(*number < INT32_MAX / MS_PER_TICK ? *number * MS_PER_TICK
								     : INT32_MAX);
		return 0;
	case SG_GET_RESERVED_SIZE:
		ret = reserved(fd, -1);
		if (ret < 0)
			return ret;
		*number = ret;
		return 0;
	case SG_SET_RESERVED_SIZE:
		return *number < 0 ? -EINVAL : reserved(fd, *number);
	case SG_SET_FORCE_PACK_ID:
		file->by_pack_id = *number;
		return 0;
	case SG_SET_COMMAND_Q:
	case SG_SET_KEEP_ORPHAN:
	case SG_SET_DEBUG:
		return 0;
	case SG_GET_SG_TABLESIZE:
		*number = 128;
		return 0;
	case SG_EMULATED_HOST:
	case SCSI_IOCTL_GET_BUS_NUMBER:
		*number = 0;
		return 0;
	case BLKSECTGET: /* bytes here, other than of a block device */
		*number = RESERVE_MAX;
		return 0;
	case SG_GET_SCSI_ID:
		return describe(file, argument);
	case SCSI_IOCTL_GET_IDLUN:
		*(struct idlun *)argument = (struct idlun){
			.target_and_lun = file->target | (file->number & 0xff) << 8,
		};
		return 0;
	case SG_SCSI_RESET:
		return reset(file, *number);
	default:
		return -ENOTTY;
	}
}
