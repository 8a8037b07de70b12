/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-target: a virtio-scsi device for vhost-user clients. This file starts it, accepts clients
 * and stops it.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
#include "service.h"
#include "session.h"
#include "worker.h"

struct server {
	struct device device;
	struct control control;
	struct listener listener;
	struct watch signals;
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

/* A session without a client, which is made if need be. NULL: none, with the error text set. */
static struct session *free_session(struct device *d)
{
	struct session *s;
	unsigned int i;

	for (i = 0; i < d->options.clients; i++) {
		s = d->sessions[i];
		if (s && s->watch.fd >= 0)
			continue;
		if (!s && (s = malloc(sizeof(*s))))
			session_init(s, d, i);
		else if (!s)
			set_error(ENOMEM, "no memory left for client %u", i + 1);
		return s;
	}
	set_error(EUSERS, "%u are served already, see --clients", i);
	return NULL;
}

/* Whether a client has closed its connection, and this has not been noticed yet. */
static bool is_client_leaving(const struct device *d)
{
	struct pollfd peer = {.events = POLLRDHUP};
	unsigned int i;

	for (i = 0; i < NEXUSES && d->sessions[i]; i++) {
		peer.fd = d->sessions[i]->watch.fd;
		if (poll(&peer, 1, 0) > 0)
			return true;
	}
	return false;
}

/* One too many is told so by closing its connection: it would wait without knowing for what. */
static void on_connect(struct watch *w)
{
	struct server *v = w->owner;
	struct session *s = free_session(&v->device);
	int fd;

	/* The next one of clients that come one by one: it is accepted as soon as there is room. */
	if (!s && is_client_leaving(&v->device))
		return;
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (!s)
		close(fd);
	if (!s || session_open(s, fd))
		warn("a client was refused: %s", last_error());
}

/*
 * Signals are received through a descriptor, so never inside a request. Two are ignored, because
 * writing returns an error too: SIGPIPE for a client's descriptor, SIGXFSZ for a file that exceeds
 * the limit of "ulimit -f".
 */
static int watch_signals(struct server *v)
{
	struct sigaction hangup;
	sigset_t set;
	int rc;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* nohup(1) ignores it; if it were blocked too, the descriptor would report it. */
	if (!sigaction(SIGHUP, NULL, &hangup) && hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
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

/* Listens, or uses the given descriptor as the only client. */
static int open_front(struct server *v)
{
	const struct options *o = &v->device.options;

	if (o->fd >= 0)
		return session_open(free_session(&v->device), o->fd);
	if (o->listen_fd >= 0)
		return listener_adopt(&v->listener, &v->device.loop, o->listen_fd);
	return listener_open(&v->listener, &v->device.loop, o->socket_path, &o->access);
}

/* Once nothing can fail any more. */
static void report_ready(const struct options *o)
{
	if (o->fd < 0)
		announce("listening on %s",
			 o->socket_path ? o->socket_path : "the service manager's socket");
	service_notify("READY=1");
}

/* Returns whether there is a client or can be one. */
static bool expect_clients(const struct server *v)
{
	return v->listener.watch.fd >= 0 || v->device.sessions[0]->watch.fd >= 0;
}

/* Returns whether to call it again without waiting for anything. */
static bool serve_clients(struct device *d)
{
	bool again = false;
	unsigned int i;

	for (i = 0; i < NEXUSES && d->sessions[i]; i++)
		again |= session_serve(d->sessions[i]);
	return again;
}

/*
 * Runs between iterations of polling. If no requests came since the last time, yields the CPU: if
 * client and target share one, the client would otherwise wait for its time slice.
 */
static void yield_if_idle(struct server *v)
{
	uint64_t requests = v->device.counters.requests;

	if (requests == v->requests_seen)
		sched_yield();
	v->requests_seen = requests;
}

/* The workers run while this thread waits. */
static void serve(struct server *v)
{
	struct device *d = &v->device;
	struct watch *event;
	bool again;

	workers_pause(d);
	if (sigsetjmp(fault_escape, 1))
		session_drop(d->serving, SESSION_TRUNCATED);
	while (!d->stop && expect_clients(v)) {
		again = serve_clients(d);
		if (again && ++v->turns % TURNS_PER_CHECK)
			continue;
		workers_resume(d);
		/* Workers get a chance, even if a client has a ring here that needs polling. */
		event = loop_next(&d->loop, again ? d->worker_count != 0 : -1);
		if (again)
			yield_if_idle(v);
		workers_pause(d);
		if (event)
			event->ready(event);
	}
	workers_resume(d);
}

/* Closes the clients first: the socket must not disappear while they are still served. */
static void close_front(struct server *v)
{
	unsigned int i;

	for (i = 0; i < NEXUSES && v->device.sessions[i]; i++)
		session_free(v->device.sessions[i]);
	while (i)
		free(v->device.sessions[--i]);
	listener_close(&v->listener, &v->device.loop);
	workers_close(&v->device);
}

static int run(struct server *v)
{
	int rc;

	v->listener.watch = (struct watch){-1, on_connect, v};
	v->signals = (struct watch){-1, on_signal, v};
	rc = loop_open(&v->device.loop);
	if (rc)
		return rc;
	rc = watch_signals(v);
	if (rc)
		goto close_loop;
	rc = control_open(&v->control, &v->device, v->device.options.control_path);
	if (rc)
		goto close_signals;
	rc = workers_open(&v->device);
	if (!rc)
		rc = open_front(v);
	if (!rc)
		rc = service_drop_privileges(&v->device.options.user);
	fault_guard();
	if (!rc)
		rc = workers_start(&v->device);
	if (!rc) {
		report_ready(&v->device.options);
		serve(v);
		service_notify("STOPPING=1");
	}
	workers_stop(&v->device);
	close_front(v);
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
	int cause = 0;
	int rc;

	stdio_open_missing();
	messages_open();
	rc = options_parse(argc, argv, &v->device.options, &v->device.luns);
	if (!rc)
		rc = run(v);
	lun_table_close(&v->device.luns);
	options_free(&v->device.options);
	/* --help and --list-features. What made an earlier write fail is not known any more. */
	if (rc > 0)
		cause = fflush(stdout) ? errno : ferror(stdout) ? EIO : 0;
	if (cause)
		rc = set_error(cause, "cannot write to standard output: %s", strerror(cause));
	if (rc < 0) {
		log_line(LOG_ERR, "%s", last_error());
		return 2;
	}
	return 0;
}
