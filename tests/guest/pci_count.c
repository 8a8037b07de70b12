/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs in the guest with QEMU's -icount shift=0: counts the instructions of a read over PCI, those
 * of the library and of the loop that calls it. The time stamp counter then counts executed
 * instructions, which is checked first. The work of the device and waiting for it are not included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vscsi/vscsi.h>

#define BATCH  32u
#define BYTES  4096u
#define WANTED 101u   /* batches that completed at once; odd, for the median */
#define LOOPS  10000u /* two instructions each */
#define LIMIT  60     /* seconds */

struct bench {
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	unsigned char *buffers;
	uint64_t prepare[WANTED];
	uint64_t submit[WANTED];
	uint64_t poll[WANTED];
	unsigned whole;
};

static uint64_t now(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

static void die(const char *what)
{
	printf("FAILED %s: %s\n", what, vscsi_last_error());
	exit(1);
}

/* With any other clock the result would be emulation time. */
static void check_clock(void)
{
	unsigned left = LOOPS;
	uint64_t begin = now(), took;

#ifdef __x86_64__
	__asm__ volatile("1: dec %0\n\tjnz 1b" : "+r"(left) : : "cc");
#endif
	took = now() - begin;
	if (left || took < 2 * LOOPS || took > 3 * LOOPS) {
		printf("FAILED %u instructions were counted as %llu\n", 2 * LOOPS,
		       (unsigned long long)took);
		exit(1);
	}
}

/*
 * The pause lets the device complete the whole batch. A batch that completes in parts is not
 * counted, so the length of the pause only affects how many batches are needed.
 */
static void run_batch(struct bench *b)
{
	struct timespec pause = {.tv_nsec = 2000000};
	struct vscsi_completion done[BATCH];
	uint64_t times[5];
	unsigned i, ended;
	int count;

	times[0] = now();
	for (i = 0; i < BATCH; i++) {
		if (vscsi_read(b->queue, b->lun, b->buffers + i * BYTES, i * 8, 8, 0, i))
			die("read");
	}
	times[1] = now();
	vscsi_submit(b->queue);
	times[2] = now();
	nanosleep(&pause, NULL);
	times[3] = now();
	count = vscsi_poll(b->queue, done, BATCH);
	times[4] = now();
	if (count == (int)BATCH) {
		b->prepare[b->whole] = times[1] - times[0];
		b->submit[b->whole] = times[2] - times[1];
		b->poll[b->whole++] = times[4] - times[3];
	}
	for (ended = 0; ended < BATCH; count = vscsi_poll(b->queue, done, BATCH)) {
		for (i = 0; count > 0 && i < (unsigned)count; i++, ended++) {
			if (done[i].result)
				die("a read failed");
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

/* The median: batches with a timer interrupt are far above it. */
static double median(uint64_t *samples)
{
	const unsigned middle = WANTED / 2;

	qsort(samples, WANTED, sizeof(*samples), compare);
	return (double)samples[middle] / BATCH;
}

static void report(struct bench *b, const char *address)
{
	double prepare = median(b->prepare), submit = median(b->submit), poll = median(b->poll);

	printf("%s: instructions per 4 KiB read at depth 32: %.1f "
	       "(vscsi_read %.1f, vscsi_submit %.1f, vscsi_poll %.1f)\n",
	       address, prepare + submit + poll, prepare, submit, poll);
}

int main(int argc, char **argv)
{
	/* Exclusive, as for a thread with its own ring; the library uses another ring itself. */
	struct vscsi_queue_opts alone = {.size = sizeof(alone), .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct vscsi_dev_opts two = {.size = sizeof(two), .queues = 2};
	struct bench b = {0};
	struct vscsi_dev *dev;
	time_t since = time(NULL);

	if (argc != 2)
		return 2;
	check_clock();
	if (vscsi_dev_open(argv[1], &two, &dev) || vscsi_lun_open(dev, 0, 0, NULL, &b.lun) ||
	    vscsi_queue_open(dev, &alone, &b.queue))
		die("open");
	b.buffers = vscsi_mem_alloc(vscsi_dev_mem(dev), BATCH * BYTES, 4096);
	if (!b.buffers)
		die("memory");
	while (b.whole < WANTED) {
		if (time(NULL) - since > LIMIT)
			die("batches don't complete at once");
		run_batch(&b);
	}
	report(&b, argv[1]);
	vscsi_queue_close(b.queue);
	vscsi_lun_close(b.lun);
	vscsi_mem_free(vscsi_dev_mem(dev), b.buffers);
	vscsi_dev_close(dev);
	return 0;
}
