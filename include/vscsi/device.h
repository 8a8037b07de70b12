/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-scsi device: a SCSI controller, identified by an address. vscsi_dev_open() negotiates
 * with the device and starts it, vscsi_dev_scan() finds its logical units (LUNs), and
 * vscsi_dev_poll_events() reports which of them appeared, vanished or changed.
 *
 * Threads. Any thread may make any call here. During vscsi_dev_close() no other thread may be in a
 * call for the device, nor enter one.
 */
#ifndef VSCSI_DEVICE_H
#define VSCSI_DEVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_mem;

/* No time limit, in fields where 0 means the default. */
#define VSCSI_NO_TIMEOUT UINT32_MAX

/* Values of an option that turns a feature on or off. */
#define VSCSI_DEFAULT 0u /* use it if it is offered; in_order, stats: as VSCSI_OFF */
#define VSCSI_ON      1u /* vscsi_dev_open() fails if the device doesn't offer it */
#define VSCSI_OFF     2u /* don't use it */

/* vscsi_dev_opts.iommu */
#define VSCSI_IOMMU_AUTO  0u /* iommufd if it is accessible, otherwise the group interface */
#define VSCSI_IOMMU_GROUP 1u /* VFIO's group interface */
#define VSCSI_IOMMU_FD    2u /* the device's own file (/dev/vfio/devices) and iommufd */
#define VSCSI_IOMMU_NONE  3u /* no IOMMU: the device can reach all memory; hugepages only */

