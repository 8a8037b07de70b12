/* SPDX-License-Identifier: BSD-3-Clause */
/* The rig's life: its thread, its sockets, one connection after the other. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig/internal.h"

struct rig_opts rig_defaults(void)
{
	return (struct rig_opts){
		.features = RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_INOUT |
			    RIG_F_HOTPLUG | RIG_F_CHANGE | RIG_F_PROTOCOL,
		.protocol = RIG_P_MQ | RIG_P_REPLY_ACK | RIG_P_BACKEND_REQ | RIG_P_CONFIG |
			    RIG_P_RESET_DEVICE | RIG_P_MEM_SLOTS | RIG_P_STATUS,
		.queues = 10,
		.slots = 32,
		.config =
			{
				.num_queues = 8,
				.seg_max = 126,
				.max_sectors = 8192,
				.cmd_per_lun = 128,
				.event_info_size = 16,
				.sense_size = 96,
				.cdb_size = 32,
				.max_target = 7,
				.max_lun = 7,
			},
	};
}

/* Everything that belongs to one connection goes with it. */
static void disconnect(struct rig *rig)
{
	if (rig->fd >= 0)
		close(rig->fd);
	if (rig->channel >= 0)
		close(rig->channel);
	rig->fd = -1;
	rig->channel = -1;
	vring_free(rig);
	memory_free(rig);
	inflight_hang_up(rig);
	rig->features = 0;
	rig->protocol = 0;
	rig->owner = false;
	rig->status = 0;
	rig->connection++;
	rig_changed(rig);
}

static void keep_record(struct rig *rig, const struct message *m)
{
	struct rig_record *r;
	struct stat st;
	unsigned i;

	/* Room grows by doubling: at each power of two it is full. */
	if (rig->count >= FIRST_RECORDS && !(rig->count & (rig->count - 1)))
		rig->records = realloc(rig->records, 2 * rig->count * sizeof(*rig->records));
	r = &rig->records[rig->count];
	*r = (struct rig_record){
		.request = m->head.request,
		.flags = m->head.flags,
		.size = m->head.size,
		.nfds = m->nfds,
		.first_nfds = m->first_nfds,
		.connection = rig->connection,
	};
	for (i = 0; i < m->nfds; i++) {
		if (fstat(m->fds[i], &st) == 0)
			r->inodes[i] = st.st_ino;
	}
	memcpy(r->payload, m->payload, sizeof(r->payload));
	rig->count++;
	rig_changed(rig);
}

/*
 * The fault is chosen when the header is there. Its limit on bytes counts from the first byte of
 * the message, so one that ends inside the header has to be known before: it is looked up by
 * RIG_ANY.
 */
static size_t read_limit(struct rig *rig)
{
	if (rig->nfaults && rig->faults[0].kind == RIG_FAULT_READ_CLOSE &&
	    rig->faults[0].skip == 0 && rig->faults[0].request == RIG_ANY)
		return (size_t)rig->faults[0].arg;
	return SIZE_MAX;
}

/* Returns false when the connection is to end. */
static bool handle(struct rig *rig, struct message *m, size_t limit)
{
	struct answer a = {.times = 1};
	struct rig_fault fault;

	fault = script_next(rig, m->head.request);
	if (fault.kind == RIG_FAULT_READ_CLOSE)
		limit = (size_t)fault.arg;
	if (fault.kind == RIG_FAULT_HALF)
		script_stall(rig);
	if (limit < sizeof(m->head) ||
	    !wire_read_payload(rig->fd, m, limit == SIZE_MAX ? limit : limit - sizeof(m->head)))
		return false;
	if (fault.kind == RIG_FAULT_READ_CLOSE)
		return false;
	keep_record(rig, m);
	if (fault.before)
		fault.before(rig, fault.ctx);
	/* What isn't known can't be answered: the front-end would wait for ever. */
	if (!grammar_check(rig, m))
		return false;
	answer_message(rig, m, &a);
	rig_changed(rig);
	script_answer(rig, &fault, &a);
	return true;
}

static void serve_message(struct rig *rig)
{
	struct message m = {.nfds = 0};
	size_t limit = read_limit(rig);
	bool ok;

	if (script_is_unread(rig))
		script_stall(rig);
	ok = wire_read_head(rig->fd, &m, limit) && handle(rig, &m, limit);
	wire_close_fds(&m);
	if (!ok)
		disconnect(rig);
}

/* While a connection exists, others wait in the listener's backlog. */
static void take_connection(struct rig *rig)
{
	rig->fd = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
	rig_changed(rig);
}

#define FIXED 2

/* Kicks are watched only by a rig that serves; else they are left for rig_kicks() to count. */
static nfds_t gather(struct rig *rig, struct pollfd *fds, unsigned *queues)
{
	nfds_t n = FIXED;
	unsigned i;

	fds[0] = (struct pollfd){.fd = rig->wake, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = rig->fd >= 0 ? rig->fd : rig->listener, .events = POLLIN};
	for (i = 0; i < RIG_MAX_RINGS; i++) {
		bool wants = rig->opts.on_chain || rig->opts.start_on_kick;

		if (rig->rings[i].kick < 0 || !wants)
			continue;
		queues[n] = i;
		fds[n++] = (struct pollfd){.fd = rig->rings[i].kick, .events = POLLIN};
	}
	return n;
}

/*
 * A message may stop a ring and so close its kick: kicks go first, and only if it is still the one.
 */
static void dispatch(struct rig *rig, const struct pollfd *fds, nfds_t n, const unsigned *queues)
{
	nfds_t i;

	for (i = FIXED; i < n; i++) {
		if (fds[i].revents && rig->rings[queues[i]].kick == fds[i].fd)
			ring_kicked(rig, queues[i]);
	}
	if (!fds[1].revents)
		return;
	if (rig->fd >= 0)
		serve_message(rig);
	else
		take_connection(rig);
}

