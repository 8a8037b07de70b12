/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the back-end share. */
#ifndef TESTS_FUZZ_BACKEND_PARTS_H
#define TESTS_FUZZ_BACKEND_PARTS_H

#include <sys/uio.h>
#include <unistd.h>

#include "backend.h"
#include "device/ring.h"
#include "transport/vhost_user/protocol.h"

#define BACKEND_SEGS  8u
#define BACKEND_ELEMS (BACKEND_SEGS + 2) /* of a chain: header and response besides */
#define BACKEND_HELD  32u

/* A command that was taken: header and response come first. */
struct held {
	struct device_chain chain;
	unsigned nout;
	unsigned nin;
	struct iovec out[BACKEND_ELEMS];
	struct iovec in[BACKEND_ELEMS];
};

/**
 * struct ring - One ring
 * @num, @base, @addr: as the driver set them
 * @started: it is served
 * @stopped: its position when it was stopped
 * @lied: since it was started, it had entries that weren't true (backend_break())
 * @held: what was taken and not answered, in its order
 */
struct ring {
	int kick;
	int call;
	uint32_t num;
	uint32_t base;
	struct vhost_vring_addr addr;
	bool started;
	uint32_t stopped;
	bool lied;
	struct ring_device dev;
	struct held held[BACKEND_HELD];
	unsigned nheld;
};

/* When the next lie is due. */
struct lies {
	bool begun;
	uint8_t wait;
};

/**
 * struct backend - The back-end
 * @busy: within backend_turn()
 * @fd, @channel, @err: main socket, its own channel, what tells of a broken ring; -1: none
 * @features, @protocol, @queues, @slots, @config: what it offers
 * @acked, @accepted, @status, @regions: what the driver set
 * @reply, @gives_file, @dies: the answer to the message in hand
 * @fds: what came with it
 * @hold: commands are kept
 * @ring_lied, @disk_lied: see backend_is_honest()
 */
struct backend {
	struct input *in;
	bool busy;
	int fd;
	int channel;
	int err;
	uint64_t features;
	uint64_t protocol;
	uint64_t queues;
	uint64_t slots;
	struct virtio_scsi_config config;
	uint64_t acked;
	uint64_t accepted;
	uint8_t status;
	struct vu_region regions[64];
	unsigned nregions;
	uint8_t reply[256];
	size_t reply_len;
	bool gives_file;
	bool dies;
	int fds[VU_MAX_FDS];
	unsigned nfds;
	bool hold;
	bool ring_lied;
	bool disk_lied;
	struct lies message_lies;
	struct lies disk_lies;
	struct ring rings[BACKEND_RINGS];
};

extern struct backend be;

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

unsigned backend_lie(struct lies *lies);
void backend_close(void);

/* -- backend_message.c -- */

/* Reads a message and answers it. Return: whether there was one. */
bool backend_receive(void);

/* -- backend_ring.c -- */

void ring_start(struct ring *ring);

/* Return: where it stands. */
uint32_t ring_stop(struct ring *ring);
void ring_serve(struct ring *ring, unsigned index);

/* Takes the next chain; false when there is none. */
bool ring_take(struct ring *ring, struct held *held);

/* Shows what was given back. */
void ring_call(struct ring *ring);

/* -- backend_disk.c -- */

void disks_begin(void);

/* Another disk at a LUN, or none. */
void disks_swap(unsigned lun, bool gone);

/* Answers or keeps what was taken last. */
void disks_serve(struct ring *ring, unsigned index);

#endif