/*
 * Recovery
 *
 *            connection lost, NEEDS_RESET,
 *            function reset
 *   RUNNING ------------------------------> RECONNECTING ----------> FAILED
 *      ^                                        |    recovery_ms expired, or the device
 *      +----------------------------------------+    came back without something in use
 *        reconnected, same LUNs
 *
 * A device fails at once, RUNNING -> FAILED, if
 *
 * - it breaks the rules of its rings or its protocol. If the connection ends within a second after
 *   a ring was found broken, that counts as a loss instead: a dying process may write over its
 *   rings first;
 * - recovery is OFF;
 * - it was opened by a connected socket ("vhost-user:fd=N"), which can't be connected again;
 * - it is a PCI function that is removed, also while RECONNECTING.
 *
 * Over vhost-scsi, requests can't be taken back from the kernel: after a failure they complete when
 * the kernel has returned all of them.
 *
 * While RECONNECTING, new requests are accepted into free slots and submitted after the reconnect.
 * Requests in flight at the time of the loss may or may not have been executed:
 *
 *   recovery   read, write, flush,     compare-and-write, raw commands    cost
 *              unmap, write_zeroes     (unless ..._REPEATABLE)
 *   REPLAY     resent, in order        complete with -ECONNRESET          none
 *   EXACT      resent, in order        complete with -ECONNRESET          in-flight tracking in the
 *                                                                         back-end
 *   REPORT     complete with           complete with -ECONNRESET          none
 *              -ECONNRESET
 *   OFF        complete with -ENOTCONN; the device fails at once          none
 *
 * -ECONNRESET means that the outcome is unknown: the request may or may not have been executed. A
 * request that is resent may be executed twice, because the lost device may have executed it
 * without reporting that. If the device itself asks for a reset (DEVICE_NEEDS_RESET; virtio 1.4,
 * 2.1.1), all requests in flight complete with -ECONNRESET, unless recovery is OFF.
 *
 * Before it was lost, a device may have written anything to the memory that it shared with this
 * process. The library trusts nothing there: it writes rings, command headers and descriptors again
 * from private memory before the next device reads them. It can't restore the data of writes that
 * are in DMA memory of the application.
 *
 * EXACT requires a vhost-user back-end that tracks its requests in flight (protocol feature
 * INFLIGHT_SHMFD). It is for back-ends that need this feature. The library doesn't pass the
 * in-flight area of a lost back-end to the next one, because the lost one may have overwritten it,
 * and because the library tracks its requests itself.
 *
 * A back-end process that hangs and is replaced by another may resume later and execute old
 * requests after newer ones. If the library knows that the old process is alive when the new one is
 * connected (a vhost-user socket shows this, unless the process is in another PID namespace or
 * passed its socket on), it resends only reads and flushes in flight; the other requests complete
 * with -ECONNRESET. End the old process before you write the same blocks again.
 *
 * The library has no thread of its own. vscsi_poll(), vscsi_wait(), vscsi_queue_drain(),
 * vscsi_next_timeout_ms(), vscsi_dev_poll_events() and the sync calls advance the reconnect by
 * non-blocking steps. The library makes the first attempt at once, and further attempts after
 * pauses that grow from 10 ms to one second. Request timeouts restart after the reconnect. The
 * reconnected device must still offer every queue, ring size and segment count in use.
 * VSCSI_EVENT_LOST reports a loss, VSCSI_EVENT_BACK a reconnect.
 *
 * Only downtime counts toward recovery_ms. It accumulates until the device has proved stable: the
 * device has completed every request that was in flight when it reconnected or, if there was none,
 * it has stayed connected for a second. So a request that crashes its back-end every time completes
 * with -ENOTCONN when recovery_ms has expired; with VSCSI_FOREVER it never does. After a reconnect,
 * a LUN that is missing, is not ready or does not answer counts as removed after five seconds, or
 * after half of recovery_ms if that is less. Each command that revalidates a LUN may take at least
 * one second.
 *
 * Timeouts of requests
 *
 *   a request takes longer than io_timeout_ms    the library sends ABORT TASK
 *   it has not ended task_timeout_ms later       the library resets its LUN (not over vhost-scsi)
 *   nor after another task_timeout_ms            the library resets the device, as
 *                                                vscsi_dev_reset() does; a device that can't be
 *                                                reset fails
 *
 * If the device rejects an abort or a reset, the next step follows at once.
 *
 * The request completes with -ETIMEDOUT once the device can no longer access its buffer, or with 0
 * if it succeeds after all. Other requests that a reset ends early, no matter which client sent
 * that reset, are treated as after a loss: the library resends them, except that requests which
 * must not be executed twice, and with recovery=report all requests, complete with -ECONNRESET.
 *
 * The time starts when the request is prepared, and restarts after a reconnect. A request that the
 * device has completed in time is not late, however late vscsi_poll() collects it.
 *
 * vscsi_poll(), vscsi_wait(), vscsi_queue_drain() and vscsi_next_timeout_ms() check the requests of
 * their queue. A thread that sleeps on vscsi_queue_fd() is woken for such a check if some thread
 * calls vscsi_dev_poll_events() whenever vscsi_dev_fd() is readable. The library detects a late
 * request at most a quarter of the smallest limit in use after its limit, or half a second if that
 * is less.
 *
 * What waits
 *
 *   never, neither for the device nor     io.h, vscsi_prepare_command(), vscsi_submit(),
 *   for another thread's recovery step    vscsi_poll(), vscsi_arm(), vscsi_next_timeout_ms(),
 *                                         vscsi_queue_open(), vscsi_queue_close(),
 *                                         vscsi_queue_fd(), vscsi_abort(),
 *                                         vscsi_dev_poll_events(), vscsi_dev_fd()
 *   as long as its argument says          vscsi_wait(), vscsi_queue_drain()
 *   as documented with each call          vscsi_dev_open(), vscsi_dev_close(), vscsi_dev_scan(),
 *                                         vscsi_lun_open(), vscsi_lun_open_by_id(),
 *                                         vscsi_lun_refresh(), sync.h, reserve.h, task.h,
 *                                         vscsi_mem_register(), vscsi_mem_unregister()
 *   for a thread in vscsi_mem_register()  vscsi_dev_get_info(), vscsi_dev_get_stats(),
 *   or vscsi_mem_unregister()             vscsi_dev_shutdown(), vscsi_mem_get_stats(),
 *                                         vscsi_lun_close()
 *
 * The third group has an upper bound, unless you choose none (VSCSI_FOREVER, VSCSI_NO_TIMEOUT), and
 * except over vhost-scsi: vscsi_dev_close(), vscsi_mem_register() and vscsi_mem_unregister() may
 * have to wait until the kernel has ended all requests.
 *
 * fork()
 *
 * The child process may only close what its parent has open, in the usual order: queues, LUNs,
 * devices, pools. Closing in the child frees memory, file descriptors and mappings of the child. It
 * sends nothing to the device, ignores requests in flight, and doesn't affect the parent. Other
 * calls for these objects return -ECHILD and change nothing, with these exceptions:
 * vscsi_mem_alloc() returns NULL, vscsi_mem_free() returns 0 and does nothing, vscsi_dev_mem() and
 * vscsi_lun_get_id() still work. In the child, only one thread at a time may make these calls.
 * Private memory that the parent registered is not mapped in the child, see vscsi_mem_register().
 *
 * The child may open objects of its own. A child that only calls exec or _exit needs to close
 * nothing: all descriptors are close-on-exec. Do not call fork() while another thread opens or
 * closes an object: the child could not free an object that is only partly opened or closed.
 */

