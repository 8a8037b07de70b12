/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-user messages: format, receiving and replying. Their handlers are in message_*.c. Every
 * field is checked before use.
 */
#ifndef TARGET_MESSAGE_H
#define TARGET_MESSAGE_H

#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regions.h"

#define MESSAGE_FDS 8   /* maximum, of SET_MEM_TABLE */
#define PAYLOAD_MAX 512 /* more than any message needs; longer ones are rejected */
#define CONFIG_MAX  256 /* most bytes of config space per message */

/* Request numbers (vhost-user, "Front-end message types"). */
enum message_id {
	MSG_GET_FEATURES = 1,
	MSG_SET_FEATURES = 2,
	MSG_SET_OWNER = 3,
	MSG_RESET_OWNER = 4,
	MSG_SET_MEM_TABLE = 5,
	MSG_SET_VRING_NUM = 8,
	MSG_SET_VRING_ADDR = 9,
	MSG_SET_VRING_BASE = 10,
	MSG_GET_VRING_BASE = 11,
	MSG_SET_VRING_KICK = 12,
	MSG_SET_VRING_CALL = 13,
	MSG_SET_VRING_ERR = 14,
	MSG_GET_PROTOCOL_FEATURES = 15,
	MSG_SET_PROTOCOL_FEATURES = 16,
	MSG_GET_QUEUE_NUM = 17,
	MSG_SET_VRING_ENABLE = 18,
	MSG_SET_BACKEND_REQ_FD = 21,
	MSG_GET_CONFIG = 24,
	MSG_SET_CONFIG = 25,
	MSG_GET_INFLIGHT_FD = 31,
	MSG_SET_INFLIGHT_FD = 32,
	MSG_RESET_DEVICE = 34,
	MSG_GET_MAX_MEM_SLOTS = 36,
	MSG_ADD_MEM_REG = 37,
	MSG_REM_MEM_REG = 38,
	MSG_SET_STATUS = 39,
	MSG_GET_STATUS = 40,
};

/* Header flags. */
#define MSG_VERSION      0x1
#define MSG_VERSION_MASK 0x3
#define MSG_REPLY        0x4
#define MSG_NEED_REPLY   0x8

/* SET_VRING_KICK, CALL and ERR: ring index, and a flag for a message without descriptor. */
#define VRING_INDEX_MASK 0xff
#define VRING_NO_FD      0x100

/*
 * The header of every message. All fields are in host byte order, because both sides are on the
 * same host.
 */
struct message_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};

/* A memory region in a message. */
struct message_region {
	uint64_t guest; /* start address in descriptors */
	uint64_t size;
	uint64_t user;   /* start address in SET_VRING_ADDR */
	uint64_t offset; /* in the file */
};

/* SET_MEM_TABLE; only @count regions are sent, with one descriptor each, in the same order. */
struct message_table {
	uint32_t count;
	uint32_t padding;
	struct message_region regions[TABLE_REGIONS];
};

/* ADD_MEM_REG and REM_MEM_REG. */
struct message_slot {
	uint64_t padding;
	struct message_region region;
};

/* GET_CONFIG and SET_CONFIG; only @size bytes are sent, in requests and replies. */
struct message_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[CONFIG_MAX];
};

/* GET_INFLIGHT_FD and SET_INFLIGHT_FD. */
struct message_inflight {
	uint64_t size;
	uint64_t offset; /* in the file */
	uint16_t queues;
	uint16_t entries; /* of each */
};

/*
 * The message being received. Descriptors arrive with any byte of it and belong to the message
 * until a handler takes them.
 */
struct message {
	struct message_header header;
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct message_table table;
		struct message_slot slot;
		struct message_config config;
		struct message_inflight inflight;
		uint8_t bytes[PAYLOAD_MAX];
	} body;
	size_t have; /* bytes of header and body received so far */
	int fds[MESSAGE_FDS];
	unsigned int fd_count;
	int answer_fd; /* sent with the reply; -1: none */
};

struct session;

/* message_init - an empty message, ready to receive. */
void message_init(struct message *m);

