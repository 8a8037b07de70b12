/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a file's file system has no space left, the target warns once, until a write has succeeded.
 * pwritev() and fallocate() are the linker's (--wrap).
 */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t __real_pwritev64(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t at);
int __real_fallocate64(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t len);

static int write_error; /* of each write; 0: they succeed */

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int count, off_t at)
{
	if (!write_error)
		return __real_pwritev64(fd, iov, count, at);
	errno = write_error;
	return -1;
}

int __wrap_fallocate64(int fd, int mode, off_t at, off_t len)
{
	if (!write_error)
		return __real_fallocate64(fd, mode, at, len);
	errno = write_error;
	return -1;
}

/* Lines on stderr of one command that succeeds, or fails with @error. */
static unsigned warnings(struct lun *lun, const uint8_t *cdb, int error)
{
	uint8_t data[BLOCK] = {0};
	char text[512] = "";
	int old = dup(STDERR_FILENO);
	unsigned lines = 0;
	struct scsi_task t;
	int pipes[2];
	char *at;

	assert_true(old >= 0 && !pipe(pipes));
	assert_int_equal(dup2(pipes[1], STDERR_FILENO), STDERR_FILENO);
	close(pipes[1]);
	write_error = error;
	t = command(lun, cdb, data, sizeof(data));
	write_error = 0;
	assert_int_equal(dup2(old, STDERR_FILENO), STDERR_FILENO);
	close(old);
	assert_true(read(pipes[0], text, sizeof(text) - 1) >= 0);
	close(pipes[0]);
	assert_int_equal(t.status == STATUS_CHECK_CONDITION, error != 0);
	for (at = text; (at = strchr(at, '\n')); at++)
		lines++;
	assert_true(!lines || strstr(text, "writes to disk.img fail"));
	return lines;
}

static void one_warning_until_a_write_succeeds(void **state)
{
	static const uint8_t write10[16] = {0x2a, 0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t write_same10[16] = {0x41, 0, 0, 0, 0, 0, 0, 0, 1};
	static const uint8_t read10[16] = {0x28, 0, 0, 0, 0, 0, 0, 0, 1};
	struct lun_table luns = {0};
	struct lun *lun;

	(void)state;
	make_file("disk.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=disk.img");
	assert_int_equal(warnings(lun, write10, ENOSPC), 1);
	assert_int_equal(warnings(lun, write10, ENOSPC), 0);
	assert_int_equal(warnings(lun, write_same10, EDQUOT), 0);
	/* Neither says that there is space again. */
	assert_int_equal(warnings(lun, read10, 0), 0);
	assert_int_equal(warnings(lun, write10, EIO), 0);
	assert_int_equal(warnings(lun, write10, ENOSPC), 0);
	assert_int_equal(warnings(lun, write10, 0), 0);
	assert_int_equal(warnings(lun, write_same10, ENOSPC), 1);
	lun_table_close(&luns);
}

int space_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_warning_until_a_write_succeeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