/* vscsi_dev_opts.recovery */
#define VSCSI_RECOVERY_OFF    1u /* a lost device fails at once */
#define VSCSI_RECOVERY_REPORT 2u
#define VSCSI_RECOVERY_REPLAY 3u
#define VSCSI_RECOVERY_EXACT  4u /* as REPLAY; opening fails without in-flight tracking */

/* vscsi_dev_opts.recovery_ms: no limit. */
#define VSCSI_FOREVER UINT32_MAX

/**
 * struct vscsi_dev_opts - Options for opening a device; zero means default
 * @size: sizeof(struct vscsi_dev_opts)
 * @queues: request queues to set up, at most as many as the device has; default: one for each CPU
 *	that this process may use, and one for the calls of sync.h
 * @queue_size: entries of a ring, a power of two; default 128
 * @max_segs: data segments that an asynchronous request may have, at most 15; default: as many as
 *	the device and the ring allow
 * @timeout_ms: limit in milliseconds for each answer of the device to a control message, and for
 *	each command that a call of sync.h sends; default 30000. For requests on queues see
 *	@io_timeout_ms
 * @recovery: VSCSI_RECOVERY_*; default: REPLAY
 * @mem: pool for rings and bounce buffers. It must outlive the device; the caller still owns it.
 *	NULL: the device creates its own pool of @mem_bytes bytes, with ordinary pages if too few
 *	hugepages are free
 * @mem_bytes: bytes of the device's own pool; default 16 MiB
 * @indirect, @event_idx, @hotplug, @change, @inout: virtio features, VSCSI_ON/OFF/DEFAULT
 * @mq, @reply_ack, @config, @mem_slots, @reset_device, @status, @backend_req: vhost-user protocol
 *	features, VSCSI_ON/OFF/DEFAULT
 * @guest_base: vhost-user: start of the memory in the device's address space; default: its address
 *	in this process
 * @notify_data, @notify_config: virtio features of PCI functions, VSCSI_ON/OFF/DEFAULT
 * @iommu: PCI: how memory is mapped for the function, VSCSI_IOMMU_*
 * @io_timeout_ms: limit in milliseconds for a request on a queue, from its preparation until the
 *	device completes it, retries included; default 30000, VSCSI_NO_TIMEOUT for none. LUNs and
 *	raw commands may have limits of their own. See "Timeouts of requests" above
 * @task_timeout_ms: limit in milliseconds for each step against a late request; default 5000
 * @packed: virtio feature: packed rings, VSCSI_ON/OFF/DEFAULT
 * @in_order: virtio feature: use of buffers in order. A request then completes with its batch, and
 *	takes several times as many instructions; default: off
 * @stats: VSCSI_ON: the library counts and times requests, see stats.h; default: off
 * @recovery_ms: how long the library tries to reconnect, in milliseconds, or VSCSI_FOREVER; default
 *	30000
 * @reserved: 0
 *
 * Each field except @size, @mem and @reserved is also an option of the address, see
 * vscsi_dev_option(). There @mem_bytes is named mem. If an option is given in both places, the
 * value in the address applies. An option that the transport doesn't have is refused with -EINVAL.
 */
