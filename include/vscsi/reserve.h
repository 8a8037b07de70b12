/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations (SPC-4, "Persistent reservations"): they control which initiators may
 * write to, or read from, a LUN that several initiators share.
 *
 * Each initiator registers a key of its choice, then one of them reserves the LUN. Requests of
 * other initiators that the reservation forbids complete with -EBADE (status RESERVATION CONFLICT),
 * on the data path and in the calls below. A registration belongs to a nexus, which is a device's
 * connection to its target: all LUN handles of one vscsi_dev for the same LUN share it.
 *
 *	vscsi_pr_register(lun, 0, key, 0);
 *	vscsi_pr_reserve(lun, key, VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS);
 *	...
 *	vscsi_pr_preempt(lun, key, dead_key, VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS, VSCSI_PR_ABORT);
 *
 * Losing a registration
 *
 * After each reconnect, and whenever the library verifies that a LUN is still the same disk, it
 * also reads the registered keys (READ KEYS). If the key that was last registered through a handle
 * is not among them, the library reports VSCSI_EVENT_UNREGISTERED, because the reservation that
 * protected the handle's writes may be gone. From then on all requests of the handle that change
 * blocks fail with -EBADE, including those that were held back during the reconnect. Writes that
 * were sent before the loss complete with -ECONNRESET, because they may have been executed.
 * vscsi_pr_register() ends this state, also with a new key of 0. The library never registers a key
 * again by itself: another initiator may have removed the registration on purpose, with
 * vscsi_pr_preempt().
 *
 * If a LUN has more than 255 registrations, a key that is not among the first 255 counts as
 * registered. The library compares only keys, because a reconnected device may have another nexus.
 * If the target still has the key, but only for the old nexus, as with VSCSI_PR_PERSIST, the target
 * itself rejects the writes that the reservation forbids.
 *
 * If another initiator removes a reservation or registration while the device is connected, and the
 * target reports it, that is VSCSI_EVENT_CHANGED with code 0x2a03 (reservations preempted), 0x2a04
 * (reservations released) or 0x2a05 (registrations preempted).
 *
 * For every call here:
 * - Any thread; no open queue is needed. The LUN may be opened with VSCSI_LUN_NO_PROBE.
 * - It sends one command and polls until the device has answered, at most
 *   vscsi_dev_opts.timeout_ms, including the time that a lost device takes to reconnect. A command
 *   that changes a reservation or registration is not resent after a loss: the call returns
 *   -ECONNRESET; find out with vscsi_pr_read_keys() or vscsi_pr_read_reservation() whether the
 *   command was executed.
 * - The library doesn't use your pointers after the call has returned.
 *
 * Return of every call: 0 or a count; -EBADE (a conflict: @key is not the registered key, or
 * another initiator holds the reservation); -EOPNOTSUPP (the LUN doesn't support the command);
 * -EREMOTEIO (the LUN rejects the type, the flags or the action); -EINVAL (invalid arguments);
 * -EPROTO (the answer is too short); or as vscsi_sync_command(). vscsi_last_error() explains a
 * failure.
 */
#ifndef VSCSI_RESERVE_H
#define VSCSI_RESERVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_lun;

/* Types of reservations, and what they forbid (SPC-4, "Persistent reservations type"). */
#define VSCSI_PR_WRITE_EXCLUSIVE              1u /* writes of other initiators */
#define VSCSI_PR_EXCLUSIVE_ACCESS             3u /* reads and writes of others */
#define VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS  5u /* writes of the unregistered */
#define VSCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS 6u /* both, of the unregistered */
#define VSCSI_PR_WRITE_EXCLUSIVE_ALL          7u /* as 5; all registrants hold it */
#define VSCSI_PR_EXCLUSIVE_ACCESS_ALL         8u /* as 6; all registrants hold it */

/* Flags of vscsi_pr_register() and vscsi_pr_preempt(). */
#define VSCSI_PR_IGNORE_EXISTING (1u << 0) /* register: don't compare @key */
#define VSCSI_PR_PERSIST         (1u << 1) /* register: survive a power loss (APTPL) */
#define VSCSI_PR_ABORT           (1u << 2) /* preempt: abort commands of the victims */

/**
 * vscsi_pr_register - Register a key, change it, or unregister
 * @lun: the LUN
 * @key: the key that this nexus has registered so far; 0: none. Ignored with
 *	VSCSI_PR_IGNORE_EXISTING
 * @new_key: the new key; 0: unregister. If this nexus holds the reservation, unregistering releases
 *	it
 * @flags: VSCSI_PR_IGNORE_EXISTING, VSCSI_PR_PERSIST, both or 0
 *
 * After success the library checks the registration for this handle until the handle is closed or
 * unregisters ("Losing a registration" at the top of reserve.h). If another handle of the same LUN
 * registers, the library checks the new key for that handle instead. Closing the handle does not
 * unregister.
 */
int vscsi_pr_register(struct vscsi_lun *lun, uint64_t key, uint64_t new_key, uint32_t flags);

/**
 * vscsi_pr_reserve - Reserve a LUN
 * @lun: the LUN
 * @key: the key that this nexus has registered
 * @type: VSCSI_PR_WRITE_EXCLUSIVE to VSCSI_PR_EXCLUSIVE_ACCESS_ALL
 */
int vscsi_pr_reserve(struct vscsi_lun *lun, uint64_t key, uint32_t type);

/**
 * vscsi_pr_release - Release a reservation
 * @lun: the LUN
 * @key: the key that this nexus has registered
 * @type: the type of the reservation
 *
 * If this nexus does not hold the reservation, the call changes nothing and returns 0.
 */
int vscsi_pr_release(struct vscsi_lun *lun, uint64_t key, uint32_t type);

/**
 * vscsi_pr_clear - Remove the reservation and all registrations
 * @lun: the LUN
 * @key: the key that this nexus has registered
 *
 * Also removes the registration of this nexus; the library no longer checks it for this handle.
 */
int vscsi_pr_clear(struct vscsi_lun *lun, uint64_t key);

/**
 * vscsi_pr_preempt - Remove the registrations of other initiators, and take over their reservation
 * @lun: the LUN
 * @key: the key that this nexus has registered
 * @victim: the key whose registrations are removed. If its nexus holds the reservation, this nexus
 *	takes it over
 * @type: the type of the new reservation
 * @flags: VSCSI_PR_ABORT or 0
 */
int vscsi_pr_preempt(struct vscsi_lun *lun, uint64_t key, uint64_t victim, uint32_t type,
		     uint32_t flags);

/**
 * vscsi_pr_read_keys - List the registered keys
 * @lun: the LUN
 * @generation: receives a number that changes with each registration; may be NULL
 * @keys: receives the keys, one for each nexus; may be NULL if @max is 0
 * @max: elements of @keys; at most 8190 are filled in
 *
 * Return: number of registered keys, which may be more than were filled in; or as every call here.
 */
int vscsi_pr_read_keys(struct vscsi_lun *lun, uint32_t *generation, uint64_t *keys, unsigned max);

/**
 * struct vscsi_pr_reservation - The reservation of a LUN
 * @size: sizeof(struct vscsi_pr_reservation), set by the caller
 * @type: VSCSI_PR_WRITE_EXCLUSIVE to VSCSI_PR_EXCLUSIVE_ACCESS_ALL; 0: the LUN is not reserved
 * @key: the holder's key; 0 for the types that all registrants hold
 * @generation: as in vscsi_pr_read_keys()
 * @reserved: 0
 */
struct vscsi_pr_reservation {
	uint32_t size;
	uint32_t type;
	uint64_t key;
	uint32_t generation;
	uint32_t reserved;
};

/**
 * vscsi_pr_read_reservation - Find out whether a LUN is reserved
 * @lun: the LUN
 * @out: @out->size set by the caller; the rest is filled in
 */
int vscsi_pr_read_reservation(struct vscsi_lun *lun, struct vscsi_pr_reservation *out);

/* vscsi_pr_capabilities.flags */
#define VSCSI_PR_CAN_PERSIST (1u << 0) /* VSCSI_PR_PERSIST is supported */
#define VSCSI_PR_PERSISTS    (1u << 1) /* registrations survive a power loss now */

/**
 * struct vscsi_pr_capabilities - Reservation features of a LUN
 * @size: sizeof(struct vscsi_pr_capabilities), set by the caller
 * @flags: VSCSI_PR_CAN_PERSIST, VSCSI_PR_PERSISTS
 * @types: 1 << type for each type of reservation that is supported; 0: not reported
 * @reserved: 0
 */
struct vscsi_pr_capabilities {
	uint32_t size;
	uint32_t flags;
	uint32_t types;
	uint32_t reserved;
};

/**
 * vscsi_pr_get_capabilities - Find out what kinds of reservations a LUN supports
 * @lun: the LUN
 * @out: @out->size set by the caller; the rest is filled in
 */
int vscsi_pr_get_capabilities(struct vscsi_lun *lun, struct vscsi_pr_capabilities *out);

#ifdef __cplusplus
}
#endif

#endif
