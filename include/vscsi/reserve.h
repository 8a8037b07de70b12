/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations (SPC-4, "Persistent reservations"): which initiators may write to, or
 * read from, a LUN that several of them share.
 *
 * An initiator registers with a key of its choice, then one of them reserves the LUN. What a
 * reservation forbids the others completes with -EBADE (status RESERVATION CONFLICT), on the data
 * path as in the calls below. The registration is one of a nexus, a device's connection to its
 * target: all LUN handles of one vscsi_dev for the same LUN share it.
 *
 *	vscsi_pr_register(lun, 0, key, 0);
 *	vscsi_pr_reserve(lun, key, VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS);
 *	...
 *	vscsi_pr_preempt(lun, key, dead_key, VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS, VSCSI_PR_ABORT);
 *
 * Losing a registration: after each reconnect, and whenever else the library verifies that a LUN is
 * still the same disk, it also asks for the registered keys (READ KEYS). If the key that was last
 * registered through a handle is not among them, VSCSI_EVENT_UNREGISTERED says so, and from then
 * on the handle's writes (all calls that change blocks) fail with -EBADE, those that were held back
 * during the reconnect included: the reservation that protected them may be gone. Those sent before
 * the loss end with -ECONNRESET, as they may have been executed. vscsi_pr_register() ends that
 * state, also with a new key of 0. The library never registers again by itself: another initiator
 * may have taken the registration away on purpose, with vscsi_pr_preempt().
 * With more than 255 registrations a key that is not among the first 255 counts as registered.
 * Only the key is compared, as the nexus of a device that reconnected may be another one. If the
 * target still has the key for the old nexus only, as with VSCSI_PR_PERSIST, the target itself
 * refuses the writes that the reservation forbids.
 * What another initiator takes away while the device is connected is VSCSI_EVENT_CHANGED with code
 * 0x2a03 (reservations preempted), 0x2a04 (reservations released) or 0x2a05 (registrations
 * preempted), if the target reports it.
 *
 * For every call here:
 * - Any thread; no open queue is needed. Works on every LUN, also one of VSCSI_LUN_NO_PROBE.
 * - It sends one command and polls until the device has answered, at most
 *   vscsi_dev_opts.timeout_ms, including the time that a lost device takes to reconnect. A command
 *   that changes something is not sent again after a loss: -ECONNRESET, ask what became of it.
 * - Nothing that is passed is referenced after the call.
 *
 * Return of every call: 0 or a count; -EBADE: a conflict; the key is not the one that is
 * registered, or the reservation is another initiator's; -EOPNOTSUPP: the LUN doesn't know the
 * command; -EREMOTEIO: it refuses the type, the flags, or the action; -EINVAL: arguments; -EPROTO:
 * an answer that is too short; or as vscsi_sync_command(). vscsi_last_error() explains a failure.
 */
#ifndef VSCSI_RESERVE_H
#define VSCSI_RESERVE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_lun;

/* Types of reservations, and what they forbid to others. (SPC-4, "Persistent reservations type") */
#define VSCSI_PR_WRITE_EXCLUSIVE              1u /* writes */
#define VSCSI_PR_EXCLUSIVE_ACCESS             3u /* reads and writes */
#define VSCSI_PR_WRITE_EXCLUSIVE_REGISTRANTS  5u /* writes, of those that are not registered */
#define VSCSI_PR_EXCLUSIVE_ACCESS_REGISTRANTS 6u /* both, of those that are not registered */
#define VSCSI_PR_WRITE_EXCLUSIVE_ALL          7u /* as 5; every one registered is a holder */
#define VSCSI_PR_EXCLUSIVE_ACCESS_ALL         8u /* as 6; every one registered is a holder */

/* Flags of vscsi_pr_register() and vscsi_pr_preempt(). */
#define VSCSI_PR_IGNORE_EXISTING (1u << 0) /* register: whichever key is registered so far */
#define VSCSI_PR_PERSIST         (1u << 1) /* register: survive a loss of power (APTPL) */
#define VSCSI_PR_ABORT           (1u << 2) /* preempt: abort the commands of those preempted */

/**
 * vscsi_pr_register - Register a key, change it, or unregister
 * @lun: the LUN
 * @key: the key that this nexus has registered; 0: none. Ignored with VSCSI_PR_IGNORE_EXISTING
 * @new_key: the key from now on; 0: unregister, which releases the reservation of its holder
 * @flags: VSCSI_PR_IGNORE_EXISTING, VSCSI_PR_PERSIST
 *
 * From then on the handle watches the registration until it is closed, see the top of this file. A
 * registration through another handle of the same LUN takes its place. Closing the handle does not
 * unregister.
 */
int vscsi_pr_register(struct vscsi_lun *lun, uint64_t key, uint64_t new_key, uint32_t flags);

/**
 * vscsi_pr_reserve - Reserve a LUN
 * @lun: the LUN
 * @key: the key that is registered
 * @type: VSCSI_PR_WRITE_EXCLUSIVE and so on
 */
int vscsi_pr_reserve(struct vscsi_lun *lun, uint64_t key, uint32_t type);

/**
 * vscsi_pr_release - Release a reservation
 * @lun: the LUN
 * @key: the key that is registered
 * @type: that of the reservation
 *
 * If this nexus is not the holder, nothing happens: 0.
 */
int vscsi_pr_release(struct vscsi_lun *lun, uint64_t key, uint32_t type);

/**
 * vscsi_pr_clear - Remove the reservation and all registrations
 * @lun: the LUN
 * @key: the key that is registered
 */
int vscsi_pr_clear(struct vscsi_lun *lun, uint64_t key);

/**
 * vscsi_pr_preempt - Remove the registrations of others, and take their reservation
 * @lun: the LUN
 * @key: the key that is registered
 * @victim: the key whose registrations end. If its nexus holds the reservation, this one does from
 *	then on
 * @type: type of the new reservation
 * @flags: VSCSI_PR_ABORT or 0
 */
int vscsi_pr_preempt(struct vscsi_lun *lun, uint64_t key, uint64_t victim, uint32_t type,
		     uint32_t flags);

/**
 * vscsi_pr_read_keys - List the keys that are registered
 * @lun: the LUN
 * @generation: receives a number that changes with each registration; may be NULL
 * @keys: receives the keys, one for each nexus; may be NULL if @max is 0
 * @max: elements of @keys; at most 8190 are filled in
 *
 * Return: how many there are, which may be more than were filled in.
 */
int vscsi_pr_read_keys(struct vscsi_lun *lun, uint32_t *generation, uint64_t *keys, unsigned max);

/**
 * struct vscsi_pr_reservation - The reservation of a LUN
 * @size: sizeof(struct vscsi_pr_reservation), set by the caller
 * @type: VSCSI_PR_WRITE_EXCLUSIVE and so on; 0: there is none
 * @key: of its holder; 0 for the types with every one registered as holder
 * @generation: as of vscsi_pr_read_keys()
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
#define VSCSI_PR_PERSISTS    (1u << 1) /* registrations survive a loss of power now */

/**
 * struct vscsi_pr_capabilities - What a LUN supports
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
