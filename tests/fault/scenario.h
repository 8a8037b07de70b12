/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scenarios: what is done with the library while its calls fail. Each is a line of a table, made of
 * two functions, and is run once for every place at which every fault can strike.
 */
#ifndef TESTS_FAULT_SCENARIO_H
#define TESTS_FAULT_SCENARIO_H

#include "../integration/hostile/liar.h"

#include "fault.h"

/* Most handles that a scenario opens besides the back-end's own. */
#define WORLD_QUEUES 2u

/* Bytes of the application's own memory. */
#define WORLD_OWN 65536u

/**
 * struct world - What one run of a scenario works with; made afresh for each
 * @liar: back-end, device, LUN and first queue; whatever is open is closed after the run
 * @pool: that devices use; one for all runs, to which everything has to come back
 * @mem: a further pool; closed as well
 * @queues: further queues; likewise
 * @own, @own_fd: memory of the application's own, and its file
 * @data: ordinary memory of the same size
 * @sent: requests that wait for their completion; @result: the first error of one that came
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

/* What is different about a scenario. */
#define SILENT    1u   /* of the data path: its errno says all, there is no sentence */
#define ONCE      2u   /* can't be repeated when it failed */
#define CERTAIN   4u   /* can't fail */
#define PATH      8u   /* the back-end listens on a path, else it hands over a connected socket */
#define NO_DEVICE 16u  /* there is no back-end */
#define CHANNEL   32u  /* uses the back-end's channel, and goes on when that is lost */
#define ALIKE     64u  /* says to the back-end what another one does: messages don't fail */
#define MANY_WAYS 128u /* goes without what the kernel refuses, or fails for a reason of its own */
#define RETRIED   256u /* what fails is tried again, until the device is given up */

/**
 * struct scenario - Something that is done with the library
 * @name: for people
 * @up: prepares the world; must not fail. NULL: nothing to prepare
 * @act: what faults strike. 0 or a negative errno; whatever it opened is in the world then. Where
 *	it failed it is done again without a fault, and has to go on from where it was
 * @flags: see above
 * @options: of the address; NULL: none
 */
struct scenario {
	const char *name;
	void (*up)(struct world *w);
	int (*act)(struct world *w);
	unsigned flags;
	const char *options;
};

/* Runs each line of a table as a CMocka test. Returns how many failed. */
int run_scenarios(const char *name, const struct scenario *scenarios, unsigned count);

/* Steps of scenarios. */
int open_device(struct world *w);
void up_device(struct world *w);
void up_all(struct world *w);

/* The tables. */
extern const struct scenario mem_scenarios[];
extern const unsigned mem_scenario_count;
extern const struct scenario device_scenarios[];
extern const unsigned device_scenario_count;
extern const struct scenario io_scenarios[];
extern const unsigned io_scenario_count;

#endif
