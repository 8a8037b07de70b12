/* SPDX-License-Identifier: BSD-3-Clause */
/* What the model's disks answer to commands: as much SCSI as the library needs of a peer. */
#ifndef TESTS_UNIT_CORE_DISK_H
#define TESTS_UNIT_CORE_DISK_H

#include "model.h"

/* Carries a command out on the model's disk, data included; returns the answer to be given. */
struct answer disk_answer(struct model *m, const struct chain *chain);

#endif
