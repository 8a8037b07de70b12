/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user protocol: message numbers, bits and structures. Kernel headers have only the vring
 * payloads. All fields are in native byte order (vhost-user, "Message Specification"), because both
 * ends are on one host. Contains only what this front-end sends or understands.
 */
#ifndef TRANSPORT_VHOST_USER_PROTOCOL_H
#define TRANSPORT_VHOST_USER_PROTOCOL_H

#include <stdint.h>

#include <linux/vhost_types.h>
#include <linux/virtio_scsi.h>

/*
 * Messages of the front-end (vhost-user, "Front-end message types"): payload -> answer. Messages
 * without an answer are acknowledged by a u64, 0 for success, if REPLY_ACK is in use and the
 * message asks for it.
 */
#define VU_GET_FEATURES          1u  /* -> u64 */
#define VU_SET_FEATURES          2u  /* u64, with bit 30 if it is to be negotiated */
#define VU_SET_OWNER             3u  /* once for each connection */
#define VU_SET_MEM_TABLE         5u  /* struct vu_table, one fd for each region */
#define VU_SET_VRING_NUM         8u  /* ring, entries */
#define VU_SET_VRING_ADDR        9u  /* struct vhost_vring_addr, user addresses */
#define VU_SET_VRING_BASE        10u /* ring, next available index */
#define VU_GET_VRING_BASE        11u /* ring -> ring, index; stops it */
#define VU_SET_VRING_KICK        12u /* ring as u64, one fd; starts it */
#define VU_SET_VRING_CALL        13u /* ring as u64, one fd */
#define VU_SET_VRING_ERR         14u /* ring as u64, one fd */
#define VU_GET_PROTOCOL_FEATURES 15u /* -> u64; if bit 30 was offered */
#define VU_SET_PROTOCOL_FEATURES 16u /* u64; likewise */
#define VU_GET_QUEUE_NUM         17u /* -> u64, all rings; with MQ */
#define VU_SET_VRING_ENABLE      18u /* ring, 1; if bit 30 was negotiated */
#define VU_SET_BACKEND_REQ_FD    21u /* one fd; with BACKEND_REQ */
#define VU_GET_CONFIG            24u /* struct vu_config -> the same; with CONFIG */
#define VU_SET_CONFIG            25u /* struct vu_config; with CONFIG */
#define VU_GET_INFLIGHT_FD       31u /* struct vu_inflight -> the same, one fd; with INFLIGHT */
#define VU_SET_INFLIGHT_FD       32u /* struct vu_inflight, one fd; likewise */
#define VU_RESET_DEVICE          34u /* with RESET_DEVICE */
#define VU_GET_MAX_MEM_SLOTS     36u /* -> u64; with CONFIGURE_MEM_SLOTS */
#define VU_ADD_MEM_REG           37u /* struct vu_slot, one fd; likewise */
#define VU_REM_MEM_REG           38u /* struct vu_slot; likewise */
#define VU_SET_STATUS            39u /* u64; with STATUS */
#define VU_GET_STATUS            40u /* -> u64; likewise */

/* Messages of the back-end on its own channel (vhost-user, "Back-end message types"). */
#define VU_BACKEND_CONFIG_CHANGE 2u /* with CONFIG */

/* Header flags: version in bits 0 and 1, then two flags (vhost-user, "Header"). */
#define VU_VERSION      1u
#define VU_VERSION_MASK 3u
#define VU_REPLY        (1u << 2)
#define VU_NEED_REPLY   (1u << 3)

/* Feature bits that belong to vhost, not to virtio: never shown to the layer above. */
#define VU_F_LOG_ALL           26
#define VU_F_PROTOCOL_FEATURES 30

/* Protocol feature bits (vhost-user, "Protocol features"). */
#define VU_PROTOCOL_MQ                  0  /* the back-end reports how many rings it has */
#define VU_PROTOCOL_REPLY_ACK           3  /* any message can be acknowledged */
#define VU_PROTOCOL_BACKEND_REQ         5  /* it has a channel for its own requests */
#define VU_PROTOCOL_CONFIG              9  /* it has the configuration space */
#define VU_PROTOCOL_INFLIGHT_SHMFD      12 /* it tracks requests in flight */
#define VU_PROTOCOL_RESET_DEVICE        13 /* it can be reset */
#define VU_PROTOCOL_CONFIGURE_MEM_SLOTS 15 /* regions are added and removed one by one */
#define VU_PROTOCOL_STATUS              16 /* it keeps the device status */

/* The ring in the payload of SET_VRING_KICK, CALL and ERR. Bit 8, no descriptor, is never set. */
#define VU_VRING_INDEX_MASK 0xffu

/* Most regions of a memory table, and most descriptors of a message. */
#define VU_TABLE_REGIONS 8u
#define VU_MAX_FDS       8u

/* The ring index has eight bits in the messages that carry descriptors. */
#define VU_MAX_VRINGS 256u

/**
 * struct vu_header - The header of every message
 * @request: number of the message; an answer has that of its request
 * @flags: VU_VERSION, and VU_REPLY or VU_NEED_REPLY
 * @size: bytes of payload after it
 */
struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/**
 * struct vu_region - A memory region
 * @guest: its guest address, for addresses in descriptors
 * @size: bytes
 * @user: its address in this process, for ring addresses
 * @offset: its offset in the file
 */
struct vu_region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
};

/* SET_MEM_TABLE; only the regions in use are sent. */
struct vu_table {
	uint32_t count;
	uint32_t padding;
	struct vu_region regions[VU_TABLE_REGIONS];
};

/* ADD_MEM_REG and REM_MEM_REG. */
struct vu_slot {
	uint64_t padding;
	struct vu_region region;
};

/*
 * Size of a SCSI device's configuration space (virtio 1.4, 5.6.4). Some back-ends refuse to read
 * more; others ignore an offset other than 0.
 */
#define VU_CONFIG_SIZE 36u

/* GET_CONFIG and SET_CONFIG; @size bytes of @bytes are sent. */
struct vu_config {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	uint8_t bytes[VU_CONFIG_SIZE];
};

/* Bytes of struct vu_config before the configuration itself. */
#define VU_CONFIG_HEAD 12u

/**
 * struct vu_inflight - The file in which the back-end tracks requests in flight
 * @size, @offset: the part of the file; 0 in GET_INFLIGHT_FD
 * @queues: number of rings of all kinds
 * @queue_size: entries of the largest ring
 * @padding: some back-ends accept no size other than these 24 bytes
 */
struct vu_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t queues;
	uint16_t queue_size;
	uint32_t padding;
};

_Static_assert(sizeof(struct vu_inflight) == 24, "20 bytes and padding");
_Static_assert(sizeof(struct vu_header) == 12, "header is 12 bytes");
_Static_assert(sizeof(struct vu_region) == 32, "region is 32 bytes");
_Static_assert(sizeof(struct vu_table) == 8 + 32 * VU_TABLE_REGIONS, "table has no holes");
_Static_assert(sizeof(struct vu_slot) == 40, "slot is 40 bytes");
_Static_assert(sizeof(struct vu_config) == VU_CONFIG_HEAD + VU_CONFIG_SIZE, "config has no holes");
_Static_assert(sizeof(struct virtio_scsi_config) == VU_CONFIG_SIZE, "virtio 1.4, 5.6.4");
_Static_assert(sizeof(struct vhost_vring_state) == 8, "vring state is 8 bytes");
_Static_assert(sizeof(struct vhost_vring_addr) == 40, "vring addresses are 40 bytes");

#endif
