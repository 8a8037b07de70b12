/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs in the guest: an application that uses the kernel's SCSI target (LIO), and changes it while
 * it does. Each mode prints what lio.py expects.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vscsi/vscsi.h>

#define DEPTH 32u
#define BYTES 4096u
#define BLOCK 512u
#define LIMIT 20 /* timeout in seconds */

static void die(const char *what)
{
	printf("FAILED %s: %s\n", what, vscsi_last_error());
	exit(1);
}

static void expect(bool is_so, const char *what)
{
	if (!is_so)
		die(what);
}

static struct vscsi_dev *open_dev(const char *address)
{
	struct vscsi_dev *dev;

	expect(!vscsi_dev_open(address, NULL, &dev), "open");
	return dev;
}

static struct vscsi_lun *open_lun(struct vscsi_dev *dev, unsigned target, unsigned number)
{
	struct vscsi_lun *lun;

	expect(!vscsi_lun_open(dev, target, number, NULL, &lun), "lun");
	return lun;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* -- SCSI commands -- */

/* Sends a CDB with data in one direction at most. Return: as vscsi_sync_command(). */
static int command(struct vscsi_lun *lun, const uint8_t *cdb, uint32_t cdb_len, void *out,
		   size_t out_len, void *in, size_t in_len)
{
	struct iovec out_iov = {out, out_len}, in_iov = {in, in_len};
	struct vscsi_command c = {
		.size = sizeof(c),
		.cdb_len = cdb_len,
		.out = &out_iov,
		.in = &in_iov,
		.out_count = out_len ? 1 : 0,
		.in_count = in_len ? 1 : 0,
		.retries = 3, /* unit attentions */
	};

	memcpy(c.cdb, cdb, cdb_len);
	return vscsi_sync_command(lun, &c, NULL);
}

/* Two initiators: each has a nexus of its own to the same disk. */
static void test_reservations(struct vscsi_lun *first, struct vscsi_lun *second)
{
	const uint32_t type = VSCSI_PR_WRITE_EXCLUSIVE;
	struct vscsi_pr_reservation now = {.size = sizeof(now)};
	struct vscsi_pr_capabilities can = {.size = sizeof(can)};
	uint64_t keys[2] = {0};
	char block[BLOCK] = {1};

	expect(!vscsi_pr_get_capabilities(first, &can) && can.types & 1u << type, "capabilities");
	expect(!vscsi_pr_register(first, 0, 0xa1, 0), "registering the first");
	expect(!vscsi_pr_register(second, 5, 0xb2, VSCSI_PR_IGNORE_EXISTING), "the second");
	expect(vscsi_pr_read_keys(second, NULL, keys, 2) == 2, "two registrations");
	expect((keys[0] ^ keys[1]) == (0xa1 ^ 0xb2), "their keys");
	expect(!vscsi_pr_reserve(first, 0xa1, type), "reserving");
	expect(!vscsi_pr_read_reservation(second, &now) && now.key == 0xa1 && now.type == type,
	       "the reservation");
	expect(!vscsi_pwrite(first, block, BLOCK, 0, 0), "the holder writes");
	expect(vscsi_pwrite(second, block, BLOCK, 0, 0) == -EBADE, "the other one must not");
	expect(!vscsi_pread(second, block, BLOCK, 0), "it reads");
	expect(vscsi_pr_reserve(second, 0xb2, type) == -EBADE, "nor reserve");
	/* PREEMPT takes the first one's key and the reservation away. */
	expect(!vscsi_pr_preempt(second, 0xb2, 0xa1, type, 0), "preempting");
	expect(vscsi_pwrite(first, block, BLOCK, 0, 0) == -EBADE, "it has lost it");
	expect(!vscsi_pwrite(second, block, BLOCK, 0, 0), "the other one has it");
	expect(!vscsi_pr_clear(second, 0xb2), "clearing");
	expect(vscsi_pr_read_keys(first, NULL, NULL, 0) == 0, "no registrations");
	expect(!vscsi_pwrite(first, block, BLOCK, 0, 0), "anybody writes");
	printf("RESERVATIONS\n");
}

/* A registration that survives the first reset of the device, and is gone after the second. */
static void test_registration(struct vscsi_dev *dev, struct vscsi_lun *lun, struct vscsi_lun *other)
{
	struct vscsi_event event = {0};
	char block[BLOCK] = {1};

	expect(!vscsi_pr_register(lun, 0, 0xa1, 0), "registering");
	expect(!vscsi_pr_register(other, 0, 0xb2, 0), "registering the other");
	expect(!vscsi_dev_reset(dev), "resetting");
	expect(!vscsi_pwrite(lun, block, BLOCK, 0, 0), "it is still registered");
	expect(!vscsi_pr_preempt(other, 0xb2, 0xa1, VSCSI_PR_WRITE_EXCLUSIVE, 0), "preempting");
	expect(!vscsi_dev_reset(dev), "resetting again");
	expect(!vscsi_pread(lun, block, BLOCK, 0), "it reads");
	while (event.type != VSCSI_EVENT_UNREGISTERED)
		expect(vscsi_dev_poll_events(dev, &event, 1) == 1, "the event");
	expect(vscsi_pwrite(lun, block, BLOCK, 0, 0) == -EBADE, "it must not write");
	expect(!vscsi_pr_register(lun, 0, 0, 0), "acknowledging");
	expect(!vscsi_pwrite(lun, block, BLOCK, 0, 0), "it writes again");
	expect(!vscsi_pr_clear(other, 0xb2), "clearing");
	printf("REGISTRATION\n");
}

static void test_compare_and_write(struct vscsi_lun *lun)
{
	char was[BLOCK], now[BLOCK], seen[BLOCK];

	memset(was, 'a', BLOCK);
	memset(now, 'b', BLOCK);
	expect(!vscsi_pwrite(lun, was, BLOCK, BLOCK, 0), "writing");
	expect(!vscsi_sync_compare_and_write(lun, was, now, BLOCK, BLOCK), "comparing");
	expect(vscsi_sync_compare_and_write(lun, was, now, BLOCK, BLOCK) == -EILSEQ, "miscompare");
	expect(!vscsi_pread(lun, seen, BLOCK, BLOCK) && !memcmp(seen, now, BLOCK), "what it wrote");
	printf("COMPARED\n");
}

/* The 16-byte NAA name of VPD page 83h. */
static void find_name(struct vscsi_lun *lun, uint8_t name[16])
{
	const uint8_t cdb[6] = {0x12, 1, 0x83, 0, 252};
	uint8_t page[252] = {0};
	unsigned at = 4;

	expect(!command(lun, cdb, sizeof(cdb), NULL, 0, page, sizeof(page)), "page 83h");
	while (at + 20 <= sizeof(page) && ((page[at + 1] & 0x3f) != 3 || page[at + 3] != 16))
		at += 4u + page[at + 3];
	expect(at + 20 <= sizeof(page), "a name");
	memcpy(name, page + at + 4, 16);
}

/* EXTENDED COPY of eight blocks from one disk to another. */
static void test_copy(struct vscsi_lun *from, struct vscsi_lun *to)
{
	const uint8_t cdb[16] = {0x83, [13] = 108};
	uint8_t list[108] = {[3] = 64, [11] = 28};
	char data[8 * BLOCK], seen[8 * BLOCK];
	unsigned i;

	for (i = 0; i < 2; i++) {
		uint8_t *target = list + 16 + 32 * i;

		target[0] = 0xe4;
		target[4] = 1;
		target[5] = 3;
		target[7] = 16;
		find_name(i ? to : from, target + 8);
		target[30] = BLOCK >> 8;
	}
	/* Block device to block device, from target 0 to target 1: 16 to 32. */
	memcpy(list + 80, (uint8_t[28]){2, 0, 0, 24, [7] = 1, [11] = 8, [19] = 16, [27] = 32}, 28);
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / BLOCK);
	expect(!vscsi_pwrite(from, data, sizeof(data), 16 * BLOCK, 0), "writing the source");
	expect(!command(from, cdb, sizeof(cdb), list, sizeof(list), NULL, 0), "EXTENDED COPY");
	expect(!vscsi_pread(to, seen, sizeof(seen), 32 * BLOCK), "reading the copy");
	expect(!memcmp(data, seen, sizeof(data)), "the copy");
	printf("COPIED\n");
}

