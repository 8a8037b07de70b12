/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scenarios: operations of the library during which calls fail. Each is an entry of a table with
 * two functions, and is run once for every point at which every fault can be injected.
 */
#ifndef TESTS_FAULT_SCENARIO_H
#define TESTS_FAULT_SCENARIO_H

#include "../integration/hostile/liar.h"

#include "fault.h"

/* Maximum number of additional queue handles of a scenario. */
#define WORLD_QUEUES 2u

/* Bytes of application memory. */
#define WORLD_OWN 65536u

/**
 * struct world - The objects of one run, created for it
 * @liar: back-end, device, LUN and first queue; whatever is open is closed after the run
 * @pool: used by devices; shared by all runs, and must be empty after each
 * @mem: a second pool; closed after the run
 * @queues: additional queues; likewise
 * @own, @own_fd: application memory and its file
 * @data: ordinary memory of the same size
 * @sent: requests in flight; @result: the first error of a completed one
 */
struct world {
	struct liar *liar;
	struct vscsi_mem *pool;
	struct vscsi_mem *mem;
	struct vscsi_queue *queues[WORLD_QUEUES];
	char *own;
	int own_fd;
	char *data;
	unsigned sent;
	int result;
};

/* Properties of a scenario. */
#define NO_TEXT     1u   /* data path: there is no error text */
#define ONCE        2u   /* can't be repeated after a failure */
#define CANT_FAIL   4u   /* never fails */
#define PATH        8u   /* the back-end listens on a path; otherwise a connected socket is used */
#define NO_DEVICE   16u  /* there is no back-end */
#define CHANNEL     32u  /* uses the back-end channel, and continues if that is lost */
#define NO_MESSAGES 64u  /* same messages as in another scenario: don't inject faults into these */
#define FALLBACKS   128u /* works without what the kernel rejects, or returns another errno */
#define RETRIED     256u /* failures are retried until the device has failed */

/**
 * struct scenario - An operation of the library
 * @name: for messages
 * @setup: prepares the world; must not fail. NULL: nothing to prepare
 * @run: the operation under test. 0 or a negative errno; whatever it opened is in the world. After
 *	a failure it is repeated without a fault, and must continue from where it was
 * @flags: see above
 * @options: of the address; NULL: none
 */
struct scenario {
	const char *name;
	void (*setup)(struct world *w);
	int (*run)(struct world *w);
	unsigned flags;
	const char *options;
};

/* Runs each entry of a table as a CMocka test. Returns the number of failures. */
int run_scenarios(const char *name, const struct scenario *scenarios, unsigned count);

/* Shared functions of scenarios. */
int open_device(struct world *w);
void setup_device(struct world *w);
void setup_all(struct world *w);

/* The tables. */
extern const struct scenario mem_scenarios[];
extern const unsigned mem_scenario_count;
extern const struct scenario device_scenarios[];
extern const unsigned device_scenario_count;
extern const struct scenario io_scenarios[];
extern const unsigned io_scenario_count;

#endif
