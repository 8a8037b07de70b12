/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio-scsi device: a SCSI controller behind an address. Opening it negotiates and starts
 * it; scanning finds its targets and logical units; its events tell what comes, goes and changes.
 */
#ifndef VSCSI_DEVICE_H
#define VSCSI_DEVICE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_mem;

/* No time limit, where 0 means the default. */
#define VSCSI_NO_TIMEOUT UINT32_MAX

/* The value of an option that switches a feature. */
#define VSCSI_DEFAULT 0u /* use it where the device offers it */
#define VSCSI_ON      1u /* fail to open where the device doesn't offer it */
#define VSCSI_OFF     2u /* don't use it */

/* vscsi_dev_opts.iommu */
#define VSCSI_IOMMU_AUTO  0u /* iommufd where kernel and user have it, else the group interface */
#define VSCSI_IOMMU_GROUP 1u /* VFIO's group interface */
#define VSCSI_IOMMU_FD    2u /* the device's own file, and iommufd */
#define VSCSI_IOMMU_NONE  3u /* no IOMMU: the device can reach all memory; hugepages only */

/*
 * vscsi_dev_opts.recovery. A device is lost when its process ends, its connection breaks, or it is
 * or asks to be reset; one that breaks the rules of its rings fails for good, and so does one whose
 * connected socket was handed over. While it is away, requests are accepted into free slots, and
 * sent when it is back: there is one VSCSI_EVENT_LOST and then one VSCSI_EVENT_BACK. Requests that
 * it had taken and not given back may have been carried out or not; the choice is what becomes of
 * these:
 *
 * EXACT: a vhost-user back-end with INFLIGHT_SHMFD keeps account of them in a file that outlives
 * it. They stay outstanding and complete once, whatever they are; one that it had carried out and
 * not yet noted as done is carried out twice. After a reset, or when LUNs are gone, as REPLAY.
 *
 * REPLAY: reads, writes, flushes, unmaps and write_zeroes are sent again in their order, as
 * operating systems do for disks; they may be carried out twice. Compare-and-write, and raw
 * commands not marked VSCSI_COMMAND_REPEATABLE, are never sent again: they end with -ECONNRESET.
 *
 * REPORT: all of them end with -ECONNRESET. So they do in any case at a device that asks for a
 * reset itself (virtio 1.4, 2.1.1).
 *
 * No thread looks for the device: vscsi_poll(), vscsi_wait(), vscsi_dev_poll_events() and the calls
 * of sync.h do, at growing intervals up to a second, and wait for its answers meanwhile. The device
 * that is back must have the queues, entries and segments that are in use. Time limits of
 * requests begin anew when it is.
 */
#define VSCSI_RECOVERY_OFF    1u /* a lost device has failed: all requests end with -ENOTCONN */
#define VSCSI_RECOVERY_REPORT 2u
#define VSCSI_RECOVERY_REPLAY 3u
#define VSCSI_RECOVERY_EXACT  4u /* opening fails where the back-end can't do it */

/* vscsi_dev_opts.recovery_ms: without limit. */
#define VSCSI_FOREVER UINT32_MAX

