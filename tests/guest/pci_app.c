/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs in the guest: an application that uses a PCI device while the host changes it. For each line
 * "ASK ..." that it prints, the host replies with a line on its input when it is done.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vscsi/vscsi.h>

#define DEPTH     32u
#define BYTES     4096u
#define LIMIT     20 /* timeout in seconds */
#define ROUNDS    20u
#define LOADS     3u    /* a device with four queues, of which the library uses one itself */
#define FIRST_LBA 8192u /* in 512 bytes: blocks before it are compared by the host */

struct load {
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	unsigned char *buffers;
	unsigned out[DEPTH]; /* requests in flight per slot: 0 or 1 */
	unsigned long started;
	unsigned long ended;
	unsigned long failed;
};

static void die(const char *what)
{
	printf("FAILED %s: %s\n", what, vscsi_last_error());
	exit(1);
}

static void ask(const char *what)
{
	char line[128];

	printf("ASK %s\n", what);
	if (!fgets(line, sizeof(line), stdin) || strncmp(line, "ok", 2) != 0) {
		printf("FAILED the host replied: %s\n", line);
		exit(1);
	}
}

/* Mapped addresses are logged at this level. */
static void print_log(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	printf("LOG %s\n", line);
}

static struct vscsi_dev *open_dev(const char *address, struct vscsi_mem *mem)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .mem = mem};
	struct vscsi_dev *dev;

	if (vscsi_dev_open(address, &opts, &dev))
		die("open");
	return dev;
}

static struct vscsi_lun *open_lun(struct vscsi_dev *dev, unsigned target)
{
	struct vscsi_lun *lun;

	if (vscsi_lun_open(dev, target, 0, NULL, &lun))
		die("lun");
	return lun;
}

static bool due(time_t since)
{
	return time(NULL) - since > LIMIT;
}

/* Every other request is a write. */
static int start_one(struct load *l, unsigned slot)
{
	uint32_t blocks = BYTES / 512, lba = FIRST_LBA + slot * blocks;
	unsigned char *buffer = l->buffers + slot * BYTES;

	return slot % 2 ? vscsi_write(l->queue, l->lun, buffer, lba, blocks, 0, slot)
			: vscsi_read(l->queue, l->lun, buffer, lba, blocks, 0, slot);
}

/*
 * Keeps DEPTH requests in flight; after an error the slot stays idle. Checks that each completes
 * once.
 */
static void run_load(struct load *l, bool more)
{
	struct vscsi_completion done[DEPTH];
	unsigned i;
	int count;

	for (i = 0; more && i < DEPTH; i++) {
		if (l->out[i])
			continue;
		if (start_one(l, i))
			break;
		l->out[i] = 1;
		l->started++;
	}
	vscsi_submit(l->queue);
	count = vscsi_poll(l->queue, done, DEPTH);
	for (i = 0; count > 0 && i < (unsigned)count; i++) {
		if (done[i].user_data >= DEPTH || !l->out[done[i].user_data])
			die("a request completed twice");
		l->out[done[i].user_data] = 0;
		l->ended++;
		l->failed += done[i].result != 0;
	}
}

static void start_load(struct load *l, struct vscsi_dev *dev, unsigned target)
{
	memset(l, 0, sizeof(*l));
	l->lun = open_lun(dev, target);
	l->buffers = vscsi_mem_alloc(vscsi_dev_mem(dev), DEPTH * BYTES, 4096);
	if (!l->buffers || vscsi_queue_open(dev, NULL, &l->queue))
		die("queue");
	while (l->ended < 1000)
		run_load(l, true);
	if (l->failed)
		die("requests");
}

static void end_load(struct load *l, struct vscsi_dev *dev)
{
	time_t since = time(NULL);

	while (l->ended != l->started && !due(since))
		run_load(l, false);
	if (l->ended != l->started)
		die("requests did not complete");
	printf("LOAD %lu started %lu ended\n", l->started, l->ended);
	vscsi_queue_close(l->queue);
	vscsi_lun_close(l->lun);
	vscsi_mem_free(vscsi_dev_mem(dev), l->buffers);
}

/* Polls until an event of this type arrives for the target, with the load running. */
static void expect(struct vscsi_dev *dev, struct load *load, uint32_t type, unsigned target)
{
	struct vscsi_event events[16];
	time_t since = time(NULL);
	int count, i;

	while (!due(since)) {
		if (load)
			run_load(load, true);
		count = vscsi_dev_poll_events(dev, events, 16);
		if (count < 0)
			die("events");
		for (i = 0; i < count; i++) {
			if (events[i].type == type && events[i].target == target) {
				printf("EVENT %u %u:%u %04x\n", type, events[i].target,
				       events[i].lun, events[i].code);
				return;
			}
		}
	}
	printf("WANTED %u %u\n", type, target);
	die("no such event");
}

