/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-scsi device inside the test's own process, on the transport in memory. It takes chains
 * from the rings that the library starts, holds them against the rules, and either answers at once,
 * within the kick, or keeps them for the test to answer as it likes: see @held.
 */
#ifndef TESTS_UNIT_HARNESS_MODEL_H
#define TESTS_UNIT_HARNESS_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "device/reserve.h"
#include "device/ring.h"
#include "virtio/fake.h"

#define MODEL_TARGETS 4
#define MODEL_LUNS    8
#define MODEL_BLOCKS  2048
#define MODEL_BLOCK   512
#define MODEL_SEGS    64
#define MODEL_ALL     UINT64_MAX

/* Byte counts of virtio 1.4, 5.6.6.1 and 5.6.6.2, written out here to be checked against. */
#define HEADER_BYTES   51
#define RESPONSE_BYTES 108
#define TMF_BYTES      24

/**
 * struct chain - A chain as the device took it
 * @taken: the ring's part of it
 * @out, @in: its elements, @nout for the device and @nin from it; first come header and response
 */
struct chain {
	struct device_chain taken;
	unsigned queue;
	uint16_t head;
	bool indirect;
	unsigned nout;
	unsigned nin;
	struct iovec out[MODEL_SEGS];
	struct iovec in[MODEL_SEGS];
};

/* How a command ends. Numbers are the device's, not yet little-endian. */
struct answer {
	uint32_t sense_len;
	uint32_t residual;
	uint16_t qualifier;
	uint8_t status;
	uint8_t response;
	uint8_t sense[96];
	uint32_t used_len;
};

/**
 * struct said - What all of the model's disks say to a command instead of what they would
 * @cdb: how the command begins
 * @data, @len: all that is known, NULL: it ends as in @end
 */
struct said {
	uint8_t cdb[3];
	const uint8_t *data;
	uint32_t len;
	struct answer end;
};

/**
 * struct model - The device
 * @fake: its transport
 * @rings: its ends of the rings; of split ones at first, see model_init()
 * @held: queues whose chains are kept for the test, as a set
 * @present: LUNs that are there
 * @type, @mode: of LUNs: SCSI device type; the device-specific byte of MODE SENSE
 * @serial: what tells them from other disks, four characters
 * @blocks, @block_size: capacity
 * @max_transfer: of VPD B0
 * @disk: what is on all of them
 * @pr: registrations and the reservation of all of them
 * @said, @nsaid: commands that are answered by the test
 * @tables: chains taken that were in an indirect table
 * @commands: commands answered by itself
 * @unanswered: the command that it takes and never answers, counted from 1; 0: none
 * @tmf: the last task management function; @tmf_response: what it is answered
 * @broken: a rule that the driver broke, NULL while it behaves
 * @lock: guards all of it: kicks come from any thread
 */
struct model {
	struct fake fake;
	struct ring_device rings[FAKE_QUEUES];
	uint64_t held;
	bool present[MODEL_TARGETS][MODEL_LUNS];
	uint8_t type;
	uint8_t mode;
	const char *serial;
	uint64_t blocks;
	uint32_t block_size;
	uint32_t max_transfer;
	struct disk_pr pr;
	const struct said *said;
	unsigned nsaid;
	unsigned tables;
	unsigned commands;
	unsigned unanswered;
	uint8_t tmf[TMF_BYTES];
	uint8_t tmf_response;
	const char *broken;
	pthread_mutex_t lock;
	uint8_t disk[MODEL_BLOCKS * MODEL_BLOCK];
};

/*
 * Makes a device with a disk at 0:0 and one at 1:2, and makes it the one that is opened next. It
 * doesn't offer packed rings, nor to use chains in order, unless fake.ops.features is given both.
 */
void model_init(struct model *m);

/* The same of one that was used before, with what is on its disks. */
void model_renew(struct model *m);

/* Ends it, after checking that it found no fault with the driver. */
void model_fini(struct model *m);

/* What the model does when the library calls its transport; @ctx is the model. */
void model_hook(void *ctx, enum fake_call call, unsigned queue);

/* Takes the next chain of a queue that is held. Returns whether there was one. */
bool model_take(struct model *m, unsigned queue, struct chain *chain);

/* How many published chains of a held queue the device hasn't taken. */
unsigned model_waiting(struct model *m, unsigned queue);

/* An answer that says that all went well: everything transferred. */
struct answer model_good(const struct chain *chain);

/* An answer of CHECK CONDITION with fixed-format sense. */
struct answer model_sense(const struct chain *chain, uint8_t key, uint8_t asc, uint8_t ascq);

/* Executes a command on the disk, data included. Return: the answer to be given. */
struct answer model_execute(struct model *m, const struct chain *chain);

/* The same for a command that moves no data, as a constant. */
#define MODEL_SENSE(key, asc)                                             \
	{                                                                 \
		.status = 2, .sense_len = 18, .used_len = RESPONSE_BYTES, \
		.sense = {0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc}, \
	}

/* Answers a command and shows it to the driver. */
void model_answer(struct model *m, const struct chain *chain, const struct answer *answer);

/*
 * Returns a chain as it is, with this used length. A chain that the device doesn't hold any more,
 * because its ring was restarted, is ignored.
 */
void model_give(struct model *m, const struct chain *chain, uint32_t used_len);

/* Answers a command as the disk does: with data. */
void model_serve_chain(struct model *m, const struct chain *chain);

/* Answers all that waits in a held queue, and from now on at once. */
void model_release(struct model *m, unsigned queue);

/* Fills an event buffer; false when the driver has none there. */
bool model_event(struct model *m, uint32_t event, const uint8_t lun[8], uint32_t reason);

/* The CDB of a command. */
const uint8_t *chain_cdb(const struct chain *chain);

/* All data bytes for the device after the header, or from it after the response. */
uint64_t chain_data_out(const struct chain *chain);
uint64_t chain_data_in(const struct chain *chain);

/* The 8 bytes of an address in the form that the library sends. */
void put_lun(uint8_t out[8], unsigned target, unsigned lun);

#endif
