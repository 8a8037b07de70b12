/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user-scsi back-end for tests: a thread of the test's own process. It answers everything
 * as a good back-end does, keeps a record of every message, and can be told to misbehave at any of
 * them. It maps the front-end's memory and owns the device side of the rings, which either it
 * serves itself (rig_opts.on_chain) or the test does, one step at a time.
 *
 * It also checks the front-end: every message against the protocol, and every chain that is taken
 * from a ring against virtio 1.4, 2.7 and 5.6.6. The first violation is kept, and rig_stop() fails
 * the test with it.
 *
 * It shares no code with the library: numbers and layouts are written down a second time on
 * purpose. All functions may be called by any thread; those that wait have a limit and fail the
 * test when it passes.
 */
#ifndef TESTS_RIG_RIG_H
#define TESTS_RIG_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/virtio_scsi.h>

/* Messages of the front-end, by vhost-user's numbers. */
enum rig_request {
	RIG_ANY = 0, /* in a fault: every message */
	RIG_GET_FEATURES = 1,
	RIG_SET_FEATURES = 2,
	RIG_SET_OWNER = 3,
	RIG_SET_MEM_TABLE = 5,
	RIG_SET_VRING_NUM = 8,
	RIG_SET_VRING_ADDR = 9,
	RIG_SET_VRING_BASE = 10,
	RIG_GET_VRING_BASE = 11,
	RIG_SET_VRING_KICK = 12,
	RIG_SET_VRING_CALL = 13,
	RIG_SET_VRING_ERR = 14,
	RIG_GET_PROTOCOL_FEATURES = 15,
	RIG_SET_PROTOCOL_FEATURES = 16,
	RIG_GET_QUEUE_NUM = 17,
	RIG_SET_VRING_ENABLE = 18,
	RIG_SET_BACKEND_REQ_FD = 21,
	RIG_GET_CONFIG = 24,
	RIG_SET_CONFIG = 25,
	RIG_GET_INFLIGHT_FD = 31,
	RIG_SET_INFLIGHT_FD = 32,
	RIG_RESET_DEVICE = 34,
	RIG_GET_MAX_MEM_SLOTS = 36,
	RIG_ADD_MEM_REG = 37,
	RIG_REM_MEM_REG = 38,
	RIG_SET_STATUS = 39,
	RIG_GET_STATUS = 40,
};

/* Header flags. */
#define RIG_VERSION    1u
#define RIG_REPLY      4u
#define RIG_NEED_REPLY 8u

/* Virtio and vhost feature bits, as sets. */
#define RIG_F_INOUT     (1ull << 0)
#define RIG_F_HOTPLUG   (1ull << 1)
#define RIG_F_CHANGE    (1ull << 2)
#define RIG_F_LOG_ALL   (1ull << 26)
#define RIG_F_INDIRECT  (1ull << 28)
#define RIG_F_EVENT_IDX (1ull << 29)
#define RIG_F_PROTOCOL  (1ull << 30)
#define RIG_F_VERSION_1 (1ull << 32)
#define RIG_F_PACKED    (1ull << 34)
#define RIG_F_IN_ORDER  (1ull << 35)

/* Protocol features, as sets. */
#define RIG_P_MQ           (1ull << 0)
#define RIG_P_REPLY_ACK    (1ull << 3)
#define RIG_P_BACKEND_REQ  (1ull << 5)
#define RIG_P_CONFIG       (1ull << 9)
#define RIG_P_INFLIGHT     (1ull << 12)
#define RIG_P_RESET_DEVICE (1ull << 13)
#define RIG_P_MEM_SLOTS    (1ull << 15)
#define RIG_P_STATUS       (1ull << 16)

#define RIG_MAX_FDS        16
#define RIG_MAX_PAYLOAD    512
#define RIG_MAX_ELEMS      256
#define RIG_MAX_RINGS      256

struct rig;

/**
 * struct rig_elem - A piece of memory in a chain
 * @guest: its address as the descriptor says
 * @addr: where the rig sees it; valid until the front-end takes the region away
 * @len: bytes
 * @writable: whether the device may write it
 */
struct rig_elem {
	uint64_t guest;
	void *addr;
	uint32_t len;
	bool writable;
};

/**
 * struct rig_chain - A chain taken from a ring; it has passed the checks
 * @head: what a used entry has as its id
 * @count: elements, those of an indirect table instead of the descriptor that names it
 * @readable: how many of them the device reads; they come first
 * @indirect: whether there was an indirect table
 * @elems: the pieces
 */