struct vscsi_dev_opts {
	uint32_t size;
	uint32_t queues;
	uint32_t queue_size;
	uint32_t max_segs;
	uint32_t timeout_ms;
	uint32_t recovery;
	struct vscsi_mem *mem;
	uint64_t mem_bytes;
	uint32_t indirect;
	uint32_t event_idx;
	uint32_t hotplug;
	uint32_t change;
	uint32_t inout;
	uint32_t mq;
	uint32_t reply_ack;
	uint32_t config;
	uint32_t mem_slots;
	uint32_t reset_device;
	uint32_t status;
	uint32_t backend_req;
	uint64_t guest_base;
	uint32_t notify_data;
	uint32_t notify_config;
	uint32_t iommu;
	uint32_t io_timeout_ms;
	uint32_t task_timeout_ms;
	uint32_t packed;
	uint32_t in_order;
	uint32_t recovery_ms;
	uint32_t stats;
	uint32_t reserved;
};

/**
 * struct vscsi_dev_option - One option of an address
 * @name: as written in an address
 * @values: the values that it accepts, as text for users: "on|off", "1..254", "bytes"
 * @help: its effect and its default
 */
struct vscsi_dev_option {
	const char *name;
	const char *values;
	const char *help;
};

/**
 * struct vscsi_dev_info - Negotiated properties of a device, updated by each reconnect
 * @size: sizeof(struct vscsi_dev_info), set by the caller
 * @queues: request queues that are set up; can be fewer after a reconnect
 * @queue_size: entries of a ring
 * @depth: requests that one queue can hold in flight
 * @max_segs: data segments of an asynchronous request
 * @max_target, @max_lun: largest target and LUN that a scan tries
 * @max_sectors, @cmd_per_lun, @seg_max: from the device's configuration space (virtio 1.4, 5.6.4)
 * @offered, @negotiated: virtio feature bits
 * @protocol_features: vhost-user protocol features in use; 0 on other transports
 * @transport: scheme of the address: "vhost-user", "vfio-user", "pci" or "vhost-scsi"
 * @state: VSCSI_DEV_*
 * @errors: number of violations of the specification that the library tolerated, such as a used
 *	length that is too short for the response: a back-end that never sets it adds one per
 *	request
 * @reserved: 0
 */
struct vscsi_dev_info {
	uint32_t size;
	uint32_t queues;
	uint32_t queue_size;
	uint32_t depth;
	uint32_t max_segs;
	uint32_t max_target;
	uint32_t max_lun;
	uint32_t max_sectors;
	uint32_t cmd_per_lun;
	uint32_t seg_max;
	uint64_t offered;
	uint64_t negotiated;
	uint64_t protocol_features;
	char transport[16];
	uint32_t state;
	uint32_t reserved;
	uint64_t errors;
};

/* vscsi_dev_info.state */
#define VSCSI_DEV_RUNNING      1u
#define VSCSI_DEV_FAILED       2u /* permanently; vscsi_dev_get_stats() has the reason */
#define VSCSI_DEV_RECONNECTING 3u /* lost; polls and waits advance the reconnect */

/**
 * struct vscsi_lun_addr - A logical unit that a scan found; 16 bytes
 * @target, @lun: its address, for vscsi_lun_open()
 * @type: SCSI peripheral device type, VSCSI_TYPE_* of lun.h
 * @reserved: 0
 */
