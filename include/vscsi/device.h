/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-scsi device: a SCSI controller named by an address. vscsi_dev_open() negotiates with
 * it and starts it, vscsi_dev_scan() finds its logical units, and its events say what appeared,
 * vanished or changed.
 *
 * Threads. All calls here may be made by any thread. vscsi_dev_close() is the exception: no other
 * thread may be in a call for the device, nor enter one.
 */
#ifndef VSCSI_DEVICE_H
#define VSCSI_DEVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_mem;

/* No time limit, for fields in which 0 means the default. */
#define VSCSI_NO_TIMEOUT UINT32_MAX

/* Values of an option that switches a feature. */
#define VSCSI_DEFAULT 0u /* use it if the device offers it; in_order and stats: VSCSI_OFF */
#define VSCSI_ON      1u /* vscsi_dev_open() fails if the device doesn't offer it */
#define VSCSI_OFF     2u /* don't use it */

/* vscsi_dev_opts.iommu */
#define VSCSI_IOMMU_AUTO  0u /* iommufd if it is accessible, otherwise the group interface */
#define VSCSI_IOMMU_GROUP 1u /* VFIO's group interface */
#define VSCSI_IOMMU_FD    2u /* the device's own file, and iommufd */
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
 * A device fails at once, RUNNING -> FAILED, if it breaks the rules of its rings or protocol, if
 * recovery is OFF, if it was opened by a connected socket ("vhost-user:fd=N"), or if it is a PCI
 * function that is removed. A broken ring is a loss instead if the connection ends within a second:
 * a process that dies may write over its rings first. Over vhost-scsi, where nothing can be taken
 * back from the kernel, the requests of a device that has failed complete when all of them have
 * come back.
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
 * -ECONNRESET means: the outcome is unknown. A request that is resent may be executed twice: the
 * lost device may have executed it without reporting that. If the device itself asks for a reset
 * (virtio 1.4, 2.1.1), all requests in flight complete with -ECONNRESET.
 *
 * A lost device may have written anything to the memory that it shared with this process before it
 * was lost. Nothing there is trusted afterwards: rings, command headers and descriptors are written
 * again from private memory before the next device reads them. Only the data are not, if they are
 * in DMA memory of the application.
 *
 * EXACT insists on a vhost-user back-end that tracks its requests in flight (INFLIGHT_SHMFD), for
 * back-ends that need this. What one back-end tracked isn't handed to the next: it lies in memory
 * that the first may have overwritten, and the library knows its requests itself.
 *
 * A back-end process that hangs and is abandoned may go on later, and carry out old requests after
 * newer ones. Where it is known to be alive when another process has taken its place (a vhost-user
 * socket tells, unless the process is in another PID namespace), only reads and flushes in flight
 * are sent again; the others complete with -ECONNRESET. End that process before writing the same
 * blocks again.
 *
 * The library has no thread of its own. vscsi_poll(), vscsi_wait(), vscsi_next_timeout_ms(),
 * vscsi_dev_poll_events() and the sync calls advance the reconnect, one non-blocking step per call.
 * Attempts are made at once, then after pauses that grow from 10 ms to a second. Request timeouts
 * restart after the reconnect. The reconnected device must still offer every queue, ring size and
 * segment count in use. A loss is reported by VSCSI_EVENT_LOST, the reconnect by VSCSI_EVENT_BACK.
 *
 * Only downtime counts toward recovery_ms, and it accumulates until the device has proved stable:
 * it has completed everything that was in flight when it reconnected or, if nothing was, it has
 * stayed connected for a second. So a request that crashes its back-end every time completes with
 * -ENOTCONN in the end, unless there is no limit. After a reconnect, a LUN that is missing, not
 * ready or does not answer counts as removed after five seconds, or after half of recovery_ms if
 * that is less. Each command has at least one second.
 *
 * Timeouts of requests
 *
 *   a request takes longer than io_timeout_ms    ABORT TASK is sent
 *   it has not come back task_timeout_ms later   its LUN is reset
 *   nor after another task_timeout_ms            the device is reset as by vscsi_dev_reset() or, if
 *                                                it can't be, fails
 *
 * The request completes with -ETIMEDOUT once the device can no longer access its buffer, or with 0
 * if it succeeds after all. Other requests that a reset cuts short, this one or another client's,
 * are treated as after a loss: they are sent again, but with -ECONNRESET those complete that must
 * not be executed twice, and with recovery=report all.
 *
 * vscsi_poll(), vscsi_wait(), vscsi_queue_drain() and vscsi_next_timeout_ms() check the requests of
 * their queue. A thread that sleeps on vscsi_queue_fd() is woken for this if a thread serves
 * vscsi_dev_fd() by vscsi_dev_poll_events().
 * A request is found late at most a quarter of the smallest limit after its time, or half a second
 * if that is less.
 *
 * What waits
 *
 *   never, neither for the device nor     io.h, vscsi_prepare_command(), vscsi_submit(),
 *   for another thread's recovery step    vscsi_poll(), vscsi_arm(), vscsi_next_timeout_ms(),
 *                                         vscsi_queue_open(), vscsi_queue_fd(), vscsi_abort(),
 *                                         vscsi_dev_poll_events(), vscsi_dev_fd()
 *   as long as its argument says          vscsi_wait(), vscsi_queue_drain()
 *   as documented with each, with an      vscsi_dev_open(), vscsi_dev_close(), vscsi_dev_scan(),
 *   upper bound                           vscsi_lun_open(), vscsi_lun_refresh(), sync.h, task.h,
 *                                         vscsi_mem_register(), vscsi_mem_unregister()
 *   for a thread in vscsi_mem_register()  vscsi_dev_get_info(), vscsi_dev_shutdown(),
 *   or vscsi_mem_unregister()             vscsi_mem_get_stats(), vscsi_lun_close()
 *
 * fork()
 *
 * The child process may only close what its parent has open, in the usual order: queues, LUNs,
 * devices, pools. Closing there frees memory, file descriptors and mappings. It sends nothing to
 * the device and ignores requests in flight. The parent is not affected. Every other call for these
 * objects returns -ECHILD (NULL from vscsi_mem_alloc()) and changes nothing; vscsi_mem_free() does
 * nothing. Private memory that the parent registered is not mapped in the child, see
 * vscsi_mem_register(). One thread at a time. The child may open objects of its own. A
 * child that only calls exec or _exit needs to close nothing: all descriptors are close-on-exec. Do
 * not call fork() while another thread opens or closes an object: the child cannot free an object
 * that is only partly opened or closed.
 */

