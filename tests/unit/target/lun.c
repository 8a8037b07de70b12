/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which LUN is which disk, and how large it is. A name is the serial number and the NAA identifier.
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/error.h"
#include "target/identity.h"

struct name {
	char serial[SERIAL_MAX + 1];
	uint64_t naa;
};

/* The name of a LUN that is added to @luns and removed again. */
static struct name name_in(struct lun_table *luns, const char *text)
{
	struct lun *lun = get_lun(luns, text);
	struct name name = {.naa = lun->naa};

	strcpy(name.serial, lun->serial);
	assert_int_equal(lun_remove(luns, lun->target, lun->number), 0);
	return name;
}

/* In a process of its own, as far as names are concerned. */
static struct name name_of(const char *text)
{
	struct lun_table luns = {0};

	return name_in(&luns, text);
}

static void expect_same(struct name a, struct name b)
{
	assert_string_equal(a.serial, b.serial);
	assert_int_equal(a.naa, b.naa);
}

/* All parts differ: a client may compare any of them. */
static void expect_different(struct name a, struct name b)
{
	assert_string_not_equal(a.serial, b.serial);
	assert_int_not_equal(a.naa, b.naa);
}

static void copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(in >= 0 && out >= 0 && !fstat(in, &st));
	assert_int_equal(sendfile(out, in, NULL, (size_t)st.st_size), st.st_size);
	close(in);
	close(out);
}

/* One file is one disk, whatever leads to it. */
static void spellings_of_one_file(void **state)
{
	char folder[200], absolute[220];
	struct name name;

	(void)state;
	make_file("disk.img", 1 << 20);
	name = name_of("0:0,file=disk.img");
	expect_same(name_of("0:0,file=./disk.img"), name);
	expect_same(name_of("0:0,file=.//././disk.img"), name);
	assert_non_null(getcwd(folder, sizeof(folder)));
	snprintf(absolute, sizeof(absolute), "0:0,file=%s/disk.img", folder);
	expect_same(name_of(absolute), name);
	assert_int_equal(symlink("disk.img", "symbolic"), 0);
	expect_same(name_of("0:0,file=symbolic"), name);
	assert_int_equal(link("disk.img", "hard"), 0);
	expect_same(name_of("0:0,file=hard"), name);
	assert_int_equal(mkdir("inner", 0700), 0);
	expect_same(name_of("0:0,file=inner/../disk.img"), name);
	assert_int_equal(chdir("inner"), 0);
	expect_same(name_of("0:0,file=../disk.img"), name);
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rename("disk.img", "inner/moved.img"), 0);
	expect_same(name_of("0:0,file=inner/moved.img"), name);
	/* Nor does it depend on the LUN. */
	expect_same(name_of("3:300,file=hard,ro"), name);
	expect_same(name_of("0:0,file=hard,block=4096,thin"), name);
}

/* One spelling in two folders is two disks; so are a copy, and a file in another's place. */
static void other_files(void **state)
{
	struct name name, copy, other;
	struct statx st;

	(void)state;
	make_file("disk.img", 1 << 20);
	name = name_of("0:0,file=disk.img");
	copy_file("disk.img", "copy.img");
	copy = name_of("0:0,file=copy.img");
	expect_different(copy, name);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(chdir("folder"), 0);
	make_file("disk.img", 1 << 20);
	other = name_of("0:0,file=disk.img");
	assert_int_equal(chdir(".."), 0);
	expect_different(other, name);
	/* The inode is used again at once, on many file systems. */
	assert_int_equal(unlink("disk.img"), 0);
	make_file("disk.img", 1 << 20);
	assert_int_equal(statx(AT_FDCWD, "disk.img", 0, STATX_BTIME, &st), 0);
	if (st.stx_mask & STATX_BTIME)
		expect_different(name_of("0:0,file=disk.img"), name);
	assert_int_equal(rename("copy.img", "disk.img"), 0);
	expect_same(name_of("0:0,file=disk.img"), copy);
}

