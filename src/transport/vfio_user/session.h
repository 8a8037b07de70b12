/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PCI function at the other end of a socket. Private to this folder.
 *
 * Everything here is the control path and runs in one thread at a time (pci/bus.h), with one
 * exception: vfu_kick(). A function that finds the connection broken ends it with vfu_fail(); from
 * then on all accesses return -ENOTCONN.
 *
 * One message is under way at a time. An operation of the transport is repeated until all of its
 * messages are answered (pci/bus.h, "Waiting"): vfu_call() keeps what each of them returned.
 */
#ifndef TRANSPORT_VFIO_USER_SESSION_H
#define TRANSPORT_VFIO_USER_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/pci/bus.h"
#include "transport/socket/socket.h"
#include "transport/vfio_user/protocol.h"

/* Largest message of the server that is read. */
#define VFU_MAX_MESSAGE 4096u

/*
 * Most messages of one operation that does not wait: a configuration that changes while it is
 * read 64 times (pci/config.c), or a reconnection.
 */
#define VFU_MAX_CALLS 1024u

/**
 * struct vfu_call - A message to the server, and its answer
 * @command: VFU_*
 * @body, @size: the bytes after the header
 * @data, @data_size: the bytes after @body; NULL: none
 * @fds, @nfds: descriptors to attach; they stay the caller's
 * @least: minimum number of bytes after the header of the answer
 * @answer, @room: receives the bytes after the header, truncated to @room or padded with zeros;
 *	NULL: they are ignored. In memory that outlives the operation, because a repeated call does
 *	not write it again
 * @value, @width: receives a register, which follows a copy of @body in the answer; NULL: none
 */
struct vfu_call {
	unsigned command;
	const void *body;
	size_t size;
	const void *data;
	size_t data_size;
	const int *fds;
	unsigned nfds;
	size_t least;
	void *answer;
	size_t room;
	uint32_t *value;
	unsigned width;
};

/* What the connection waits for. */
enum vfu_phase {
	VFU_IDLE,
	VFU_CONNECTING, /* room in the listener's backlog; there is nothing to poll() for */
	VFU_SENDING,    /* room in the socket */
	VFU_RECEIVING,  /* the answer */
};

/* The result of a message of an operation, and the register that it read. */
struct vfu_result {
	int ret;
	uint32_t value;
};

/**
 * struct vfu - A connection
 * @bus: for the layer above
 * @at: socket to connect to
 * @timeout_ms: limit for each message
 * @fd: the socket; stays open after the connection ended, because a thread may be about to kick
 *	through it; -1: none
 * @connected: the connection has not ended
 * @ready: any thread may kick; @kicks: number of threads that are about to
 * @left: the process that was disconnected last while the device was running
 * @wait: whether calls wait
 * @op: the operation; @open: it returned -EINPROGRESS
 * @results, @count, @next: the results of its messages, their number, and the index of the next one
 *	while the operation is repeated
 * @phase: what the connection waits for; @deadline: until when, in clock_ns() time
 * @id: of the message under way, or the last one
 * @pending: number of answers that will be discarded when they arrive
 * @in, @got: the server's message as far as it has arrived; @fds: descriptors arrived with it
 * @version: the server's version data; @max_fds: descriptors that it accepts with one message
 * @info, @irqs, @areas: the server's answers about the function
 */
struct vfu {
	struct pci_bus bus;
	struct socket_path at;
	unsigned timeout_ms;
	int fd;
	bool connected;
	atomic_bool ready;
	atomic_uint kicks;
	struct socket_peer left;
	bool wait;
	const char *op;
	bool open;
	struct vfu_result results[VFU_MAX_CALLS];
	unsigned count;
	unsigned next;
	enum vfu_phase phase;
	uint64_t deadline;
	uint16_t id;
	unsigned pending;
	size_t got;
	bool fds;
	union {
		struct vfu_header head;
		char bytes[VFU_MAX_MESSAGE];
	} in;
	struct {
		struct vfu_version number;
		char data[512];
	} version;
	unsigned max_fds;
	struct vfu_device_info info;
	struct vfio_irq_info irqs;
	struct vfio_region_info areas[VFIO_PCI_NUM_REGIONS];
};

static inline struct vfu *vfu_of(struct pci_bus *bus)
{
	return (struct vfu *)bus;
}

/* -- operation.c -- */

/* As struct pci_bus_ops has them. */
bool vfu_begin(struct pci_bus *bus, const char *op, bool wait);
bool vfu_busy(struct pci_bus *bus, const char *op);
void vfu_settle(struct pci_bus *bus);

/**
 * vfu_call - Send a message and receive its answer, once in an operation
 *
 * Return: 0; -EINPROGRESS; -EIO: the server refused, the connection goes on; -ENOTCONN, -ETIMEDOUT
 * and -EPROTO: it has ended.
 */
int vfu_call(struct vfu *v, const struct vfu_call *call);

/* -- wire.c -- */

/**
 * vfu_exchange - Send a message if that hasn't been done, and receive its answer
 *
 * Returns as vfu_call(). Repeated with the same arguments, or not at all: see vfu_abandon().
 */
int vfu_exchange(struct vfu *v, const struct vfu_call *call);

/* Abandons the message under way; its answer is discarded when it arrives. */
void vfu_abandon(struct vfu *v);

/* Begins to wait for something, with the time limit of a message; whether that has expired. */
void vfu_wait_for(struct vfu *v, enum vfu_phase phase);
bool vfu_is_late(const struct vfu *v);

/**
 * vfu_fail - End the connection at once
 * @err: why, a negative errno whose error text is set
 *
 * Return: @err.
 */
int vfu_fail(struct vfu *v, int err);

/* As struct pci_bus_ops has them. */
bool vfu_kick(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width, uint32_t value);
int vfu_wait_ready(struct pci_bus *bus, int timeout_ms);
int vfu_look(struct pci_bus *bus);

/* -- connect.c -- */

/* Connects, and reads the properties of the function. As reopen() of struct pci_bus_ops. */
int vfu_connect(struct pci_bus *bus);

/* -- region.c -- */

/* Reads the sizes of the BARs and of the configuration space. */
int vfu_read_areas(struct vfu *v);

/* As struct pci_bus_ops has them. */
int vfu_config_read(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t *value);
int vfu_config_write(struct pci_bus *bus, unsigned offset, unsigned width, uint32_t value);
uint64_t vfu_bar_size(struct pci_bus *bus, unsigned bar);
int vfu_bar_read(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		 uint32_t *value);
int vfu_bar_write(struct pci_bus *bus, unsigned bar, uint64_t offset, unsigned width,
		  uint32_t value);

/* -- place.c -- */

/* Assigns addresses to the BARs; without one, some servers answer no access to a BAR. */
int vfu_place(struct vfu *v);

/* As struct pci_bus_ops has it. */
int vfu_reset(struct pci_bus *bus);

/* -- irq.c, dma.c: as struct pci_bus_ops has them -- */

int vfu_count_vectors(struct vfu *v);
int vfu_irq_set(struct pci_bus *bus, const int *fds, unsigned count);
int vfu_dma_map(struct pci_bus *bus, const struct dma_region *region, uint64_t iova);
int vfu_dma_unmap(struct pci_bus *bus, uint64_t iova, uint64_t len);

#endif
