/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs scenarios with one fault at one point each time, and checks that nothing leaks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../counts.h"
#include "scenario.h"

/* More calls of one kind than any scenario makes. */
#define MAX_CALLS 4000u

/* Seconds after which a run counts as hung. */
#define LIMIT_S 60u

/* More file descriptors than a run has. */
#define MOST_FDS 256

/*
 * With VSCSI_TEST_BRIEF in the environment only every n-th point is tested, including the first:
 * for tools that make the program many times slower, in addition to a complete run.
 */
#define BRIEF_STEP 5u

/* Entries of a table. */
#define MOST   32u

#define SOCKET "./fault.sock"

/* Resources of the process that can leak. */
struct resources {
	unsigned fds;
	unsigned maps;
	long blocks;
	uint64_t dma_blocks;
	uint32_t regions;
};

/* Created once, because it takes longer than most runs. */
static struct vscsi_mem *pool;

/* The current run, for error messages. */
static struct {
	const struct scenario *scenario;
	const struct fault *fault;
	unsigned call_number;
	unsigned complaints;
} now;

static const char *fault_text(void)
{
	static char text[128];
	const struct fault *f = now.fault;

	if (!f)
		return "no fault";
	snprintf(text, sizeof(text), "%s (%s)", f->name,
		 f->how == IS_SHORT ? "cut" : strerror(f->err));
	return text;
}

/*
 * Reports an error with its fault. The test continues, because others may fail too, and fails at
 * the end.
 */
static void report_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void report_error(const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	print_error("%s, %s, call %u: %s\n", now.scenario->name, fault_text(), now.call_number,
		    text);
	now.complaints++;
}

/* Not from /proc: in some programs directories are simulated. */
static unsigned count_numbers(void)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < MOST_FDS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static struct resources count_resources(void)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(pool, &stats), 0);
	return (struct resources){count_numbers(), count_maps("/memfd:"), fault_blocks(),
				  stats.blocks, stats.regions};
}

static void compare_resources(const struct resources *before)
{
	const struct resources after = count_resources();

	if (after.fds != before->fds)
		report_error("%d file descriptors leaked", (int)(after.fds - before->fds));
	if (after.maps != before->maps)
		report_error("%d mappings leaked", (int)(after.maps - before->maps));
	if (after.blocks != before->blocks)
		report_error("%ld heap blocks leaked", after.blocks - before->blocks);
	if (after.dma_blocks != before->dma_blocks || after.regions != before->regions)
		report_error("%u regions and %u blocks left in the pool", after.regions,
			     (unsigned)after.dma_blocks);
}

static void make_world(struct world *w, const struct scenario *s)
{
	void *liar = NULL;

	memset(w, 0, sizeof(*w));
	w->pool = pool;
	w->own_fd = memfd_create("own", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(w->own_fd, WORLD_OWN), 0);
	w->own = mmap(NULL, WORLD_OWN, PROT_READ | PROT_WRITE, MAP_SHARED, w->own_fd, 0);
	assert_ptr_not_equal(w->own, MAP_FAILED);
	w->data = calloc(1, WORLD_OWN);
	assert_int_equal(liar_begin(&liar), 0);
	w->liar = liar;
	if (s->options)
		w->liar->options = s->options;
	if (s->flags & PATH)
		w->liar->opts.path = SOCKET;
	if (!(s->flags & NO_DEVICE) && !s->setup)
		liar_start(w->liar);
	if (s->setup)
		s->setup(w);
	alarm(LIMIT_S);
}

static void close_queues(struct world *w)
{
	unsigned i;

	for (i = 0; i < WORLD_QUEUES; i++) {
		if (vscsi_queue_close(w->queues[i]))
			report_error("%s", vscsi_last_error());
	}
	if (vscsi_queue_close(w->liar->queue))
		report_error("%s", vscsi_last_error());
	w->liar->queue = NULL;
}

static void end_world(struct world *w)
{
	void *buf = w->liar->buf;
	void *liar = w->liar;

	w->liar->lie = NULL;
	close_queues(w);
	if (liar_end(&liar))
		report_error("the driver violated the protocol");
	if (buf && vscsi_mem_free(pool, buf))
		report_error("%s", vscsi_last_error());
	if (vscsi_mem_destroy(w->mem))
		report_error("%s", vscsi_last_error());
	/* Without a device this can't fail. */
	vscsi_mem_unregister(pool, w->own);
	munmap(w->own, WORLD_OWN);
	close(w->own_fd);
	free(w->data);
}

/* Sets a known error text, so that an old one is not mistaken for the expected one. */
static const char *set_old_text(void)
{
	vscsi_mem_free(NULL, &now);
	return vscsi_last_error();
}

static void check_text(int err, const char *old_text)
{
	if (now.scenario->flags & NO_TEXT)
		return;
	if (!*vscsi_last_error() || !strcmp(vscsi_last_error(), old_text))
		report_error("%d without a new error text", err);
}

static bool is_lost(const struct world *w)
{
	return w->liar->dev && !liar_runs(w->liar);
}

