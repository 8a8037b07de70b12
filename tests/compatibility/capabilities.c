/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tries on a scratch LUN what a back-end can do, through the public API only, and prints a line for
 * each capability. It runs with every back-end, so that all are asked the same. Its exit status is
 * 0 if just the capabilities named by --without fail.
 *
 *   capabilities ADDRESS TARGET:LUN [--without=NAME,NAME...]
 *
 * It overwrites the first MiB. Hot-plug and losses need a script at the other end; the tests of
 * each back-end do that themselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <vscsi/vscsi.h>

#define WAIT_MS 20000
#define AREA    (1u << 20)
#define KEY     0x6c69627673637369ull

static struct {
	const char *address;
	struct vscsi_dev *dev;
	struct vscsi_mem *mem;
	struct vscsi_lun *lun;
	struct vscsi_lun_info info;
	struct vscsi_queue *queue;
	unsigned char *buffer; /* AREA bytes */
} rig;

static void fill(void *data, size_t len, unsigned seed)
{
	unsigned char *bytes = data;
	size_t i;

	for (i = 0; i < len; i++)
		bytes[i] = (unsigned char)((i >> 9) * 7 + i + seed);
}

static bool all_zero(const unsigned char *bytes, size_t len)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, len - 1);
}

/* Waits for @count completions. Returns 0, or the first result that is none. */
static int complete(unsigned count)
{
	struct vscsi_completion done;
	int err = vscsi_submit(rig.queue);
	int got;

	while (!err && count) {
		got = vscsi_wait(rig.queue, WAIT_MS);
		if (got <= 0)
			return got ? got : -ETIMEDOUT;
		got = vscsi_poll(rig.queue, &done, 1);
		if (got < 0)
			return got;
		count -= (unsigned)got;
		if (got && done.result)
			err = done.result;
	}
	return err;
}

static int discovery(void)
{
	struct vscsi_lun_addr luns[16];
	int count = vscsi_dev_scan(rig.dev, luns, 16);
	int i;

	for (i = 0; i < count && i < 16; i++) {
		if (luns[i].target == rig.info.target && luns[i].lun == rig.info.lun)
			return 0;
	}
	return count < 0 ? count : -ENXIO;
}

static int several_luns(void)
{
	int count = vscsi_dev_scan(rig.dev, NULL, 0);

	return count < 0 ? count : count > 1 ? 0 : -ENXIO;
}

/* The whole area in pieces of 4 KiB, all written before the first is read. */
static int verified_io(void)
{
	const uint32_t blocks = 4096 / rig.info.block_size;
	unsigned char *expected = malloc(AREA);
	unsigned round, i;
	int err = expected ? 0 : -ENOMEM;

	for (round = 0; round < 2 && !err; round++) {
		if (round)
			memset(rig.buffer, 0, AREA);
		else
			fill(rig.buffer, AREA, (unsigned)getpid());
		for (i = 0; i < AREA / 4096 && !err; i++) {
			void *part = rig.buffer + i * 4096;

			err = round ? vscsi_read(rig.queue, rig.lun, part, i * blocks, blocks, 0, i)
				    : vscsi_write(rig.queue, rig.lun, part, i * blocks, blocks, 0,
						  i);
			/* As many as the queue takes. */
			if (!err && i % 8 == 7)
				err = complete(8);
		}
	}
	if (!err) {
		fill(expected, AREA, (unsigned)getpid());
		err = memcmp(expected, rig.buffer, AREA) ? -EILSEQ : 0;
	}
	free(expected);
	return err;
}

static int several_queues(void)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	int err = vscsi_dev_get_info(rig.dev, &info);

	return err ? err : info.queues > 1 ? 0 : -ENXIO;
}

/* complete() waits by vscsi_wait(), which sleeps where nothing is done at once. */
static int sleeping(void)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < 16 && !err; i++) {
		err = vscsi_read(rig.queue, rig.lun, rig.buffer, i, 1, 0, i);
		if (!err)
			err = complete(1);
	}
	return err;
}

