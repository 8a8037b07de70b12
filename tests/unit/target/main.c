/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of vscsi-target's parts, and what they share. */
#include "target.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/util/bits.h"

void make_file(const char *path, uint64_t bytes)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

int add_lun(struct lun_table *luns, const char *text)
{
	struct lun_spec spec;
	int rc = lun_spec_parse(text, &spec);

	return rc ? rc : lun_add(luns, &spec);
}

struct lun *get_lun(struct lun_table *luns, const char *text)
{
	const char *rest;
	struct lun *lun;
	uint16_t number;
	uint8_t target;

	assert_int_equal(add_lun(luns, text), 0);
	assert_int_equal(parse_lun_address(text, &target, &number, &rest), 0);
	lun = lun_find(luns, target, number);
	assert_int_equal(lun_take_attention(lun, 0), UA_POWER_ON);
	return lun;
}

struct scsi_task command(struct lun *lun, const uint8_t *cdb, void *data, size_t len)
{
	return nexus_command(lun, 0, cdb, data, len);
}

/* Both lists are the same buffer: a command uses one of them. */
struct scsi_task nexus_command(struct lun *lun, unsigned nexus, const uint8_t *cdb, void *data,
			       size_t len)
{
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct scsi_task t = {.to = TO_LUN, .lun = lun, .nexus = nexus, .cdb = cdb};

	t.max_sectors = 65535;
	t.out = (struct sgl){.iov = &iov, .count = 1, .len = len};
	t.in = t.out;
	scsi_run(&t);
	assert_int_equal(t.outcome, RAN);
	/* The list is gone when this returns. */
	memset(&t.out, 0, sizeof(t.out));
	memset(&t.in, 0, sizeof(t.in));
	return t;
}

void expect_sense(const struct scsi_task *t, uint8_t key, uint16_t asc)
{
	assert_int_equal(t->status, key ? STATUS_CHECK_CONDITION : STATUS_GOOD);
	if (!key)
		return;
	assert_int_equal(t->sense[2], key);
	assert_int_equal(get_be16(t->sense + 12), asc);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

int main(void)
{
	char folder[] = "unit-target.XXXXXX";
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failed = 0;

	if (back < 0 || !mkdtemp(folder) || chdir(folder)) {
		perror(folder);
		return 1;
	}
	failed += clients_tests();
	failed += commands_tests();
	failed += control_tests();
	failed += flush_tests();
	failed += lba_status_tests();
	failed += lines_tests();
	failed += lun_tests();
	failed += mode_tests();
	failed += notify_tests();
	failed += reserve_tests();
	failed += sleep_tests();
	failed += sockets_tests();
	failed += space_tests();
	if (fchdir(back) || nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS))
		perror(folder);
	close(back);
	return failed != 0;
}