/* vscsi_dev_opts.recovery */
#define VSCSI_RECOVERY_OFF    1u /* a lost device fails at once */
#define VSCSI_RECOVERY_REPORT 2u
#define VSCSI_RECOVERY_REPLAY 3u
#define VSCSI_RECOVERY_EXACT  4u /* as REPLAY; fails to open without in-flight tracking */

/* vscsi_dev_opts.recovery_ms: no limit. */
#define VSCSI_FOREVER UINT32_MAX

/**
 * struct vscsi_dev_opts - How a device is opened; zero means default
 * @size: sizeof(struct vscsi_dev_opts)
 * @queues: request queues to set up, at most what the device has; default: one for each CPU this
 *	process may use and one for the calls of sync.h
 * @queue_size: entries of a ring, a power of two; default 128
 * @max_segs: data segments that an asynchronous request may have, at most 15; default: as many as
 *	the device and the ring allow
 * @timeout_ms: limit for each answer of the device to a control message, and for each command that
 *	a call of sync.h sends, in milliseconds; default 30000. Requests on queues have
 *	@io_timeout_ms instead
 * @recovery: VSCSI_RECOVERY_*; default: REPLAY
 * @mem: pool for rings and bounce buffers; NULL: a pool of the device's own, of @mem_bytes bytes
 *	(default 16 MiB, ordinary pages if there are no hugepages)
 * @mem_bytes: bytes of the device's own pool
 * @indirect, @event_idx, @hotplug, @change, @inout: virtio features, VSCSI_ON/OFF/DEFAULT
 * @mq, @reply_ack, @config, @mem_slots, @reset_device, @status, @backend_req: vhost-user protocol
 *	features, likewise
 * @guest_base: vhost-user: start of the memory in the device's address space; default: its address
 *	in this process
 * @notify_data, @notify_config: virtio features of PCI functions, likewise
 * @iommu: PCI: how memory is mapped for the function, VSCSI_IOMMU_*
 * @io_timeout_ms: limit for a request on a queue, from its submission until it is returned, retries
 *	included, in milliseconds; default 30000, VSCSI_NO_TIMEOUT for none. LUNs and raw commands
 *	may have limits of their own. See "Timeouts of requests" above
 * @task_timeout_ms: limit for each step against a late request; default 5000
 * @packed: virtio feature, likewise: packed rings
 * @in_order: virtio feature: use of buffers in order. A request then completes with its batch, and
 *	takes several times as many instructions; default: off
 * @stats: VSCSI_ON: requests are counted and timed, see stats.h; default: off
 * @recovery_ms: how long reconnecting is tried, in milliseconds, or VSCSI_FOREVER; default 30000
 * @reserved: 0
 *
 * Each field except @size, @mem and @reserved is also an option of the address, see
 * vscsi_dev_option(); @mem_bytes is mem= there. An option given in both places takes the address's
 * value. An option that the address's transport lacks is refused with -EINVAL.
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
 * @values: the values it takes, to be read by people: "on|off", "1..254", "bytes"
 * @help: what it does, and its default
 */