/*
 * Nothing but @wake was there to be handled: the waiting thread is told, else it is repeated. What
 * was there before it asked does not count: what it has sent since then isn't among it.
 */
static void settle(struct rig *rig, const struct pollfd *fds, nfds_t n, bool asked)
{
	bool idle = asked;
	nfds_t i;

	for (i = 1; i < n; i++)
		idle = idle && !fds[i].revents;
	if (idle && rig->settling) {
		rig->settling = false;
		rig_changed(rig);
	}
	if (rig->settling)
		eventfd_write(rig->wake, 1);
}

static void *run(void *ctx)
{
	struct rig *rig = ctx;
	struct pollfd fds[FIXED + RIG_MAX_RINGS];
	unsigned queues[FIXED + RIG_MAX_RINGS];
	eventfd_t ignored;
	bool asked;
	nfds_t n;

	rig_lock(rig);
	while (!rig->stopping) {
		/* The lock is free while nothing happens: that is when the test looks around. */
		n = gather(rig, fds, queues);
		asked = rig->settling;
		rig_unlock(rig);
		poll(fds, n, -1);
		rig_lock(rig);
		if (fds[0].revents)
			eventfd_read(rig->wake, &ignored);
		if (!rig->stopping)
			dispatch(rig, fds, n, queues);
		settle(rig, fds, n, asked);
	}
	disconnect(rig);
	rig_unlock(rig);
	return NULL;
}

static void listen_on(struct rig *rig, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	snprintf(rig->address, sizeof(rig->address), "%s", path);
	unlink(path);
	rig->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(rig->listener, (struct sockaddr *)&addr, sizeof(addr)) || listen(rig->listener, 1))
		fail_msg("listening on %s: %s", path, strerror(errno));
}

static void make_pair(struct rig *rig)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail_msg("socketpair: %s", strerror(errno));
	rig->fd = pair[0];
	rig->theirs = pair[1];
	snprintf(rig->address, sizeof(rig->address), "fd=%d", pair[1]);
}

/* Recursive, as callbacks of the rig's thread, which holds it, use the public functions. */
static void make_lock(struct rig *rig)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&rig->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_cond_init(&rig->changed, NULL);
}

struct rig *rig_start(const struct rig_opts *opts)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	unsigned i;

	rig->opts = opts ? *opts : rig_defaults();
	rig->records = calloc(FIRST_RECORDS, sizeof(*rig->records));
	rig->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rig->listener = rig->fd = rig->theirs = rig->channel = rig->area.fd = -1;
	for (i = 0; i < RIG_MAX_RINGS; i++)
		rig->rings[i].kick = rig->rings[i].call = rig->rings[i].err = -1;
	make_lock(rig);
	if (rig->opts.path)
		listen_on(rig, rig->opts.path);
	else
		make_pair(rig);
	if (pthread_create(&rig->thread, NULL, run, rig))
		fail_msg("no thread for the rig");
	return rig;
}

void rig_stop(struct rig *rig)
{
	char violation[sizeof(rig->violation)];
	bool failed;

	rig_lock(rig);
	rig->stopping = true;
	/* A read or write on it in the thread returns at once. */
	if (rig->fd >= 0)
		shutdown(rig->fd, SHUT_RDWR);
	rig_changed(rig);
	rig_unlock(rig);
	eventfd_write(rig->wake, 1);
	pthread_join(rig->thread, NULL);
	inflight_free(rig);
	/* Everything is freed before the test may fail: cmocka leaves by a jump. */
	failed = rig->violated && !rig->fetched;
	memcpy(violation, rig->violation, sizeof(violation));
	if (rig->listener >= 0) {
		close(rig->listener);
		unlink(rig->opts.path);
	}
	if (rig->theirs >= 0)
		close(rig->theirs);
	close(rig->wake);
	pthread_mutex_destroy(&rig->lock);
	pthread_cond_destroy(&rig->changed);
	free(rig->records);
	free(rig);
	if (failed)
		fail_msg("the front-end broke a rule: %s", violation);
}

void rig_settle(struct rig *rig)
{
	rig_lock(rig);
	rig->settling = true;
	eventfd_write(rig->wake, 1);
	while (rig->settling && !rig->stalled && rig_wait(rig, "it to have nothing to do"))
		;
	rig->settling = false;
	rig_unlock(rig);
}

void rig_become(struct rig *rig, const struct rig_opts *opts)
{
	struct rig_opts now = *opts;

	rig_lock(rig);
	now.path = rig->opts.path;
	now.on_chain = rig->opts.on_chain;
	now.ctx = rig->opts.ctx;
	rig->opts = now;
	rig_unlock(rig);
	rig_hang_up(rig);
}

const char *rig_address(struct rig *rig)
{
	return rig->address;
}

void rig_taken(struct rig *rig)
{
	rig_lock(rig);
	rig->theirs = -1;
	rig_unlock(rig);
}

int rig_socket(struct rig *rig)
{
	return rig->theirs;
}

void rig_send_raw(struct rig *rig, const void *bytes, size_t len, unsigned nfds)
{
	rig_lock(rig);
	wire_write(rig->fd, bytes, len, nfds, 0, false);
	rig_unlock(rig);
}

void rig_hang_up(struct rig *rig)
{
	unsigned connection;

	rig_lock(rig);
	connection = rig->connection;
	if (rig->fd >= 0)
		shutdown(rig->fd, SHUT_RDWR);
	/* The next one may be there before this thread looks. */
	while (rig->fd >= 0 && rig->connection == connection &&
	       rig_wait(rig, "the end of the connection"))
		;
	rig_unlock(rig);
}
