/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-target: a virtio-scsi device for vhost-user clients. This file starts it, accepts one
 * client after the other and stops it.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/stdio.h"
#include "control.h"
#include "device.h"
#include "error.h"
#include "fault.h"
#include "listen.h"
#include "session.h"

/* In polling mode, descriptors are checked once per this many iterations. */
#define TURNS_PER_CHECK 64

struct server {
	struct device device;
	struct session session;
	struct control control;
	struct listener listener;
	struct watch signals;
	bool listening;         /* the listening socket is watched */
	unsigned int turns;     /* iterations of polling */
	uint64_t requests_seen; /* request counter at the last check of the descriptors */
};

/* Static because it is too large for the stack. */
static struct server server;

/* Ends the loop after the current iteration; requests are never interrupted. */
static void on_signal(struct watch *w)
{
	struct server *v = w->owner;

	v->device.stop = true;
}

/* Serves one client at a time: others wait in the backlog. */
static void on_connect(struct watch *w)
{
	struct server *v = w->owner;
	int fd;

	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (session_open(&v->session, fd)) {
		warn("client dropped: %s", last_error());
		return;
	}
	loop_pause(&v->device.loop, w);
	v->listening = false;
}

/*
 * Signals are received through a descriptor, so never inside a request. Two are ignored, because
 * writing returns an error too: SIGPIPE for a client's descriptor, SIGXFSZ for a file that exceeds
 * the limit of "ulimit -f".
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
	signal(SIGXFSZ, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return set_error(errno, "cannot wait for signals: %s", strerror(errno));
	rc = loop_add(&v->device.loop, &v->signals, fd);
	if (rc)
		close(fd);
	return rc;
}

/* Listens at the path, or uses the given descriptor as the only client. */
static int open_front(struct server *v)
{
	const struct options *o = &v->device.options;
	int rc;

	if (!o->socket_path)
		return session_open(&v->session, o->fd);
	rc = listener_open(&v->listener, &v->device.loop, o->socket_path);
	if (rc)
		return rc;
	v->listening = true;
	announce("listening on %s", o->socket_path);
	return 0;
}

/* Waits for the next client after the last one. Returns false if there will be none. */
static bool await_client(struct server *v)
{
	if (v->session.watch.fd >= 0 || v->listening)
		return true;
	if (v->listener.watch.fd < 0)
		return false;
	v->listening = !loop_add(&v->device.loop, &v->listener.watch, v->listener.watch.fd);
	return v->listening;
}

/*
 * Runs between iterations of polling. If no requests came since the last check, yields the CPU: if
 * client and target share one, the client would otherwise wait for its time slice.
 */
static void check_descriptors(struct server *v)
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
		warn("client dropped: its shared memory was truncated while in use");
		session_close(&v->session);
	}
	fault_guard();
	while (!v->device.stop && await_client(v)) {
		again = session_serve(&v->session);
		if (!again)
			loop_wait(&v->device.loop, -1);
		else if (!(++v->turns % TURNS_PER_CHECK))
			check_descriptors(v);
	}
}

/* Closes the client first: the socket must not disappear while it is still served. */
static void close_front(struct server *v)
{
	session_free(&v->session);
	listener_close(&v->listener, &v->device.loop);
}

static int run(struct server *v)
{
	int rc;

	v->listener.watch = (struct watch){-1, on_connect, v};
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

	stdio_open_missing();
	messages_open();
	rc = options_parse(argc, argv, &v->device.options, &v->device.luns);
	if (!rc)
		rc = run(v);
	lun_table_close(&v->device.luns);
	/* The output of --help and --list-features. */
	if (rc >= 0 && fflush(stdout))
		rc = set_error(errno, "cannot write to standard output: %s", strerror(errno));
	if (rc < 0) {
		warn("%s", last_error());
		return 2;
	}
	return 0;
}