struct rig_chain {
	uint16_t head;
	unsigned count;
	unsigned readable;
	bool indirect;
	struct rig_elem elems[RIG_MAX_ELEMS];
};

/**
 * struct rig_opts - What kind of back-end
 * @path: socket to listen on, one connection at a time; NULL: one connected socket, rig_address()
 * @features: virtio and vhost features offered
 * @protocol: protocol features offered
 * @queues: answer to GET_QUEUE_NUM
 * @slots: answer to GET_MAX_MEM_SLOTS
 * @config: configuration space
 * @start_on_kick: a ring starts with the first kick instead of with SET_VRING_KICK
 * @blocking: it has reads of call and error descriptors block, for the front-end as well
 * @together: no ring is served before so many of them run, from 0 on
 * @on_chain: called by the rig's thread for every chain after a kick. It completes the chain with
 * 	rig_put() or
 *	rig_complete(), now or later. NULL: the test takes chains itself with rig_take()
 * @ctx: handed to @on_chain
 */
struct rig_opts {
	const char *path;
	uint64_t features;
	uint64_t protocol;
	uint64_t queues;
	uint64_t slots;
	struct virtio_scsi_config config;
	bool start_on_kick;
	bool blocking;
	unsigned together;
	void (*on_chain)(struct rig *rig, unsigned queue, const struct rig_chain *chain, void *ctx);
	void *ctx;
};

/*
 * Everything the library knows is offered but RIG_P_INFLIGHT; 10 queues, 32 slots, usual
 * configuration; no on_chain.
 */
struct rig_opts rig_defaults(void);

/**
 * rig_start - Start a back-end
 * @opts: what kind; NULL for rig_defaults(). Copied
 *
 * Return: the rig, never NULL: rig_stop().
 */
struct rig *rig_start(const struct rig_opts *opts);

/**
 * rig_stop - Stop it, free it, and fail the test if there was a violation
 * @rig: the rig
 *
 * Closes the connection if there is one. Fails the test when a violation was recorded and not
 * fetched with rig_violation(), after everything is freed.
 */
void rig_stop(struct rig *rig);

/**
 * rig_address - Where to connect
 *
 * Return: the address after the scheme: the path, or "fd=N" with a socket that belongs to the
 * device that opens it first (rig_stop() closes it if no device took it, see rig_taken()).
 */
const char *rig_address(struct rig *rig);

/* Records that the socket of rig_address() has an owner, which closes it. */
void rig_taken(struct rig *rig);

/**
 * rig_become - End the connection; what the front-end meets next time is another kind of back-end
 * @rig: the rig, listening on a path
 * @opts: what kind; the path, @on_chain and @ctx stay as they are
 */
void rig_become(struct rig *rig, const struct rig_opts *opts);

/* The front-end's end of the socket; -1 when listening on a path. */
int rig_socket(struct rig *rig);

/**
 * rig_violation - Fetch the first rule that the front-end broke
 *
 * Return: a message that lives as long as @rig, or NULL. rig_stop() accepts what was fetched.
 */
const char *rig_violation(struct rig *rig);

/* -- what the front-end sent -- */

/**
 * struct rig_record - A message as it arrived
 * @request, @flags, @size: its header
 * @nfds: file descriptors that came with it
 * @first_nfds: those of them that came with the header's first byte
 * @connection: number of the connection, from 0
 * @inodes: of the files, in their order
 * @payload: as far as it fits
 */
struct rig_record {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	unsigned nfds;
	unsigned first_nfds;
	unsigned connection;
	ino_t inodes[RIG_MAX_FDS];
	uint8_t payload[RIG_MAX_PAYLOAD];
};

/* How many messages of this kind have arrived; RIG_ANY: of all kinds. */
unsigned rig_seen(struct rig *rig, uint32_t request);

/**
 * rig_record - Look at a message
 * @rig: the rig
 * @request: kind, or RIG_ANY
 * @n: which of that kind, from 0
 * @out: receives it
 *
 * Return: whether it was there.
 */
bool rig_record(struct rig *rig, uint32_t request, unsigned n, struct rig_record *out);

/* The u64 with which a message's payload begins; fails the test when there is no such message. */
uint64_t rig_value(struct rig *rig, uint32_t request, unsigned n);

/* Likewise the @i-th u32 of its payload. */
uint32_t rig_word(struct rig *rig, uint32_t request, unsigned n, unsigned i);

/* Waits until @n messages of the kind have been received (not necessarily answered). */
void rig_wait_seen(struct rig *rig, uint32_t request, unsigned n);

/* Waits until the front-end has closed the connection, or it was closed by a fault. */
void rig_wait_gone(struct rig *rig);

