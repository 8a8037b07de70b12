/* SPDX-License-Identifier: BSD-3-Clause */
/* What ring.c and walk.c share. Not for users of the model. */
#ifndef TESTS_DEVICE_WALK_H
#define TESTS_DEVICE_WALK_H

#include <endian.h>

#include "device/ring.h"

#define DEVICE_AVAIL 0x80u
#define DEVICE_USED  0x8000u
#define DEVICE_WRAP  0x8000u

/* Acquire: pairs with the driver's release of an index, or of a packed descriptor's flags. */
static inline uint16_t device_load(const uint16_t *at)
{
	return le16toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

/* Records a broken rule. Return: false. */
bool walk_broken(struct ring_device *dev, unsigned id, const char *rule);

/* Whether a chain is available; checks the driver's index and flags. */
bool walk_look(struct ring_device *dev);

/* Whether the chain is as it was when it was taken: its descriptors, and its indirect table. */
void walk_check_held(struct ring_device *dev, uint16_t id);

/* Packed: the same of the next @count descriptors that a used entry covers (2.8.16). */
void walk_check_covered(struct ring_device *dev, unsigned count);

#endif