/* UNMAP and both forms of WRITE SAME. */
static void test_provisioning(struct vscsi_lun *lun)
{
	struct vscsi_range range = {.lba = 64, .blocks = 64};
	uint8_t same[16] = {0x93, [9] = 128, [13] = 16};
	char data[64 * BLOCK], zeros[64 * BLOCK] = {0}, pattern[BLOCK], seen[64 * BLOCK];
	struct vscsi_lun_info info = {.size = sizeof(info)};
	unsigned i;

	memset(data, 'x', sizeof(data));
	memset(pattern, 'p', sizeof(pattern));
	expect(!vscsi_lun_get_info(lun, &info) && (info.flags & VSCSI_LUN_UNMAP), "can unmap");
	expect(!vscsi_pwrite(lun, data, sizeof(data), 64 * BLOCK, 0), "writing");
	expect(!vscsi_sync_unmap(lun, &range, 1), "UNMAP");
	expect(!vscsi_pread(lun, seen, sizeof(seen), 64 * BLOCK), "reading");
	expect(!memcmp(seen, zeros, sizeof(seen)), "unmapped blocks of a file are zeros");
	expect(!vscsi_pwrite(lun, data, sizeof(data), 64 * BLOCK, 0), "writing again");
	expect(!vscsi_sync_write_zeroes(lun, sizeof(data), 64 * BLOCK, 0), "zeros");
	expect(!vscsi_pread(lun, seen, sizeof(seen), 64 * BLOCK), "reading again");
	expect(!memcmp(seen, zeros, sizeof(seen)), "zeros");
	expect(!command(lun, same, sizeof(same), pattern, BLOCK, NULL, 0), "WRITE SAME");
	expect(!vscsi_pread(lun, seen, 16 * BLOCK, 128 * BLOCK), "reading what is the same");
	for (i = 0; i < 16; i++)
		expect(!memcmp(seen + i * BLOCK, pattern, BLOCK), "the same");
	printf("PROVISIONED\n");
}

