/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of habits, as read from the sources of the originals and seen in their runs. */
#include "peer.h"

/* Protocol features that the library doesn't know must be no trouble either. */
#define P_LOG_SHMFD (1ull << 1)
#define P_PAGEFAULT (1ull << 8)
#define P_INFLIGHT  (1ull << 12)

/* Features that have no meaning with VERSION_1, and are offered all the same. */
#define F_NOTIFY_ON_EMPTY (1ull << 24)
#define F_ANY_LAYOUT      (1ull << 27)

/* The default contents of a configuration space. */
#define CONFIG(queues_, targets_, luns_)                                                           \
	{                                                                                          \
		.num_queues = (queues_), .seg_max = 126, .max_sectors = 65535, .cmd_per_lun = 128, \
		.event_info_size = 16, .sense_size = 96, .cdb_size = 32, .max_target = (targets_), \
		.max_lun = (luns_)                                                                 \
	}

/* Knows one unit; hands commands to a library that reports all failures alike. */
const struct habit habit_contrib = {
	.name = "QEMU contrib/vhost-user-scsi",
	.features = RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_LOG_ALL |
		    RIG_F_PROTOCOL | F_NOTIFY_ON_EMPTY,
	.protocol = RIG_P_MQ | P_LOG_SHMFD | RIG_P_REPLY_ACK | RIG_P_BACKEND_REQ | RIG_P_MEM_SLOTS,
	.queues = 8,
	.config = CONFIG(1, 0, 0),
	.strict = true,
	.lun_form = LUN_FIRST,
	.absent = ABSENT_UNWRITTEN,
	.used_len = USED_ZERO,
	.failure_with_sense = true,
	.attention = true,
	.units = {{0, 0}},
	.unit_count = 1,
};

const struct habit habit_spdk = {
	.name = "SPDK vhost-scsi",
	.features = RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_INOUT | RIG_F_HOTPLUG | RIG_F_CHANGE |
		    RIG_F_LOG_ALL | RIG_F_PROTOCOL | F_ANY_LAYOUT,
	.protocol = RIG_P_MQ | P_LOG_SHMFD | RIG_P_REPLY_ACK | RIG_P_BACKEND_REQ | P_PAGEFAULT |
		    P_INFLIGHT | RIG_P_STATUS,
	.queues = 128,
	.config = CONFIG(126, 7, 0),
	.max_blocks = 8192,
	.unmap = true,
	.polls = true,
	.whole_device = true,
	.lun_form = LUN_MASKED,
	.absent = ABSENT_ONE_BYTE,
	.used_len = USED_IN,
	.control = CONTROL_LUN_RESET,
	.sense_len_unwritten = true,
	.units = {{0, 0}, {3, 0}, {7, 0}},
	.unit_count = 3,
};

const struct habit habit_rust = {
	.name = "rust-vmm vhost-device-scsi",
	.features =
		RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_HOTPLUG | RIG_F_PROTOCOL,
	.protocol = RIG_P_MQ | RIG_P_CONFIG,
	.queues = 3,
	.config = CONFIG(1, 255, 16383),
	.lun_form = LUN_FLAT,
	.no_residual = true,
	.units = {{0, 0}, {1, 0}},
	.unit_count = 2,
};

const struct habit habit_linux = {
	.name = "Linux vhost-scsi",
	.features = RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_INOUT |
		    RIG_F_HOTPLUG | RIG_F_LOG_ALL | RIG_F_PROTOCOL,
	.protocol = RIG_P_MQ | RIG_P_REPLY_ACK | RIG_P_CONFIG,
	.queues = 4,
	.config = CONFIG(2, 0, 16383),
	.lun_form = LUN_MASKED,
	.used_len = USED_ZERO,
	.attention = true,
	.event_bytes = 16,
	.units = {{0, 0}, {0, 300}},
	.unit_count = 2,
};

/* One request queue, direct descriptors, no message but the obligatory ones. */
const struct habit habit_minimal = {
	.name = "minimal",
	.features = RIG_F_VERSION_1,
	.queues = 3,
	.config = CONFIG(1, 255, 16383),
	.start_on_kick = true,
	.units = {{0, 0}, {200, 5}},
	.unit_count = 2,
};

const struct habit habit_qemu = {
	.name = "QEMU virtio-scsi",
	.features = RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_HOTPLUG |
		    RIG_F_CHANGE | RIG_F_PROTOCOL,
	.protocol = RIG_P_MQ | RIG_P_REPLY_ACK | RIG_P_CONFIG | RIG_P_MEM_SLOTS,
	.queues = 6,
	.config = CONFIG(4, 255, 16383),
	.used_len = USED_BOTH,
	.residual_if_good = true,
	.attention = true,
	.units = {{0, 0}, {0, 1}, {9, 0}},
	.unit_count = 3,
};
