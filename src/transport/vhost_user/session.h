/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One connection to a back-end. Private to this folder.
 *
 * Everything here is the control path and runs in one thread at a time (transport.h), with one
 * exception: vu_notify(), which reads a ring's kick descriptor only. A function that finds the
 * connection broken ends it with vu_fail(); from then on all calls return -ENOTCONN.
 *
 * No function waits, except for vu_run_steps() and vu_wait_ready(). An operation is a table of
 * steps; a step sends one message, or several of a kind. A function that sends a message returns
 * -EINPROGRESS until its answer is there, and is then called again with the same arguments, so what
 * it does before the message must be repeatable. struct vu stores the progress of the operation.
 */
#ifndef TRANSPORT_VHOST_USER_SESSION_H
#define TRANSPORT_VHOST_USER_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "transport/socket/socket.h"
#include "transport/transport.h"
#include "transport/vhost_user/protocol.h"

/* Largest payload of a request on the back-end's channel; a longer one closes the channel. */
#define VU_CHANNEL_PAYLOAD 256u

_Static_assert(VU_MAX_FDS <= SOCKET_MAX_FDS, "room for a message's descriptors");

struct vu;

/**
 * vu_step - A step of an operation
 * @arg: of vu_run_steps()
 *
 * Return: 0: the next step follows; -EINPROGRESS: the same one again; else the operation fails.
 */
typedef int vu_step(struct vu *vu, void *arg);

/* What the connection waits for. */
enum vu_phase {
	VU_IDLE,
	VU_CONNECTING, /* room in the listener's backlog; there is nothing to poll() for */
	VU_SENDING,    /* room in the socket */
	VU_RECEIVING,  /* the answer */
};

/**
 * struct vu_exchange - The message under way, and its answer
 * @phase: what the connection waits for
 * @deadline: until when, in clock_ns() time
 * @out, @len, @sent: header and payload, their length, and how much of it was sent
 * @fds, @nfds: descriptors to send with the first byte; the caller's
 * @in, @got: the answer as far as it has arrived
 * @takes_fd, @fd: whether the answer may have a descriptor, and the descriptor; -1: none yet
 */
struct vu_exchange {
	enum vu_phase phase;
	uint64_t deadline;
	size_t len;
	size_t sent;
	size_t got;
	int fds[SOCKET_MAX_FDS];
	unsigned nfds;
	bool takes_fd;
	int fd;
	uint8_t out[sizeof(struct vu_header) + sizeof(struct vu_table)];
	struct {
		struct vu_header head;
		uint8_t payload[sizeof(struct vu_config)];
	} in;
};

/**
 * struct vu_vring - One ring
 * @kick: eventfd that notifies the back-end; -1 before the first start. Read by any thread
 * @call: eventfd that the back-end signals; -1 before the first start
 * @known: other threads may use the two
 * @started: between SET_VRING_KICK and the answer to GET_VRING_BASE
 * @packed: the format it was started with
 */
struct vu_vring {
	_Atomic int kick;
	int call;
	bool known;
	bool started;
	bool packed;
};

/**
 * struct vu_channel - The back-end's own channel
 * @fd: the driver's end, -1 if there is none
 * @theirs: the back-end's end until it was sent, -1 otherwise
 * @got: bytes of the current message that have arrived
 * @fds: whether file descriptors came with it (they are closed already)
 * @head, @payload: the message
 */
struct vu_channel {
	int fd;
	int theirs;
	size_t got;
	bool fds;
	struct vu_header head;
	uint8_t payload[VU_CHANNEL_PAYLOAD];
};

/**
 * struct vu - A connection
 * @t: what the layer above sees
 * @fd: main socket; -1 once the connection is lost
 * @owned: whether the library closes @fd; a handed-over one is the caller's until open() succeeds
 * @handed_over: whether @fd was handed over; @ended: holds it after the connection was lost
 * @at: socket to connect to again; none for a handed-over one
 * @opts: options of the address, which apply to each connection
 * @timeout_ms: limit for each message, including its answer
 * @exchange: the message under way
 * @steps, @step, @item: the operation in progress, NULL: none; the current step; how many of its
 *	items that step has done
 * @config: the last answer to GET_CONFIG
 * @refused: code of a refusal of SET_VRING_ENABLE, while the ring is taken back
 * @guest_base: as in struct transport_opts
 * @offered: virtio and vhost feature bits of the back-end; 0 until it has answered once
 * @protocol: protocol features in use; @chosen: those to use, during the handshake
 * @bit30: whether VHOST_USER_F_PROTOCOL_FEATURES was accepted, so that rings need enabling
 * @accepted: whether features were set since the last reset
 * @status: device status, if the back-end doesn't keep it
 * @config_changed: the back-end reported a change that check() has not reported yet
 * @table_stale: the back-end may not have the current memory regions
 * @left: the process that was disconnected last while rings were running
 * @err: eventfd that the back-end signals when a ring fails, one for all rings
 * @channel: the back-end's own channel
 * @slots: most regions that the back-end accepts, with CONFIGURE_MEM_SLOTS
 * @count: regions in use
 * @regions: the regions, sorted by guest address
 * @fds: their files, owned by the pool
 * @vring_count: rings that may be used
 * @running: rings that are started
 * @inflight, @inflight_fd: the file with the back-end's record of requests in flight, which the
 *	driver never reads. -1: there is none
 * @vrings: all of them
 */
