/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a job does next: the choice of requests, and for verification the memory of what was written
 * where. It starts nothing itself; job.c does.
 */
#ifndef EXAMPLES_PERF_WORKLOAD_H
#define EXAMPLES_PERF_WORKLOAD_H

#include <stdbool.h>

#include "job.h"

/**
 * workload_init - Begin at the beginning
 *
 * With verify_only, also notes what the job that wrote must have written.
 */
void workload_init(struct job *job);

/**
 * workload_next - Choose what the options ask for
 * @io: receives a request
 *
 * Return: 1, or 0 when the job has done all.
 */
int workload_next(struct job *job, struct io *io);

/**
 * readback_next - Choose the next piece that was written
 *
 * Arguments and return as workload_next(). Needs job.issued to be 0 at first.
 */
int readback_next(struct job *job, struct io *io);

/**
 * workload_ready - Tell whether a request may start now
 * @io: from one of the above; its generation is filled in
 *
 * Without verification always. With it, a write has to wait while the same piece is being written
 * or checked, since nobody could say what is there then; a read goes ahead without being checked.
 */
bool workload_ready(const struct job *job, struct io *io);

/* Notes that a request is in flight. */
void workload_started(struct job *job, const struct io *io);

/* Notes that it no longer is. After a failed write (@good false) its piece is not checked again. */
void workload_finished(struct job *job, const struct io *io, bool good);

#endif
