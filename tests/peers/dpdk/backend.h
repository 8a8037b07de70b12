/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user-scsi back-end on DPDK's librte_vhost: another maker's engine for the protocol,
 * memory, notifications and in-flight tracking. Its rings are the model in device/ring.h, which
 * checks the driver against virtio; the SCSI side, options and control socket are vscsi-target's,
 * without its protocol and its rings.
 *
 * Two threads: the first serves rings and control socket; librte_vhost calls back in its own.
 */
#ifndef PEERS_DPDK_BACKEND_H
#define PEERS_DPDK_BACKEND_H

#include <pthread.h>

#include <rte_vhost.h>

#include "device/ring.h"
#include "target/session.h"

/* A request that was executed, and not given back yet. */
struct executed {
	struct device_chain chain;
	uint16_t entry; /* in the in-flight area */
	uint32_t written;
};

/* What struct ring of vscsi-target doesn't have. */
struct peer_ring {
	struct ring_device dev;
	struct executed *executed; /* oldest first; room for a full ring, and one more */
	unsigned count;
	bool call_pending; /* librte_vhost was busy when the driver was to be notified */
};

/*
 * struct backend - The back-end; there is one
 * @lock: held by either thread while it uses what follows
 * @session: of vscsi-target. The descriptor of its socket is librte_vhost's number of the
 *	connection; -1: none
 * @all_or_none: rings are served between new_device() and destroy_device(), while all that
 *	librte_vhost knows of are ready; else each while it is ready itself
 * @is_new: between these two
 * @memory: the driver's, as it was when a ring was started last
 */
struct backend {
	pthread_mutex_t lock;
	struct device device;
	struct session session;
	bool all_or_none;
	bool is_new;
	struct rte_vhost_memory *memory;
	struct peer_ring rings[RINGS_MAX];
};

extern struct backend backend;

/* With the lock held: serves a ring that librte_vhost has ready, unless it is served already. */
void ring_serve(unsigned i);

/* With the lock held: serves a ring no more. Nothing of it is kept. */
void ring_end(unsigned i);
void rings_end(void);

/* With the lock held: notifies where it was not possible before. Return: whether some are left. */
bool rings_call_again(void);

/* Listens at the path. 0 or a negative errno with the error text set. */
int vhost_listen(const char *path);

#endif
