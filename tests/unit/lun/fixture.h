/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of this program: request queues and a table of LUNs over the transport in
 * memory, without a device layer, and disks whose answers a test chooses. Everything happens inside
 * the calls below.
 */
#ifndef TESTS_UNIT_LUN_FIXTURE_H
#define TESTS_UNIT_LUN_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vscsi/device.h>
#include <vscsi/io.h>
#include <vscsi/mem.h>

#include "clock.h"
#include "error_text.h"
#include "harness/model.h"
#include "lun/lun.h"
#include "lun/scan.h"
#include "queue/call.h"
#include "scsi/cdb.h"
#include "scsi/identity.h"
#include "scsi/vpd.h"
#include "util/bits.h"

#define FIXTURE_QUEUES 2
#define FIXTURE_LOG    1024
#define FIXTURE_KEPT   64
#define FIXTURE_BLOCKS UINT64_C(2048)

/**
 * struct disk - A disk and its answers
 * @present: it exists
 * @silent: it accepts commands and does not answer
 * @not_ready: READ CAPACITY and MODE SENSE fail with NOT READY
 * @no_pages: it has no VPD pages
 * @blocks: its capacity
 * @serial: unit serial number, or NULL
 * @names, @names_len: designators of VPD page 83h, or NULL
 * @list, @list_len: answer to REPORT LUNS, or NULL for the correct one
 * @attention: pending unit attention, ASC and ASCQ. INQUIRY does not report it
 * @refuses: operation code that it rejects, or 0. @fails: the response is FAILURE then
 */
struct disk {
	bool present;
	bool silent;
	bool not_ready;
	bool no_pages;
	uint64_t blocks;
	const char *serial;
	const uint8_t *names;
	size_t names_len;
	const uint8_t *list;
	size_t list_len;
	uint16_t attention;
	uint8_t refuses;
	bool fails;
};

/* A command that a disk received. */
struct received {
	unsigned target;
	unsigned lun;
	uint8_t cdb[16];
};

/**
 * struct fixture - All of it
 * @m: the device side of the rings; its own disks are not used
 * @disks: the disks; 0:0 and 1:2 exist at first
 * @before: called before each command is answered, or NULL
 * @log, @logged: received commands in order
 * @kept, @kept_count: commands of silent disks
 * @mem, @map, @set: of the queues
 * @queue: the library's handle, on the first queue; @app: the application's, on the second
 * @table: the table
 * @changes, @change_count: what the last fixture_revalidate() reported
 * @buf: DMA memory
 */
struct fixture {
	struct model *m;
	struct disk disks[MODEL_TARGETS][MODEL_LUNS];
	void (*before)(struct fixture *f, struct disk *disk, const uint8_t *cdb);
	struct received log[FIXTURE_LOG];
	unsigned logged;
	struct chain kept[FIXTURE_KEPT];
	unsigned kept_count;
	struct vscsi_mem *mem;
	struct dma_map *map;
	struct queue_set set;
	struct ioq *ioqs[FIXTURE_QUEUES];
	struct vscsi_queue *queue;
	struct vscsi_queue *app;
	struct lun_table table;
	struct lun_change changes[8];
	unsigned change_count;
	char *buf;
};

/*
 * Creates it, with running queues. Close all LUNs before fixture_free(). In between the clock
 * stands still: time passes as a test likes, however slow the machine is.
 */
struct fixture *fixture_new(void);
void fixture_free(struct fixture *f);

/* Answers all commands in the rings, polls the library's handle and delivers completions. */
void fixture_pump(struct fixture *f);

/* The same, and a millisecond passes, so that retries and time limits become due. */
void fixture_pump_on(struct fixture *f);

/* Answers all commands of silent disks. */
void fixture_speak(struct fixture *f);

/* Opens a LUN. Return: what the last step returned. */
int fixture_open(struct fixture *f, unsigned target, unsigned number, struct vscsi_lun **out);
int fixture_open_raw(struct fixture *f, unsigned target, unsigned number, struct vscsi_lun **out);

/* Refreshes a LUN. Return: what the last step returned. */
int fixture_refresh(struct fixture *f, struct vscsi_lun *lun);

/* Takes the notices and calls lun_table_revalidate() once. Return: LUNs still in doubt. */
unsigned fixture_round(struct fixture *f, uint64_t missing_until);

/*
 * Revalidates until no LUN is in doubt, for at most 200 rounds, and collects all changes. The
 * deadline after a loss has expired. Return: LUNs still in doubt.
 */
unsigned fixture_revalidate(struct fixture *f);

/*
 * fixture_lose - The device is lost
 * fixture_cut_off - The same, but the table is not told
 * @policy: for the requests in flight
 * fixture_return - The device is back, with new rings
 */
void fixture_lose(struct fixture *f, enum inflight_policy policy);
void fixture_cut_off(struct fixture *f, enum inflight_policy policy);
void fixture_return(struct fixture *f);

/* Expects these changes, pairs of type and code, at one address. */
void fixture_expect(struct fixture *f, unsigned target, unsigned number, unsigned count,
		    const uint32_t (*changes)[2]);

/* Submits a read of one block on the application's handle. */
void fixture_read(struct fixture *f, struct vscsi_lun *lun);

/* Polls the application's handle once. Return: whether there was a completion. */
bool fixture_poll(struct fixture *f, struct vscsi_completion *out);

/* Number of commands with this operation code that a disk received, from entry @from on. */
unsigned fixture_count(const struct fixture *f, unsigned target, unsigned number, uint8_t opcode,
		       unsigned from);

int probe_tests(void);
int identity_tests(void);
int state_tests(void);
int revalidate_tests(void);
int doubt_tests(void);
int open_tests(void);
int scan_tests(void);

#endif
