/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The soak test: random operations for minutes. Threads write, read back and abort, others open and
 * close LUNs and make synchronous calls, while the target is killed, restarted and stopped, plugs,
 * unplugs and resizes units, and the LUN, the target or the device is reset. Every few seconds the
 * device is closed and opened with other options. All data is verified, and the number of
 * descriptors, the DMA memory in use and the size of the process must not grow.
 *
 * VSCSI_SOAK_SECONDS=N in the environment: the duration; without it, or with 0, it is skipped.
 * VSCSI_TEST_SEED=N repeats the choices of a run.
 */
#include "disk.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../counts.h"

#define THREADS  2 /* with queues; one more makes synchronous calls, and one uses LUNs */
#define DEPTH    32
#define BLOCKS   512u
#define BLOCK    4096u
#define ROUND_MS 2000
#define OWN      (2 * MIB)
#define SLACK_KB 16384 /* allowed growth of the process since the first quarter */

/* To see only the library's memory, not what the sanitizer retains. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=1";
}

/* A part of the disk: for each block the number of writes, and whether the last one succeeded. */
struct part {
	unsigned number;
	uint32_t version[BLOCKS];
	bool unknown[BLOCKS];
	bool taken[BLOCKS];
};

struct job {
	unsigned block;
	bool write;
	bool busy;
};

/*
 * struct worker - A thread and its part of the disk
 * @stop: set by the first thread
 * @done, @cut: requests that succeeded, and that were aborted, reset or lost
 * @error: error message, or NULL
 * @data: DEPTH blocks of DMA memory
 */
struct worker {
	struct fixture *f;
	pthread_t thread;
	struct part part;
	uint64_t random;
	_Atomic uint64_t done;
	_Atomic uint64_t cut;
	atomic_bool stop;
	const char *error;
	char *data;
	struct job jobs[DEPTH];
	unsigned inflight;
};

/* Operations of the first thread, and how often each was done. */
enum operation {
	SCAN,
	EVENTS,
	PLUG,
	RESIZE,
	LUN_RESET,
	TARGET_RESET,
	DEV_RESET,
	MEMORY,
	STOP_TARGET,
	KILL,
	OPS,
};

static const char *const op_names[] = {
	"scans",         "event polls",       "plugs",  "resizes", "LUN resets", "target resets",
	"device resets", "regions of memory", "pauses", "kills",
};

/* The state of a run. */
struct soak {
	struct fixture *f;
	struct vscsi_mem *mem;
	struct worker workers[THREADS + 2];
	uint64_t random;
	uint64_t ops[OPS];
	unsigned rounds;
	bool plugged;
	char *own;
	int own_fd;
};

