/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A child process of fork(): it can close everything and use nothing, and the parent doesn't
 * notice. The child reports by its exit status; only the parent asserts.
 */
#include "disk.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#define READS 8u

#define MUST(condition)                                                                       \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "child, line %d: %s: \"%s\"\n", __LINE__, #condition, \
				vscsi_last_error());                                          \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

/* What a parent has open besides the fixture. */
struct family {
	struct fixture *f;
	struct vscsi_queue *shared;
	struct vscsi_mem *mem;
	char *data;
};

static bool says_forked(void)
{
	return strstr(vscsi_last_error(), "this process was forked") != NULL;
}

static void try_data_path(const struct family *family, struct vscsi_queue *queue)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct iovec iov = {.iov_base = family->data, .iov_len = family->f->info.block_size};
	struct vscsi_lun *lun = family->f->lun;
	struct vscsi_completion done[4];

	MUST(vscsi_read(queue, lun, family->data, 0, 1, 0, 0) == -ECHILD);
	MUST(vscsi_write(queue, lun, family->data, 0, 1, 0, 0) == -ECHILD);
	MUST(vscsi_readv(queue, lun, &iov, 1, 0, 1, 0, 0) == -ECHILD);
	MUST(vscsi_writev(queue, lun, &iov, 1, 0, 1, 0, 0) == -ECHILD);
	MUST(vscsi_flush(queue, lun, 0) == -ECHILD);
	MUST(vscsi_write_zeroes(queue, lun, 0, 1, 0, 0) == -ECHILD);
	MUST(vscsi_prepare_command(queue, lun, &command, 0) == -ECHILD);
	MUST(vscsi_submit(queue) == -ECHILD);
	MUST(vscsi_poll(queue, done, 4) == -ECHILD);
	MUST(vscsi_queue_fd(queue) == -ECHILD);
	MUST(vscsi_arm(queue) == -ECHILD);
	MUST(vscsi_next_timeout_ms(queue) == -ECHILD);
	MUST(vscsi_wait(queue, 0) == -ECHILD);
	MUST(vscsi_queue_drain(queue, done, 4, 0) == -ECHILD);
}

static void try_control_path(const struct family *family)
{
	struct vscsi_queue_info queue_info = {.size = sizeof(queue_info)};
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_lun_info lun_info = {.size = sizeof(lun_info)};
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct fixture *f = family->f;
	struct vscsi_queue *queue;
	struct vscsi_event event;
	struct vscsi_lun *lun;
	char block[4096];

	MUST(vscsi_dev_get_info(f->dev, &info) == -ECHILD && says_forked());
	MUST(vscsi_dev_scan(f->dev, NULL, 0) == -ECHILD && says_forked());
	MUST(vscsi_dev_poll_events(f->dev, &event, 1) == -ECHILD && says_forked());
	MUST(vscsi_dev_fd(f->dev) == -ECHILD && says_forked());
	MUST(vscsi_dev_shutdown(f->dev) == -ECHILD && says_forked());
	MUST(vscsi_dev_reset(f->dev) == -ECHILD && says_forked());
	MUST(vscsi_target_reset(f->dev, 0) == -ECHILD && says_forked());
	MUST(vscsi_lun_reset(f->lun) == -ECHILD && says_forked());
	MUST(vscsi_lun_get_info(f->lun, &lun_info) == -ECHILD && says_forked());
	MUST(vscsi_lun_refresh(f->lun) == -ECHILD && says_forked());
	MUST(vscsi_lun_open(f->dev, 0, 0, NULL, &lun) == -ECHILD && says_forked());
	MUST(vscsi_queue_open(f->dev, NULL, &queue) == -ECHILD && says_forked());
	MUST(vscsi_queue_get_info(f->queue, &queue_info) == -ECHILD && says_forked());
	MUST(vscsi_abort(f->queue, 0) == -ECHILD && says_forked());
	MUST(vscsi_pread(f->lun, block, f->info.block_size, 0) == -ECHILD && says_forked());
	MUST(vscsi_sync_flush(f->lun) == -ECHILD && says_forked());
	MUST(!vscsi_mem_alloc(family->mem, 64, 0) && says_forked());
	MUST(!vscsi_mem_alloc(vscsi_dev_mem(f->dev), 64, 0) && says_forked());
	MUST(vscsi_mem_register(family->mem, block, 4096, -1, 0) == -ECHILD && says_forked());
	MUST(vscsi_mem_unregister(family->mem, block) == -ECHILD && says_forked());
	MUST(vscsi_mem_get_stats(family->mem, &stats) == -ECHILD && says_forked());
}