static void given_names(void **state)
{
	struct name name;

	(void)state;
	make_file("disk.img", 1 << 20);
	make_file("other.img", 1 << 20);
	name = name_of("0:0,file=disk.img,serial=SAME");
	assert_string_equal(name.serial, "SAME");
	expect_same(name_of("1:7,file=other.img,serial=SAME"), name);
	/* Both parts follow from the one that is given. */
	name = name_of("0:0,file=disk.img,wwn=5123456789abcdef");
	assert_true(name.naa == UINT64_C(0x5123456789abcdef));
	expect_same(name_of("0:1,ram=1M,wwn=5123456789ABCDEF"), name);
	name = name_of("0:0,file=disk.img,wwn=5123456789abcdef,serial=BOTH");
	assert_string_equal(name.serial, "BOTH");
	assert_true(name.naa == UINT64_C(0x5123456789abcdef));
}

static void wrong_names(void **state)
{
	static const char *const wrong[] = {
		"",
		"5123456789abcde",
		"5123456789abcdef0",
		"0123456789abcdef",
		"6123456789abcdef",
		"5123456789abcdeg",
		"0x23456789abcdef",
		" 123456789abcdef",
		"-123456789abcdef5",
	};
	struct lun_table luns = {0};
	char text[64];
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "0:0,ram=1M,wwn=%s", wrong[i]);
		assert_int_equal(add_lun(&luns, text), -EINVAL);
		assert_non_null(strstr(last_error(), "worldwide name"));
	}
}

/* Disks without contents are told apart by the socket's folder and name, and their address. */
static void disks_without_contents(void **state)
{
	struct lun_table here = {.place = identity_path("v.sock")};
	struct lun_table spelled = {.place = identity_path(".//v.sock")};
	struct lun_table other = {.place = identity_path("w.sock")};
	struct lun_table elsewhere = {0};
	int pipes[2], more[2];
	struct name name;

	(void)state;
	name = name_in(&here, "0:0,null=1M");
	expect_same(name_in(&here, "0:0,null=1M"), name);
	expect_same(name_in(&spelled, "0:0,null=1M"), name);
	expect_different(name_in(&other, "0:0,null=1M"), name);
	expect_different(name_in(&here, "0:1,null=1M"), name);
	expect_different(name_in(&here, "1:0,null=1M"), name);
	expect_different(name_in(&here, "0:256,null=1M"), name_in(&here, "1:0,null=1M"));
	assert_int_equal(mkdir("sockets", 0700), 0);
	assert_int_equal(chdir("sockets"), 0);
	elsewhere.place = identity_path("v.sock");
	expect_different(name_in(&elsewhere, "0:0,null=1M"), name);
	elsewhere.place = identity_path("../v.sock");
	expect_same(name_in(&elsewhere, "0:0,null=1M"), name);
	assert_int_equal(chdir(".."), 0);
	/* Without a path, by the descriptor. */
	assert_true(!pipe(pipes) && !pipe(more));
	here.place = identity_fd(pipes[0]);
	other.place = identity_fd(more[0]);
	expect_different(name_in(&here, "0:0,null=1M"), name_in(&other, "0:0,null=1M"));
	close(pipes[0]);
	close(pipes[1]);
	close(more[0]);
	close(more[1]);
}

/* Memory is lost with its process, so each is a disk of its own; unless it has a name. */
static void disks_in_memory(void **state)
{
	struct lun_table here = {.place = identity_path("v.sock")};

	(void)state;
	expect_different(name_in(&here, "0:0,ram=1M"), name_in(&here, "0:0,ram=1M"));
	expect_same(name_in(&here, "0:0,ram=1M,serial=X"), name_in(&here, "0:0,ram=2M,serial=X"));
}

