/* SPDX-License-Identifier: BSD-3-Clause */
/* The server: its socket, its thread or process, and what tests do with it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vfio_user/message.h"

#define LIMIT_MS 60000

static void drop_fds(struct exchange *x)
{
	while (x->nfds)
		close(x->fds[--x->nfds]);
}

static void take_fds(struct server *s, struct msghdr *msg, struct exchange *x)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t n;

	if (!c)
		return;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(x->fds, CMSG_DATA(c), n * sizeof(int));
	x->nfds = (unsigned)n;
	if (n > 8)
		server_broken(s, "more descriptors than a message has");
}

/* Receives a message, which has to be there as a whole. Return: false: the client hung up. */
static bool receive(struct server *s, struct exchange *x)
{
	struct iovec iov = {&x->m, HEAD};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(s->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	x->nfds = 0;
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	take_fds(s, &msg, x);
	message_turn(&x->m);
	x->len = n == HEAD ? x->m.size - HEAD : 0;
	if (n != HEAD || x->m.size < HEAD || x->len > MAX_BODY ||
	    (x->len && recv(s->fd, x->m.body, x->len, MSG_DONTWAIT) != (ssize_t)x->len)) {
		server_broken(s, "half a message");
		return false;
	}
	return true;
}

static void let_go(struct server *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->versioned = false;
	s->silent = false;
	s->unmasked = false;
	server_forget(s);
}

/* FNV-1a of what was asked. */
static void note(struct server *s, const struct exchange *x)
{
	uint32_t i;

	if (x->m.flags & 0x10)
		return;
	s->trace = (s->trace ^ x->m.command) * UINT64_C(0x100000001b3);
	for (i = 0; i < x->len; i++)
		s->trace = (s->trace ^ x->m.body[i]) * UINT64_C(0x100000001b3);
}

/* One message. */
static void serve(struct server *s)
{
	struct exchange x = {.len = 0};
	int error = 0;
	bool answered;

	if (!receive(s, &x)) {
		drop_fds(&x);
		let_go(s);
		return;
	}
	if (!x.m.size || s->silent) {
		drop_fds(&x);
		return;
	}
	__atomic_fetch_add(&s->messages, 1, __ATOMIC_SEQ_CST);
	note(s, &x);
	answered = server_handle(s, &x, &error);
	/* What came with the request; an answer has a file of its own. */
	if (x.m.command != SERVER_REGION_INFO)
		drop_fds(&x);
	if (answered && !(x.m.flags & 0x10))
		server_reply(s, &x, error);
	drop_fds(&x);
}

static void poll_rings(struct server *s)
{
	unsigned i;

	for (i = 0; s->habits & SERVER_POLLS && !s->silent && i < s->queues; i++)
		server_serve(s, i);
}

/* One client at a time: a further one waits in the backlog and is never answered. */
static void run(struct server *s)
{
	eventfd_t count;

	while (!__atomic_load_n(&s->stopping, __ATOMIC_SEQ_CST)) {
		struct pollfd fds[] = {{.fd = s->fd >= 0 ? s->fd : s->listener, .events = POLLIN},
				       {.fd = s->wake, .events = POLLIN}};

		if (poll(fds, 2, s->habits & SERVER_POLLS ? 1 : LIMIT_MS) < 0)
			continue;
		if (fds[1].revents && eventfd_read(s->wake, &count) == 0 &&
		    !__atomic_load_n(&s->hold, __ATOMIC_SEQ_CST))
			server_finish_held(s);
		if (fds[0].revents && s->fd >= 0) {
			serve(s);
		} else if (fds[0].revents) {
			s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
			__atomic_fetch_add(&s->connections, 1, __ATOMIC_SEQ_CST);
		}
		poll_rings(s);
	}
	let_go(s);
}

/* -- for tests -- */

struct server *server_new(const char *path)
{
	struct server *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned i;

	if (s == MAP_FAILED)
		abort();
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->features = UINT64_C(0x110000007);
	s->queues = 6;
	s->queue_max = 128;
	s->vectors = 16;
	s->config_size = 256;
	s->max_fds = 8;
	s->minor = 1;
	s->disk = (struct disk){.id = "VSCSI   test            1.0 ",
				.inquiry = 36,
				.serial = "1",
				.block_size = 512};
	sem_init(&s->gate, 1, 0);
	s->fd = s->listener = s->wake = -1;
	for (i = 0; i < SERVER_VECTORS; i++)
		s->irqs[i] = -1;
	return s;
}

void server_disk(struct server *s, uint64_t bytes)
{
	s->disk.data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->disk.data == MAP_FAILED)
		abort();
	s->disk.bytes = bytes;
	s->disk.blocks = bytes / s->disk.block_size;
}

static void listen_at(struct server *s)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	unlink(s->path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", s->path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(s->listener, 8))
		abort();
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->stopping = false;
	s->silent = false;
	s->fd = -1;
	server_build(s);
}

static void *run_thread(void *server)
{
	run(server);
	return NULL;
}

void server_start(struct server *s)
{
	listen_at(s);
	s->threaded = true;
	if (pthread_create(&s->thread, NULL, run_thread, s))
		abort();
}

void server_fork(struct server *s)
{
	pid_t parent = getpid();
	pid_t pid;

	listen_at(s);
	/* Not at once: the child has the same memory. */
	pid = fork();
	if (pid < 0)
		abort();
	if (pid) {
		s->pid = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		run(s);
	_exit(0);
}

static void close_all(struct server *s)
{
	if (s->listener >= 0)
		close(s->listener);
	if (s->wake >= 0)
		close(s->wake);
	s->listener = s->wake = -1;
}

void server_stop(struct server *s)
{
	if (!s->threaded)
		return;
	__atomic_store_n(&s->stopping, true, __ATOMIC_SEQ_CST);
	server_open_gate(s);
	eventfd_write(s->wake, 1);
	pthread_join(s->thread, NULL);
	s->threaded = false;
	close_all(s);
}

void server_kill(struct server *s)
{
	unsigned i;

	if (!s->pid)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
	close_all(s);
	/* What the process had is gone; its rings' memory of chains was its own. */
	s->held = 0;
	for (i = 0; i < SERVER_QUEUES; i++)
		memset(&s->rings[i], 0, sizeof(s->rings[i]));
	memset(s->maps, 0, sizeof(s->maps));
	memset(s->irqs, 0xff, sizeof(s->irqs));
	s->versioned = false;
	s->unmasked = false;
}

void server_free(struct server *s)
{
	server_stop(s);
	server_kill(s);
	unlink(s->path);
	if (s->disk.data)
		munmap(s->disk.data, s->disk.bytes);
	sem_destroy(&s->gate);
	munmap(s, sizeof(*s));
}

void server_misbehave(struct server *s, unsigned command, unsigned skip, unsigned fault)
{
	s->fault_skip = skip;
	__atomic_store_n(&s->fault_command, command, __ATOMIC_SEQ_CST);
	__atomic_store_n(&s->fault, fault, __ATOMIC_SEQ_CST);
}

void server_answer(struct server *s)
{
	sem_post(&s->gate);
}

void server_open_gate(struct server *s)
{
	__atomic_store_n(&s->gated, false, __ATOMIC_SEQ_CST);
	sem_post(&s->gate);
}

void server_release(struct server *s)
{
	__atomic_store_n(&s->hold, false, __ATOMIC_SEQ_CST);
	eventfd_write(s->wake, 1);
}