/* In the usual order, which the library keeps here too, whatever the parent has in flight. */
static void close_everything(const struct family *family)
{
	struct fixture *f = family->f;

	MUST(vscsi_mem_free(vscsi_dev_mem(f->dev), family->data) == 0);
	MUST(vscsi_dev_close(f->dev) == -EBUSY);
	MUST(vscsi_queue_close(f->queue) == 0);
	MUST(vscsi_queue_close(family->shared) == 0);
	MUST(vscsi_dev_close(f->dev) == -EBUSY);
	MUST(vscsi_lun_close(f->lun) == 0);
	MUST(vscsi_mem_destroy(family->mem) == -EBUSY);
	MUST(vscsi_dev_close(f->dev) == 0);
	MUST(vscsi_mem_destroy(family->mem) == 0);
}

/* Once the parent's objects are closed, a child can have its own. */
static void start_again(void)
{
	struct vscsi_mem *mem;

	MUST(vscsi_mem_create(&(struct vscsi_mem_opts){.size = sizeof(struct vscsi_mem_opts),
						       .flags = VSCSI_MEM_ORDINARY},
			      &mem) == 0);
	MUST(vscsi_mem_alloc(mem, 64, 0));
	MUST(vscsi_mem_destroy(mem) == 0);
}

static void be_the_child(const struct family *family)
{
	try_data_path(family, family->f->queue);
	try_data_path(family, family->shared);
	try_control_path(family);
	close_everything(family);
	start_again();
	_exit(0);
}

static void start_reads(struct family *family)
{
	struct fixture *f = family->f;
	unsigned i;

	for (i = 0; i < READS; i++) {
		char *at = family->data + (size_t)i * f->info.block_size;

		assert_int_equal(
			vscsi_read(i % 2 ? f->queue : family->shared, f->lun, at, i, 1, 0, i), 0);
	}
	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_submit(family->shared), 0);
}

static void await_child(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* With requests in flight on both kinds of queue, which the parent then gets all the same. */
static void the_parent_goes_on(void **state)
{
	struct vscsi_mem_opts mem_opts = {.size = sizeof(mem_opts), .flags = VSCSI_MEM_ORDINARY};
	struct vscsi_queue_opts shared = {.size = sizeof(shared), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_dev_opts opts = {.size = sizeof(opts)};
	struct vscsi_completion done[READS];
	struct family family = {.f = *state};
	struct fixture *f = *state;
	pid_t child;

	START(f, "--lun=0:0,ram=16M");
	assert_int_equal(vscsi_mem_create(&mem_opts, &family.mem), 0);
	opts.mem = family.mem;
	opts.queues = 2;
	assert_int_equal(open_address(f->target.address, &opts, &f->dev), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	f->info.size = sizeof(f->info);
	assert_int_equal(vscsi_lun_get_info(f->lun, &f->info), 0);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &f->queue), 0);
	assert_int_equal(vscsi_queue_open(f->dev, &shared, &family.shared), 0);
	family.data = alloc_dma(f, READS * f->info.block_size);
	assert_true(vscsi_dev_fd(f->dev) > 2);
	assert_int_equal(vscsi_wait(family.shared, 0), 0);
	target_freeze(&f->target);
	start_reads(&family);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		be_the_child(&family);
	await_child(child);
	target_thaw(&f->target);
	collect(f->queue, done, READS / 2);
	collect(family.shared, done, READS / 2);
	assert_works(f);
	/* The one connection is the parent's, and was never ended. */
	assert_int_equal(target_counter(&f->target, "clients"), 1);
	assert_int_equal(vscsi_queue_close(family.shared), 0);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(family.mem), 0);
}

/* A child that does nothing but end, and one that keeps everything until the parent has closed. */
static void children_that_close_nothing(void **state)
{
	struct fixture *f = *state;
	int pipes[2];
	pid_t child;
	char byte;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	child = fork();
	if (!child)
		_exit(0);
	await_child(child);
	assert_works(f);
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	if (!child) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) != 0);
	}
	assert_works(f);
	close_all(f);
	/* The back-end has seen the end, though the child has the socket as well. */
	open_disk(f, "");
	assert_works(f);
	close(pipes[1]);
	await_child(child);
	close(pipes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_parent_goes_on),
		TEST(children_that_close_nothing),
	};

	return RUN_TESTS(tests);
}
