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

#define QUEUES_MAX     254 /* with control and event queue, what one byte can count */
#define QUEUE_SIZE_MAX 32768

/* What was asked for, checked as far as one option or all together can be. Text is the caller's. */
struct options {
	const char *socket_path;  /* listen here, or */
	int fd;                   /* serve this connected socket; -1 if not given */
	const char *control_path; /* NULL: no control socket */
	struct features features; /* offered */
	uint32_t queues;          /* request queues offered */
	uint32_t queue_size;      /* the largest ring accepted, entries */
	uint32_t seg_max;         /* the next three are for config space */
	uint32_t max_sectors;     /* 512 bytes each; also the most that one command moves */
	uint32_t cmd_per_lun;
	bool poll; /* look at rings all the time, want no kicks */
};

/*
 * options_parse - read the command line; LUNs are opened and put into @luns on the way.
 * Returns 0 to go on, 1 when all is done (--help), or a negative errno with a sentence.
 */
int options_parse(int argc, char **argv, struct options *o, struct lun_table *luns);

#endif
