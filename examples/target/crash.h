/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kills the process at a given point of a request, as by SIGKILL, so that tests of what a client
 * must handle don't depend on chance.
 */
#ifndef TARGET_CRASH_H
#define TARGET_CRASH_H

/* Points in the life of a request; their names are in crash.c. */
enum crash_point {
	CRASH_NONE,
	CRASH_TAKEN,   /* marked as in flight, not executed */
	CRASH_DONE,    /* executed, not returned to the driver */
	CRASH_LINKED,  /* recorded in the in-flight area, not yet visible to the driver */
	CRASH_SHOWN,   /* visible to the driver, still marked as in flight */
	CRASH_CLEARED, /* mark cleared, position in the area not updated */
};

/*
 * crash_arm - "POINT N": die when this point is reached for the Nth time from now on.
 * Returns 0, or -EINVAL with the error text set.
 */
int crash_arm(const char *text);

/* crash_point - die here, if armed. */
void crash_point(enum crash_point point);

#endif