struct vscsi_dev_option {
	const char *name;
	const char *values;
	const char *help;
};

/**
 * struct vscsi_dev_info - What was negotiated, updated by each reconnect
 * @size: sizeof(struct vscsi_dev_info), set by the caller
 * @queues: request queues that are set up; fewer than at first if it reconnected with fewer
 * @queue_size: entries of a ring
 * @depth: requests that one queue can hold in flight
 * @max_segs: data segments of an asynchronous request
 * @max_target, @max_lun: largest numbers that a scan tries
 * @max_sectors, @cmd_per_lun, @seg_max: of the device's configuration space (virtio 1.4, 5.6.4)
 * @offered, @negotiated: virtio feature bits
 * @protocol_features: vhost-user protocol features in use; 0 on other transports
 * @transport: scheme of the address: "vhost-user", "vfio-user", "pci" or "vhost-scsi"
 * @state: VSCSI_DEV_*
 * @errors: violations of the specification by the device that were tolerated, such as a used
 *	length too short for the response: a back-end that never sets it adds one per request
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
#define VSCSI_DEV_FAILED       2u /* permanently; vscsi_dev_poll_events() says why */
#define VSCSI_DEV_RECONNECTING 3u /* lost; polls and waits advance the reconnect */

/**
 * struct vscsi_lun_addr - A logical unit that a scan found; 16 bytes
 * @target, @lun: its address, as vscsi_lun_open() takes it
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
#define VSCSI_EVENT_CHANGED      4u /* something else about it changed: see the code */
#define VSCSI_EVENT_RESET        5u /* it was reset by another initiator or by the device */
#define VSCSI_EVENT_CONFIG       6u /* the device's configuration space changed */
#define VSCSI_EVENT_LOST         7u /* the connection to the device was lost */
#define VSCSI_EVENT_BACK         8u /* the device reconnected */
#define VSCSI_EVENT_UNREGISTERED 9u /* a reservation key is lost: see reserve.h */