/* Writes to a file of the kernel's; @busy: again until that has nothing in flight. */
static void put(const char *path, const char *text, bool busy)
{
	uint64_t limit = now_ms() + LIMIT * 1000;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t ret;

	do {
		ret = write(fd, text, strlen(text));
	} while (ret < 0 && errno == EBUSY && busy && now_ms() < limit && !usleep(200));
	if (ret < 0) {
		printf("FAILED writing %s to %s: %s\n", text, path, strerror(errno));
		exit(1);
	}
	close(fd);
}

/* Access states of the disk's default target port group, changed in configfs @group. */
static void test_alua(struct vscsi_lun *lun, const char *group)
{
	static const struct {
		const char *name;
		uint8_t state;
		int result;
	} states[] = {
		{"1", 1, 0},
		{"2", 2, -EIO},
		{"3", 3, -EIO},
		{"0", 0, 0},
	};
	const uint8_t cdb[12] = {0xa3, 0x0a, [9] = 64};
	uint8_t report[64];
	char block[BLOCK], path[256];
	unsigned i;

	snprintf(path, sizeof(path), "%s/alua_access_state", group);
	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		memset(report, 0, sizeof(report));
		put(path, states[i].name, false);
		expect(!command(lun, cdb, sizeof(cdb), NULL, 0, report, sizeof(report)),
		       "REPORT TARGET PORT GROUPS");
		expect((report[4] & 0xf) == states[i].state, "the state that is reported");
		expect(vscsi_pread(lun, block, BLOCK, 0) == states[i].result, states[i].name);
	}
	printf("ALUA\n");
}

static void scsi(const char *first, const char *second, const char *group)
{
	struct vscsi_dev *a = open_dev(first), *b = open_dev(second);
	struct vscsi_lun *lun = open_lun(a, 0, 0), *other = open_lun(b, 1, 0);
	struct vscsi_lun *to = open_lun(a, 0, 1);

	test_reservations(lun, other);
	test_registration(a, lun, other);
	test_compare_and_write(lun);
	test_copy(lun, to);
	test_provisioning(lun);
	test_alua(lun, group);
	vscsi_lun_close(to);
	vscsi_lun_close(other);
	vscsi_lun_close(lun);
	vscsi_dev_close(b);
	vscsi_dev_close(a);
}

/* -- Load -- */

struct load {
	struct vscsi_dev *dev;
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	unsigned char *buffers;
	bool out[DEPTH];
	unsigned long started;
	unsigned long ended;
	int result; /* of the last that failed, or was refused */
};