struct vscsi_lun_addr {
	uint32_t target;
	uint32_t lun;
	uint32_t type;
	uint32_t reserved;
};

/* vscsi_event.type */
#define VSCSI_EVENT_PLUGGED      1u /* the logical unit appeared */
#define VSCSI_EVENT_UNPLUGGED    2u /* it is gone; its handles fail with -ENODEV: close them */
#define VSCSI_EVENT_RESIZED      3u /* its capacity changed: call vscsi_lun_refresh() */
#define VSCSI_EVENT_CHANGED      4u /* another property changed: see vscsi_event.code */
#define VSCSI_EVENT_RESET        5u /* it was reset by another initiator or by the device */
#define VSCSI_EVENT_CONFIG       6u /* the device's configuration space changed */
#define VSCSI_EVENT_LOST         7u /* the connection to the device was lost */
#define VSCSI_EVENT_BACK         8u /* the device reconnected */
#define VSCSI_EVENT_UNREGISTERED 9u /* a registered key is lost: see reserve.h */

/**
 * struct vscsi_event - An event; 32 bytes
 * @type: VSCSI_EVENT_*
 * @target, @lun: the logical unit; 0 for CONFIG, LOST and BACK, which concern the whole device
 * @code: ASC << 8 | ASCQ if the device gave one, otherwise 0
 * @reserved: 0
 */
struct vscsi_event {
	uint32_t type;
	uint32_t target;
	uint32_t lun;
	uint32_t code;
	uint64_t reserved[2];
};

/**
 * vscsi_dev_open - Connect to a device, negotiate, and start it
 * @address: one of
 *	"vhost-user:PATH", the path of a back-end's socket; a relative one is resolved by this call,
 *	so that a later chdir() does not change where the library reconnects;
 *	"vhost-user:fd=N", a connected socket; the library owns it if this call succeeds, otherwise
 *	the caller still does;
 *	"pci:DDDD:BB:DD.F", a PCI function bound to vfio-pci. The memory of its pool is pinned and
 *	counts against RLIMIT_MEMLOCK, once for each device that uses the pool. Only one process can
 *	open functions of an IOMMU group; it can open each of them once;
 *	"vfio-user:PATH", the path of the socket of a process that serves a PCI function;
 *	"vhost-scsi:NAME", a target of the running kernel (LIO), by its name in the vhost fabric
 *	such as "naa.5001405324af0000". Only one program at a time can use it.
 *	Options follow after a '?': "vhost-user:/run/v.sock?queues=4&indirect=off". The option id is
 *	for vscsi_lun_open_by_id() and the tools: "vhost-user:/run/v.sock?id=naa.6001405324af0000"
 * @opts: options, or NULL for the defaults
 * @dev: receives the device; the caller owns it and frees it with vscsi_dev_close()
 *
 * Follows virtio 1.4, 3.1.1: reset, status, features, queues, DRIVER_OK. Starts no thread. A failed
 * call releases everything that it acquired. All descriptors that the library opens are above 2 and
 * close-on-exec.
 *
 * Any thread. Waits for up to 40 answers of the device, and 9 more for each queue (ten times as
 * many over vfio-user, where each register access has an answer), each at most @opts->timeout_ms;
 * the call fails at the first answer that takes longer.
 *
 * Return: 0; -EINVAL (invalid address or options), -E2BIG (an option struct of a newer library, or
 * the device's own pool needs too many pages), -ENOMEM, -EMFILE (also if a descriptor that the
 * back-end sent exceeded the limit of this process), -ENFILE, -EFBIG (the device's own pool is
 * larger than RLIMIT_FSIZE allows a file to be), -EPROTO (an answer breaks the protocol), -EIO (the
 * device refused a message), -EOPNOTSUPP (the device lacks a required or requested feature),
 * -ENOTCONN (the device closed the connection), -ETIMEDOUT; -ENODEV, -EPERM, -EBUSY (the PCI
 * function is not available), -ENODEV (vhost-scsi: the kernel has no target of this name with a
 * nexus, or another program uses it), -ECHILD (@opts->mem belongs to the parent process); or the
 * errno of connecting to the socket or of opening VFIO's files or /dev/vhost-scsi, such as -ENOENT,
 * -EACCES or -ECONNREFUSED.
 */