/**
 * struct vscsi_event - What changed; 32 bytes
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
 *	"vhost-user:fd=N", a connected socket, which the library owns if this call succeeds;
 *	"pci:DDDD:BB:DD.F", a PCI function bound to vfio-pci. Its memory is pinned and counts
 *	against RLIMIT_MEMLOCK, for each device that uses a pool. The functions of an IOMMU group
 *	can be open in one process only; there each of them can be, once;
 *	"vfio-user:PATH", the path of the socket of a process that serves a PCI function;
 *	"vhost-scsi:NAME", a target of the running kernel (LIO), by its name in the vhost fabric
 *	such as "naa.5001405324af0000". One program at a time uses it.
 *	Options follow after a '?': "vhost-user:/run/v.sock?queues=4&indirect=off". The option id is
 *	for vscsi_lun_open_by_id() and the tools: "vhost-user:/run/v.sock?id=naa.6001405324af0000"
 * @opts: options, or NULL for the defaults
 * @dev: receives the device, which the caller owns: vscsi_dev_close()
 *
 * Follows virtio 1.4, 3.1.1: reset, status, features, queues, running. Starts no thread. After a
 * failure nothing is left. All descriptors that it opens are above 2 and close-on-exec.
 *
 * Any thread. Waits for up to 40 answers of the device, and 9 for each queue (over vfio-user, where
 * each access to a register has one, for ten times as many), each at most @opts->timeout_ms; the
 * first answer that takes longer ends the call.
 *
 * Return: 0; -EINVAL (address or options), -E2BIG (an option struct of a newer library), -ENOMEM,
 * -EMFILE (also if the limit of this process cut off a descriptor that the back-end sent), -ENFILE,
 * -EFBIG (the device's own pool is larger than RLIMIT_FSIZE allows a file to be), -EPROTO (an
 * answer that breaks the protocol), -EIO (the device refused a message), -EOPNOTSUPP (the device
 * lacks something needed or requested), -ENOTCONN (it hung up), -ETIMEDOUT; -ENODEV, -EPERM, -EBUSY
 * (a PCI function that is not available), -ENODEV (the kernel has no such target with a nexus, or
 * another program has it), -ECHILD (@opts->mem is of the parent process); or the
 * error of connecting to the socket or of opening VFIO's files or /dev/vhost-scsi, such as -ENOENT,
 * -EACCES or -ECONNREFUSED.
 */
int vscsi_dev_open(const char *address, const struct vscsi_dev_opts *opts, struct vscsi_dev **dev);

/**
 * vscsi_dev_close - Stop a device and free it
 * @dev: the device; NULL is allowed
 *
 * Stops the rings and resets the device, and only then frees the memory (virtio 1.4, 3.3.1). A
 * device that doesn't answer is disconnected.
 *
 * One thread, with no other thread in a call for this device. Waits for one answer of the device
 * for each queue and two more, each at most vscsi_dev_opts.timeout_ms; the first that takes longer
 * is the last. After a loss, a failure or vscsi_dev_shutdown() it waits only for a thread that
 * registers memory in the same pool. Over vhost-scsi it waits, without limit, for calls of sync.h
 * that ended before their command did.
 *
 * Return: 0, or -EBUSY while a queue or a LUN of it is open; then nothing has changed.
 */
int vscsi_dev_close(struct vscsi_dev *dev);

