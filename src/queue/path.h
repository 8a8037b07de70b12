/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions that make up the paths of path.c. Private to this folder. */
#ifndef QUEUE_PATH_H
#define QUEUE_PATH_H

#include "queue/layout.h"
#include "queue/queue.h"

#define PATH_FUNCTIONS(name, ...)                                                                 \
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
	int submit_##name(struct vscsi_queue *queue);                                             \
	int poll_##name(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

LAYOUTS(PATH_FUNCTIONS)
PATH_FUNCTIONS(general)

int submit_checked(struct vscsi_queue *queue);
int poll_checked(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max);

#endif
