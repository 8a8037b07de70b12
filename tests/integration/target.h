/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of these tests: vscsi-target processes. Starts and stops them, and sends control
 * commands. For one thread only.
 */
#ifndef INTEGRATION_TARGET_H
#define INTEGRATION_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Timeout for everything that must happen: far longer than it ever takes, and four times the
 * longest limit of the library, so that what exceeds that is told from what never happens.
 */
#define TIMEOUT_MS 120000

/* Maximum number of arguments of a target. */
#define TARGET_ARGS 32

/*
 * struct target - A vscsi-target process
 * @pid: its process id, 0 if none is running
 * @output: its standard output
 * @socket: path of the vhost-user socket, relative to the working directory
 * @control: path of the control socket
 * @address: "vhost-user:" and @socket, for vscsi_dev_open()
 */
struct target {
	pid_t pid;
	int output;
	char socket[32];
	char control[40];
	char address[48];
};

/* Monotonic milliseconds. */
uint64_t now_ms(void);

/*
 * enter_work_dir - Create a directory below the build directory, and change to it
 *
 * Paths of sockets must be short, so all are relative to it. Exits the program on failure.
 */
void enter_work_dir(void);

/* Leaves the directory and removes it with its contents. */
void leave_work_dir(void);

/*
 * target_start - Start a target and wait until it listens
 * @target: receives it; stop it with target_stop()
 * @name: distinguishes concurrent targets; a target that is started again with the same name
 *	listens on the same socket
 * @args: its arguments except --socket and --control, terminated by NULL
 *
 * The program is $VSCSI_TARGET. The environment variable VSCSI_TARGET_OFF can name features that
 * targets must not offer, and VSCSI_TARGET_QUEUES_PER_THREAD gives them threads.
 * The target dies with the test program. Fails the test if it does not start.
 */
void target_start(struct target *target, const char *name, const char *const *args);

/*
 * target_stop - Stop a target with SIGTERM
 * @target: the target; does nothing if it is not running
 *
 * Return: whether it exited with status 0 in time.
 */
bool target_stop(struct target *target);

/* Kills a target with SIGKILL: its socket stays, as after a crash. */
void target_kill(struct target *target);

/* Whether a target has exited; call target_stop() or target_await_crash() next. */
bool target_has_ended(const struct target *target);

/* Waits until a target is killed by its control command "die". */
void target_await_crash(struct target *target);

/*
 * Listens in the place of a target, which accepts connections and says nothing. Closing it leaves
 * the socket, on which no process listens then.
 */
int target_listen(const char *path);

/* Stops a target with SIGSTOP and waits until it is stopped; target_thaw() continues it. */
void target_freeze(const struct target *target);
void target_thaw(const struct target *target);

/*
 * target_command - Send a command to the control socket
 * @target: a running target
 * @answer: receives the reply without line feed; may be NULL
 * @size: bytes of @answer
 * @format: the command, without line feed
 *
 * Fails the test if the reply is "error: ..." or missing.
 */
void target_command(const struct target *target, char *answer, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * What the environment tells of the targets, which can be another maker's: whether none offers this
 * feature (VSCSI_TARGET_OFF), and how many request queues one has at most (VSCSI_TARGET_QUEUES).
 */
bool target_lacks(const char *feature);
uint32_t target_max_queues(void);

/* Skips the test if targets lack the feature that it is about. */
void need_feature(const char *feature);

/* A counter of the control command "stat". */
uint64_t target_counter(const struct target *target, const char *name);

#endif