/**
 * struct vscsi_dev_opts - How a device is opened; zero means default
 * @size: sizeof(struct vscsi_dev_opts)
 * @queues: request queues to set up, at most what the device has; default: one for each CPU this
 *	process may use and one for the calls of sync.h
 * @queue_size: entries of a ring, a power of two; default 128
 * @max_segs: data segments that an asynchronous request may have, at most 15; default: as many as
 *	the device and the ring allow
 * @timeout_ms: limit for each answer of the device to a control message and for each part that a
 *	call of sync.h is split into, in milliseconds; default 30000
 * @recovery: what becomes of requests in flight when the device is lost, VSCSI_RECOVERY_*; default:
 *	EXACT where the back-end can do it, else REPLAY
 * @mem: the pool to take rings and bounce buffers from; NULL: a pool of the device's own, made with
 *	the address option mem= (default: 16 MiB, ordinary pages where there are no hugepages)
 * @mem_bytes: bytes of the device's own pool
 * @indirect, @event_idx, @hotplug, @change, @inout: virtio features, VSCSI_ON/OFF/DEFAULT
 * @packed, @in_order: likewise: packed rings, and use of buffers in the order in which they went
 * @mq, @reply_ack, @config, @mem_slots, @reset_device, @status, @backend_req: vhost-user protocol
 *	features, likewise
 * @guest_base: where the memory begins in the device's address space; default: at its own address
 * @iommu: how a PCI function is shown memory, VSCSI_IOMMU_*
 * @notify_data, @notify_config: virtio features of PCI functions, likewise
 * @io_timeout_ms: limit for a request, from when it is submitted until it is returned, repetitions
 *	included, in milliseconds; default 30000, VSCSI_NO_TIMEOUT for none. LUNs and raw commands
 *	may have their own. vscsi_poll() and vscsi_wait() look after it, an eighth of the smallest
 *	limit late at most. One that is late is aborted; when that doesn't help its LUN is reset,
 *	and when that doesn't either the device is, as by vscsi_dev_reset(), or where that can't
 *	be it is lost for good. It completes with -ETIMEDOUT, once the device can no longer touch
 *	its buffer, unless its own result was faster; what else a reset of the LUN hits completes
 *	with -ECANCELED
 * @task_timeout_ms: limit for each of these steps; default 5000
 * @recovery_ms: how long a lost device is looked for, in milliseconds, or VSCSI_FOREVER; default
 *	30000. Attempts are made at once, then after pauses that grow from 10 ms to a second. One
 *	that is lost again goes on where it was, pause and limit, in which only times away count,
 *	until it has shown that it works: everything that was in flight when it was back has been
 *	returned or, where nothing was, it has been there for a second. So a request that ends its
 *	back-end each time ends with -ENOTCONN at the limit; without a limit it is sent again for
 *	ever, once a second. LUNs have to tell who they are within the limit too, or within a second
 *	where less of it is left
 * @reserved: 0
 *
 * Each field but @size, @mem and @reserved is also an option of the address, see
 * vscsi_dev_option(); @mem_bytes is mem= there. An option given in both places takes the address's
 * value.
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
	uint32_t reserved[2];
};

/**
 * struct vscsi_dev_option - One option of an address
 * @name: as written in an address
 * @values: the values it takes, for people: "on|off", "1..254", "bytes"
 * @help: one sentence
 */
struct vscsi_dev_option {
	const char *name;
	const char *values;
	const char *help;
};

/**
 * struct vscsi_dev_info - What was negotiated, anew each time the device came back
 * @size: sizeof(struct vscsi_dev_info), set by the caller
 * @queues: request queues that are set up; fewer than at the opening where it came back with fewer
 * @queue_size: entries of a ring
 * @depth: requests that one queue can hold in flight
 * @max_segs: data segments of an asynchronous request
 * @max_target, @max_lun: largest numbers that a scan tries
 * @max_sectors, @cmd_per_lun, @seg_max: as the device's configuration space says (virtio 5.6.4)
 * @offered, @negotiated: virtio feature bits
 * @protocol_features: vhost-user protocol features in use; 0 on other transports
 * @transport: scheme of the address, "vhost-user" or "pci"
 * @state: VSCSI_DEV_*
 * @errors: things the device did that its specification forbids and that were put right
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
#define VSCSI_DEV_RUNNING    1u
#define VSCSI_DEV_FAILED     2u /* lost for good: see vscsi_dev_opts.recovery */
#define VSCSI_DEV_RECOVERING 3u /* it is gone, and looked for whenever somebody polls or waits */

/**
 * struct vscsi_lun_addr - A logical unit as a scan finds it; 16 bytes
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
#define VSCSI_EVENT_PLUGGED   1u /* the logical unit has appeared */
#define VSCSI_EVENT_UNPLUGGED 2u /* it is gone; handles of it fail with -ENODEV: close them */
#define VSCSI_EVENT_RESIZED   3u /* its capacity changed: vscsi_lun_refresh() */
#define VSCSI_EVENT_CHANGED   4u /* something else about it did: the code says what */
#define VSCSI_EVENT_RESET     5u /* it was reset by somebody else */
#define VSCSI_EVENT_CONFIG    6u /* the device's configuration space changed */
#define VSCSI_EVENT_LOST      7u /* the device is gone; target and lun are 0 */
#define VSCSI_EVENT_BACK      8u /* it is back; target and lun are 0 */

