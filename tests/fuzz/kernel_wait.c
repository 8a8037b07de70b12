/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel in memory: eventfds, timers, and waiting for anything. */
#include "kernel_parts.h"

int __wrap_eventfd(unsigned count, int flags)
{
	struct object *object;

	if (!k.on)
		return __real_eventfd(count, flags);
	object = kernel_object(EVENT);
	object->count = count;
	return kernel_fd(object);
}

int __wrap_eventfd_write(int fd, eventfd_t value)
{
	struct object *object = object_of(fd);

	if (!is_ours(fd))
		return __real_eventfd_write(fd, value);
	if (object->kind == EVENT)
		object->count += value;
	kernel_turn();
	return 0;
}

int __wrap_eventfd_read(int fd, eventfd_t *value)
{
	if (!is_ours(fd))
		return __real_eventfd_read(fd, value);
	return __wrap_read(fd, value, sizeof(*value)) == sizeof(*value) ? 0 : -1;
}

static bool is_ready(const struct object *object)
{
	unsigned i;

	switch (object->kind) {
	case SOCKET:
		return object->inbox->len || is_over(object);
	case EVENT:
		return object->count;
	case TIMER:
		return object->due_ns && object->due_ns <= k.now_ns;
	case EPOLL:
		for (i = 0; i < object->set->count; i++) {
			if (!object->set->members[i].off &&
			    is_ready(object->set->members[i].object))
				return true;
		}
		return false;
	default:
		return true;
	}
}

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	struct object *object = object_of(fd);
	uint64_t value;

	if (!is_ours(fd))
		return __real_read(fd, buf, len);
	if (object->kind == SOCKET)
		return __wrap_recv(fd, buf, len, 0);
	if (object->kind != EVENT && object->kind != TIMER)
		return fail(EINVAL);
	if (len < sizeof(value) || !is_ready(object))
		return fail(len < sizeof(value) ? EINVAL : EAGAIN);
	value = object->kind == EVENT ? object->count : 1;
	object->count = object->due_ns = 0;
	memcpy(buf, &value, sizeof(value));
	return sizeof(value);
}

/* The library's own, which asks the kernel not to wait. */
int __wrap_fd_take(int fd)
{
	uint64_t count;

	if (__wrap_read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		return 1;
	return errno == EAGAIN ? 0 : -errno;
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	uint64_t value;

	if (!is_ours(fd))
		return __real_write(fd, buf, len);
	if (object_of(fd)->kind == SOCKET)
		return __wrap_send(fd, buf, len, 0);
	if (object_of(fd)->kind != EVENT || len < sizeof(value))
		return fail(EINVAL);
	memcpy(&value, buf, sizeof(value));
	return __wrap_eventfd_write(fd, value) ? -1 : (ssize_t)sizeof(value);
}

int __wrap_timerfd_create(int clock, int flags)
{
	return k.on ? kernel_fd(kernel_object(TIMER)) : __real_timerfd_create(clock, flags);
}

int __wrap_timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
	uint64_t ns =
		(uint64_t)when->it_value.tv_sec * 1000000000 + (uint64_t)when->it_value.tv_nsec;

	if (!is_ours(fd))
		return __real_timerfd_settime(fd, flags, when, old);
	object_of(fd)->due_ns = ns ? k.now_ns + ns : 0;
	return 0;
}

static int look(struct pollfd *fds, nfds_t n)
{
	int ready = 0;
	nfds_t i;

	for (i = 0; i < n; i++) {
		const struct object *object = object_of(fds[i].fd);

		fds[i].revents = 0;
		if (object && (is_ready(object) || fds[i].events & POLLOUT))
			fds[i].revents = fds[i].events;
		ready += fds[i].revents != 0;
	}
	return ready;
}

/* What isn't there after one turn of the other side won't come by itself: the time is over. */
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	int ready;

	if (!k.on)
		return __real_poll(fds, n, timeout);
	ready = look(fds, n);
	if (ready || !timeout)
		return ready;
	kernel_turn();
	ready = look(fds, n);
	MUST(ready || timeout > 0);
	if (!ready)
		kernel_sleep_ms((unsigned)timeout);
	return ready;
}

int __wrap_epoll_create1(int flags)
{
	return k.on ? kernel_fd(kernel_object(EPOLL)) : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int fd, int op, int member, struct epoll_event *event)
{
	struct object *object = object_of(member);
	struct set *set;
	unsigned at = 0;

	if (!is_ours(fd))
		return __real_epoll_ctl(fd, op, member, event);
	MUST(is_ours(member));
	set = object_of(fd)->set;
	while (at < set->count && set->members[at].object != object)
		at++;
	if ((op == EPOLL_CTL_ADD) == (at < set->count))
		return fail(op == EPOLL_CTL_ADD ? EEXIST : ENOENT);
	if (op == EPOLL_CTL_DEL) {
		kernel_forget_member(set, at);
		return 0;
	}
	if (op == EPOLL_CTL_ADD)
		MUST(set->count++ < MEMBERS);
	object->watched += op == EPOLL_CTL_ADD;
	set->members[at] = (struct member){object, *event, false};
	return 0;
}

/* Never waits: to wait, the library calls poll() on the set. */
int __wrap_epoll_wait(int fd, struct epoll_event *out, int max, int timeout)
{
	struct set *set;
	int count = 0;
	unsigned i;

	if (!is_ours(fd))
		return __real_epoll_wait(fd, out, max, timeout);
	set = object_of(fd)->set;
	for (i = 0; i < set->count && count < max; i++) {
		struct member *member = &set->members[i];

		if (member->off || !is_ready(member->object))
			continue;
		out[count++] = member->event;
		member->off = member->event.events & EPOLLONESHOT;
	}
	return count;
}