/* Keeps DEPTH requests in flight, every other one a write; each completes once. */
static void run_load(struct load *l, bool more)
{
	struct vscsi_completion done[DEPTH];
	unsigned i;
	int count;
	int ret;

	for (i = 0; more && i < DEPTH; i++) {
		uint32_t blocks = BYTES / BLOCK;
		unsigned char *buffer = l->buffers + i * BYTES;

		if (l->out[i])
			continue;
		ret = i % 2 ? vscsi_write(l->queue, l->lun, buffer, i * blocks, blocks, 0, i)
			    : vscsi_read(l->queue, l->lun, buffer, i * blocks, blocks, 0, i);
		if (ret && ret != -EAGAIN)
			l->result = ret;
		if (ret)
			break;
		l->out[i] = true;
		l->started++;
	}
	vscsi_submit(l->queue);
	count = vscsi_poll(l->queue, done, DEPTH);
	for (i = 0; count > 0 && i < (unsigned)count; i++) {
		expect(done[i].user_data < DEPTH && l->out[done[i].user_data], "completed twice");
		l->out[done[i].user_data] = false;
		l->ended++;
		if (done[i].result)
			l->result = done[i].result;
	}
}

static void start_load(struct load *l, struct vscsi_dev *dev, unsigned target, unsigned number)
{
	memset(l, 0, sizeof(*l));
	l->dev = dev;
	l->lun = open_lun(dev, target, number);
	l->buffers = vscsi_mem_alloc(vscsi_dev_mem(dev), DEPTH * BYTES, 4096);
	expect(l->buffers && !vscsi_queue_open(dev, NULL, &l->queue), "queue");
	while (l->ended < 500)
		run_load(l, true);
	expect(!l->result, "requests");
}

static void end_load(struct load *l)
{
	uint64_t limit = now_ms() + LIMIT * 1000;

	while (l->ended != l->started && now_ms() < limit)
		run_load(l, false);
	expect(l->ended == l->started, "all requests return");
	printf("LOAD %s\n", strerror(-l->result));
	vscsi_queue_close(l->queue);
	vscsi_lun_close(l->lun);
	vscsi_mem_free(vscsi_dev_mem(l->dev), l->buffers);
}

/* Polls until an event of this type comes for the LUN, with the load running. */
static void await(struct vscsi_dev *dev, struct load *load, uint32_t type, unsigned number)
{
	uint64_t limit = now_ms() + LIMIT * 1000;
	struct vscsi_event event;

	while (now_ms() < limit) {
		int count = vscsi_dev_poll_events(dev, &event, 1);

		expect(count >= 0, "events");
		if (load)
			run_load(load, !load->result);
		if (count && event.type == type && event.lun == number) {
			printf("EVENT %u %u:%u\n", type, event.target, event.lun);
			return;
		}
	}
	die("no such event");
}

/* A LUN that is linked and unlinked: @lun is its folder in configfs, 0:5. */
static void plug(const char *address, const char *lun, const char *backstore)
{
	struct vscsi_dev *dev = open_dev(address);
	struct load load;
	char link[256];
	int status;
	pid_t child;

	snprintf(link, sizeof(link), "%s/link", lun);
	expect(vscsi_dev_scan(dev, NULL, 0) >= 0, "scan");
	if (mkdir(lun, 0755) || symlink(backstore, link))
		die(strerror(errno));
	await(dev, NULL, VSCSI_EVENT_PLUGGED, 5);
	start_load(&load, dev, 0, 5);
	/* LIO waits for the requests in flight. */
	child = fork();
	if (!child)
		_exit(unlink(link) != 0);
	await(dev, &load, VSCSI_EVENT_UNPLUGGED, 5);
	/* Nothing more is accepted. */
	while (!load.result)
		run_load(&load, true);
	end_load(&load);
	expect(waitpid(child, &status, 0) == child && !status, "the link is gone");
	vscsi_dev_close(dev);
}

/* The target's group can't be removed under load: the administrator is told so, not we. */
static void busy(const char *address, const char *tpg)
{
	struct vscsi_dev *dev = open_dev(address);
	struct vscsi_dev *second;
	struct load load;

	start_load(&load, dev, 0, 0);
	expect(rmdir(tpg) && errno == EBUSY, "removing the group in use");
	expect(vscsi_dev_open(address, NULL, &second) == -ENODEV, "a second user");
	printf("BUSY %s\n", vscsi_last_error());
	run_load(&load, true);
	end_load(&load);
	vscsi_dev_close(dev);
}

/* -- Time limits -- */

/* The disk's time for a command from now on; the kernel changes it between commands only. */
static void slow_down(const char *jiffies)
{
	put("/sys/bus/pseudo/drivers/scsi_debug/delay", jiffies, true);
}

/*
 * A disk that takes a second, and a limit far below: no call waits for the disk, so that there are
 * many calls from when the device is lost until the read returns, and that is not before the disk
 * has answered. Then the device works again, or has failed.
 */
