/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for file descriptors. One event is handled at a time, so whoever handles it may close
 * anything, himself included.
 */
#ifndef TARGET_LOOP_H
#define TARGET_LOOP_H

struct watch {
	int fd; /* -1 while not watched */
	void (*ready)(struct watch *w);
	void *owner; /* for @ready's use */
};

struct loop {
	int epoll_fd;
};

/* loop_open - make the loop. Returns 0 or a negative errno with a sentence. */
int loop_open(struct loop *l);

/* loop_close - release it. The watched descriptors stay open. */
void loop_close(struct loop *l);

/*
 * loop_add - call @w->ready whenever @fd can be read or has come to its end.
 * @w stays the caller's and must live until loop_remove. Returns 0 or a negative errno.
 */
int loop_add(struct loop *l, struct watch *w, int fd);

/* loop_remove - stop watching and close the descriptor. Nothing happens if it was not watched. */
void loop_remove(struct loop *l, struct watch *w);

/* loop_pause - stop watching, but leave the descriptor open and in @w->fd. */
void loop_pause(struct loop *l, struct watch *w);

/* loop_wait - handle at most one event. @timeout_ms: 0 only looks, -1 waits for ever. */
void loop_wait(struct loop *l, int timeout_ms);

#endif