/* A size that is not a multiple of the block size would lose the rest. */
static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		uint64_t next; /* multiple, in the message if there is a block; 0: it is one */
	} rows[] = {
		{"0:0,file=disk.img", 1048576, 0},
		{"0:0,file=disk.img", 1048577, 1049088},
		{"0:0,file=disk.img", 1049087, 1049088},
		{"0:0,file=disk.img", 1049088, 0},
		{"0:0,file=disk.img,block=4096", 1049088, 1052672},
		{"0:0,file=disk.img,block=4096,ro", 1052671, 1052672},
		{"0:0,file=disk.img,block=4096", 1052672, 0},
		{"0:0,file=disk.img", 0, 512},
		{"0:0,file=disk.img", 511, 512},
		{"0:0,file=disk.img,block=4096", 512, 4096},
	};
	struct lun_table luns = {0};
	struct lun *lun;
	char next[32];
	unsigned i;
	int rc;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_file("disk.img", rows[i].bytes);
		rc = add_lun(&luns, rows[i].text);
		assert_int_equal(rc, rows[i].next ? -EINVAL : 0);
		snprintf(next, sizeof(next), "is %llu", (unsigned long long)rows[i].next);
		if (!rows[i].bytes)
			snprintf(next, sizeof(next), "the image is empty");
		if (rc) {
			assert_non_null(strstr(last_error(), next));
			continue;
		}
		lun = lun_find(&luns, 0, 0);
		assert_int_equal(lun->blocks * lun->block_size, rows[i].bytes);
		assert_int_equal(lun_remove(&luns, 0, 0), 0);
	}
	assert_int_equal(add_lun(&luns, "0:0,ram=1000"), -EINVAL);
	assert_int_equal(add_lun(&luns, "0:0,null=1M,block=4096"), 0);
	assert_int_equal(lun_resize(&luns, 0, 0, (1 << 20) + 512), -EINVAL);
	assert_int_equal(lun_resize(&luns, 0, 0, 0), -EINVAL);
	assert_int_equal(lun_find(&luns, 0, 0)->blocks, 256);
	assert_int_equal(lun_resize(&luns, 0, 0, (1 << 20) + 4096), 0);
	assert_int_equal(lun_find(&luns, 0, 0)->blocks, 257);
	lun_table_close(&luns);
}

/* Opening a pipe or a terminal neither waits nor succeeds. */
static void other_kinds_of_files(void **state)
{
	struct lun_table luns = {0};

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_true(add_lun(&luns, "0:0,file=pipe") < 0);
	assert_true(add_lun(&luns, "0:0,file=pipe,ro") < 0);
	assert_true(add_lun(&luns, "0:0,file=/dev/null") < 0);
	assert_true(add_lun(&luns, "0:0,file=/,ro") < 0);
	assert_true(add_lun(&luns, "0:0,file=absent") < 0);
}

/* Each LUN replaces its file as a whole. */
static void files_of_reservations(void **state)
{
	static const char *const same[] = {
		"0:1,null=1M,reservations=pr",
		"7:0,null=1M,reservations=./pr",
		"0:1,null=1M,reservations=.//pr",
	};
	struct lun_table luns = {0};
	unsigned i, j;

	(void)state;
	assert_int_equal(add_lun(&luns, "0:0,null=1M,reservations=pr"), 0);
	/* Before there is a file, and when there is one. */
	for (j = 0; j < 2; j++) {
		for (i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
			assert_int_equal(add_lun(&luns, same[i]), -EINVAL);
			assert_non_null(strstr(last_error(), "the file of LUN 0:0"));
		}
		assert_int_equal(add_lun(&luns, "0:1,null=1M,reservations=other"), 0);
		assert_int_equal(lun_remove(&luns, 0, 1), 0);
		assert_int_equal(reservation_save(&lun_find(&luns, 0, 0)->reservations, "pr"), 0);
	}
	assert_int_equal(link("pr", "pr.hard"), 0);
	assert_int_equal(add_lun(&luns, "0:1,null=1M,reservations=pr.hard"), -EINVAL);
	assert_int_equal(lun_remove(&luns, 0, 0), 0);
	assert_int_equal(add_lun(&luns, same[0]), 0);
	lun_table_close(&luns);
}

int lun_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings_of_one_file),
		cmocka_unit_test(other_files),
		cmocka_unit_test(given_names),
		cmocka_unit_test(wrong_names),
		cmocka_unit_test(disks_without_contents),
		cmocka_unit_test(disks_in_memory),
		cmocka_unit_test(sizes),
		cmocka_unit_test(other_kinds_of_files),
		cmocka_unit_test(files_of_reservations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
