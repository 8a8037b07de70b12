/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control commands: they change the device while it runs.
 */
#include "control.h"

#include <errno.h>
#include <linux/virtio_scsi.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/util/bits.h"
#include "crash.h"
#include "error.h"
#include "event.h"
#include "worker.h"

#define ANSWER_MAX 1024

/* Parses the address at the start of a command. Nothing may follow it if @rest is NULL. */
static int address(const char *text, uint8_t *target, uint16_t *number, const char **rest)
{
	const char *after;
	int rc = parse_lun_address(text, target, number, &after);

	if (rc)
		return rc;
	if (rest && *after == ' ')
		*rest = after + 1;
	else if (rest || *after)
		return set_error(EINVAL,
				 rest ? "a size is missing after '%s'"
				      : "unexpected text "
					"after '%s'",
				 text);
	return 0;
}

/* The other units of the target report the change too (SPC-4, REPORT LUNS). */
static void luns_changed(struct device *d, uint32_t reason, uint8_t target, uint16_t number)
{
	event_post(d, VIRTIO_SCSI_T_TRANSPORT_RESET, reason, target, number);
	target_attention(&d->luns, target, UA_LUNS_CHANGED, lun_find(&d->luns, target, number));
}

/*
 * A command writes its reply to @answer, which is preset to "ok", or fails with the error text set.
 */
static int run_add(struct device *d, const char *arg, char *answer)
{
	struct lun_spec spec;
	int rc;

	(void)answer;
	rc = lun_spec_parse(arg, &spec);
	if (!rc)
		rc = lun_add(&d->luns, &spec);
	if (!rc)
		luns_changed(d, VIRTIO_SCSI_EVT_RESET_RESCAN, spec.target, spec.number);
	return rc;
}

/* Removes the unit before its event is sent, so that a rescan does not find it. */
static int run_remove(struct device *d, const char *arg, char *answer)
{
	uint16_t number;
	uint8_t target;
	int rc;

	(void)answer;
	rc = address(arg, &target, &number, NULL);
	if (!rc)
		rc = lun_remove(&d->luns, target, number);
	if (!rc)
		luns_changed(d, VIRTIO_SCSI_EVT_RESET_REMOVED, target, number);
	return rc;
}

static int run_resize(struct device *d, const char *arg, char *answer)
{
	const char *text = "";
	uint16_t number;
	uint64_t size;
	uint8_t target;
	int rc;

	(void)answer;
	rc = address(arg, &target, &number, &text);
	if (!rc)
		rc = parse_size(text, &size);
	if (!rc)
		rc = lun_resize(&d->luns, target, number, size);
	/* ASC in the low byte, ASCQ in the next: 2Ah/09h (virtio 1.4, 5.6.6.3). */
	if (!rc)
		event_post(d, VIRTIO_SCSI_T_PARAM_CHANGE, 0x092a, target, number);
	return rc;
}

/* Prints all counters on one line, as every reply. */
static int run_stat(struct device *d, const char *arg, char *answer)
{
	const struct counters c = counters_of(d);
	const struct {
		const char *name;
		uint64_t value;
	} list[] = {
		{"clients", c.clients},
		{"requests", c.requests},
		{"kicks", c.kicks},
		{"calls", c.calls},
		{"bytes_in", c.bytes_in},
		{"bytes_out", c.bytes_out},
		{"check_conditions", c.check_conditions},
		{"tmfs", c.tmfs},
		{"events", c.events},
		{"events_missed", c.events_missed},
		{"broken_rings", c.broken_rings},
		{"bad_messages", c.bad_messages},
	};
	size_t n = 0;
	unsigned int i;

	if (*arg)
		return set_error(EINVAL, "stat takes no argument");
	for (i = 0; i < ARRAY_LEN(list); i++)
		n += (size_t)snprintf(answer + n, ANSWER_MAX - n, "%s\"%s\":%llu", i ? "," : "{",
				      list[i].name, (unsigned long long)list[i].value);
	snprintf(answer + n, ANSWER_MAX - n, "}");
	return 0;
}

/* Only arms the crash: the reply is "ok" whether or not it happens later. */
static int run_die(struct device *d, const char *arg, char *answer)
{
	(void)d;
	(void)answer;
	return crash_arm(arg);
}

static const struct command {
	const char *name;
	int (*run)(struct device *d, const char *arg, char *answer);
} commands[] = {
	{"add", run_add},       {"die", run_die},   {"remove", run_remove},
	{"resize", run_resize}, {"stat", run_stat},
};

