/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-scsi device: its state, start and reconnect, its control and event queues, and the
 * escalation against late requests. The interface of src/device/.
 *
 * What it does: owns the connection, the request queues and the table of LUNs of one device.
 * device_tend() takes the steps that are due; threads that poll, wait or ask for events call it.
 *
 * What it never does: it starts no thread. Only device_wait() and its callers (open, close, scan,
 * reset and the like) wait.
 *
 * Locking: vscsi_dev.lock is for one thread at a time on the control path: transport, start
 * sequence, event queue. Calls that may wait take it; the data path only tries, and leaves the work
 * to the thread that holds it. queue_set.lock, lun_table.lock and the locks of control and event
 * queue are held briefly, and are taken after it.
 *
 * States of a device
 *
 *             started                connection lost, NEEDS_RESET, vscsi_dev_reset()
 *   STARTING ---------> RUNNING --------------------------------------> RECONNECTING
 *                          ^  |                                            |  |
 *                          +--|----------- all steps done -----------------+  |
 *                             |                                               |
 *                             | broke a rule, can't be reconnected            | recovery_ms expired
 *                             |                                               | or lacks something
 *                             +-----------------> FAILING <-------------------+
 *                                                    |
 *                                                    | it can't reach memory any more
 *                                                    v
 *                                                 FAILED
 *
 * A FAILING device becomes FAILED at once, unless it can't be cut off from memory (@cut_off of
 * struct transport_ops): then its requests in flight end when it is FAILED.
 *
 *   STARTING --> CLOSED, when vscsi_dev_open() fails; any state --> CLOSED, by vscsi_dev_close()
 */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <vscsi/device.h>
#include <vscsi/mem.h>

#include "device/reconnect.h"
#include "device/start.h"
#include "device/watch.h"
#include "lun/lun.h"
#include "mem/dma.h"
#include "queue/queue.h"
#include "util/fork.h"
#include "virtio/device.h"
#include "virtio/virtq.h"

/* Virtqueues that come before the request queues (virtio 1.4, 5.6.2). */
#define VQ_CONTROL 0
#define VQ_EVENT   1
#define MAX_QUEUES 254 /* request queues: a vhost-user ring index has eight bits */

/* Largest supported block: size of the zeros for WRITE SAME. */
#define MAX_BLOCK_SIZE 65536u

enum dev_state {
	DEV_STARTING,
	DEV_RUNNING,
	DEV_RECONNECTING,
	DEV_FAILING,
	DEV_FAILED,
	DEV_CLOSED,
};

/*
 * Validated limits of a device, from its configuration space or defaults (virtio 1.4, 5.6.4).
 */
struct dev_limits {
	uint32_t queues;
	uint32_t seg_max;
	uint32_t max_sectors;
	uint32_t cmd_per_lun;
	uint32_t event_size;
	uint32_t max_target;
	uint32_t max_lun;
};

struct call;
struct events;
struct control;

/**
 * struct vscsi_dev - A device
 * @state: enum dev_state; read by every thread, changed by device_set_state() with @lock held
 * @lock: see above
 * @opts: as given, with defaults filled in
 * @virtio: the virtio device underneath; @virtio.transport belongs to this structure
 * @mem: pool in use; @own_mem: it belongs to the device
 * @limits: limits that the device reports
 * @queues: request queues
 * @luns: open LUNs
 * @events, @control: the other two virtqueues
 * @sync: shared handle on the first request queue, for the library's own requests
 * @start: the start sequence; @reconnect: the state of reconnecting
 * @watch: the descriptor of vscsi_dev_fd()
 * @fork: in the list of objects that a child process must not use: @queues.forked
 * @check_at_ms: when the connection is checked next
 * @config_stale: the configuration space has changed and was not read again yet
 * @handles: queues that the application has open
 * @failure: why it is FAILING or FAILED
 * @lun_id: id= of the address, for the API layer: constant
 */
struct vscsi_dev {
	_Atomic uint32_t state;
	pthread_mutex_t lock;
	struct vscsi_dev_opts opts;
	struct virtio_dev virtio;
	struct vscsi_mem *mem;
	bool own_mem;
	struct dev_limits limits;
	struct queue_set queues;
	struct lun_table luns;
	struct events *events;
	struct control *control;
	struct vscsi_queue *sync;
	struct start start;
	struct reconnect reconnect;
	struct watch watch;
	struct fork_entry fork;
	_Atomic uint64_t check_at_ms;
	bool config_stale;
	atomic_uint handles;
	char failure[256];
	char lun_id[SCSI_WWID_SIZE];
};

static inline struct vscsi_dev *device_of(const struct vscsi_queue *queue)
{
	return (struct vscsi_dev *)((char *)queue->ioq->set - offsetof(struct vscsi_dev, queues));
}

/* Acquire pairs with device_set_state(): a thread that sees FAILED knows that it is cut off. */
static inline enum dev_state device_state(const struct vscsi_dev *dev)
{
	return (enum dev_state)atomic_load_explicit(&dev->state, memory_order_acquire);
}

