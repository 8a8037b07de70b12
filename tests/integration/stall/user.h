/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application: it calls every function that must not wait, each of them watched (blocking.h),
 * and tracks its requests. A call that returns what it must not fails the test.
 */
#ifndef STALL_USER_H
#define STALL_USER_H

#include "../hostile/liar.h"
#include "blocking.h"
#include "clock.h"

/* Requests of one user from user_begin() on. */
#define USER_MOST 8192u

/* What vscsi_wait() is given now and then, and the longest that it may sleep. */
#define USER_WAIT_MS 5

/**
 * struct user - Whose queue it is, and what became of its requests
 * @dev, @lun, @queue: what it calls the functions for
 * @buf: 8 KiB of DMA memory
 * @issued: requests that were accepted; their user_data count from 0
 * @done: those that were returned, @good: with success, @unknown: with -ECONNRESET
 * @failed: the device is known to have failed; @may_fail: it may fail
 * @result: besides success and -ECONNRESET a request may end with this
 * @returned: by user_data
 */
struct user {
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	char *buf;
	unsigned issued;
	unsigned done;
	unsigned good;
	unsigned unknown;
	bool failed;
	bool may_fail;
	int result;
	bool returned[USER_MOST];
};

/* Clears the counts. */
void user_begin(struct user *user);

/* Calls each function of io.h once. */
void user_prepare(struct user *user);

/* Publishes, and takes what is there. */
void user_poll(struct user *user);

/* Calls everything else: arming, waiting, opening and closing queues. */
void user_sleep(struct user *user);

/* All of it. */
void user_round(struct user *user);

/* Whether every request was returned. */
static inline bool user_idle(const struct user *user)
{
	return user->done == user->issued;
}

#endif
