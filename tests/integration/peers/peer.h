/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Back-ends with the habits of real ones: what public peers do that the specifications leave open,
 * or forbid, each as a line of a table. They are built on the rig, which checks the front-end
 * against the specifications; a peer also checks it for what its original can't handle.
 *
 * A peer is no copy of its original: it has what the front-end can notice, and nothing else. A
 * habit that is not known, or that no test looks at, is the zero of its type.
 */
#ifndef INTEGRATION_PEERS_PEER_H
#define INTEGRATION_PEERS_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <vscsi/vscsi.h>

#include "conforms.h"
#include "device/disk.h"
#include "rig/rig.h"

#define PEER_BLOCK    512u
#define PEER_BLOCKS   16384u
#define PEER_UNITS    6u
#define PEER_BUFFERS  32u
#define PEER_TIMEOUT  5000 /* ms, of the library for each answer */
#define PEER_BYTES    ((size_t)PEER_BLOCK * PEER_BLOCKS)
#define PEER_RESPONSE 108u /* bytes of a response with sense (virtio 1.4, 5.6.6.1) */

/* Which forms of bytes 2 and 3 of a LUN field name a unit (virtio 1.4, 5.6.6.1). */
enum lun_form {
	LUN_ANY,    /* peripheral device and flat space */
	LUN_FLAT,   /* flat space only */
	LUN_FIRST,  /* 40 00 of target 0 only */
	LUN_MASKED, /* all: the two highest bits are not looked at */
};

/* What becomes of the response to a command for a target that isn't there. */
enum absent {
	ABSENT_BAD_TARGET, /* written whole */
	ABSENT_ONE_BYTE,   /* only the response byte is written */
	ABSENT_UNWRITTEN,  /* nothing is written */
};

/* What stands in a used entry as the length. */
enum used_len {
	USED_TRUE, /* what was written */
	USED_ZERO, /* 0, for events too */
	USED_IN,   /* the response, and all of the buffers for data-in */
	USED_BOTH, /* the response, and all buffers, those for data-out too */
};

/* How task management ends. */
enum control {
	CONTROL_DEAD,      /* the control queue is never looked at */
	CONTROL_LUN_RESET, /* only that is known; its used length is 0 */
};

/**
 * struct habit - A kind of back-end
 * @name: for people
 * @features, @protocol, @queues, @config, @start_on_kick: as in struct rig_opts
 * @max_blocks: of one transfer, told by VPD page B0h; 0: there are no such pages
 * @unmap: there is UNMAP, and its residual says that no parameters were taken; needs @max_blocks
 * @strict: ends the connection at a short read, see strict.c
 * @polls: looks by itself and says that no kicks are needed; else it waits for them
 * @whole_device: starts with three rings and DRIVER_OK, and one GET_VRING_BASE stops all rings
 * @lun_form, @absent, @used_len, @control: see there
 * @failure_with_sense: a CHECK CONDITION has the response FAILURE
 * @no_residual: it is always 0; @residual_if_good: 0 unless the status is GOOD
 * @sense_len_unwritten: unless there is sense
 * @attention: the first command to the medium of each unit ends with UNIT ATTENTION
 * @event_bytes: an event buffer has to have exactly so many
 * @units, @unit_count: the logical units that are there at first
 */
struct habit {
	const char *name;
	uint64_t features;
	uint64_t protocol;
	uint64_t queues;
	struct virtio_scsi_config config;
	uint32_t max_blocks;
	uint32_t event_bytes;
	enum lun_form lun_form;
	enum absent absent;
	enum used_len used_len;
	enum control control;
	bool start_on_kick;
	bool strict;
	bool unmap;
	bool polls;
	bool whole_device;
	bool failure_with_sense;
	bool no_residual;
	bool residual_if_good;
	bool sense_len_unwritten;
	bool attention;
	unsigned unit_count;
	struct {
		unsigned target;
		unsigned lun;
	} units[PEER_UNITS];
};

extern const struct habit habit_contrib; /* QEMU's contrib/vhost-user-scsi */
extern const struct habit habit_spdk;    /* SPDK's vhost-scsi target, DPDK below it */
extern const struct habit habit_rust;    /* rust-vmm's vhost-device-scsi */
extern const struct habit habit_linux;   /* Linux's vhost-scsi with a vhost-user front */
extern const struct habit habit_minimal; /* nothing that isn't obligatory */
extern const struct habit habit_qemu;    /* QEMU's virtio-scsi with a vhost-user front */

/* A logical unit: a disk of PEER_BLOCKS blocks, and the unit attention that it has to tell. */
struct unit {
	unsigned target;
	unsigned lun;
	uint8_t asc;
	uint8_t ascq;
	uint8_t *data;
};

/* An event buffer that a peer which waits for kicks has taken already. */
struct event_buffer {
	uint16_t head;
	void *addr;
};

struct strict;

/**
 * struct peer - A back-end, and the device that the library has opened on it
 * @strict: the reader between the two, or NULL
 * @lock: guards @units and @buffers; never held while the rig is called
 * @complaint: what its original would have stumbled over first; NULL: nothing
 * @serving: it polls and has said that it wants no kicks
 * @halted: stopped as a whole until the next SET_VRING_KICK
 */
struct peer {
	const struct habit *habit;
	struct rig *rig;
	struct vscsi_dev *dev;
	struct strict *strict;
	pthread_mutex_t lock;
	struct unit units[PEER_UNITS];
	unsigned unit_count;
	struct event_buffer buffers[PEER_BUFFERS];
	unsigned buffer_count;
	_Atomic(const char *) complaint;
	atomic_bool serving;
	atomic_bool halted;
	atomic_bool driver_ok;
	atomic_bool stop;
	pthread_t poller;
};

/* Starts a back-end and opens the device on it: peer_stop(). */
struct peer *peer_start(const struct habit *habit);

/* Closes the device and stops the back-end; fails the test if the rig or the peer found a fault. */
void peer_stop(struct peer *peer);

/* Adds a unit, with no event and no unit attention. */
void peer_plug(struct peer *peer, unsigned target, unsigned lun);

/* Fills an event buffer, as the peer's habit is; fails the test when there is none. */
void peer_event(struct peer *peer, uint32_t event, const uint8_t lun[8], uint32_t reason);

/* Waits until a peer that polls does so. */
void peer_wait_serving(struct peer *peer);

/* Notes a fault of the front-end. */
void peer_complain(struct peer *peer, const char *message);

/*
 * strict.c: puts the reader in front of the rig's socket. @frontend receives the socket for the
 * library, which owns it once the device is open. Stopping waits until the library has closed it.
 */
struct strict *strict_start(struct peer *peer, int *frontend);
void strict_stop(struct strict *strict);

/* serve.c: what is done with a chain. Any thread of the peer's. */
void serve_chain(struct peer *peer, unsigned queue, const struct rig_chain *chain);

/* unit.c: executes a command. @unit is NULL when the target has no such unit. Lock held. */
struct disk_end unit_execute(struct peer *peer, struct unit *unit, const struct rig_chain *chain);

/* walk.c: scans, and finds exactly the units that are there. */
void walk_scan(struct peer *peer);

/* Opens a unit, writes, reads back, looks at the disk itself, flushes, closes. */
void walk_unit(struct peer *peer, unsigned target, unsigned lun);

/* Start, scan, and all units. What comes after it, peer_stop() at least, is up to the test. */
struct peer *walk(const struct habit *habit);

/* One function for each file of tests; returns how many failed. */
int personality_tests(void);
int size_tests(void);
int start_tests(void);

#endif
