/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A SCSI disk for tests, over a piece of memory: the disk that the device models serve at their
 * request queues. It knows TEST UNIT READY, INQUIRY with the VPD pages 00h, 80h, B0h and B2h,
 * READ CAPACITY (10 and 16), MODE SENSE (6), READ and WRITE (10 and 16), SYNCHRONIZE CACHE, UNMAP
 * and WRITE SAME (16); everything else is an unknown operation code. What it tells of itself, and
 * what it lacks, is for its user to set.
 *
 * It doesn't know how it is addressed, nor virtio: which LUN a command is for, the response and the
 * used length are its user's business, and so are all lies.
 *
 * It keeps nothing but what is on it, and takes no locks.
 */
#ifndef TESTS_DEVICE_DISK_H
#define TESTS_DEVICE_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a disk may lack. */
#define DISK_NO_CAPACITY_10 1u
#define DISK_NO_MODE_SENSE  2u
#define DISK_NO_UNMAP       4u
#define DISK_NO_WRITE_SAME  8u

/* Bytes of the sense data that disk_sense() writes. */
#define DISK_SENSE 18u

/**
 * struct disk - A disk
 * @id: vendor (8 characters), product (16) and revision (4)
 * @type: peripheral qualifier and device type
 * @inquiry: bytes of standard INQUIRY data, 36 to 96
 * @serial: of VPD page 80h; NULL: there is no such page
 * @limits: there is VPD page B0h, with the fields below
 * @provisioning: byte 5 of VPD page B2h; 0: there is no such page
 * @mode: the device-specific parameter of MODE SENSE
 * @lacks: DISK_NO_*
 * @exact: buffers have to fit their command to the byte; else as much is moved as fits
 * @blocks, @block_size: capacity
 * @max_transfer, @max_unmap, @max_ranges, @max_same: limits in blocks, of ranges for the third; 0:
 *	none. Only @max_transfer is enforced
 * @max_compare: blocks that COMPARE AND WRITE takes, as told; there is no such command
 * @data, @bytes: what is on it, from block 0 on. It may be less than the capacity: what lies beyond
 *	can't be read or written
 */
struct disk {
	const char *id;
	uint8_t type;
	uint8_t inquiry;
	const char *serial;
	bool limits;
	uint8_t provisioning;
	uint8_t mode;
	unsigned lacks;
	bool exact;
	uint64_t blocks;
	uint32_t block_size;
	uint32_t max_transfer;
	uint32_t max_unmap;
	uint32_t max_ranges;
	uint32_t max_same;
	uint8_t max_compare;
	uint8_t *data;
	uint64_t bytes;
};

/* The data of a command, without header and response. */
struct disk_io {
	const struct iovec *in;
	unsigned nin;
	const struct iovec *out;
	unsigned nout;
};

/**
 * struct disk_end - How a command ended
 * @status: SCSI status
 * @key, @asc, @ascq: sense, if @status is CHECK CONDITION
 * @moved: bytes of data that were transferred
 * @misfit: message about a buffer that differs from the length that the CDB has for it, or NULL
 */
struct disk_end {
	uint8_t status;
	uint8_t key;
	uint8_t asc;
	uint8_t ascq;
	uint64_t moved;
	const char *misfit;
};

/* Executes a command. */
struct disk_end disk_execute(const struct disk *disk, const uint8_t *cdb, const struct disk_io *io);

/* REPORT LUNS, which is the target's: peripheral device addressing as long as it will do. */
struct disk_end disk_report_luns(const uint16_t *luns, unsigned count, const uint8_t *cdb,
				 const struct disk_io *io);

/* A command that is answered with this data, as far as it fits. */
struct disk_end disk_reply(const struct iovec *data, const struct iovec *in, unsigned nin);

/* A command that ends with CHECK CONDITION. */
struct disk_end disk_refuse(uint8_t key, uint8_t asc, uint8_t ascq);

/* Fixed-format sense data of a command that was refused. Return: its bytes, 0 if there are none. */
unsigned disk_sense(const struct disk_end *end, uint8_t sense[DISK_SENSE]);

/* All bytes of some buffers. */
uint64_t disk_room(const struct iovec *iov, unsigned count);

#endif