int vscsi_dev_open(const char *address, const struct vscsi_dev_opts *opts, struct vscsi_dev **dev);

/**
 * vscsi_dev_close - Stop a device and free it
 * @dev: the device; NULL is allowed
 *
 * Stops the rings and resets the device, and only then frees the memory (virtio 1.4, 3.3.1). The
 * library disconnects a device that doesn't answer. A pool that was given in the options stays the
 * caller's.
 *
 * Any thread, with no other thread in a call for this device. Waits for one answer of the device
 * for each queue and for two more, each at most vscsi_dev_opts.timeout_ms; after the first answer
 * that takes longer it waits for no other. After a loss, a failure or vscsi_dev_shutdown() it waits
 * only for a thread that is in vscsi_mem_register() or vscsi_mem_unregister() for the same pool.
 * Over vhost-scsi it waits, without limit, for commands of sync.h calls that timed out.
 *
 * Return: 0, or -EBUSY while a queue or a LUN of the device is open; then nothing has changed.
 */
int vscsi_dev_close(struct vscsi_dev *dev);

/**
 * vscsi_dev_shutdown - End a device by force
 * @dev: the device
 *
 * For programs that must exit while requests are in flight, for example from a C++ destructor.
 * Disconnects the device without waiting for its consent (a PCI function is reset and its bus
 * mastering disabled), so that the device can no longer access memory (virtio 1.4, 3.3.1). From
 * then on the device is VSCSI_DEV_FAILED with the reason "it was shut down by the application", and
 * is not reconnected. The library logs this as VSCSI_LOG_INFO, because it is not an error. Each
 * request in flight then completes exactly once through vscsi_poll(), with -ENOTCONN or, if it was
 * being aborted, with the result of the abort. Writes in flight may or may not have been executed.
 * Over vhost-scsi requests can't be taken back from the kernel: they complete when the kernel has
 * returned all of them.
 *
 * Afterwards: vscsi_poll() each queue until it returns -ENOTCONN, or vscsi_queue_drain() until 0;
 * then vscsi_queue_close(), vscsi_lun_close(), vscsi_dev_close(). None of these waits for the
 * device.
 *
 * Any thread, also while other threads are in calls for the device; their calls fail with
 * -ENOTCONN. Sends no message that has an answer. Waits only for a thread that is in
 * vscsi_mem_register() or vscsi_mem_unregister(), at most vscsi_dev_opts.timeout_ms for each
 * message of that call. A device that had already failed keeps its reason.
 *
 * Return: 0, or -ECHILD.
 */
int vscsi_dev_shutdown(struct vscsi_dev *dev);

/**
 * vscsi_dev_scan - Find every logical unit
 * @dev: the device
 * @out: receives the LUNs, sorted by target and LUN; may be NULL if @max is 0
 * @max: elements of @out
 *
 * Sends REPORT LUNS to every target that the device can have, then INQUIRY to each LUN for its
 * type. On a target that doesn't support REPORT LUNS it tries LUNs 0 to 7 with INQUIRY.
 *
 * Any thread. Waits, in total at most five times vscsi_dev_opts.timeout_ms.
 *
 * Return: number of LUNs found, which may be more than @max; or a negative errno: -ETIMEDOUT (the
 * device didn't answer everything in time), -ENOTCONN, -ENOMEM, -EINVAL (@max is not 0, but @out is
 * NULL), -ECHILD.
 */
int vscsi_dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr *out, unsigned max);

