/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs operations, which are tables of steps, in as many calls as needed. Each operation defines
 * its table.
 */
#include <errno.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"

/* Repeats a step until it ends, or until it would have to wait and calls may not. */
static int take_step(struct vu *vu, vu_step *step, void *arg)
{
	int err;
	int ret;

	for (;;) {
		ret = step(vu, arg);
		if (ret != -EINPROGRESS || !vu->t.wait)
			return ret;
		err = vu_wait_ready(&vu->t, -1);
		if (err)
			return vu_fail(vu, err);
	}
}

int vu_run_steps(struct vu *vu, vu_step *const *steps, unsigned count, void *arg)
{
	int ret = 0;

	if (vu->steps && vu->steps != steps)
		return error_set(-EBUSY, "another operation of the device is in progress");
	if (!vu->steps) {
		vu->steps = steps;
		vu->step = 0;
		vu->item = 0;
	}
	while (!ret && vu->step < count) {
		ret = take_step(vu, steps[vu->step], arg);
		if (ret == -EINPROGRESS)
			return ret;
		vu->step++;
		vu->item = 0;
	}
	vu->steps = NULL;
	return ret;
}
