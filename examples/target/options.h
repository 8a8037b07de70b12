/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line and the configuration file, which has the same options.
 */
#ifndef TARGET_OPTIONS_H
#define TARGET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "feature.h"
#include "listen.h"
#include "lun.h"
#include "service.h"

#define QUEUES_MAX     254 /* one byte counts all queues, two of which are control and event */
#define QUEUE_SIZE_MAX 32768

/* A --lun, or the line of the configuration file that has it. */
struct lun_option {
	const char *text;
	unsigned int line; /* 0: command line */
};

/* Parsed and checked options. Strings belong to the caller, those of the file to @config. */
struct options {
	const char *socket_path;     /* listen here, or use one of the two descriptors */
	int fd;                      /* connected socket; -1 if not given */
	int listen_fd;               /* the service manager's listening socket; -1: none */
	struct listen_access access; /* to @socket_path */
	struct service_user user;    /* become this user once all is open */
	uint32_t clients;            /* at once */
	const char *control_path;    /* NULL: no control socket */
	struct features features;    /* offered */
	uint32_t queues;             /* request queues offered */
	uint32_t queues_per_thread;  /* 0: the main thread serves all */
	uint32_t queue_size;         /* largest ring accepted, entries */
	uint32_t seg_max;            /* this and the next two: config space */
	uint32_t max_sectors;        /* 512 bytes each; also the largest transfer of a command */
	uint32_t cmd_per_lun;
	bool poll;                /* poll the rings; request no kicks */
	const char *config_path;  /* NULL: no file */
	char *config;             /* its contents */
	unsigned int config_line; /* being read; 0: none */
	struct lun_option *luns;
	unsigned int lun_count;
};

/*
 * options_parse - parse the command line and the file that it names; opens the LUNs and adds them
 * to @luns.
 * Returns 0 to continue, 1 if done (--help), or a negative errno with the error text set.
 */
int options_parse(int argc, char **argv, struct options *o, struct lun_table *luns);

/* options_free - free what was allocated, on success and failure. */
void options_free(struct options *o);

#endif
