/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fixture and helpers of the tests.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

const struct disk disks[4] = {
	{"--lun=0:0,file=disk.img,thin", "disk.img", 96 * MIB, 512},
	{"--lun=0:0,file=disk.img,thin,block=4096", "disk.img", 96 * MIB, 4096},
	{"--lun=0:0,ram=96M,thin", NULL, 96 * MIB, 512},
	{"--lun=0:0,ram=96M,thin,block=4096", NULL, 96 * MIB, 4096},
};

int run_all(const char *name, const struct CMUnitTest *tests, size_t count)
{
	int failures;

	enter_work_dir();
	failures = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
	leave_work_dir();
	return failures != 0;
}

int fixture_begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->disk = *state;
	*state = f;
	return 0;
}

static int close_remaining(struct fixture *f)
{
	int err;

	err = vscsi_queue_close(f->queue);
	if (!err)
		err = vscsi_lun_close(f->lun);
	if (!err)
		err = vscsi_dev_close(f->dev);
	if (err)
		print_error("%s\n", vscsi_last_error());
	f->queue = NULL;
	f->lun = NULL;
	f->dev = NULL;
	return err;
}

int fixture_end(void **state)
{
	struct fixture *f = *state;
	int err = close_remaining(f);

	if (!target_stop(&f->target) || !target_stop(&f->second)) {
		print_error("a target didn't exit with status 0\n");
		err = -1;
	}
	unlink("disk.img");
	free(f);
	return err ? -1 : 0;
}

void close_all(struct fixture *f)
{
	assert_int_equal(close_remaining(f), 0);
}

void make_file(const char *name, uint64_t bytes)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	close(fd);
}

/* Prints the error text, which says more than the errno. */
static void assert_success(int err)
{
	if (err)
		fail_msg("%d: %s", err, vscsi_last_error());
}

int open_address(const char *address, const struct vscsi_dev_opts *opts, struct vscsi_dev **dev)
{
	const char *more = getenv("VSCSI_TEST_OPTIONS");
	char all[512];

	snprintf(all, sizeof(all), "%s%s%s", address, strchr(address, '?') ? "&" : "?",
		 more ? more : "");
	return vscsi_dev_open(all, opts, dev);
}

void open_dev(struct fixture *f, const char *options)
{
	const char *more = *options ? "&recovery=off" : "?recovery=off";
	char address[256];

	snprintf(address, sizeof(address), "%s%s%s", f->target.address, options,
		 strstr(options, "recovery=") ? "" : more);
	assert_success(open_address(address, NULL, &f->dev));
}

void open_disk(struct fixture *f, const char *options)
{
	open_dev(f, options);
	assert_success(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun));
	assert_success(vscsi_queue_open(f->dev, NULL, &f->queue));
	f->info.size = sizeof(f->info);
	assert_success(vscsi_lun_get_info(f->lun, &f->info));
}

void start_disk(struct fixture *f)
{
	if (f->disk->file)
		make_file(f->disk->file, f->disk->bytes);
	START(f, f->disk->lun);
	open_disk(f, "");
	assert_int_equal(f->info.block_size, f->disk->block);
	assert_int_equal(f->info.blocks, f->disk->bytes / f->disk->block);
}

void *alloc_dma(struct fixture *f, size_t bytes)
{
	void *memory = vscsi_mem_alloc(vscsi_dev_mem(f->dev), bytes, 4096);

	assert_non_null(memory);
	memset(memory, 0, bytes);
	return memory;
}

/* A bijective mix of a counter: no two positions or seeds give the same value. */
static uint64_t mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static uint64_t word_at(uint64_t seed, size_t i)
{
	return mix(mix(seed + 1) + i);
}

void fill(void *buf, size_t len, uint64_t seed)
{
	char *at = buf;
	size_t i;

	for (i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word = word_at(seed, i / sizeof(word));

		memcpy(at + i, &word, len - i < sizeof(word) ? len - i : sizeof(word));
	}
}

bool holds(const void *buf, size_t len, uint64_t seed)
{
	const char *at = buf;
	size_t i;

	for (i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t word = word_at(seed, i / sizeof(word));

		if (memcmp(at + i, &word, len - i < sizeof(word) ? len - i : sizeof(word)))
			return false;
	}
	return true;
}

bool is_zero(const void *buf, size_t len)
{
	const char *at = buf;

	return !len || (!at[0] && !memcmp(at, at + 1, len - 1));
}

static bool read_file(const char *name, void *buf, size_t len, uint64_t offset)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	got = pread(fd, buf, len, (off_t)offset);
	close(fd);
	return got == (ssize_t)len;
}

bool on_disk(struct fixture *f, const void *expect, size_t len, uint64_t offset)
{
	char *found = malloc(len);
	bool same;

	assert_non_null(found);
	if (f->disk->file)
		same = read_file(f->disk->file, found, len, offset);
	else
		same = !vscsi_pread(f->lun, found, len, offset);
	same = same && !memcmp(found, expect, len);
	free(found);
	return same;
}

bool try_collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion extra;
	unsigned have = 0;
	int got;

	if (vscsi_submit(queue))
		return false;
	while (have < count) {
		got = vscsi_poll(queue, out + have, count - have);
		if (got < 0 || now_ms() > limit)
			return false;
		have += (unsigned)got;
		if (!got)
			sched_yield();
	}
	return vscsi_poll(queue, &extra, 1) == 0;
}

void collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count)
{
	assert_true(try_collect(queue, out, count));
}

int submit_one(struct vscsi_queue *queue)
{
	struct vscsi_completion done;

	collect(queue, &done, 1);
	return done.result;
}

void assert_error_text(const char *words)
{
	if (!strstr(vscsi_last_error(), words))
		fail_msg("\"%s\" is not in \"%s\"", words, vscsi_last_error());
}

void assert_works(struct fixture *f)
{
	static uint64_t seed = 1000;
	size_t len = 8192;
	uint32_t blocks = (uint32_t)(len / f->info.block_size);
	char *data = alloc_dma(f, len);

	fill(data, len, ++seed);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, blocks, blocks, 0, 1), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data, 0, len);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, blocks, blocks, 0, 2), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(holds(data, len, seed));
	/* The synchronous call uses another queue and other memory. */
	memset(data, 0, len);
	assert_int_equal(vscsi_pread(f->lun, data, len, len), 0);
	assert_true(holds(data, len, seed));
	assert_int_equal(vscsi_mem_free(vscsi_dev_mem(f->dev), data), 0);
}