/**
 * vscsi_dev_poll_events - Collect events, and do the device's work that is due
 * @dev: the device
 * @out: receives events, oldest first
 * @max: elements of @out
 *
 * Checks the event queue (virtio 1.4, 5.6.6.3), the configuration space and the connection; takes
 * the next step of a reconnect, and of revalidating LUNs. When the device reports that events were
 * lost or that a target changed, this call starts a scan, and further calls continue it. Each LUN
 * that appeared or vanished since the previous scan becomes an event. If there was no previous
 * scan, each LUN found becomes a VSCSI_EVENT_PLUGGED.
 *
 * An open LUN that was removed, or whose address now has another disk, is reported as
 * VSCSI_EVENT_UNPLUGGED, whether or not there was a scan before. The new disk at the address is
 * reported as VSCSI_EVENT_PLUGGED; open it to use it.
 *
 * Any thread. Never waits, neither for the device nor for another thread: work that another thread
 * is doing is left to that thread. A few system calls.
 *
 * Return: number of events written, 0 if there are none; -ENOTCONN if the device has failed; or
 * another negative errno, such as -ECHILD. After a loss the events are VSCSI_EVENT_LOST and, once
 * the device has reconnected, VSCSI_EVENT_BACK. Several losses between two calls are merged into
 * one LOST, followed by BACK only if the device is connected now.
 */
int vscsi_dev_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max);

/**
 * vscsi_dev_fd - Get a descriptor that is readable when vscsi_dev_poll_events() has something to do
 * @dev: the device
 *
 * For poll(), select() and epoll. An event loop that sleeps on this descriptor and on those of its
 * queues (vscsi_queue_fd(), after vscsi_arm()) needs no timer and no vscsi_next_timeout_ms(). It
 * becomes readable when
 *
 * - there are events for the caller, or in the device's event queue;
 * - the connection ends, or an answer to a step of a reconnect arrives;
 * - work is due: a step of a reconnect or of revalidating LUNs; a check of the connection, at least
 *   twice a second; a check of request timeouts. vscsi_dev_poll_events() then makes readable the
 *   descriptor of each queue that has requests to check or to resend.
 *
 * vscsi_dev_poll_events() makes the descriptor unreadable again; call it until it returns 0 or a
 * negative errno. A thread that sleeps on a queue of this device without a timer relies on some
 * thread to do this.
 *
 * The first call creates the descriptor, with up to ten system calls; further calls return the same
 * one, also after reconnects. It is larger than 2 and close-on-exec. The library owns it, and
 * vscsi_dev_close() closes it. Any thread; never waits.
 *
 * Return: the descriptor; -EMFILE, -ENFILE, -ENOMEM, -ECHILD.
 */
int vscsi_dev_fd(struct vscsi_dev *dev);

/**
 * vscsi_dev_get_info - Get the negotiated properties of a device
 * @dev: the device
 * @info: @info->size set by the caller; the rest is filled in
 *
 * Any thread. Sends nothing, but waits for a thread that is in vscsi_mem_register() or
 * vscsi_mem_unregister().
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096, -ECHILD.
 */
int vscsi_dev_get_info(struct vscsi_dev *dev, struct vscsi_dev_info *info);

/**
 * vscsi_dev_mem - Get the pool that a device uses
 * @dev: the device
 *
 * Any thread; O(1); no system call.
 *
 * Return: the pool that was given in the options, or the device's own; never NULL. The caller must
 * not destroy the device's own pool: vscsi_dev_close() frees it, with all blocks in it.
 */
struct vscsi_mem *vscsi_dev_mem(struct vscsi_dev *dev);

/**
 * vscsi_dev_option - List the options of an address
 * @index: 0, 1, 2 ...
 * @option: receives pointers to static strings
 *
 * Any thread; O(1); no system call. Sets no error text.
 *
 * Return: 0, or -ENOENT after the last one.
 */
int vscsi_dev_option(unsigned index, struct vscsi_dev_option *option);

#ifdef __cplusplus
}
#endif

#endif
