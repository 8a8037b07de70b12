/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-target: a virtio-scsi device for vhost-user clients. This file starts it, accepts clients
 * one after the other and stops it; everything else is elsewhere.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control.h"
#include "device.h"
#include "fault.h"
#include "listen.h"
#include "say.h"
#include "session.h"

/* While rings are polled, descriptors are looked at once in so many turns. */
#define TURNS_PER_LOOK 64

struct server {
	struct device device;
	struct session session;
	struct control control;
	struct watch listener;
	struct watch signals;
	bool listening;         /* the listener is being watched */
	unsigned int turns;     /* of polling */
	uint64_t requests_seen; /* how many there had been at the last look around */
};

/* Too large for the stack, and there is one. */
static struct server server;

/* The loop ends with the turn it is in; no request is ever cut off. */
static void on_signal(struct watch *w)
{
	struct server *v = w->owner;

	v->device.stop = true;
}

/* One client at a time: the others wait in the backlog, where nobody accepts them. */
static void on_connect(struct watch *w)
{
	struct server *v = w->owner;
	int fd;

	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (session_open(&v->session, fd)) {
		warn("client dropped: %s", refusal());
		return;
	}
	loop_pause(&v->device.loop, w);
	v->listening = false;
}

/*
 * Signals come as a descriptor, between two requests and never inside one. SIGPIPE would come from
 * descriptors of clients; a failed write is enough.
 */
static int watch_signals(struct server *v)
{
	sigset_t set;
	int rc;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return refuse(errno, "cannot wait for signals: %s", strerror(errno));
	rc = loop_add(&v->device.loop, &v->signals, fd);
	if (rc)
		close(fd);
	return rc;
}

/* With a path: listen. With a descriptor: that is the only client there will be. */
static int open_front(struct server *v)
{
	const struct options *o = &v->device.options;
	int rc;
	int fd;

	if (!o->socket_path)
		return session_open(&v->session, o->fd);
	fd = listen_at(o->socket_path);
	if (fd < 0)
		return fd;
	rc = loop_add(&v->device.loop, &v->listener, fd);
	if (rc) {
		close(fd);
		unlink(o->socket_path);
		return rc;
	}
	v->listening = true;
	printf("listening on %s\n", o->socket_path);
	fflush(stdout);
	return 0;
}

/* Look for the next client once the last one has gone. Returns false when there is none to come. */
static bool await_client(struct server *v)
{
	if (v->session.watch.fd >= 0 || v->listening)
		return true;
	if (v->listener.fd < 0)
		return false;
	v->listening = !loop_add(&v->device.loop, &v->listener, v->listener.fd);
	return v->listening;
}

/*
 * Between turns of polling. When nothing came lately the processor is offered to others: where
 * client and target share one, the client could otherwise not run until a time slice is over.
 */
static void look_around(struct server *v)
{
	uint64_t requests = v->device.counters.requests;

	loop_wait(&v->device.loop, 0);
	if (requests == v->requests_seen)
		sched_yield();
	v->requests_seen = requests;
}

static void serve(struct server *v)
{
	bool again;

	if (sigsetjmp(fault_escape, 1)) {
		warn("client dropped: its shared memory was cut short while in use");
		session_close(&v->session);
	}
	fault_guard();
	while (!v->device.stop && await_client(v)) {
		again = session_serve(&v->session);
		if (!again)
			loop_wait(&v->device.loop, -1);
		else if (!(++v->turns % TURNS_PER_LOOK))
			look_around(v);
	}
}

/* The client first: it must not see the socket vanish while it is still served. */
static void close_front(struct server *v)
{
	session_free(&v->session);
	if (v->listener.fd < 0)
		return;
	unlink(v->device.options.socket_path);
	loop_remove(&v->device.loop, &v->listener);
}

static int run(struct server *v)
{
	int rc;

	v->listener = (struct watch){-1, on_connect, v};
	v->signals = (struct watch){-1, on_signal, v};
	rc = loop_open(&v->device.loop);
	if (rc)
		return rc;
	session_init(&v->session, &v->device);
	rc = watch_signals(v);
	if (rc)
		goto close_loop;
	rc = control_open(&v->control, &v->device, v->device.options.control_path);
	if (rc)
		goto close_signals;
	rc = open_front(v);
	if (!rc) {
		serve(v);
		close_front(v);
	}
	control_close(&v->control);
close_signals:
	loop_remove(&v->device.loop, &v->signals);
close_loop:
	loop_close(&v->device.loop);
	return rc;
}

int main(int argc, char **argv)
{
	struct server *v = &server;
	int rc;

	rc = options_parse(argc, argv, &v->device.options, &v->device.luns);
	if (!rc)
		rc = run(v);
	lun_table_close(&v->device.luns);
	if (rc < 0) {
		warn("%s", refusal());
		return 2;
	}
	return 0;
}
