/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line.
 */
#ifndef TARGET_OPTIONS_H
#define TARGET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "feature.h"
#include "lun.h"

#define QUEUES_MAX     254 /* one byte counts all queues, two of which are control and event */
#define QUEUE_SIZE_MAX 32768

/* Parsed and checked options. Strings belong to the caller. */
struct options {
	const char *socket_path;  /* listen here, or use @fd */
	int fd;                   /* connected socket; -1 if not given */
	const char *control_path; /* NULL: no control socket */
	struct features features; /* offered */
	uint32_t queues;          /* request queues offered */
	uint32_t queue_size;      /* largest ring accepted, entries */
	uint32_t seg_max;         /* this and the next two: config space */
	uint32_t max_sectors;     /* 512 bytes each; also the largest transfer of a command */
	uint32_t cmd_per_lun;
	bool poll; /* poll the rings; request no kicks */
};

/*
 * options_parse - parse the command line; opens the LUNs and adds them to @luns.
 * Returns 0 to continue, 1 if done (--help), or a negative errno with the error text set.
 */
int options_parse(int argc, char **argv, struct options *o, struct lun_table *luns);

#endif