/* Whether a connection exists now. */
bool rig_connected(struct rig *rig);

/* Whether the area for what is in flight was handed back on this connection. See inflight.c. */
bool rig_tracked(struct rig *rig);

/* -- misbehaving -- */

/* What to do to a message or to its answer. @arg is rig_fault.arg. */
enum rig_kind {
	RIG_FAULT_NONE,        /* nothing but rig_fault.before */
	RIG_FAULT_DELAY,       /* answer only after rig_release() */
	RIG_FAULT_DROP,        /* never answer */
	RIG_FAULT_CLOSE,       /* close the connection instead of answering */
	RIG_FAULT_READ_CLOSE,  /* close it after reading @arg bytes of the message */
	RIG_FAULT_CLOSE_AFTER, /* send @arg bytes of the answer, then close */
	RIG_FAULT_STALL,       /* read nothing more until rig_release() */
	RIG_FAULT_UNREAD,      /* don't even read this message until then; for RIG_ANY only */
	RIG_FAULT_HALF,        /* read its header only until then */
	RIG_FAULT_BYTEWISE,    /* send the answer in single bytes */
	RIG_FAULT_SHORT,       /* @arg bytes of payload less than right, the header says so */
	RIG_FAULT_LONG,        /* @arg bytes more */
	RIG_FAULT_SIZE,        /* the header says @arg, the payload is right */
	RIG_FAULT_ID,          /* answer with message number @arg */
	RIG_FAULT_FLAGS,       /* answer with flags @arg */
	RIG_FAULT_FDS,         /* attach @arg descriptors to the answer, whatever belongs to it */
	RIG_FAULT_VALUE,       /* the answer's first u64 is @arg; for an acknowledgement: refused */
	RIG_FAULT_WORD,        /* the answer's u32 number (@arg >> 32) is (@arg & 0xffffffff) */
	RIG_FAULT_TWICE,       /* answer two times */
	RIG_FAULT_EMPTY,       /* no payload */
};

/**
 * struct rig_fault - One misbehaviour
 * @request: at which kind of message; RIG_ANY: at any
 * @skip: how many of that kind to let pass first, counted from now
 * @kind: what to do
 * @arg: see enum rig_kind
 * @before: called by the rig's thread when the message has been read and before anything else; or
 * 	NULL
 * @ctx: handed to @before
 */
struct rig_fault {
	uint32_t request;
	unsigned skip;
	enum rig_kind kind;
	uint64_t arg;
	void (*before)(struct rig *rig, void *ctx);
	void *ctx;
};

/* Plans a misbehaviour; it happens once. Up to 16 can wait; the earliest that fits is taken. */
void rig_fault(struct rig *rig, struct rig_fault fault);

/* Plans one without the rarer fields. */
void rig_plan(struct rig *rig, uint32_t request, enum rig_kind kind, uint64_t arg);

/* Lets a delayed answer, or a stalled connection, go on. */
void rig_release(struct rig *rig);

/* Whether it has stopped at one of those, and was not released yet. */
bool rig_stalled(struct rig *rig);

/* Waits until the rig's thread has nothing more to do: it has stopped, or has read everything. */
void rig_settle(struct rig *rig);

/* Sends raw bytes on the main socket with @nfds descriptors of some file. */
void rig_send_raw(struct rig *rig, const void *bytes, size_t len, unsigned nfds);

/* Closes the connection, as a process that dies does. */
void rig_hang_up(struct rig *rig);

/* -- the back-end's channel -- */

/* Whether the front-end gave one. */
bool rig_has_channel(struct rig *rig);

/**
 * rig_channel_send - Send a message on it
 * @rig: the rig
 * @request, @flags, @size: the header; @size is sent as it is
 * @payload, @len: what is sent after it
 * @nfds: descriptors of some file to attach
 */
void rig_channel_send(struct rig *rig, uint32_t request, uint32_t flags, uint32_t size,
		      const void *payload, size_t len, unsigned nfds);

/**
 * rig_channel_answer - Read an answer on it
 * @rig: the rig
 * @request: which message it has to name
 * @result: receives the number
 * @timeout_ms: how long to wait
 *
 * Return: whether one came; one that is malformed fails the test.
 */
bool rig_channel_answer(struct rig *rig, uint32_t request, uint64_t *result, int timeout_ms);

/* Whether the front-end has closed its end. Waits for that at most @timeout_ms. */
bool rig_channel_gone(struct rig *rig, int timeout_ms);

/* -- memory -- */

