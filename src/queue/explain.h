/* SPDX-License-Identifier: BSD-3-Clause */
/* The error text for a request that failed. */
#ifndef QUEUE_EXPLAIN_H
#define QUEUE_EXPLAIN_H

#include <vscsi/queue.h>

/**
 * completion_explain - Set the error text for a request that failed
 * @target, @number: its LUN
 * @completion: its completion; all zeros if it could not be prepared
 * @err: the error
 * @what: the operation, such as "read"
 * @lost: why the device failed; used for -ENOTCONN
 *
 * Return: @err.
 */
int completion_explain(unsigned target, unsigned number, const struct vscsi_completion *completion,
		       int err, const char *what, const char *lost);

#endif
