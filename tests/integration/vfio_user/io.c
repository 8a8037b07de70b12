/* SPDX-License-Identifier: BSD-3-Clause */
/* Discovery, reads and writes, memory and sleeping, on servers of each habit. */
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PIECES 200u
#define PIECE  (8u * BLOCK)

static const struct person *person_of(size_t i)
{
	print_message("%s\n", persons[i].name);
	return &persons[i];
}

static void next(struct user *u)
{
	user_close(u);
	if (*u->server->broken)
		fail_msg("the client broke a rule: %s", u->server->broken);
	server_free(u->server);
	u->server = NULL;
}

static void check_info(struct user *u)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_lun_info lun = {.size = sizeof(lun)};
	struct vscsi_lun_addr luns[8];
	int count;

	assert_int_equal(vscsi_dev_get_info(u->dev, &info), 0);
	assert_string_equal(info.transport, "vfio-user");
	assert_int_equal(vscsi_lun_get_info(u->lun, &lun), 0);
	assert_int_equal(lun.blocks, DISK_BYTES / BLOCK);
	count = vscsi_dev_scan(u->dev, luns, 8);
	assert_int_equal(count, 1);
	/* A target that isn't there. */
	assert_true(vscsi_lun_open(u->dev, 3, 0, NULL, &(struct vscsi_lun *){NULL}) < 0);
}

/* As many requests at once as the queue has room for, each @batch with one kick. */
static void move(struct user *u, char *buf, bool write, unsigned batch)
{
	unsigned open = 0;
	unsigned i;

	for (i = 0; i < PIECES; i++) {
		char *at = buf + i * PIECE;
		int err;

		while ((err = write ? vscsi_write(u->queue, u->lun, at, i * 8, 8, 0, i)
				    : vscsi_read(u->queue, u->lun, at, i * 8, 8, 0, i)) ==
		       -EAGAIN) {
			assert_int_equal(vscsi_submit(u->queue), 0);
			user_collect(u, 1, 0);
			open--;
		}
		assert_int_equal(err, 0);
		open++;
		if (i % batch == 0)
			assert_int_equal(vscsi_submit(u->queue), 0);
	}
	assert_int_equal(vscsi_submit(u->queue), 0);
	user_collect(u, open, 0);
}

static void check_io(struct user *u)
{
	char *out = user_memory(u, PIECES * PIECE, 5);
	char *in = user_memory(u, PIECES * PIECE, 6);

	move(u, out, true, 32);
	assert_memory_equal(u->server->disk.data, out, PIECES * PIECE);
	move(u, in, false, 1);
	assert_memory_equal(in, out, PIECES * PIECE);
	vscsi_mem_free(vscsi_dev_mem(u->dev), in);
	vscsi_mem_free(vscsi_dev_mem(u->dev), out);
}

static void test_every_server(void **state)
{
	static const char *const options[] = {"?queues=4", "?queues=1&indirect=off&queue_size=16"};
	struct user *u = *state;
	size_t i;
	size_t k;

	for (i = 0; i < PERSONS; i++) {
		for (k = 0; k < ARRAY_LEN(options); k++) {
			user_person(u, person_of(i));
			server_start(u->server);
			user_open(u, options[k]);
			check_info(u);
			check_io(u);
			next(u);
		}
	}
}

/* Memory of the application joins while requests are in flight, and leaves. */
static void test_application_memory(void **state)
{
	struct user *u = *state;
	struct vscsi_mem *mem;
	char *area;
	size_t i;
	int fd;

	for (i = 0; i < 3; i++) {
		user_person(u, person_of(i));
		server_start(u->server);
		user_open(u, "");
		mem = vscsi_dev_mem(u->dev);
		fd = memfd_create("area", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		assert_int_equal(ftruncate(fd, 4 << 20), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
		area = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 1 << 20);
		assert_ptr_not_equal(area, MAP_FAILED);
		__atomic_store_n(&u->server->hold, true, __ATOMIC_SEQ_CST);
		char *own = user_memory(u, PIECE, 1);
		assert_int_equal(vscsi_read(u->queue, u->lun, own, 0, 8, 0, 0), 0);
		assert_int_equal(vscsi_submit(u->queue), 0);
		assert_int_equal(vscsi_mem_register(mem, area, 2 << 20, fd, 1 << 20), 0);
		__atomic_store_n(&u->server->hold, false, __ATOMIC_SEQ_CST);
		user_collect(u, 1, 0);
		user_fill(area, PIECE, 9);
		assert_int_equal(vscsi_write(u->queue, u->lun, area, 8, 8, 0, 0), 0);
		assert_int_equal(vscsi_submit(u->queue), 0);
		user_collect(u, 1, 0);
		assert_memory_equal(u->server->disk.data + 8 * BLOCK, area, PIECE);
		assert_int_equal(vscsi_mem_unregister(mem, area), 0);
		assert_int_equal(vscsi_read(u->queue, u->lun, area, 8, 8, 0, 0), -EFAULT);
		munmap(area, 2 << 20);
		close(fd);
		next(u);
	}
}

/* Memory without a file is refused, with a message that says so. */
static void test_memory_without_file(void **state)
{
	struct user *u = *state;
	char *area;

	user_person(u, person_of(0));
	server_start(u->server);
	user_open(u, "");
	area = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(vscsi_mem_register(vscsi_dev_mem(u->dev), area, 2 << 20, -1, 0), -EINVAL);
	assert_non_null(strstr(vscsi_last_error(), "through its file"));
	munmap(area, 2 << 20);
	check_io(u);
	next(u);
}

/* The server's interrupt wakes a thread that sleeps on its queue. */
static void test_sleeping(void **state)
{
	struct user *u = *state;
	char *buf;
	size_t i;
	int n;

	for (i = 0; i < PERSONS; i++) {
		struct pollfd fd = {.events = POLLIN};

		user_person(u, person_of(i));
		server_start(u->server);
		user_open(u, "");
		buf = user_memory(u, PIECE, 1);
		fd.fd = vscsi_queue_fd(u->queue);
		assert_true(fd.fd >= 0);
		for (n = 0; n < 20; n++) {
			struct vscsi_completion done;
			int got;

			__atomic_store_n(&u->server->hold, true, __ATOMIC_SEQ_CST);
			assert_int_equal(vscsi_read(u->queue, u->lun, buf, 0, 8, 0, 0), 0);
			assert_int_equal(vscsi_submit(u->queue), 0);
			while (!(got = vscsi_poll(u->queue, &done, 1))) {
				if (vscsi_arm(u->queue) != 0)
					continue;
				server_release(u->server);
				assert_true(poll(&fd, 1, LIMIT_MS) > 0);
			}
			assert_int_equal(got, 1);
			assert_int_equal(done.result, 0);
		}
		next(u);
	}
}

int io_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_server, user_begin, user_end),
		cmocka_unit_test_setup_teardown(test_application_memory, user_begin, user_end),
		cmocka_unit_test_setup_teardown(test_memory_without_file, user_begin, user_end),
		cmocka_unit_test_setup_teardown(test_sleeping, user_begin, user_end),
	};

	return cmocka_run_group_tests_name("vfio-user/io", tests, NULL, NULL);
}