/*
 * message_receive - read from the socket; once a message is complete, handle it.
 * Never blocks. If a message can't be answered, the session is closed with a message on stderr.
 */
void message_receive(struct session *s);

/* message_take_fd - the next descriptor of the message, owned by the caller; -1 if none is left. */
int message_take_fd(struct message *m);

/* message_drop_fds - close the descriptors that were not taken. */
void message_drop_fds(struct message *m);

/*
 * Message handlers. Each returns 0 or a negative errno with the error text set. Those with a reply
 * store it in m->body and its length in m->header.size.
 */

/* msg_get_features - returns the offered virtio features, including bit 30. */
int msg_get_features(struct session *s, struct message *m);
/*
 * msg_set_features - sets the negotiated features; rejects bits that were not offered, and changes
 * while rings run.
 */
int msg_set_features(struct session *s, struct message *m);
/* msg_get_protocol_features - returns the offered protocol features. */
int msg_get_protocol_features(struct session *s, struct message *m);
/* msg_set_protocol_features - sets the negotiated protocol features. */
int msg_set_protocol_features(struct session *s, struct message *m);
/* msg_set_owner - starts the session; most other messages are rejected before it. */
int msg_set_owner(struct session *s, struct message *m);
/* msg_reset - RESET_DEVICE and RESET_OWNER: resets rings, features and status. */
int msg_reset(struct session *s, struct message *m);
/* msg_get_queue_num - returns the number of rings, including control and event ring. */
int msg_get_queue_num(struct session *s, struct message *m);
/* msg_set_backend_fd - sets the back-end channel; takes the descriptor. */
int msg_set_backend_fd(struct session *s, struct message *m);
/* msg_get_config - returns the requested part of config space. */
int msg_get_config(struct session *s, struct message *m);
/* msg_set_config - sets sense_size and cdb_size; rejects changes of anything else. */
int msg_set_config(struct session *s, struct message *m);
/* msg_get_status - returns the device status. */
int msg_get_status(struct session *s, struct message *m);
/* msg_set_status - sets the device status; zero resets the device. */
int msg_set_status(struct session *s, struct message *m);

/* msg_set_mem_table - replaces all memory regions; takes the descriptors. */
int msg_set_mem_table(struct session *s, struct message *m);
/* msg_get_max_mem_slots - returns MEMORY_SLOTS. */
int msg_get_max_mem_slots(struct session *s, struct message *m);
/* msg_add_mem_reg - adds one region; takes the descriptor. */
int msg_add_mem_reg(struct session *s, struct message *m);
/* msg_rem_mem_reg - removes one region; rings inside it break. */
int msg_rem_mem_reg(struct session *s, struct message *m);

/* msg_get_inflight_fd - returns a new in-flight area, without keeping it. */
int msg_get_inflight_fd(struct session *s, struct message *m);
/*
 * msg_set_inflight_fd - uses this in-flight area for rings that start from now on; takes the
 * descriptor.
 */
int msg_set_inflight_fd(struct session *s, struct message *m);

/* msg_set_vring_num - sets the size of a stopped ring. */
int msg_set_vring_num(struct session *s, struct message *m);
/* msg_set_vring_addr - sets the user addresses of a ring's three parts. */
int msg_set_vring_addr(struct session *s, struct message *m);
/* msg_set_vring_base - sets the positions of a stopped ring. */
int msg_set_vring_base(struct session *s, struct message *m);
/* msg_get_vring_base - stops a ring and returns its positions. */
int msg_get_vring_base(struct session *s, struct message *m);
/* msg_set_vring_kick - starts a ring; without a descriptor it is polled. Takes the descriptor. */
int msg_set_vring_kick(struct session *s, struct message *m);
/* msg_set_vring_call - sets the call descriptor. Takes the descriptor. */
int msg_set_vring_call(struct session *s, struct message *m);
/* msg_set_vring_err - sets the error descriptor. Takes the descriptor. */
int msg_set_vring_err(struct session *s, struct message *m);
/* msg_set_vring_enable - enables or disables a started ring. */
int msg_set_vring_enable(struct session *s, struct message *m);

#endif