/**
 * vscsi_dev_shutdown - End a device by force
 * @dev: the device
 *
 * For programs that must leave while requests are in flight, such as a C++ destructor. Disconnects
 * the device without asking it (a PCI function: reset and taken off the bus), so that it can no
 * longer access any memory (virtio 1.4, 3.3.1). From then on the device is VSCSI_DEV_FAILED with
 * the reason "it was shut down by the application", and is not reconnected. The log has that as
 * VSCSI_LOG_INFO, as it is no fault. Each request in flight then completes exactly once through
 * vscsi_poll(), with -ENOTCONN or, if it was being aborted, with the result of the abort. Writes in
 * flight may or may not have been executed. Nothing takes requests back from the kernel: over
 * vhost-scsi they complete when all of them have come back.
 *
 * Afterwards: vscsi_poll() each queue until it returns -ENOTCONN, or vscsi_queue_drain() until 0;
 * then vscsi_queue_close(), vscsi_lun_close(), vscsi_dev_close(). None of these waits for the
 * device.
 *
 * Any thread, also while other threads are in calls for the device; their calls end with -ENOTCONN.
 * Sends no message that has an answer. Waits only for a thread that is in vscsi_mem_register() or
 * vscsi_mem_unregister(), at most vscsi_dev_opts.timeout_ms for each message of that call. A device
 * that failed before keeps its reason.
 *
 * Return: 0, or -ECHILD.
 */
int vscsi_dev_shutdown(struct vscsi_dev *dev);

/**
 * vscsi_dev_scan - Find every logical unit
 * @dev: the device
 * @out: receives the units in the order of target and LUN; may be NULL if @max is 0
 * @max: elements of @out
 *
 * Tries every target that the device can have and asks each for its LUNs (REPORT LUNS, or one by
 * one if it doesn't support that command), then each LUN for its type (INQUIRY).
 *
 * Any thread. Waits, in total at most five times vscsi_dev_opts.timeout_ms.
 *
 * Return: how many units there are, which may be more than @max; or a negative errno: -ETIMEDOUT
 * (not everything was answered in time), -ENOTCONN, -ENOMEM, -EINVAL, -ECHILD.
 */
int vscsi_dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr *out, unsigned max);

/**
 * vscsi_dev_poll_events - Collect events, and advance whatever is due
 * @dev: the device
 * @out: receives events, oldest first
 * @max: elements of @out
 *
 * Checks the event queue (virtio 1.4, 5.6.6.3), the configuration and the connection; takes the
 * next step of a reconnect, and of revalidating LUNs. When the device reports that events were lost
 * or that a target changed, a scan starts; further calls continue it, and what appeared or vanished
 * since the last scan becomes events. If there was no scan before, everything found does.
 *
 * An open LUN that was removed, or whose address now has another disk, is UNPLUGGED, with or
 * without a scan before. The new disk at the address is PLUGGED; open it to use it.
 *
 * Any thread. Never waits, neither for the device nor for another thread: what another thread is
 * busy with is left to the next call. A few system calls.
 *
 * Return: number of events written, 0 when there are none, or a negative errno. After a loss the
 * events are VSCSI_EVENT_LOST and, once the device has reconnected, VSCSI_EVENT_BACK; if it fails
 * instead, -ENOTCONN from then on. Losses that no call has returned yet are merged: an application
 * that calls rarely sees one LOST, and BACK only if the device is connected now.
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
 * - there are events, or the device's event queue has some;
 * - the connection ends, or an answer to a step of a reconnect arrives;
 * - something is due: a step of a reconnect or of revalidating LUNs; a check of the connection, at
 *   least twice a second; a check of request timeouts. vscsi_dev_poll_events() then makes the
 *   descriptors of those queues readable whose requests are to be checked or sent again.
 *
 * vscsi_dev_poll_events() makes it unreadable again; call it until it returns 0 or less. A thread
 * that sleeps on a queue of this device without a timer relies on some thread doing that.
 *
 * The first call makes the descriptor, with up to ten system calls; further calls return the same
 * one. It is larger than 2, close-on-exec, stays the library's, is the same after reconnects, and
 * is closed by vscsi_dev_close(). Any thread; never waits.
 *
 * Return: the descriptor; -EMFILE, -ENFILE, -ENOMEM, -ECHILD.
 */
int vscsi_dev_fd(struct vscsi_dev *dev);

/**
 * vscsi_dev_get_info - Get what was negotiated
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
 * Return: the pool, the device's own or the one given in the options. The device's own lives until
 * the device is closed and must not be destroyed by the caller.
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
