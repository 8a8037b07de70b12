/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Level-triggered epoll, one event per call.
 */
#include "loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "error.h"

int loop_open(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return set_error(errno, "cannot create an epoll descriptor: %s", strerror(errno));
	return 0;
}

void loop_close(struct loop *l)
{
	close(l->epoll_fd);
}

/* Level-triggered: what a handler leaves unread is reported again. */
int loop_add(struct loop *l, struct watch *w, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = w};

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return set_error(errno, "cannot wait for descriptor %d: %s", fd, strerror(errno));
	w->fd = fd;
	return 0;
}

/* Can't fail for a watched descriptor. */
void loop_change(struct loop *l, struct watch *w, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

/*
 * Removed from epoll before closing: if a client also has it open, epoll would keep reporting it.
 */
void loop_remove(struct loop *l, struct watch *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	close(w->fd);
	w->fd = -1;
}

struct watch *loop_next(struct loop *l, int timeout_ms)
{
	struct epoll_event ev;

	/*
	 * With room for one event, no second one can refer to a watch that was just removed.
	 */
	return epoll_wait(l->epoll_fd, &ev, 1, timeout_ms) == 1 ? ev.data.ptr : NULL;
}

void loop_wait(struct loop *l, int timeout_ms)
{
	struct watch *w = loop_next(l, timeout_ms);

	if (w)
		w->ready(w);
}
