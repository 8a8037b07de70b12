/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Selects the requests of a job and, for verification, remembers what was written. job.c starts the
 * requests.
 */
#ifndef EXAMPLES_PERF_WORKLOAD_H
#define EXAMPLES_PERF_WORKLOAD_H

#include <stdbool.h>

#include "job.h"

/*
 * workload_init - Start the workload
 *
 * With verify_only, also marks what the job that wrote must have written.
 */
void workload_init(struct job *job);

/*
 * workload_next - Select the next request
 * @io: receives it
 *
 * Return: 1, or 0 if the job is complete.
 */
int workload_next(struct job *job, struct io *io);

/*
 * readback_next - Select the next piece to read back
 *
 * Arguments and return as for workload_next(). job.issued must be 0 at the start.
 */
int readback_next(struct job *job, struct io *io);

/*
 * workload_ready - Check whether a request may start now
 * @io: from one of the functions above; its generation is filled in
 *
 * Without verification always. With it, a write waits while the same piece is being written or
 * checked, because its contents would be undefined; a read starts but is not checked.
 */
bool workload_ready(const struct job *job, struct io *io);

/* Records that a request is in flight. */
void workload_started(struct job *job, const struct io *io);

/*
 * Records that it is not in flight any more. After a failed write (@good false) the piece is not
 * checked.
 */
void workload_finished(struct job *job, const struct io *io, bool good);

#endif
