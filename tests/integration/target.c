/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts, controls and stops vscsi-target processes. Each wait has a timeout, and each process is
 * waited for by its process id.
 */
#include "target.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[PATH_MAX];

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void enter_work_dir(void)
{
	const char *root = getenv("MESON_BUILD_ROOT");
	char name[sizeof(folder)];

	snprintf(name, sizeof(name), "%s/integration.XXXXXX", root ? root : ".");
	if (!mkdtemp(name) || !realpath(name, folder) || chdir(folder)) {
		perror(name);
		exit(1);
	}
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

void leave_work_dir(void)
{
	if (chdir("/") || nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS))
		perror(folder);
}

static void run_child(const char *const *argv, int output)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(output, STDOUT_FILENO) >= 0)
		execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Reads up to the line that says that it listens. */
static void await_listening(struct target *target)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct pollfd pfd = {.fd = target->output, .events = POLLIN};
	char line[256] = "";
	size_t have = 0;

	while (!strchr(line, '\n') && have < sizeof(line) - 1) {
		uint64_t now = now_ms();
		ssize_t got;

		assert_true(now < limit && poll(&pfd, 1, (int)(limit - now)) > 0);
		got = read(target->output, line + have, sizeof(line) - 1 - have);
		assert_true(got > 0);
		have += (size_t)got;
		line[have] = '\0';
	}
	assert_memory_equal(line, "listening on ", 13);
}

void target_start(struct target *target, const char *name, const char *const *args)
{
	char socket_arg[64];
	char control_arg[64];
	const char *argv[TARGET_ARGS + 7] = {getenv("VSCSI_TARGET"), socket_arg, control_arg,
					     "--in-order"};
	const char *off = getenv("VSCSI_TARGET_OFF");
	const char *threads = getenv("VSCSI_TARGET_QUEUES_PER_THREAD");
	char threads_arg[32];
	char off_arg[64];
	unsigned count = 4;
	int pipefd[2];
	unsigned i;

	assert_non_null(argv[0]);
	snprintf(target->socket, sizeof(target->socket), "%s.sock", name);
	snprintf(target->control, sizeof(target->control), "%s.control", name);
	snprintf(target->address, sizeof(target->address), "vhost-user:%s", target->socket);
	snprintf(socket_arg, sizeof(socket_arg), "--socket=%s", target->socket);
	snprintf(control_arg, sizeof(control_arg), "--control=%s", target->control);
	if (off) {
		snprintf(off_arg, sizeof(off_arg), "--off=%s", off);
		argv[count++] = off_arg;
	}
	if (threads) {
		snprintf(threads_arg, sizeof(threads_arg), "--queues-per-thread=%s", threads);
		argv[count++] = threads_arg;
	}
	for (i = 0; args[i]; i++) {
		assert_true(i < TARGET_ARGS);
		argv[count++] = args[i];
	}
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	target->output = pipefd[0];
	target->pid = fork();
	if (!target->pid)
		run_child(argv, pipefd[1]);
	close(pipefd[1]);
	assert_true(target->pid > 0);
	await_listening(target);
}

/* Its output ends when the process does: no other process has the write end. */
static bool await_end(const struct target *target)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct pollfd pfd = {.fd = target->output, .events = POLLIN};
	char rest[256];

	for (;;) {
		uint64_t now = now_ms();

		if (now >= limit || poll(&pfd, 1, (int)(limit - now)) <= 0)
			return false;
		if (read(pfd.fd, rest, sizeof(rest)) <= 0)
			return true;
	}
}

/* Waits for the process to exit; kills it after a timeout. */
static int reap(struct target *target)
{
	bool ended = await_end(target);
	int status = -1;

	if (!ended)
		kill(target->pid, SIGKILL);
	waitpid(target->pid, &status, 0);
	close(target->output);
	target->pid = 0;
	return ended ? status : -1;
}

bool target_stop(struct target *target)
{
	int status;

	if (!target->pid)
		return true;
	kill(target->pid, SIGCONT);
	kill(target->pid, SIGTERM);
	status = reap(target);
	return status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void target_kill(struct target *target)
{
	kill(target->pid, SIGKILL);
	reap(target);
}

bool target_has_ended(const struct target *target)
{
	siginfo_t info = {.si_pid = 0};

	assert_int_equal(waitid(P_PID, (id_t)target->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid;
}

void target_await_crash(struct target *target)
{
	int status = reap(target);

	assert_true(status >= 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void target_freeze(const struct target *target)
{
	int status;

	assert_int_equal(kill(target->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(target->pid, &status, WUNTRACED), target->pid);
	assert_true(WIFSTOPPED(status));
}

void target_thaw(const struct target *target)
{
	assert_int_equal(kill(target->pid, SIGCONT), 0);
}

int target_listen(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	unlink(path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int connect_control(const struct target *target)
{
	struct timeval limit = {.tv_sec = TIMEOUT_MS / 1000};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(addr.sun_path, target->control);
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

void target_command(const struct target *target, char *answer, size_t size, const char *format, ...)
{
	char line[1024];
	va_list args;
	ssize_t got;
	int len;
	int fd;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	fd = connect_control(target);
	assert_int_equal(send(fd, line, (size_t)len, MSG_NOSIGNAL), len);
	/* The target sends each reply with one call, which a local stream does not split. */
	got = recv(fd, line, sizeof(line), 0);
	close(fd);
	assert_true(got > 0 && line[got - 1] == '\n');
	line[got - 1] = '\0';
	if (!strncmp(line, "error", 5))
		fail_msg("the target replied: %s", line);
	if (answer)
		snprintf(answer, size, "%s", line);
}

bool target_lacks(const char *feature)
{
	const char *at = getenv("VSCSI_TARGET_OFF");
	size_t len = strlen(feature);

	for (; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, feature, len) && strchr(",", at[len]))
			return true;
	}
	return false;
}

uint32_t target_max_queues(void)
{
	const char *queues = getenv("VSCSI_TARGET_QUEUES");

	return queues ? (uint32_t)strtoul(queues, NULL, 10) : 254;
}

void need_feature(const char *feature)
{
	if (!target_lacks(feature))
		return;
	print_message("the target doesn't offer %s\n", feature);
	skip();
}

uint64_t target_counter(const struct target *target, const char *name)
{
	char json[1024];
	char key[64];
	const char *at;

	target_command(target, json, sizeof(json), "stat");
	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(json, key);
	assert_non_null(at);
	return strtoull(at + strlen(key), NULL, 10);
}
