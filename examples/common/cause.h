/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why a request failed.
 */
#ifndef EXAMPLES_COMMON_CAUSE_H
#define EXAMPLES_COMMON_CAUSE_H

#include <vscsi/queue.h>

/*
 * cause_text - Get the most specific text for a request that failed
 * @done: its completion
 *
 * Return: a static string, of the sense data, the response or the SCSI status; NULL if the device
 * gave no response, so that nothing tells more than the result does.
 */
const char *cause_text(const struct vscsi_completion *done);

#endif
