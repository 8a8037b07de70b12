/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixture. */
#include "user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct person persons[PERSONS] = {
	{"plain", 0, UINT64_C(0x110000007), 6, 16, 256, 8},
	{"QEMU 7.2",
	 SERVER_NEEDS_PLACE | SERVER_FORGETS | SERVER_NEEDS_ENABLE | SERVER_NEEDS_PLATFORM |
		 SERVER_ECHOES,
	 UINT64_C(0x10330000006), 6, 8, 256, 8},
	{"SPDK 26.05",
	 SERVER_ZEROES | SERVER_WEDGES | SERVER_LAZY | SERVER_POLLS | SERVER_MAPPABLE |
		 SERVER_ALL_QUEUES | SERVER_NEEDS_UNMASK,
	 UINT64_C(0x110000007), 64, 64, 4096, 8},
	{"SPDK 26.05, packed", SERVER_ZEROES | SERVER_WEDGES | SERVER_LAZY | SERVER_POLLS,
	 UINT64_C(0x510000007), 64, 64, 4096, 8},
	{"few descriptors, no reset", SERVER_NO_RESET, UINT64_C(0x530000007), 5, 2, 256, 0},
};

uint64_t user_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int user_begin(void **state)
{
	struct user *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	strcpy(u->folder, "/tmp/vfio-user-XXXXXX");
	assert_non_null(mkdtemp(u->folder));
	*state = u;
	return 0;
}

void user_close(struct user *u)
{
	assert_int_equal(vscsi_queue_close(u->queue), 0);
	assert_int_equal(vscsi_lun_close(u->lun), 0);
	assert_int_equal(vscsi_dev_close(u->dev), 0);
	u->queue = NULL;
	u->lun = NULL;
	u->dev = NULL;
}

int user_end(void **state)
{
	struct user *u = *state;
	bool sound = !u->server || !*u->server->broken;

	vscsi_queue_close(u->queue);
	vscsi_lun_close(u->lun);
	vscsi_dev_close(u->dev);
	if (!sound)
		print_error("the client broke a rule: %s\n", u->server->broken);
	if (u->server)
		server_free(u->server);
	rmdir(u->folder);
	free(u);
	return sound ? 0 : -1;
}

void user_person(struct user *u, const struct person *person)
{
	char path[100];

	snprintf(path, sizeof(path), "%s/s", u->folder);
	snprintf(u->address, sizeof(u->address), "vfio-user:%s", path);
	u->server = server_new(path);
	u->server->habits = person->habits;
	u->server->features = person->features;
	u->server->queues = person->queues;
	u->server->vectors = person->vectors;
	u->server->config_size = person->config_size;
	u->server->max_fds = person->max_fds;
	server_disk(u->server, DISK_BYTES);
}

void user_open(struct user *u, const char *options)
{
	char address[256];
	int err;

	snprintf(address, sizeof(address), "%s%s", u->address, options);
	err = vscsi_dev_open(address, NULL, &u->dev);
	if (!err)
		err = vscsi_lun_open(u->dev, 0, 0, NULL, &u->lun);
	if (!err)
		err = vscsi_queue_open(u->dev, NULL, &u->queue);
	if (err)
		fail_msg("%d: %s", err, vscsi_last_error());
}

void user_fill(char *at, size_t bytes, unsigned seed)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		at[i] = (char)((i / BLOCK * 7 + i + seed * 31) & 0xff);
}

char *user_memory(struct user *u, size_t bytes, unsigned seed)
{
	char *at = vscsi_mem_alloc(vscsi_dev_mem(u->dev), bytes, 4096);

	assert_non_null(at);
	user_fill(at, bytes, seed);
	return at;
}

void user_collect(struct user *u, unsigned count, int result)
{
	uint64_t limit = user_ms() + LIMIT_MS;
	struct vscsi_completion done[16];

	while (count) {
		int n = vscsi_poll(u->queue, done, count < 16 ? count : 16);
		int i;

		if (n < 0)
			fail_msg("%d: %s", n, vscsi_last_error());
		for (i = 0; i < n; i++)
			assert_int_equal(done[i].result, result);
		count -= (unsigned)n;
		assert_true(user_ms() < limit);
	}
}
