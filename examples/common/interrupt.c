/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The signal handler wakes a thread through an eventfd. That calls @force if interrupt_end() does
 * not come first, whatever the program's own threads wait for.
 */
#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LIMIT_MS 1000

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

atomic_int interrupted;

/* Of each number: what was there before. A program that has a handler is the host of a plugin. */
static struct sigaction previous[NSIG];

static struct {
	pthread_t thread;
	void (*force)(void *ctx);
	void *ctx;
	int wakeup; /* counts the signal and interrupt_end() */
	bool running;
	atomic_bool forced;
} watch;

static void wake(void)
{
	const uint64_t one = 1;
	ssize_t ret = write(watch.wakeup, &one, sizeof(one));

	/* Two never fill the counter. */
	(void)ret;
}

static bool is_hosted(int number)
{
	return previous[number].sa_handler != SIG_DFL && previous[number].sa_handler != SIG_IGN;
}

static void on_signal(int number)
{
	int cause = errno;

	if (!interrupted) {
		interrupted = number;
		wake();
	} else if (!is_hosted(number)) {
		signal(number, SIG_DFL);
		raise(number);
	}
	if (is_hosted(number))
		previous[number].sa_handler(number);
	errno = cause;
}

static void *watch_main(void *arg)
{
	struct pollfd ended = {.fd = watch.wakeup, .events = POLLIN};
	uint64_t count;

	(void)arg;
	if (read(watch.wakeup, &count, sizeof(count)) != sizeof(count) || !interrupted ||
	    poll(&ended, 1, LIMIT_MS))
		return NULL;
	watch.forced = true;
	watch.force(watch.ctx);
	return NULL;
}

/* With all signals blocked, so that they interrupt the program's own threads. */
static int start_thread(void)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&watch.thread, NULL, watch_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	watch.running = !ret;
	return -ret;
}

int interrupt_begin(int flags, void (*force)(void *ctx), void *ctx)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
	unsigned i;
	int ret;

	watch.force = force;
	watch.ctx = ctx;
	watch.wakeup = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	if (watch.wakeup < 0)
		return -errno;
	ret = start_thread();
	for (i = 0; !ret && i < NUMBERS; i++) {
		if (!sigaction(numbers[i], NULL, &previous[numbers[i]]) &&
		    previous[numbers[i]].sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
	return ret;
}

bool interrupt_forced(void)
{
	return watch.forced;
}

void interrupt_end(void)
{
	unsigned i;

	if (!watch.running)
		return;
	for (i = 0; i < NUMBERS; i++) {
		if (is_hosted(numbers[i]))
			sigaction(numbers[i], &previous[numbers[i]], NULL);
	}
	wake();
	pthread_join(watch.thread, NULL);
	watch.running = false;
}
