/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Persistent reservations of a disk of disk.h, for one nexus: the one that is tested. Other nexuses
 * have only their keys, which a test sets.
 */
#ifndef TESTS_DEVICE_RESERVE_H
#define TESTS_DEVICE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

struct disk_end;
struct disk_io;

#define DISK_OTHER_KEYS 3

/**
 * struct disk_pr - The registrations, and the reservation; zeros: none
 * @own: key of the nexus that is tested; 0: not registered
 * @others: keys of others; 0: none
 * @holder, @type: of the reservation; @type 0: there is none
 * @generation: PRGENERATION
 * @persist: APTPL of the last registration
 * @cdb: the last PERSISTENT RESERVE OUT
 */
struct disk_pr {
	uint64_t own;
	uint64_t others[DISK_OTHER_KEYS];
	uint64_t holder;
	uint8_t type;
	uint32_t generation;
	bool persist;
	uint8_t cdb[10];
};

/* Executes PERSISTENT RESERVE IN or OUT. */
struct disk_end disk_persist(struct disk_pr *pr, const uint8_t *cdb, const struct disk_io *io);

/* Whether a command of the nexus that is tested conflicts with the reservation. */
bool disk_conflicts(const struct disk_pr *pr, const uint8_t *cdb);

/* A command that ends with RESERVATION CONFLICT. */
struct disk_end disk_conflict(void);

#endif
