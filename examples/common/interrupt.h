/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ctrl-C for tools with requests in flight: they start no more, collect those that are left, and
 * print what was done. A device that is lost or hangs must not delay that: it is ended by force. A
 * second signal kills the process. In a plugin, the handlers of its host are called for each signal
 * as well, and only they decide about the process.
 */
#ifndef EXAMPLES_COMMON_INTERRUPT_H
#define EXAMPLES_COMMON_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

/* The signal that was caught (SIGINT, SIGTERM or SIGHUP), or 0. */
extern atomic_int interrupted;

/*
 * interrupt_begin - Catch signals from now on
 * @flags: SA_RESTART, or 0 if a signal shall end a system call that waits
 * @force: called by a thread a second after a signal: vscsi_dev_shutdown() for each device
 * @ctx: for @force
 *
 * Signals that the caller of the program ignores stay ignored.
 *
 * Return: 0, or a negative errno.
 */
int interrupt_begin(int flags, void (*force)(void *ctx), void *ctx);

/* Whether @force was called: failed requests are no errors of the device. */
bool interrupt_forced(void);

/*
 * Call it before devices are closed, also without or after a failed interrupt_begin(). Puts the
 * handlers of a host back.
 */
void interrupt_end(void);

#endif