/* Whether it is being opened. */
static inline bool device_starting(const struct vscsi_dev *dev)
{
	return device_state(dev) == DEV_STARTING;
}

static inline bool device_running(const struct vscsi_dev *dev)
{
	return device_state(dev) == DEV_RUNNING;
}

/* Whether it is FAILING, FAILED or CLOSED. */
static inline bool device_failed(const struct vscsi_dev *dev)
{
	return device_state(dev) >= DEV_FAILING;
}

/* Changes the state. Locked. The only place that changes it. */
void device_set_state(struct vscsi_dev *dev, enum dev_state to);

/**
 * device_fail - Make a device FAILING, and FAILED if it can be cut off at once
 * @why: the rule that it broke, or another reason, for the error text
 *
 * Cuts the device off before it changes the states of the queues, because a thread that sees those
 * may take buffers back. Locked. Does nothing if the device has failed before.
 */
void device_fail(struct vscsi_dev *dev, const char *why);

/* Makes a FAILING device FAILED, if it can no longer access memory. Locked. Never waits. */
void device_let_go(struct vscsi_dev *dev);

/**
 * device_shutdown - vscsi_dev_shutdown()
 *
 * Takes the device's lock, so it waits for a thread that is in a control call.
 */
void device_shutdown(struct vscsi_dev *dev);

/* Sets the text for a call that fails because the device is lost. Return: -ENOTCONN. */
int device_explain_lost(struct vscsi_dev *dev);

/* 0; or -ECHILD with its text set in a child of the process that opened the device. */
int device_check(const struct vscsi_dev *dev);

/* Whether it will be reconnected after a loss. */
static inline bool device_can_reconnect(struct vscsi_dev *dev)
{
	return dev->opts.recovery != VSCSI_RECOVERY_OFF && virtio_can_reopen(&dev->virtio);
}

/* Whether its LUNs can be reset; otherwise only the device as a whole. */
static inline bool device_resets_luns(const struct vscsi_dev *dev)
{
	return virtio_resets_luns(&dev->virtio);
}

/**
 * device_tend - Do the work that is due: late requests, connection, reconnect, SUSPECT LUNs
 * @queue: a queue that was just polled, not locked; NULL: only the device
 *
 * Never waits: leaves the work to the thread that has the device locked. Takes a few system calls
 * if something is due.
 */
void device_tend(struct vscsi_dev *dev, struct vscsi_queue *queue);

/* The same with dev->lock held, without a queue. */
void device_tend_locked(struct vscsi_dev *dev);

/* Milliseconds until device_tend() has work to do, at most @most. */
unsigned device_next_ms(struct vscsi_dev *dev, struct vscsi_queue *queue, unsigned most);

/**
 * device_poll - vscsi_poll(), after a poll that returned QUEUE_TEND
 * @ret: the return value of ioq_path.poll
 *
 * Return: as vscsi_poll().
 */
int device_poll(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max, int ret);

/* Polls a handle of the library and delivers its calls. Return: how many; or as vscsi_poll(). */
int device_pump_on(struct vscsi_queue *queue);

/*
 * Most iterations of one call that collects answers: a device that answers each command at once
 * can't keep the thread for ever.
 */
#define LOOKS 1000u
int device_pump(struct vscsi_dev *dev);

/**
 * device_run_call - Send a request of the library and wait for it
 * @prepare: prepares the request on @queue with @user_data
 * @ms: time limit in milliseconds, or DEVICE_NO_LIMIT
 *
 * Return: an error of @prepare, or -EBUSY if that was -EAGAIN until the limit; the completion's
 * result; or CALL_ABANDONED: the limit has expired and the device still has the request, so the
 * call must not be accessed any more.
 */
#define CALL_ABANDONED  (-ETIME)
#define DEVICE_NO_LIMIT (UINT64_MAX / 2)
int device_run_call(struct vscsi_dev *dev, struct call *call,
		    int (*prepare)(struct vscsi_queue *queue, struct call *call, const void *ctx,
				   uint64_t user_data),
		    const void *ctx, uint64_t ms);

/**
 * device_wait - One iteration of a waiting call
 * @spins: counts the iterations; 0 at the beginning
 *
 * Polls the library's handle, calls device_tend() if it is due, and waits for a moment.
 */
void device_wait(struct vscsi_dev *dev, unsigned *spins);

/* vscsi_dev_poll_events(). Never waits. */
int device_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max);

/**
 * device_open - Open a device: connect to it and start it
 * @where: the address, without options
 * @opts: the options, checked
 * @out: receives it: device_close()
 *
 * Waits. Return: as vscsi_dev_open().
 */
int device_open(const char *where, const struct vscsi_dev_opts *opts, struct vscsi_dev **out);
void device_close(struct vscsi_dev *dev);

/* The same in a child process: frees memory and closes descriptors, without using the device. */
void device_abandon(struct vscsi_dev *dev);

#endif