struct vu {
	struct transport t;
	int fd;
	bool owned;
	bool handed_over;
	int ended;
	struct socket_path at;
	struct transport_opts opts;
	unsigned timeout_ms;
	struct vu_exchange exchange;
	vu_step *const *steps;
	unsigned step;
	unsigned item;
	struct vu_config config;
	uint64_t refused;
	uint64_t guest_base;
	uint64_t offered;
	uint64_t protocol;
	uint64_t chosen;
	bool bit30;
	bool accepted;
	uint8_t status;
	bool config_changed;
	bool table_stale;
	struct socket_peer left;
	int err;
	struct vu_channel channel;
	unsigned slots;
	unsigned count;
	struct vu_region regions[DMA_MAX_REGIONS];
	int fds[DMA_MAX_REGIONS];
	unsigned vring_count;
	unsigned running;
	struct vu_inflight inflight;
	int inflight_fd;
	struct vu_vring vrings[VU_MAX_VRINGS];
};

static inline struct vu *vu_of(struct transport *t)
{
	return (struct vu *)t;
}

/* Whether a VU_PROTOCOL_* feature is in use. */
static inline bool vu_has(const struct vu *vu, unsigned bit)
{
	return vu->protocol >> bit & 1;
}

/* Whether an operation is in progress. */
static inline bool vu_busy(const struct vu *vu)
{
	return vu->steps;
}

/* -- steps.c -- */

/**
 * vu_run_steps - Begin an operation, or continue the one in progress
 * @vu: the connection
 * @steps, @count: the table, which also identifies the operation
 * @arg: for the steps: the caller's arguments, the same at each call
 *
 * The only place where the transport waits for the back-end, if calls may wait.
 *
 * Return: 0; -EINPROGRESS; -EBUSY when another operation is in progress; or what a step returned.
 */
int vu_run_steps(struct vu *vu, vu_step *const *steps, unsigned count, void *arg);

/* -- socket.c -- */

/**
 * vu_take_address - Store the address to connect to
 * @where: path of a socket, or "fd=N" for a connected one
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG; or what getcwd() or open() of the socket's directory said.
 */
int vu_take_address(struct vu *vu, const char *where);

/* A step: connects the main socket to the path, unless it is connected. */
int vu_connect(struct vu *vu, void *arg);

/**
 * vu_fail - End the connection at once, and with it the operation in progress
 * @vu: the connection
 * @err: why, a negative errno whose error text is set
 *
 * A back-end that broke the protocol can't be understood any more (vhost-user, "Communication"). A
 * handed-over socket is shut down, not closed. Eventfds stay open until vu_close(), because other
 * threads may be waiting for them.
 *
 * Return: @err.
 */
int vu_fail(struct vu *vu, int err);

/* -- wire.c -- */

/**
 * vu_begin - Begin to wait for something, and set its deadline
 * @phase: for what
 */
void vu_begin(struct vu *vu, enum vu_phase phase);

/* Whether the deadline has passed. */
bool vu_is_late(const struct vu *vu);

/**
 * vu_send - Send the rest of the message
 *
 * Header and payload go together, as some back-ends read the payload with a single read.
 *
 * Return: 0 when all of it is sent; -EINPROGRESS; else the connection has ended.
 */
int vu_send(struct vu *vu);

/**
 * vu_read - Read the first @len bytes of the answer
 *
 * Unexpected descriptors are closed and are an error.
 *
 * Return: as vu_send().
 */
int vu_read(struct vu *vu, size_t len);

/* Forgets the message under way, and closes a descriptor that arrived with its answer. */
void vu_forget_message(struct vu *vu);

/* As struct transport_ops has it. */
int vu_wait_ready(struct transport *t, int timeout_ms);

/**
 * vu_quiet - Check that the main socket has no unread bytes; also a step
 *
 * A back-end must not send anything there between an answer and the next request; such bytes must
 * not be taken for the next answer.
 *
 * Return: 0; -EPROTO for such bytes, -ENOTCONN when the peer hung up: the connection has ended.
 */
int vu_quiet(struct vu *vu, void *arg);

/* -- message.c -- */

/**
 * struct vu_message - A message to the back-end
 * @request: VU_*
 * @size: bytes of payload
 * @payload: the payload
 * @fds, @nfds: descriptors to attach; they stay the caller's
 */
struct vu_message {
	uint32_t request;
	uint32_t size;
	const void *payload;
	const int *fds;
	unsigned nfds;
};

