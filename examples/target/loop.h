/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event loop. It handles one event at a time, so a handler may close any watch, its own
 * included.
 */
#ifndef TARGET_LOOP_H
#define TARGET_LOOP_H

#include <stdint.h>

struct watch {
	int fd; /* -1: not watched */
	void (*ready)(struct watch *w);
	void *owner; /* for use by @ready */
};

struct loop {
	int epoll_fd;
};

/* loop_open - create the loop. Returns 0 or a negative errno with the error text set. */
int loop_open(struct loop *l);

/* loop_close - release it. The watched descriptors stay open. */
void loop_close(struct loop *l);

/*
 * loop_add - call @w->ready whenever @fd is readable or at its end.
 * @w is owned by the caller and must live until loop_remove. Returns 0 or a negative errno.
 */
int loop_add(struct loop *l, struct watch *w, int fd);

/*
 * loop_change - call @w->ready when its descriptor is ready for @events (EPOLLIN, EPOLLOUT; 0: only
 * when the peer has closed it). It is watched already, for EPOLLIN at first.
 */
void loop_change(struct loop *l, struct watch *w, uint32_t events);

/* loop_remove - stop watching and close the descriptor. Does nothing if it is not watched. */
void loop_remove(struct loop *l, struct watch *w);

/* In polling mode, descriptors are checked once per this many iterations. */
#define TURNS_PER_CHECK 64

/*
 * loop_next - the watch of one event, for the caller to handle; NULL if there is none.
 * @timeout_ms: 0 polls, -1 waits without a limit
 */
struct watch *loop_next(struct loop *l, int timeout_ms);

/* loop_wait - loop_next(), and handle it. */
void loop_wait(struct loop *l, int timeout_ms);

#endif