static bool may_go_on(const struct fault *f)
{
	return f->may_succeed || now.scenario->flags & CANT_FAIL ||
	       (now.scenario->flags & CHANNEL && f->call == CALL_RECVMSG) ||
	       (now.scenario->flags & FALLBACKS && f->call > CALL_ALIGNED_ALLOC);
}

/*
 * Checks a scenario that retries: in the end the device works, or it has failed with an error text.
 */
static void check_retried(struct world *w, int err, const char *old_text)
{
	if (!err)
		err = now.scenario->run(w);
	if (!err)
		return;
	if (err != -ENOTCONN || !is_lost(w))
		report_error("%d: %s", err, vscsi_last_error());
	check_text(err, old_text);
}

/* Checks the result after the fault was injected. */
static void check_result(struct world *w, int err, const char *old_text)
{
	const struct fault *f = now.fault;

	if (err && now.scenario->flags & CANT_FAIL)
		report_error("%d although it can't fail: %s", err, vscsi_last_error());
	if (err && err != -f->want && !(f->disconnects && err == -ENOTCONN) &&
	    !(now.scenario->flags & FALLBACKS))
		report_error("%d: %s", err, vscsi_last_error());
	if (!err && f->want && !may_go_on(f))
		report_error("it returned success");
	if (err)
		check_text(err, old_text);
	if (is_lost(w) && !f->disconnects)
		report_error("the device is lost: %s", vscsi_last_error());
	if (!err || is_lost(w) || now.scenario->flags & ONCE)
		return;
	err = now.scenario->run(w);
	if (err == -ENOTCONN && f->disconnects && is_lost(w))
		return;
	if (err)
		report_error("%d when repeated: %s", err, vscsi_last_error());
}

/* Runs the scenario with the fault at one point. Returns whether it was injected. */
static bool run_once(const struct fault *fault, unsigned call_number)
{
	char old_text[512];
	struct world w;
	bool injected;
	int err;

	now.fault = fault;
	now.call_number = call_number;
	make_world(&w, now.scenario);
	snprintf(old_text, sizeof(old_text), "%s", set_old_text());
	fault_arm(fault, call_number);
	err = now.scenario->run(&w);
	injected = fault_disarm();
	/* It took longer than the device may be away, as the machine is busy. */
	if (!injected && err == -ENOTCONN && now.scenario->flags & RETRIED && is_lost(&w)) {
		end_world(&w);
		return run_once(fault, call_number);
	}
	if (injected && now.scenario->flags & RETRIED)
		check_retried(&w, err, old_text);
	else if (injected)
		check_result(&w, err, old_text);
	else if (err)
		report_error("%d without a fault: %s", err, vscsi_last_error());
	end_world(&w);
	return injected;
}

/* Returns how many times the fault was injected. */
static unsigned run_all_calls(const struct fault *fault)
{
	const unsigned step = getenv("VSCSI_TEST_BRIEF") ? BRIEF_STEP : 1;
	struct resources before = count_resources();
	unsigned injected = 0;

	while (injected * step < MAX_CALLS && run_once(fault, 1 + injected * step)) {
		compare_resources(&before);
		injected++;
	}
	compare_resources(&before);
	if (injected * step >= MAX_CALLS)
		report_error("the number of calls never ends");
	return injected;
}

/* Calls that depend on the speed of the back-end and may be missing in the first run. */
static bool depends_on_timing(enum call call)
{
	return call == CALL_POLL && fault_calls(CALL_RECVMSG);
}

/* Message calls in a scenario whose messages are the same as another's. */
static bool is_message(enum call call)
{
	return now.scenario->flags & NO_MESSAGES && call >= CALL_SEND && call <= CALL_POLL;
}

static void run_scenario(void **state)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2u << 20};
	bool comes[CALLS];
	const struct fault *f;
	unsigned places = 0;
	unsigned call;

	now.scenario = *state;
	now.complaints = 0;
	assert_int_equal(vscsi_mem_create(&opts, &pool), 0);
	/* Twice, so that one-time allocations have been made. */
	run_once(NULL, 0);
	run_once(NULL, 0);
	for (call = 0; call < CALLS; call++)
		comes[call] = (fault_calls(call) || depends_on_timing(call)) && !is_message(call);
	for (f = faults; f->how != PASSES; f++) {
		if (comes[f->call])
			places += run_all_calls(f);
	}
	alarm(0);
	assert_int_equal(vscsi_mem_destroy(pool), 0);
	print_message("%s: %u faults\n", now.scenario->name, places);
	assert_true(places);
	assert_int_equal(now.complaints, 0);
}

int run_scenarios(const char *name, const struct scenario *scenarios, unsigned count)
{
	struct CMUnitTest tests[MOST];
	unsigned i;

	assert_true(count <= MOST);
	memset(tests, 0, sizeof(tests));
	for (i = 0; i < count; i++) {
		tests[i].name = scenarios[i].name;
		tests[i].test_func = run_scenario;
		tests[i].initial_state = (void *)(uintptr_t)&scenarios[i];
	}
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