/**
 * vu_set - Send a message that has no answer of its own
 * @vu: the connection
 * @message: the message
 *
 * With REPLY_ACK this is in progress until the back-end has acknowledged the message.
 *
 * Return: 0; -EINPROGRESS; -EIO if the back-end refused the message: the connection remains; other
 * errors: the connection has ended.
 */
int vu_set(struct vu *vu, const struct vu_message *message);

/* vu_set() that leaves a refusal to the caller: @code receives the answer, 0 for success. */
int vu_set_code(struct vu *vu, const struct vu_message *message, uint64_t *code);

/* vu_set() with a payload of one number. */
int vu_set_u64(struct vu *vu, uint32_t request, uint64_t value);

/* vu_set() with a ring's index and a number. */
int vu_set_vring(struct vu *vu, uint32_t request, unsigned index, uint32_t value);

/**
 * vu_get - Send a message that has an answer, and receive the answer
 * @vu: the connection
 * @message: the message; sent without need_reply
 * @answer, @size: receives the answer when this returns 0; it must have exactly this size
 *
 * Return: 0; -EINPROGRESS; -EIO for an empty answer to GET_CONFIG, which is a refusal; other
 * errors: the connection has ended.
 */
int vu_get(struct vu *vu, const struct vu_message *message, void *answer, uint32_t size);

/* vu_get() of an answer that may have a descriptor: @fd receives it, or -1. */
int vu_get_fd(struct vu *vu, const struct vu_message *message, void *answer, uint32_t size,
	      int *fd);

/* vu_get() without payload and with an answer of one number. */
int vu_get_u64(struct vu *vu, uint32_t request, uint64_t *value);

/**
 * vu_sync - A step: wait until the back-end has processed all messages so far
 *
 * With REPLY_ACK it has. Without, this waits for an answer to GET_FEATURES: messages are processed
 * in order.
 */
int vu_sync(struct vu *vu, void *arg);

/* -- handshake.c -- */

/**
 * vu_handshake - Connect, unless a socket was handed over, and negotiate protocol features
 * @vu: the connection, with @opts set
 *
 * Return: 0; -EINPROGRESS; -EOPNOTSUPP if the back-end lacks something; the errno of connect(); or
 * as vu_get().
 */
int vu_handshake(struct vu *vu);

/* The protocol features that are used if the back-end offers them. */
#define VU_FEATURES 8
extern const struct transport_feature vu_features[VU_FEATURES];

int vu_get_features(struct transport *t, uint64_t *features);
int vu_set_features(struct transport *t, uint64_t features);

/* -- channel.c -- */

/**
 * vu_channel_open - A step: gives the back-end a channel of its own, unless it has one
 *
 * Only with BACKEND_REQ. Return: 0, -errno of socketpair(), or as vu_set().
 */
int vu_channel_open(struct vu *vu, void *arg);

/**
 * vu_channel_serve - Read and answer what the back-end sent, without waiting
 *
 * Does a bounded amount of work. A malformed message closes the channel; the connection remains.
 */
void vu_channel_serve(struct vu *vu);

/* Closes the channel. */
void vu_channel_close(struct vu *vu);

/* -- memory.c -- */

int vu_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova);
int vu_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova);
bool vu_mem_map_live(struct transport *t);

/* A step: sends the memory regions again if @table_stale. */
int vu_mem_refresh(struct vu *vu, void *arg);

/* Whether @len bytes at @addr of this process lie in one region. */
bool vu_mem_covers(const struct vu *vu, const void *addr, uint64_t len);

/* -- vring.c -- */

int vu_queue_start(struct transport *t, const struct transport_queue *queue);
int vu_queue_stop(struct transport *t, unsigned index, uint32_t *base);
void vu_notify(struct transport *t, unsigned index, uint32_t data);
int vu_call_fd(struct transport *t, unsigned index);

/* A step: stops every ring that is running. */
int vu_stop_rings(struct vu *vu, void *arg);

/*
 * Part of a step: sends the call descriptors of the first @count rings, which are the step's items.
 * Back-ends built on DPDK create their rings only then.
 */
int vu_announce_rings(struct vu *vu, unsigned count);

/* Marks all rings as stopped: their connection has ended. */
void vu_forget_rings(struct vu *vu);

/* Wakes the threads that sleep on rings: there will be no completions. */
void vu_wake_all(struct vu *vu);

/* Closes the eventfds of all rings. */
void vu_vrings_free(struct vu *vu);

/* -- inflight.c -- */

int vu_track(struct transport *t, unsigned count, unsigned size);
bool vu_tracked(struct transport *t);

/* Forgets the record of requests in flight. */
void vu_inflight_drop(struct vu *vu);

/* -- config.c, status.c -- */

int vu_read_config(struct transport *t, unsigned offset, void *buf, unsigned len);
int vu_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len);
int vu_get_status(struct transport *t);
int vu_set_status(struct transport *t, uint8_t status);

#endif
