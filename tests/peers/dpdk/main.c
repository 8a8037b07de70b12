/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts and ends the back-end. It takes vscsi-target's options. With VSCSI_PEER_START=device in
 * the environment, it serves no ring before all are ready.
 */
#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <rte_eal.h>

#include "../src/util/bits.h"
#include "backend.h"
#include "common/stdio.h"
#include "target/control.h"
#include "target/error.h"

struct backend backend = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct control control;

/*
 * No hugepages, no devices, nothing shared; files next to the socket. EAL binds this thread to a
 * CPU, which a program of DPDK has to itself: undone.
 */
static int start_eal(const char *socket_path)
{
	char *folder = strdup(socket_path);
	char cpu[16];
	char *argv[] = {"peer-dpdk", "--no-huge",      "--no-shconf", "--no-pci", "-m",
			"16",        "--no-telemetry", "-l",          cpu,        "--log-level=4"};
	bool named = folder && !setenv("RUNTIME_DIRECTORY", dirname(folder), 1);
	cpu_set_t cpus;

	free(folder);
	if (!named)
		return set_error(ENOMEM, "no memory left");
	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	if (sched_getaffinity(0, sizeof(cpus), &cpus) || rte_eal_init(ARRAY_LEN(argv), argv) < 0 ||
	    sched_setaffinity(0, sizeof(cpus), &cpus))
		return set_error(EIO, "DPDK can't start");
	return 0;
}

static void on_signal(struct watch *w)
{
	(void)w;
	backend.device.stop = true;
}

/* SIGUSR1 is only for a thread of librte_vhost, see vhost.c. */
static int watch_signals(struct watch *signals)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*signals = (struct watch){-1, on_signal, NULL};
	if (loop_add(&backend.device.loop, signals, signalfd(-1, &set, SFD_CLOEXEC)))
		return -1;
	sigaddset(&set, SIGUSR1);
	return sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Waits without the lock, which librte_vhost's thread wants. */
static void serve(void)
{
	struct pollfd events = {.fd = backend.device.loop.epoll_fd, .events = POLLIN};
	bool again;

	while (!backend.device.stop) {
		pthread_mutex_lock(&backend.lock);
		again = session_serve(&backend.session);
		again |= rings_call_again();
		pthread_mutex_unlock(&backend.lock);
		if (again)
			sched_yield();
		poll(&events, 1, again ? 0 : -1);
		pthread_mutex_lock(&backend.lock);
		loop_wait(&backend.device.loop, 0);
		pthread_mutex_unlock(&backend.lock);
	}
}

static int run(void)
{
	const struct options *options = &backend.device.options;
	struct watch signals;
	int rc;

	session_init(&backend.session, &backend.device, 0);
	backend.session.ring_count = RINGS_MAX;
	rc = loop_open(&backend.device.loop);
	if (!rc)
		rc = watch_signals(&signals);
	if (!rc)
		rc = control_open(&control, &backend.device, options->control_path);
	if (!rc)
		rc = start_eal(options->socket_path);
	if (!rc)
		rc = vhost_listen(options->socket_path);
	if (rc)
		return rc;
	announce("listening on %s", options->socket_path);
	serve();
	rte_vhost_driver_unregister(options->socket_path);
	control_close(&control);
	free(backend.memory);
	rte_eal_cleanup();
	if (backend.device.counters.broken_rings)
		return set_error(EPROTO, "the driver broke a rule");
	return 0;
}

int main(int argc, char **argv)
{
	const char *start = getenv("VSCSI_PEER_START");
	int rc;

	stdio_open_missing();
	messages_open();
	backend.all_or_none = start && !strcmp(start, "device");
	rc = options_parse(argc, argv, &backend.device.options, &backend.device.luns);
	if (!rc)
		rc = run();
	lun_table_close(&backend.device.luns);
	if (rc < 0)
		warn("%s", last_error());
	return rc < 0 ? 2 : 0;
}
