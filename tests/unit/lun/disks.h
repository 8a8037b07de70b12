/* SPDX-License-Identifier: BSD-3-Clause */
/* The disks of the fixture. */
#ifndef TESTS_UNIT_LUN_DISKS_H
#define TESTS_UNIT_LUN_DISKS_H

struct fixture;

void disks_init(struct fixture *f);

/* Answers every command that is in the rings. */
void disks_serve(struct fixture *f);

#endif
