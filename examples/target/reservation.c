/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reservation forbids.
 */
#include "reservation.h"

bool reservation_of_all(uint8_t type)
{
	return type == WRITE_EXCLUSIVE_ALL || type == EXCLUSIVE_ALL;
}

bool reservation_holds(const struct reservations *r, unsigned int nexus)
{
	if (reservation_of_all(r->type))
		return r->keys[nexus];
	return r->type && r->holder == nexus;
}

bool reservation_conflict(const struct reservations *r, unsigned int nexus, bool reads)
{
	if (!r->type || reservation_holds(r, nexus))
		return false;
	if (r->type >= WRITE_EXCLUSIVE_REGISTRANTS && r->keys[nexus])
		return false;
	switch (r->type) {
	case WRITE_EXCLUSIVE:
	case WRITE_EXCLUSIVE_REGISTRANTS:
	case WRITE_EXCLUSIVE_ALL:
		return !reads;
	default:
		return true;
	}
}