/* Quantities that must not grow. */
struct level {
	unsigned fds;
	uint64_t used;
	long kb;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t seed_of(const struct part *part, unsigned block)
{
	return (uint64_t)part->number << 48 | (uint64_t)block << 32 | part->version[block];
}

static bool is_right(const struct part *part, unsigned block, const char *data)
{
	if (part->unknown[block])
		return true;
	return part->version[block] ? holds(data, BLOCK, seed_of(part, block))
				    : is_zero(data, BLOCK);
}

/* Aborted, reset or lost: its data may have been written or not. */
static bool may_happen(int result)
{
	return result == -ECANCELED || result == -ECONNRESET;
}

static int prepare(struct worker *w, struct vscsi_queue *queue, unsigned i)
{
	struct job *job = &w->jobs[i];
	char *data = w->data + (size_t)BLOCK * i;
	uint64_t lba;
	int err;

	do {
		job->block = (unsigned)(next_random(&w->random) % BLOCKS);
	} while (w->part.taken[job->block]);
	job->write = next_random(&w->random) % 4 != 0;
	lba = (uint64_t)w->part.number * BLOCKS + job->block;
	if (job->write) {
		w->part.version[job->block]++;
		fill(data, BLOCK, seed_of(&w->part, job->block));
		err = vscsi_write(queue, w->f->lun, data, lba, 1, 0, i);
		w->part.version[job->block] -= err ? 1 : 0;
	} else {
		memset(data, 0xdd, BLOCK);
		err = vscsi_read(queue, w->f->lun, data, lba, 1, 0, i);
	}
	if (err)
		return err;
	w->part.taken[job->block] = true;
	job->busy = true;
	w->inflight++;
	return 0;
}

static void check_completion(struct worker *w, const struct vscsi_completion *done)
{
	uint64_t i = done->user_data;
	struct job *job = &w->jobs[i % DEPTH];

	if (i >= DEPTH || !job->busy)
		w->error = "a request completed twice";
	else if (done->result && !may_happen(done->result))
		w->error = "a request failed";
	else if (!done->result && !job->write &&
		 !is_right(&w->part, job->block, w->data + BLOCK * i))
		w->error = "a read did not return the acknowledged data";
	if (w->error)
		return;
	if (job->write)
		w->part.unknown[job->block] = done->result != 0;
	job->busy = false;
	w->part.taken[job->block] = false;
	w->inflight--;
	atomic_fetch_add(done->result ? &w->cut : &w->done, 1);
}

static void fill_queue(struct worker *w, struct vscsi_queue *queue)
{
	unsigned i;
	int err = 0;

	for (i = 0; i < DEPTH && !err && !atomic_load(&w->stop); i++) {
		if (!w->jobs[i].busy)
			err = prepare(w, queue, i);
	}
	if (err && err != -EAGAIN)
		w->error = "a request was not accepted";
	vscsi_submit(queue);
	if (next_random(&w->random) % 256 == 0)
		vscsi_abort(queue, next_random(&w->random) % DEPTH);
}

static void *use_queue(void *arg)
{
	struct vscsi_completion done[DEPTH];
	struct vscsi_queue *queue;
	struct worker *w = arg;
	unsigned i;
	int got;

	if (vscsi_queue_open(w->f->dev, NULL, &queue)) {
		w->error = "no queue";
		return NULL;
	}
	while (!w->error && (!atomic_load(&w->stop) || w->inflight)) {
		fill_queue(w, queue);
		got = vscsi_poll(queue, done, DEPTH);
		if (got < 0)
			w->error = "a poll failed";
		for (i = 0; (int)i < got && !w->error; i++)
			check_completion(w, &done[i]);
		if (!got && w->inflight && vscsi_wait(queue, TIMEOUT_MS) != 1)
			w->error = "a request did not complete in time";
	}
	if (vscsi_queue_close(queue) && !w->error)
		w->error = "a request was lost";
	return NULL;
}

static void *use_calls(void *arg)
{
	struct worker *w = arg;
	char data[BLOCK];

	while (!w->error && !atomic_load(&w->stop)) {
		unsigned block = (unsigned)(next_random(&w->random) % BLOCKS);
		uint64_t at = ((uint64_t)w->part.number * BLOCKS + block) * BLOCK;
		int err;

		w->part.version[block]++;
		fill(data, BLOCK, seed_of(&w->part, block));
		err = vscsi_pwrite(w->f->lun, data, BLOCK, at, 0);
		w->part.unknown[block] = err != 0;
		if (!err || may_happen(err))
			err = vscsi_pread(w->f->lun, data, BLOCK, at);
		if (err && !may_happen(err))
			w->error = "a call failed";
		else if (!err && !is_right(&w->part, block, data))
			w->error = "a call returned wrong data";
		atomic_fetch_add(err ? &w->cut : &w->done, 1);
	}
	return NULL;
}

/* LUNs that are unplugged, plugged and resized meanwhile: calls may fail, but always end. */
static void *use_luns(void *arg)
{
	struct worker *w = arg;
	struct vscsi_lun *lun;
	char data[BLOCK];

	while (!w->error && !atomic_load(&w->stop)) {
		int err = vscsi_lun_open(w->f->dev, 0, 1 + next_random(&w->random) % 2, NULL, &lun);

		atomic_fetch_add(err ? &w->cut : &w->done, 1);
		if (err)
			continue;
		vscsi_pread(lun, data, BLOCK, 0);
		vscsi_lun_refresh(lun);
		vscsi_pread(lun, data, BLOCK, next_random(&w->random) % MIB / BLOCK * BLOCK);
		if (vscsi_lun_close(lun))
			w->error = "a LUN could not be closed";
	}
	return NULL;
}

static void start_target(struct soak *s)
{
	START(s->f, "--lun=0:0,file=disk.img,block=4096", "--lun=0:2,file=size.img");
	s->plugged = false;
}

static void run_target_op(struct soak *s, enum operation op)
{
	struct target *target = &s->f->target;
	const struct timespec pause = {.tv_nsec = 20000000};

	switch (op) {
	case PLUG:
		target_command(target, NULL, 0, s->plugged ? "remove 0:1" : "add 0:1,ram=1M");
		s->plugged = !s->plugged;
		break;
	case RESIZE:
		target_command(target, NULL, 0, "resize 0:2 %u",
			       (unsigned)(1 + next_random(&s->random) % 64) << 15);
		break;
	case STOP_TARGET:
		target_freeze(target);
		nanosleep(&pause, NULL);
		target_thaw(target);
		break;
	default:
		target_kill(target);
		if (next_random(&s->random) % 2)
			nanosleep(&pause, NULL);
		start_target(s);
		break;
	}
}

/* Whether a call succeeds depends on the state of the target; data must always be correct. */
static void run_device_op(struct soak *s, enum operation op)
{
	struct vscsi_lun_addr found[4];
	struct vscsi_event events[8];
	struct fixture *f = s->f;

	switch (op) {
	case SCAN:
		vscsi_dev_scan(f->dev, found, ARRAY_LEN(found));
		break;
	case EVENTS:
		assert_true(vscsi_dev_poll_events(f->dev, events, ARRAY_LEN(events)) != -ENOTCONN);
		break;
	case LUN_RESET:
		vscsi_lun_reset(f->lun);
		break;
	case TARGET_RESET:
		vscsi_target_reset(f->dev, 0);
		break;
	case DEV_RESET:
		assert_int_equal(vscsi_dev_reset(f->dev), 0);
		break;
	default:
		if (vscsi_mem_register(s->mem, s->own, OWN, s->own_fd, 0))
			break;
		vscsi_pread(f->lun, s->own, BLOCK, 0);
		while (vscsi_mem_unregister(s->mem, s->own) == -EBUSY)
			vscsi_dev_poll_events(f->dev, events, ARRAY_LEN(events));
		break;
	}
}

static bool is_for_target(enum operation op)
{
	return op == PLUG || op == RESIZE || op == STOP_TARGET || op == KILL;
}

static void reopen(struct soak *s)
{
	static const char *const options[] = {
		"queues=4&recovery=exact", "queues=4&recovery=replay", "queues=1",
		"queues=4&event_idx=off",  "queues=4&indirect=off",    "queues=3&mem_slots=off",
		"queues=4&status=off",     "queues=2&packed=off",      "queues=4&in_order=on",
	};
	const struct vscsi_dev_opts opts = {.size = sizeof(opts), .mem = s->mem};
	struct fixture *f = s->f;
	/* Only the last one needs what a target may lack. */
	unsigned count = ARRAY_LEN(options) - target_lacks("in_order");
	char address[128];

	snprintf(address, sizeof(address), "%s?%s", f->target.address,
		 options[next_random(&s->random) % count]);
	assert_int_equal(vscsi_dev_open(address, &opts, &f->dev), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
}

static void start_workers(struct soak *s)
{
	unsigned i;

	for (i = 0; i < ARRAY_LEN(s->workers); i++) {
		struct worker *w = &s->workers[i];

		w->stop = false;
		w->data = vscsi_mem_alloc(s->mem, DEPTH * BLOCK, 0);
		assert_non_null(w->data);
		assert_int_equal(pthread_create(&w->thread, NULL,
						i < THREADS    ? use_queue
						: i == THREADS ? use_calls
							       : use_luns,
						w),
				 0);
	}
}

static void end_workers(struct soak *s)
{
	unsigned i;

	for (i = 0; i < ARRAY_LEN(s->workers); i++)
		atomic_store(&s->workers[i].stop, true);
	for (i = 0; i < ARRAY_LEN(s->workers); i++) {
		struct worker *w = &s->workers[i];

		assert_int_equal(pthread_join(w->thread, NULL), 0);
		if (w->error)
			fail_msg("thread %u: %s", i, w->error);
		assert_int_equal(vscsi_mem_free(s->mem, w->data), 0);
	}
}

static void verify_disk(struct soak *s)
{
	char data[BLOCK];
	unsigned i;
	unsigned k;

	for (i = 0; i <= THREADS; i++) {
		const struct part *part = &s->workers[i].part;

		for (k = 0; k < BLOCKS; k++) {
			uint64_t at = ((uint64_t)part->number * BLOCKS + k) * BLOCK;

			assert_int_equal(vscsi_pread(s->f->lun, data, BLOCK, at), 0);
			assert_true(is_right(part, k, data));
		}
	}
}

static void one_round(struct soak *s)
{
	uint64_t end = now_ms() + ROUND_MS;
	const struct timespec pause = {.tv_nsec = 5000000};

	reopen(s);
	start_workers(s);
	while (now_ms() < end) {
		enum operation op = next_random(&s->random) % OPS;

		if (is_for_target(op))
			run_target_op(s, op);
		else
			run_device_op(s, op);
		s->ops[op]++;
		nanosleep(&pause, NULL);
	}
	end_workers(s);
	verify_disk(s);
	close_all(s->f);
	s->rounds++;
}

static struct level measure(struct soak *s)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	FILE *file = fopen("/proc/self/statm", "re");
	struct level level = {.fds = count_fds()};
	long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
	fclose(file);
	assert_int_equal(vscsi_mem_get_stats(s->mem, &stats), 0);
	level.used = stats.used + stats.regions;
	level.kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
	return level;
}

static void print_summary(const struct soak *s, const struct level *from, const struct level *to)
{
	uint64_t done = 0;
	uint64_t cut = 0;
	unsigned i;

	for (i = 0; i < ARRAY_LEN(s->workers); i++) {
		done += s->workers[i].done;
		cut += s->workers[i].cut;
	}
	print_message("soak test: %u rounds, %llu requests done, %llu aborted, reset or lost:",
		      s->rounds, (unsigned long long)done, (unsigned long long)cut);
	for (i = 0; i < OPS; i++)
		print_message(" %llu %s%s", (unsigned long long)s->ops[i], op_names[i],
			      i + 1 < OPS ? "," : "\n");
	print_message("soak test: %u to %u descriptors, %llu to %llu bytes of DMA memory, %ld to "
		      "%ld KiB resident\n",
		      from->fds, to->fds, (unsigned long long)from->used,
		      (unsigned long long)to->used, from->kb, to->kb);
}

static unsigned seconds_to_run(void)
{
	const char *given = getenv("VSCSI_SOAK_SECONDS");

	return given ? (unsigned)strtoul(given, NULL, 0) : 0;
}

static void prepare_soak(struct soak *s)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 16 * MIB};
	const char *given = getenv("VSCSI_TEST_SEED");
	unsigned i;

	s->random = given ? strtoull(given, NULL, 0) | 1 : now_ms() | 1;
	print_message("soak test: seed %llu\n", (unsigned long long)s->random);
	for (i = 0; i < ARRAY_LEN(s->workers); i++) {
		s->workers[i].f = s->f;
		s->workers[i].part.number = i;
		s->workers[i].random = s->random + 2 * i;
	}
	assert_int_equal(vscsi_mem_create(&opts, &s->mem), 0);
	s->own_fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(s->own_fd, (off_t)OWN), 0);
	s->own = mmap(NULL, OWN, PROT_READ | PROT_WRITE, MAP_SHARED, s->own_fd, 0);
	assert_ptr_not_equal(s->own, MAP_FAILED);
	make_file("disk.img", (uint64_t)(THREADS + 1) * BLOCKS * BLOCK);
	make_file("size.img", MIB);
	start_target(s);
}

static void random_operations(void **state)
{
	unsigned seconds = seconds_to_run();
	struct soak *s = calloc(1, sizeof(*s));
	struct level from = {.fds = 0};
	struct level to;
	uint64_t begin;

	assert_non_null(s);
	if (!seconds) {
		free(s);
		print_message("VSCSI_SOAK_SECONDS=N sets the duration; --long: ten minutes\n");
		skip();
	}
	s->f = *state;
	prepare_soak(s);
	begin = now_ms();
	do {
		one_round(s);
		to = measure(s);
		/* One-time allocations have been made after a quarter of the time. */
		if (!from.fds || now_ms() - begin < 250ull * seconds)
			from = to;
	} while (now_ms() - begin < 1000ull * seconds);
	print_summary(s, &from, &to);
	assert_int_equal(to.fds, from.fds);
	assert_int_equal(to.used, from.used);
	assert_true(to.kb < from.kb + SLACK_KB);
	assert_int_equal(vscsi_mem_destroy(s->mem), 0);
	munmap(s->own, OWN);
	close(s->own_fd);
	unlink("size.img");
	free(s);
}

int main(void)
{
	static const struct CMUnitTest soak[] = {
		TEST(random_operations),
	};

	return RUN_TESTS(soak);
}
