/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that make up the paths of path.c. Private to this folder. */
#ifndef QUEUE_PATH_H
#define QUEUE_PATH_H

#include "queue/queue.h"

#define PATH_RW(name)                                                                             \
	int read_##name(struct vscsi_queue *queue, struct io_lun *lun, void *buf, uint64_t lba,   \
			uint32_t blocks, uint32_t flags, uint64_t user_data);                     \
	int write_##name(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,          \
			 uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data);      \
	int readv_##name(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,  \
			 unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,          \
			 uint64_t user_data);                                                     \
	int writev_##name(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov, \
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,         \
			  uint64_t user_data);                                                    \
	int poll_##name(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)

PATH_RW(split);
PATH_RW(counted);
PATH_RW(direct);
PATH_RW(packed);
PATH_RW(shared);
PATH_RW(measured_split);
PATH_RW(measured_counted);
PATH_RW(measured_packed);
PATH_RW(general);

int submit_split(struct vscsi_queue *queue);
int submit_packed(struct vscsi_queue *queue);
int submit_shared(struct vscsi_queue *queue);
int submit_measured(struct vscsi_queue *queue);
int submit_general(struct vscsi_queue *queue);

int submit_checked(struct vscsi_queue *queue);
int poll_checked(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

extern const struct ioq_path ioq_path_general;

#endif