/**
 * struct vscsi_event - What changed; 32 bytes
 * @type: VSCSI_EVENT_*
 * @target, @lun: the logical unit; 0 where the whole device is meant (CONFIG, LOST, BACK)
 * @code: ASC << 8 | ASCQ where the device gave one, else 0
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
 * @address: "vhost-user:PATH", the path of a back-end's socket; "vhost-user:fd=N", a connected
 *	socket handed over: the library owns it when this succeeds. Options follow behind a '?',
 *	"vhost-user:/run/v.sock?queues=4&indirect=off".
 *	"pci:DDDD:BB:DD.F" is a PCI function that is bound to vfio-pci; its memory is pinned, and
 *	counts against the limit of locked memory
 * @opts: options, or NULL for the defaults
 * @dev: receives the device, which the caller owns: vscsi_dev_close()
 *
 * Follows virtio 1.4, 3.1.1: reset, status, features, queues, running. Any thread; slow; waits for
 * answers of the device up to @opts->timeout_ms each. Starts no thread and leaves nothing behind
 * when it fails.
 *
 * Return: 0; -EINVAL (address or options), -E2BIG (an option struct of a newer library), -ENOMEM,
 * -EMFILE, -ENFILE, -EPROTO (an answer that breaks the protocol), -EIO (a message that it refused),
 * -ENOTSUP (the device lacks what is needed or was asked for), -ENOTCONN (it hung up), -ETIMEDOUT;
 * -ENODEV, -EPERM, -EBUSY (a PCI function that can't be had); or what connecting to the socket or
 * opening VFIO's files returned, such as -ENOENT, -EACCES or -ECONNREFUSED.
 */
int vscsi_dev_open(const char *address, const struct vscsi_dev_opts *opts, struct vscsi_dev **dev);

/**
 * vscsi_dev_close - Stop a device and forget it
 * @dev: the device; NULL is allowed
 *
 * Stops the rings, resets the device, and only then takes the memory back (virtio 1.4, 3.3.1).
 * Waits for the device's answers at most as long as vscsi_dev_open() does. Any thread, when no
 * other one is in a call for this device, or will be.
 *
 * Return: 0, or -EBUSY while a queue or a LUN of it is open; then nothing has happened.
 */
int vscsi_dev_close(struct vscsi_dev *dev);

/**
 * vscsi_dev_scan - Find every logical unit
 * @dev: the device
 * @out: receives the units in the order of target and LUN; may be NULL with @max 0
 * @max: elements of @out
 *
 * Tries every target that the device can have, asks each for its LUNs (REPORT LUNS; one by one
 * where it doesn't know that command) and each LUN for its type. Any thread; slow; waits, in all at
 * most five times vscsi_dev_opts.timeout_ms.
 *
 * Return: how many units there are, which may be more than @max, or a negative errno; -ETIMEDOUT
 * when not all of it was answered in time.
 */
int vscsi_dev_scan(struct vscsi_dev *dev, struct vscsi_lun_addr *out, unsigned max);

/**
 * vscsi_dev_poll_events - Hear what changed
 * @dev: the device
 * @out: receives events, oldest first
 * @max: elements of @out
 *
 * Looks at the device's event queue (virtio 1.4, 5.6.6.3), its configuration and its connection.
 * When the device says that it lost events, or that a target changed, this scans again, and what
 * came or went since the last scan becomes events, all of it where there was none; that takes as
 * long as vscsi_dev_scan(). Else it is a few system calls. Any thread.
 *
 * A LUN that is open and was removed, or has another disk at its address, is UNPLUGGED, without a
 * scan before too. The disk that has the address then is PLUGGED, and has to be opened anew.
 *
 * Return: number of events written, 0 when nothing changed, or a negative errno. A device that is
 * lost gives one VSCSI_EVENT_LOST, and then one VSCSI_EVENT_BACK or, when it is lost for good, from
 * then on -ENOTCONN.
 */
int vscsi_dev_poll_events(struct vscsi_dev *dev, struct vscsi_event *out, unsigned max);

/**
 * vscsi_dev_get_info - Tell what was negotiated
 * @dev: the device
 * @info: @info->size set by the caller; the rest is filled in
 *
 * Sends nothing, but waits for a call that does. Any thread.
 *
 * Return: 0, -EINVAL for a size below 4, -E2BIG for one above 4096.
 */
int vscsi_dev_get_info(struct vscsi_dev *dev, struct vscsi_dev_info *info);

/**
 * vscsi_dev_mem - Find the pool that a device uses
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
 * Any thread; O(1); no system call. Sets no sentence.
 *
 * Return: 0, or -ENOENT behind the last one.
 */
int vscsi_dev_option(unsigned index, struct vscsi_dev_option *option);

#ifdef __cplusplus
}
#endif

#endif