/* Regions that are mapped now. */
unsigned rig_regions(struct rig *rig);

/* Where the rig sees @len bytes at a guest address, or at an address of the front-end; or NULL. */
void *rig_guest(struct rig *rig, uint64_t addr, uint64_t len);
void *rig_user(struct rig *rig, uint64_t addr, uint64_t len);

/* -- rings -- */

/**
 * rig_running - Whether a ring is started and enabled
 * @rig: the rig
 * @queue: virtqueue number
 */
bool rig_running(struct rig *rig, unsigned queue);

/* Waits until rig_running(). */
void rig_wait_running(struct rig *rig, unsigned queue);

/**
 * rig_take - Take the next available chain
 * @rig: the rig
 * @queue: virtqueue number
 * @chain: receives it, checked
 *
 * Return: false when there is none, the ring doesn't run, or the chain broke a rule
 * (rig_violation()).
 */
bool rig_take(struct rig *rig, unsigned queue, struct rig_chain *chain);

/* Chains that are available and not taken. */
unsigned rig_available(struct rig *rig, unsigned queue);

/**
 * rig_put - Append a used entry and publish it
 * @rig: the rig
 * @queue: virtqueue number
 * @id, @len: the entry, written as given: any lie is possible
 *
 * No notification; see rig_call().
 */
void rig_put(struct rig *rig, unsigned queue, uint32_t id, uint32_t len);

/*
 * As rig_put(), without publishing: the next rig_put() or rig_move_used(..., 0) does it. In a
 * packed ring there is nothing to publish.
 */
void rig_put_quiet(struct rig *rig, unsigned queue, uint32_t id, uint32_t len);

/* Split rings: moves the used index by @by and publishes it, without writing an entry. */
void rig_move_used(struct rig *rig, unsigned queue, uint16_t by);

/* Signals the ring's call, or error, descriptor. */
void rig_call(struct rig *rig, unsigned queue);
void rig_err(struct rig *rig, unsigned queue);

/* Sets used.flags (bit 0: don't notify me) and avail_event (notify me when that index is used). */
void rig_set_used_flags(struct rig *rig, unsigned queue, uint16_t flags);
void rig_set_avail_event(struct rig *rig, unsigned queue, uint16_t event);

/* What the driver published. */
uint16_t rig_avail_flags(struct rig *rig, unsigned queue);
uint16_t rig_avail_idx(struct rig *rig, unsigned queue);
uint16_t rig_used_event(struct rig *rig, unsigned queue);

/*
 * Kicks that were read so far from the ring's kick descriptor; those that are waiting are read
 * first.
 */
uint64_t rig_kicks(struct rig *rig, unsigned queue);

/* Entries of the ring, and the raw parts of it as the rig sees them, for tests that scribble. */
unsigned rig_size(struct rig *rig, unsigned queue);
void *rig_desc(struct rig *rig, unsigned queue);
void *rig_avail(struct rig *rig, unsigned queue);
void *rig_used(struct rig *rig, unsigned queue);

/* -- SCSI commands -- */

/**
 * struct rig_reply - How to complete a command
 * @response: VIRTIO_SCSI_S_*
 * @status: SCSI status
 * @sense, @sense_len: sense data; @sense_len is also what the response says
 * @residual: as it is
 * @data, @len: copied to the data-in elements as far as they reach
 */
struct rig_reply {
	uint8_t response;
	uint8_t status;
	const void *sense;
	uint32_t sense_len;
	uint32_t residual;
	const void *data;
	size_t len;
};

/* The command's header: the first element. */
const struct virtio_scsi_cmd_req *rig_command(const struct rig_chain *chain);

/* The response: the first element that is writable. */
struct virtio_scsi_cmd_resp *rig_response(const struct rig_chain *chain);

/* Copies up to @len bytes of data-out; returns how many there are in all. */
size_t rig_data_out(const struct rig_chain *chain, void *buf, size_t len);

/* Bytes of data-in that the chain has room for. */
size_t rig_data_in_room(const struct rig_chain *chain);

/* Writes the response and the data, and puts the chain with the right length. No notification. */
void rig_complete(struct rig *rig, unsigned queue, const struct rig_chain *chain,
		  const struct rig_reply *reply);

/**
 * rig_event - Put an event into the event queue
 * @rig: the rig
 * @event: VIRTIO_SCSI_T_*, missed flag included
 * @lun: 8 bytes
 * @reason: as it is
 *
 * Return: false when the driver has left no buffer there.
 */
bool rig_event(struct rig *rig, uint32_t event, const uint8_t lun[8], uint32_t reason);

#endif