/* Splits @line into command and argument, in place. */
static int run_line(struct device *d, char *line, char *answer)
{
	char *arg = strchr(line, ' ');
	unsigned int i;

	if (arg)
		*arg++ = '\0';
	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(line, commands[i].name))
			return commands[i].run(d, arg ? arg : "", answer);
	/* "die" is for tests, see vscsi-target-faults(7). */
	return set_error(EINVAL, "unknown command '%s' (expected add, remove, resize or stat)",
			 line);
}

/* Adds a reply, for which there is room. */
static void reply(struct control_client *c, const char *text)
{
	c->reply_len += (size_t)sprintf(c->replies + c->reply_len, "%s\n", text);
}

/* Executes one line. */
static void execute(struct control_client *c, char *line)
{
	char answer[ANSWER_MAX] = "ok";

	if (run_line(c->device, line, answer))
		snprintf(answer, sizeof(answer), "error: %s", last_error());
	reply(c, answer);
}

/* Removes the first @len of the @have bytes at @buffer. Returns how many are left. */
static size_t consume(char *buffer, size_t have, size_t len)
{
	memmove(buffer, buffer + len, have - len);
	return have - len;
}

/*
 * Executes the complete lines while there is room for replies. Too long a line ends the connection.
 * Returns whether a line is left.
 */
static bool execute_lines(struct control_client *c)
{
	char *end;

	while ((end = memchr(c->line, '\n', c->have)) || c->have == sizeof(c->line)) {
		if (c->reply_len + ANSWER_MAX + 1 > sizeof(c->replies))
			return true;
		if (!end) {
			reply(c, "error: the command is too long");
			c->have = 0;
			c->ended = true;
			return false;
		}
		*end++ = '\0';
		execute(c, c->line);
		c->have = consume(c->line, c->have, (size_t)(end - c->line));
	}
	return false;
}

/* A line may arrive in parts, and several lines at once. */
static void receive(struct control_client *c)
{
	ssize_t n;

	if (c->ended || c->have == sizeof(c->line))
		return;
	n = recv(c->watch.fd, c->line + c->have, sizeof(c->line) - c->have, MSG_DONTWAIT);
	if (n > 0)
		c->have += (size_t)n;
	else if (!n || (errno != EAGAIN && errno != EINTR))
		c->ended = true;
}

/* The commands of a client that has disconnected are executed too, and the replies dropped. */
static void send_replies(struct control_client *c)
{
	ssize_t n;

	n = send(c->watch.fd, c->replies, c->reply_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->reply_len = consume(c->replies, c->reply_len, n < 0 ? c->reply_len : (size_t)n);
}

/*
 * The target never waits for a client. If one doesn't read its replies, no more of its commands are
 * received once the buffers for both are full; the kernel keeps the rest.
 */
static void on_client_ready(struct watch *w)
{
	struct control_client *c = w->owner;
	uint32_t events = 0;
	bool left;

	receive(c);
	left = execute_lines(c);
	send_replies(c);
	if (c->ended && !left && !c->reply_len) {
		loop_remove(&c->device->loop, w);
		return;
	}
	if (!c->ended && c->have < sizeof(c->line))
		events |= EPOLLIN;
	if (left || c->reply_len)
		events |= EPOLLOUT;
	loop_change(&c->device->loop, w, events);
}

/* Closes a connection that exceeds the limit at once. */
static void on_client(struct watch *w)
{
	struct control *c = w->owner;
	struct control_client *client;
	unsigned int i;
	int fd;

	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	for (i = 0; i < CONTROL_CLIENTS; i++) {
		client = &c->clients[i];
		if (client->watch.fd >= 0)
			continue;
		client->ended = false;
		client->have = 0;
		client->reply_len = 0;
		if (loop_add(&c->device->loop, &client->watch, fd))
			break;
		return;
	}
	close(fd);
}

/* The descriptors are -1 until opened, so that control_close is allowed at any point. */
int control_open(struct control *c, struct device *d, const char *path)
{
	unsigned int i;

	c->device = d;
	c->listener.watch = (struct watch){-1, on_client, c};
	for (i = 0; i < CONTROL_CLIENTS; i++) {
		c->clients[i].watch = (struct watch){-1, on_client_ready, &c->clients[i]};
		c->clients[i].device = d;
	}
	return path ? listener_open(&c->listener, &d->loop, path, NULL) : 0;
}

void control_close(struct control *c)
{
	unsigned int i;

	listener_close(&c->listener, &c->device->loop);
	for (i = 0; i < CONTROL_CLIENTS; i++)
		loop_remove(&c->device->loop, &c->clients[i].watch);
}
