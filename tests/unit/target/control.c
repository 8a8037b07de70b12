/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client of the control socket that reads its replies late or never. Socket buffers have any
 * size, so commands are sent until they are full.
 */
#include "target.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "target/control.h"

static struct device device;
static struct control control;

/* More often than there are events: each is handled and none is repeated for ever. */
static void run_loop(void)
{
	unsigned i;

	for (i = 0; i < 100; i++)
		loop_wait(&device.loop, 0);
}

static int connect_client(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "control"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	run_loop();
	assert_true(control.clients[0].watch.fd >= 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_DONTWAIT), strlen(text));
	run_loop();
}

/* Sends commands until there is a reply that the socket doesn't take. Returns how many. */
static unsigned fill_replies(int fd)
{
	unsigned count = 0;

	while (!control.clients[0].reply_len) {
		send_text(fd, "stat\n");
		count++;
	}
	return count;
}

/* More commands than there is room for replies to; as one piece, for which there is room. */
static unsigned send_more(int fd)
{
	char text[5 * 2000 + 1];
	unsigned i;

	for (i = 0; i < 2000; i++)
		memcpy(text + 5 * i, "stat\n", 6);
	send_text(fd, text);
	return 2000;
}

/* Reads to the end of the connection; returns the number of lines. */
static unsigned read_replies(int fd)
{
	char text[4096];
	unsigned count = 0;
	ssize_t n, i;

	do {
		run_loop();
		n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
		for (i = 0; i < n; i++)
			count += text[i] == '\n';
	} while (n > 0);
	assert_int_equal(n, 0);
	return count;
}

static int start(void **state)
{
	(void)state;
	device = (struct device){.options = {.control_path = "control"}};
	return loop_open(&device.loop) || control_open(&control, &device, "control");
}

static int stop(void **state)
{
	(void)state;
	control_close(&control);
	lun_table_close(&device.luns);
	loop_close(&device.loop);
	return 0;
}

/* Nothing more is received, but replies are still to be sent. */
static void half_closed(void **state)
{
	int fd = connect_client();
	unsigned count = fill_replies(fd);

	(void)state;
	shutdown(fd, SHUT_WR);
	run_loop();
	assert_int_equal(read_replies(fd), count);
	assert_int_equal(control.clients[0].watch.fd, -1);
	close(fd);
}

/* With all buffers full, commands wait; none is lost. */
static void all_buffers_full(void **state)
{
	int fd = connect_client();
	unsigned count = fill_replies(fd);

	(void)state;
	count += send_more(fd);
	assert_true(control.clients[0].reply_len > CONTROL_REPLIES - 2048);
	send_text(fd, "add 0:0,null=1M\n");
	assert_null(lun_find(&device.luns, 0, 0));
	shutdown(fd, SHUT_WR);
	assert_int_equal(read_replies(fd), count + 1);
	assert_non_null(lun_find(&device.luns, 0, 0));
	close(fd);
}

/* What was sent before is executed. */
static void closed(void **state)
{
	int fd = connect_client();

	(void)state;
	fill_replies(fd);
	send_more(fd);
	send_text(fd, "add 0:0,null=1M\n");
	assert_null(lun_find(&device.luns, 0, 0));
	close(fd);
	run_loop();
	assert_non_null(lun_find(&device.luns, 0, 0));
	assert_int_equal(control.clients[0].watch.fd, -1);
}

/* A message about a line that is too long finds room too. */
static void too_long(void **state)
{
	static char line[CONTROL_LINE];
	int fd = connect_client();
	unsigned count = fill_replies(fd);

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	for (; control.clients[0].reply_len < CONTROL_REPLIES - CONTROL_LINE; count++)
		send_text(fd, "stat\n");
	send_text(fd, line);
	send_text(fd, "x");
	assert_int_equal(read_replies(fd), count + 1);
	assert_int_equal(control.clients[0].watch.fd, -1);
	close(fd);
}

int control_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(half_closed, start, stop),
		cmocka_unit_test_setup_teardown(all_buffers_full, start, stop),
		cmocka_unit_test_setup_teardown(closed, start, stop),
		cmocka_unit_test_setup_teardown(too_long, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