static void late(const char *address, bool recovers)
{
	struct vscsi_dev_opts opts = {
		.size = sizeof(opts),
		.io_timeout_ms = 100,
		.task_timeout_ms = 100,
		.recovery = recovers ? VSCSI_RECOVERY_REPLAY : VSCSI_RECOVERY_OFF,
	};
	struct vscsi_completion done = {0};
	struct vscsi_event event = {0};
	struct vscsi_queue *queue;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	unsigned calls = 0;
	uint64_t begin;
	int ret, status;
	void *buffer;
	pid_t child;

	expect(!vscsi_dev_open(address, &opts, &dev), "open");
	lun = open_lun(dev, 2, 0);
	buffer = vscsi_mem_alloc(vscsi_dev_mem(dev), BYTES, 4096);
	expect(buffer != NULL, "a buffer");
	expect(!vscsi_queue_open(dev, NULL, &queue), "queue");
	slow_down("250");
	begin = now_ms();
	expect(!vscsi_read(queue, lun, buffer, 0, 8, 0, 7) && !vscsi_submit(queue), "read");
	/* What follows the read is quick. */
	child = fork();
	if (!child) {
		slow_down("1");
		_exit(0);
	}
	do {
		if (event.type != VSCSI_EVENT_LOST)
			vscsi_dev_poll_events(dev, &event, 1);
		else
			calls++;
		ret = vscsi_poll(queue, &done, 1);
	} while (!ret && now_ms() < begin + LIMIT * 1000);
	expect(ret == 1 && done.user_data == 7, "the read returns");
	printf("LATE %s %s, %s\n", strerror(-done.result),
	       now_ms() - begin >= 900 ? "after the disk" : "too soon",
	       calls > 20 ? "no call waited" : "a call waited");
	expect(waitpid(child, &status, 0) == child && !status, "the disk is quick again");
	do {
		ret = vscsi_pread(lun, buffer, BYTES, 0);
	} while (recovers && ret && now_ms() < begin + LIMIT * 1000);
	printf("AFTERWARDS %s\n", strerror(-ret));
	expect(!vscsi_queue_close(queue) && !vscsi_lun_close(lun), "closing");
	vscsi_mem_free(vscsi_dev_mem(dev), buffer);
	expect(!vscsi_dev_close(dev), "closing the device");
}

/* -- Memory -- */

/* Private anonymous memory of the application, registered while the device runs. */
static void memory(const char *address)
{
	struct vscsi_dev *dev = open_dev(address);
	struct vscsi_lun *lun = open_lun(dev, 0, 1);
	struct vscsi_mem *mem = vscsi_dev_mem(dev);
	struct vscsi_completion done;
	struct vscsi_queue *queue;
	size_t len = 16 * BYTES;
	unsigned char *own;
	unsigned char seen[BYTES];
	unsigned i;

	own = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(own != MAP_FAILED && !vscsi_queue_open(dev, NULL, &queue), "queue");
	for (i = 0; i < 3; i++) {
		memset(own, (int)('0' + i), len);
		expect(vscsi_write(queue, lun, own, 8, 8, 0, 0) == -EFAULT, "not registered");
		expect(!vscsi_mem_register(mem, own, len, -1, 0), "registering");
		expect(!vscsi_write(queue, lun, own + BYTES, 8, 8, 0, 0), "writing");
		expect(!vscsi_submit(queue) &&
			       vscsi_queue_drain(queue, &done, 1, LIMIT * 1000) == 1,
		       "completing");
		expect(!done.result, "the result");
		expect(!vscsi_pread(lun, seen, BYTES, 8 * BLOCK), "reading");
		expect(!memcmp(seen, own, BYTES), "what was written");
		expect(!vscsi_mem_unregister(mem, own), "unregistering");
	}
	printf("MEMORY\n");
	vscsi_queue_close(queue);
	vscsi_lun_close(lun);
	vscsi_dev_close(dev);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && !strcmp(argv[1], "scsi"))
		scsi(argv[2], argv[3], argv[4]);
	else if (argc == 5 && !strcmp(argv[1], "plug"))
		plug(argv[2], argv[3], argv[4]);
	else if (argc == 4 && !strcmp(argv[1], "busy"))
		busy(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "late"))
		late(argv[2], true);
	else if (argc == 3 && !strcmp(argv[1], "fail"))
		late(argv[2], false);
	else if (argc == 3 && !strcmp(argv[1], "memory"))
		memory(argv[2]);
	else
		return 2;
	return 0;
}