static void watch(const char *address)
{
	struct vscsi_dev *dev = open_dev(address, NULL);
	struct load load;

	if (vscsi_dev_scan(dev, NULL, 0) < 0)
		die("scan");
	ask("plug 5");
	expect(dev, NULL, VSCSI_EVENT_PLUGGED, 5);
	ask("resize 1");
	expect(dev, NULL, VSCSI_EVENT_RESIZED, 1);
	start_load(&load, dev, 5);
	ask("unplug 5");
	expect(dev, &load, VSCSI_EVENT_UNPLUGGED, 5);
	end_load(&load, dev);
	/*
	 * More events than buffers: the device reports that it missed some; a scan finds the rest.
	 */
	ask("flood 6");
	expect(dev, NULL, VSCSI_EVENT_PLUGGED, 6);
	vscsi_dev_close(dev);
}

/* Each wait that returns early was ended by an interrupt. */
static void sleep_test(const char *address)
{
	struct vscsi_dev *dev = open_dev(address, NULL);
	struct vscsi_lun *lun = open_lun(dev, 0);
	struct vscsi_completion done;
	struct vscsi_queue *queue;
	unsigned woken = 0, i;
	void *buffer;
	int ret;

	buffer = vscsi_mem_alloc(vscsi_dev_mem(dev), BYTES, 4096);
	if (!buffer || vscsi_queue_open(dev, NULL, &queue))
		die("queue");
	for (i = 0; i < ROUNDS; i++) {
		if (vscsi_read(queue, lun, buffer, i, 1, 0, i) || vscsi_submit(queue))
			die("read");
		ret = vscsi_wait(queue, 5000);
		woken += ret == 1;
		if (ret != 1 || vscsi_poll(queue, &done, 1) != 1 || done.result)
			die("wait");
	}
	/* Nothing is in flight, so nothing wakes it up. */
	if (vscsi_wait(queue, 50) != 0)
		die("spurious wakeup");
	printf("WOKEN %u\n", woken);
	vscsi_queue_close(queue);
	vscsi_lun_close(lun);
	vscsi_mem_free(vscsi_dev_mem(dev), buffer);
	vscsi_dev_close(dev);
}

/* Two devices use one pool, and a buffer is read from one and written to the other. */
static void pair(const char *first, const char *second)
{
	struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 32u << 20};
	struct vscsi_dev *a, *b;
	struct vscsi_lun *from, *to;
	struct vscsi_mem *mem;
	void *buffer;

	if (vscsi_mem_create(&opts, &mem))
		die("pool");
	a = open_dev(first, mem);
	b = open_dev(second, mem);
	from = open_lun(a, 0);
	to = open_lun(b, 0);
	buffer = vscsi_mem_alloc(mem, 4u << 20, 4096);
	if (!buffer || vscsi_pread(from, buffer, 4u << 20, 0) ||
	    vscsi_pwrite(to, buffer, 4u << 20, 0, 0) || vscsi_sync_flush(to))
		die("copy");
	printf("COPIED\n");
	vscsi_mem_free(mem, buffer);
	vscsi_lun_close(from);
	vscsi_lun_close(to);
	vscsi_dev_close(a);
	vscsi_dev_close(b);
	vscsi_mem_destroy(mem);
}

/* The function is removed while all of its queues are full. */
static void lose(const char *address)
{
	struct vscsi_dev *dev = open_dev(address, NULL);
	struct vscsi_event event = {0};
	struct load load[LOADS];
	time_t since;
	unsigned i;
	int count;

	for (i = 0; i < LOADS; i++)
		start_load(&load[i], dev, 0);
	ask("remove");
	for (since = time(NULL); event.type != VSCSI_EVENT_LOST && !due(since);) {
		for (i = 0; i < LOADS; i++)
			run_load(&load[i], true);
		vscsi_dev_poll_events(dev, &event, 1);
	}
	if (event.type != VSCSI_EVENT_LOST)
		die("not lost");
	for (i = 0; i < LOADS; i++)
		end_load(&load[i], dev);
	count = vscsi_dev_poll_events(dev, &event, 1);
	printf("LOST %d %s\n", count, vscsi_last_error());
	vscsi_dev_close(dev);
}

/* Keeps the device open until the input ends. */
static void keep(const char *address)
{
	struct vscsi_dev *dev = open_dev(address, NULL);

	printf("OPEN\n");
	while (getchar() != EOF)
		;
	vscsi_dev_close(dev);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "watch") == 0)
		watch(argv[2]);
	else if (strcmp(argv[1], "sleep") == 0)
		sleep_test(argv[2]);
	else if (strcmp(argv[1], "lose") == 0)
		lose(argv[2]);
	else if (strcmp(argv[1], "keep") == 0)
		keep(argv[2]);
	else if (strcmp(argv[1], "pair") == 0 && argc == 4)
		pair(argv[2], argv[3]);
	else if (strcmp(argv[1], "log") == 0) {
		vscsi_set_log(VSCSI_LOG_DEBUG, print_log, NULL);
		vscsi_dev_close(open_dev(argv[2], NULL));
	} else
		return 2;
	return 0;
}