static int application_memory(void)
{
	const int fd = memfd_create("application", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	unsigned char *memory = MAP_FAILED;
	int err = 0, removed = 0;

	if (fd < 0 || ftruncate(fd, AREA))
		err = -errno;
	if (!err) {
		memory = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		err = memory == MAP_FAILED ? -errno : 0;
	}
	if (!err) {
		fill(rig.buffer, rig.info.block_size, 5);
		err = vscsi_pwrite(rig.lun, rig.buffer, rig.info.block_size, 0, 0);
	}
	if (!err)
		err = vscsi_mem_register(rig.mem, memory, AREA, fd, 0);
	if (!err) {
		err = vscsi_read(rig.queue, rig.lun, memory + 4096, 0, 1, 0, 0);
		if (!err)
			err = complete(1);
		removed = vscsi_mem_unregister(rig.mem, memory);
		if (!err)
			err = removed;
		if (!err && memcmp(memory + 4096, rig.buffer, rig.info.block_size))
			err = -EILSEQ;
	}
	/* While the device may reach it, it stays. */
	if (memory != MAP_FAILED && !removed)
		munmap(memory, AREA);
	if (fd >= 0)
		close(fd);
	return err;
}

/* The request may complete first; it has to complete once. */
static int abort_request(void)
{
	struct vscsi_completion done;
	int err, got, aborted;

	err = vscsi_read(rig.queue, rig.lun, rig.buffer, 0, AREA / 4 / rig.info.block_size, 0, 77);
	if (!err)
		err = vscsi_submit(rig.queue);
	if (err)
		return err;
	aborted = vscsi_abort(rig.queue, 77);
	got = vscsi_wait(rig.queue, WAIT_MS);
	if (got <= 0)
		return got ? got : -ETIMEDOUT;
	got = vscsi_poll(rig.queue, &done, 1);
	if (got != 1 || vscsi_poll(rig.queue, &done, 1))
		return -EPROTO;
	if (done.result && done.result != -ECANCELED)
		return done.result;
	return aborted == -ENOENT ? 0 : aborted;
}

static int works_after(int err)
{
	return err ? err : verified_io();
}

static int lun_reset(void)
{
	return works_after(vscsi_lun_reset(rig.lun));
}

static int device_reset(void)
{
	return works_after(vscsi_dev_reset(rig.dev));
}

static int flush(void)
{
	return vscsi_sync_flush(rig.lun);
}

static int unmap(void)
{
	const struct vscsi_range range = {.lba = 0, .blocks = AREA / rig.info.block_size};
	int err;

	fill(rig.buffer, AREA, 9);
	err = vscsi_pwrite(rig.lun, rig.buffer, AREA, 0, 0);
	if (!err)
		err = vscsi_sync_unmap(rig.lun, &range, 1);
	if (!err)
		err = vscsi_pread(rig.lun, rig.buffer, AREA, 0);
	if (!err && rig.info.flags & VSCSI_LUN_ZERO_UNMAP && !all_zero(rig.buffer, AREA))
		err = -EILSEQ;
	return err;
}

static int write_zeroes(void)
{
	int err;

	fill(rig.buffer, AREA, 11);
	err = vscsi_pwrite(rig.lun, rig.buffer, AREA, 0, 0);
	if (!err)
		err = vscsi_sync_write_zeroes(rig.lun, AREA / 2, 0, 0);
	if (!err)
		err = vscsi_pread(rig.lun, rig.buffer, AREA, 0);
	if (!err && (!all_zero(rig.buffer, AREA / 2) || all_zero(rig.buffer + AREA / 2, AREA / 2)))
		err = -EILSEQ;
	return err;
}

/* Once with what is there, and once with something else. */
static int compare_and_write(void)
{
	const uint32_t size = rig.info.block_size;
	unsigned char *other = rig.buffer + size;
	int err;

	fill(rig.buffer, size, 1);
	fill(other, size, 2);
	err = vscsi_pwrite(rig.lun, rig.buffer, size, 0, 0);
	if (!err)
		err = vscsi_sync_compare_and_write(rig.lun, rig.buffer, other, size, 0);
	if (!err && vscsi_sync_compare_and_write(rig.lun, rig.buffer, other, size, 0) != -EILSEQ)
		err = -EPROTO;
	if (!err)
		err = vscsi_pread(rig.lun, rig.buffer, size, 0);
	return err ? err : memcmp(rig.buffer, other, size) ? -EILSEQ : 0;
}

/* PERSISTENT RESERVE OUT (SPC-5, 6.16) with @action and a write exclusive reservation. */
static int reserve_out(unsigned char action, uint64_t key, uint64_t new_key)
{
	unsigned char parameters[24] = {0};
	const struct iovec out = {.iov_base = parameters, .iov_len = sizeof(parameters)};
	const struct vscsi_command command = {
		.size = sizeof(command),
		.cdb = {0x5f, action, 1, 0, 0, 0, 0, 0, sizeof(parameters)},
		.cdb_len = 10,
		.out = &out,
		.out_count = 1,
	};
	struct vscsi_completion completion;
	int err, i;

	for (i = 0; i < 8; i++) {
		parameters[i] = (unsigned char)(key >> (56 - 8 * i));
		parameters[8 + i] = (unsigned char)(new_key >> (56 - 8 * i));
	}
	err = vscsi_sync_command(rig.lun, &command, &completion);
	return err ? err : completion.result;
}

/* Register, reserve, release, unregister. */
static int reservations(void)
{
	int err = reserve_out(0, 0, KEY);

	if (!err)
		err = reserve_out(1, KEY, 0);
	if (!err)
		err = works_after(0);
	if (!err)
		err = reserve_out(2, KEY, 0);
	return err ? err : reserve_out(0, KEY, 0);
}

static const struct {
	const char *name;
	int (*run)(void);
} capabilities[] = {
	{"discovery", discovery},
	{"several-luns", several_luns},
	{"verified-io", verified_io},
	{"several-queues", several_queues},
	{"sleeping", sleeping},
	{"application-memory", application_memory},
	{"abort", abort_request},
	{"lun-reset", lun_reset},
	{"device-reset", device_reset},
	{"flush", flush},
	{"unmap", unmap},
	{"write-zeroes", write_zeroes},
	{"compare-and-write", compare_and_write},
	{"reservations", reservations},
};

/* Whether @name is one of the words of @list, which commas separate. */
static bool listed(const char *list, const char *name)
{
	const size_t len = strlen(name);

	while (*list) {
		const size_t word = strcspn(list, ",");

		if (word == len && !strncmp(list, name, len))
			return true;
		list += word + (list[word] == ',');
	}
	return false;
}

static int start(const char *place)
{
	unsigned target, lun;
	int err;

	if (sscanf(place, "%u:%u", &target, &lun) != 2)
		return -EINVAL;
	err = vscsi_dev_open(rig.address, NULL, &rig.dev);
	if (!err)
		err = vscsi_lun_open(rig.dev, target, lun, NULL, &rig.lun);
	rig.info.size = sizeof(rig.info);
	if (!err)
		err = vscsi_lun_get_info(rig.lun, &rig.info);
	if (!err)
		err = vscsi_queue_open(rig.dev, NULL, &rig.queue);
	if (err)
		return err;
	rig.mem = vscsi_dev_mem(rig.dev);
	rig.buffer = vscsi_mem_alloc(rig.mem, AREA, 4096);
	return rig.buffer ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
	const char *without = argc > 3 && !strncmp(argv[3], "--without=", 10) ? argv[3] + 10 : "";
	unsigned i, surprises = 0;
	int err;

	if (argc < 3)
		return 2;
	rig.address = argv[1];
	err = start(argv[2]);
	if (err) {
		printf("FAILED %s\n", vscsi_last_error());
		return 1;
	}
	for (i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		const bool expected = !listed(without, capabilities[i].name);

		err = capabilities[i].run();
		printf("%s: %s%s%s\n", capabilities[i].name, err ? "no, " : "yes",
		       err ? strerror(-err) : "", !err == expected ? "" : ", UNEXPECTED");
		surprises += !err != expected;
	}
	vscsi_queue_close(rig.queue);
	vscsi_lun_close(rig.lun);
	vscsi_mem_free(rig.mem, rig.buffer);
	err = vscsi_dev_close(rig.dev);
	if (err)
		printf("FAILED %s\n", vscsi_last_error());
	return err || surprises;
}
