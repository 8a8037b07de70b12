/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dying at a chosen moment, as by SIGKILL: what a client has to live with can't be tested by
 * chance.
 */
#ifndef TARGET_CRASH_H
#define TARGET_CRASH_H

/* The moments in the life of a request; their names are in crash.c. */
enum crash_point {
	CRASH_NONE,
	CRASH_TAKEN,   /* marked in flight, not yet carried out */
	CRASH_DONE,    /* carried out, not yet given back */
	CRASH_LINKED,  /* the in-flight area was told, the driver cannot see it yet */
	CRASH_SHOWN,   /* the driver can see it, it is still marked */
	CRASH_CLEARED, /* the mark is gone, the position not yet brought up to date */
};

/*
 * crash_arm - "POINT N": die when that point comes for the Nth time, counted from now.
 * Returns 0, or -EINVAL with a sentence.
 */
int crash_arm(const char *text);

/* crash_point - die, if it is time. */
void crash_point(enum crash_point point);

#endif
