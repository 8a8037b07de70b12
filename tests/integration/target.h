/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of these tests: vscsi-target as a process of its own. This starts it, talks to
 * its control socket and ends it; what is done with the library is in disk.h. Not for several
 * threads.
 */
#ifndef INTEGRATION_TARGET_H
#define INTEGRATION_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest that anything that must happen may take; far more than it ever does. */
#define PATIENCE_MS 30000

/* Most arguments of a target. */
#define TARGET_ARGS 32

/**
 * struct target - A vscsi-target
 * @pid: its process, 0 when none runs
 * @output: where its standard output is read
 * @socket: path of the socket that it listens on, relative to the working folder
 * @control: path of its control socket
 * @address: "vhost-user:" and @socket, to be handed to vscsi_dev_open()
 */
struct target {
	pid_t pid;
	int output;
	char socket[32];
	char control[40];
	char address[48];
};

/* Milliseconds of a clock that is never set. */
uint64_t now_ms(void);

/**
 * work_begin - Make a folder for sockets and files under the build folder, and work in it
 *
 * Paths of sockets are short; so all are relative to it. Fails the program, not a test.
 */
void work_begin(void);

/* Leaves the folder and takes it away, with the files in it. */
void work_end(void);

/**
 * target_start - Start a target and wait until it listens
 * @target: receives it; end it with target_stop()
 * @name: distinguishes targets that run at the same time; a target that is started again with the
 *	same name listens on the same socket
 * @args: its arguments but --socket and --control, NULL behind the last
 *
 * The environment may name features that no target is to offer: VSCSI_TARGET_OFF.
 * Should the test program die, the target does too. Fails the test when it doesn't come up.
 */
void target_start(struct target *target, const char *name, const char *const *args);

/**
 * target_stop - End a target by SIGTERM
 * @target: the target; nothing happens when it doesn't run
 *
 * Return: whether it ended by itself with status 0, in time.
 */
bool target_stop(struct target *target);

/* Ends a target by SIGKILL: its socket stays, as after a crash. */
void target_kill(struct target *target);

/* Whether a target has ended by itself; target_stop() or target_await_crash() follows. */
bool target_has_ended(const struct target *target);

/* Waits until a target ends as by SIGKILL, as its control command "die" has it do. */
void target_await_crash(struct target *target);

/* Has a target stand still by SIGSTOP and returns once it does; target_thaw() ends that. */
void target_freeze(const struct target *target);
void target_thaw(const struct target *target);

/**
 * target_command - Send a command to the control socket
 * @target: a running target
 * @answer: receives the line that comes back, without line feed; may be NULL
 * @size: bytes of @answer
 * @format: the command, without line feed
 *
 * Fails the test when the answer is "error: ..." or none.
 */
void target_command(const struct target *target, char *answer, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* One of the numbers that the control command "stat" prints. */
uint64_t target_counter(const struct target *target, const char *name);

#endif
