/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk is swapped for another one at the same address while a program writes to it: no write goes
 * to the other disk, whether or not the program looks for events. One write is out at a time: what
 * a target has already taken in when it swaps disks is for the target to refuse.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#define DISK_BYTES (4 * MIB)
#define OTHER      "add 0:0,file=other.img,serial=OTHER"

/* How the writer writes. */
enum { EXCLUSIVE, SHARED, SYNC, KINDS };

/**
 * struct writer - A thread that writes, one block after the other
 * @f: what it works with
 * @kind: how
 * @events: it also looks for events
 * @data: a block that is not zero
 * @tries: how many writes there were, and @refused those that ended with -ENODEV
 * @stop: it is to end
 * @late: writes that succeeded after the first one that did not
 * @wrong: an error other than -ENODEV
 * @seen: events of 0:0 as bits, by type
 */
struct writer {
	struct fixture *f;
	unsigned kind;
	bool events;
	char *data;
	atomic_uint tries;
	unsigned refused;
	atomic_bool stop;
	unsigned late;
	int wrong;
	unsigned seen;
};

static void look(struct writer *w)
{
	struct vscsi_event events[8];
	int count = vscsi_dev_poll_events(w->f->dev, events, 8);
	int i;

	if (count < 0)
		w->wrong = count;
	for (i = 0; i < count; i++) {
		if (events[i].target == 0 && events[i].lun == 0)
			w->seen |= 1u << events[i].type;
	}
}

static int write_one(struct writer *w, struct vscsi_queue *queue, uint64_t lba)
{
	struct vscsi_completion done = {.result = 0};
	int err;

	if (w->kind == SYNC)
		return vscsi_pwrite(w->f->lun, w->data, 512, lba * 512, 0);
	err = vscsi_write(queue, w->f->lun, w->data, lba, 1, 0, 0);
	if (err)
		return err;
	return try_collect(queue, &done, 1) ? done.result : -ETIMEDOUT;
}

static void *run_writer(void *arg)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct vscsi_queue *queue = NULL;
	struct writer *w = arg;
	unsigned i;
	int err;

	w->wrong = vscsi_queue_open(w->f->dev, w->kind == SHARED ? &opts : NULL, &queue);
	for (i = 0; !w->wrong && !atomic_load(&w->stop); i++) {
		err = write_one(w, queue, i % (DISK_BYTES / 512));
		if (err && err != -ENODEV)
			w->wrong = err;
		w->refused += err == -ENODEV;
		w->late += w->refused && !err;
		if (w->events)
			look(w);
		atomic_fetch_add(&w->tries, 1);
	}
	err = vscsi_queue_close(queue);
	if (err)
		w->wrong = err;
	return NULL;
}

static void await_writes(struct writer *w, unsigned more)
{
	const unsigned count = atomic_load(&w->tries) + more;
	uint64_t limit = now_ms() + TIMEOUT_MS;

	while (atomic_load(&w->tries) < count && now_ms() < limit)
		sched_yield();
	if (atomic_load(&w->tries) < count)
		w->wrong = -ETIMEDOUT;
}

static bool file_is_zero(const char *name)
{
	static char data[DISK_BYTES];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert_true(fd >= 0);
	got = read(fd, data, sizeof(data));
	close(fd);
	assert_int_equal(got, sizeof(data));
	return is_zero(data, sizeof(data));
}

static void start(struct fixture *f, bool scan)
{
	unlink("first.img");
	unlink("other.img");
	make_file("first.img", DISK_BYTES);
	make_file("other.img", DISK_BYTES);
	START(f, "--lun=0:0,file=first.img,serial=FIRST");
	open_disk(f, "");
	if (scan)
		assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), 1);
}

/* In one piece no write comes between the two commands; the next answer comes after both. */
static void swap(struct fixture *f, bool at_once)
{
	if (at_once) {
		target_command(&f->target, NULL, 0, "remove 0:0\n" OTHER);
		target_command(&f->target, NULL, 0, "stat");
		return;
	}
	target_command(&f->target, NULL, 0, "remove 0:0");
	target_command(&f->target, NULL, 0, OTHER);
}

/* The swap is reported when the scan is done, which each call of look() advances. */
static void await_swap_events(struct writer *w)
{
	const unsigned all = 1u << VSCSI_EVENT_UNPLUGGED | 1u << VSCSI_EVENT_PLUGGED;
	uint64_t limit = now_ms() + TIMEOUT_MS;

	while (w->seen != all && !w->wrong && now_ms() < limit) {
		look(w);
		sched_yield();
	}
	assert_int_equal(w->wrong, 0);
	assert_int_equal(w->seen, all);
}

/* The address is the other disk's now: opening it again gives that disk. */
static void assert_other(struct fixture *f)
{
	struct vscsi_lun *gone = f->lun;

	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	assert_int_equal(vscsi_lun_get_info(f->lun, &f->info), 0);
	assert_string_equal(f->info.serial, "OTHER");
	assert_true(file_is_zero("other.img"));
	assert_works(f);
	assert_false(file_is_zero("other.img"));
	assert_int_equal(vscsi_lun_close(gone), 0);
}

static void swap_under_writer(struct fixture *f, unsigned kind, bool events, bool at_once)
{
	struct writer w = {.f = f, .kind = kind, .events = events};
	pthread_t thread;

	start(f, events);
	w.data = alloc_dma(f, 512);
	fill(w.data, 512, 1);
	assert_int_equal(pthread_create(&thread, NULL, run_writer, &w), 0);
	await_writes(&w, 100);
	swap(f, at_once);
	await_writes(&w, 1000);
	atomic_store(&w.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(w.wrong, 0);
	assert_true(file_is_zero("other.img"));
	assert_true(w.refused > 0);
	assert_int_equal(w.late, 0);
	/* If the writer collected no events, they are all reported now. */
	await_swap_events(&w);
	assert_other(f);
	close_all(f);
	assert_true(target_stop(&f->target));
}

static void swapped_under_a_writer(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	CONFORMS("R-SCSI-90", "R-SCSI-92");
	for (i = 0; i < 4 * KINDS; i++)
		swap_under_writer(f, i / 4, i & 1, i & 2);
	unlink("first.img");
	unlink("other.img");
}

/* The only thing that is sent is the first write after it. */
static void swapped_while_idle(void **state)
{
	struct fixture *f = *state;
	char *data;

	start(f, false);
	data = alloc_dma(f, 512);
	fill(data, 512, 1);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	swap(f, true);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), -ENODEV);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), -ENODEV);
	assert_true(file_is_zero("other.img"));
	assert_other(f);
	unlink("first.img");
	unlink("other.img");
}

int main(void)
{
	static const struct CMUnitTest swaps[] = {
		TEST(swapped_while_idle),
		TEST(swapped_under_a_writer),
	};

	return RUN_TESTS(swaps);
}
