/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs scenarios: one fault at one place each time, and then nothing may be left over. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../counts.h"
#include "scenario.h"

/* More places than any call has in a scenario. */
#define PLACES 4000u

/* For the seconds that one run may hang. */
#define LIMIT_S 60u

/* More file descriptors than a run has. */
#define MOST_FDS 256

/*
 * With VSCSI_TEST_BRIEF in the environment one place of so many has its turn, and the first one
 * always: for tools that make the program many times slower, beside a run with all places.
 */
#define BRIEF_STEP 5u

/* Lines of a table. */
#define MOST   32u

#define SOCKET "./fault.sock"

/* What there is of a process that can be left over. */
struct stock {
	unsigned fds;
	unsigned maps;
	long blocks;
	uint64_t dma_blocks;
	uint32_t regions;
};

/* Making one takes longer than all the rest of most runs. */
static struct vscsi_mem *pool;

/* What is being tried, for the sentence of a failure. */
static struct {
	const struct scenario *scenario;
	const struct fault *fault;
	unsigned place;
	unsigned complaints;
} now;

static const char *fault_text(void)
{
	static char text[128];
	const struct fault *f = now.fault;

	if (!f)
		return "no fault";
	snprintf(text, sizeof(text), "%s (%s)", f->name,
		 f->how == IS_CUT ? "cut" : strerror(f->err));
	return text;
}

/*
 * Says what went wrong, and at which fault. The test goes on, as others may go wrong as well, and
 * fails in the end.
 */
static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	print_error("%s, %s, place %u: %s\n", now.scenario->name, fault_text(), now.place, text);
	now.complaints++;
}

/* Not from /proc: in some programs folders are a stand-in's. */
static unsigned count_numbers(void)
{
	unsigned count = 0;
	int fd;

	for (fd = 0; fd < MOST_FDS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static struct stock take_stock(void)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_mem_get_stats(pool, &stats), 0);
	return (struct stock){count_numbers(), count_maps("/memfd:"), fault_blocks(), stats.blocks,
			      stats.regions};
}

static void compare_stock(const struct stock *before)
{
	const struct stock after = take_stock();

	if (after.fds != before->fds)
		complain("%d file descriptors left over", (int)(after.fds - before->fds));
	if (after.maps != before->maps)
		complain("%d mappings left over", (int)(after.maps - before->maps));
	if (after.blocks != before->blocks)
		complain("%ld blocks of memory left over", after.blocks - before->blocks);
	if (after.dma_blocks != before->dma_blocks || after.regions != before->regions)
		complain("%u regions and %u blocks in the pool", after.regions,
			 (unsigned)after.dma_blocks);
}

static void make_world(struct world *w, const struct scenario *s)
{
	void *liar = NULL;

	memset(w, 0, sizeof(*w));
	w->pool = pool;
	w->own_fd = memfd_create("own", MFD_CLOEXEC);
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
	if (!(s->flags & NO_DEVICE) && !s->up)
		liar_start(w->liar);
	if (s->up)
		s->up(w);
	alarm(LIMIT_S);
}

static void close_queues(struct world *w)
{
	unsigned i;

	for (i = 0; i < WORLD_QUEUES; i++) {
		if (vscsi_queue_close(w->queues[i]))
			complain("%s", vscsi_last_error());
	}
	if (vscsi_queue_close(w->liar->queue))
		complain("%s", vscsi_last_error());
	w->liar->queue = NULL;
}

static void end_world(struct world *w)
{
	void *buf = w->liar->buf;
	void *liar = w->liar;

	w->liar->lie = NULL;
	close_queues(w);
	if (liar_end(&liar))
		complain("the driver broke a rule");
	if (buf && vscsi_mem_free(pool, buf))
		complain("%s", vscsi_last_error());
	if (vscsi_mem_destroy(w->mem))
		complain("%s", vscsi_last_error());
	/* Where it was registered; no device is left that could refuse. */
	vscsi_mem_unregister(pool, w->own);
	munmap(w->own, WORLD_OWN);
	close(w->own_fd);
	free(w->data);
}

/* So that a sentence that was there before can't pass for the one that is due. */
static const char *spoil_sentence(void)
{
	vscsi_mem_free(NULL, &now);
	return vscsi_last_error();
}

static void check_sentence(int err, const char *spoilt)
{
	if (now.scenario->flags & SILENT)
		return;
	if (!*vscsi_last_error() || !strcmp(vscsi_last_error(), spoilt))
		complain("%d without a sentence of its own", err);
}

static bool is_lost(const struct world *w)
{
	return w->liar->dev && !liar_runs(w->liar);
}

static bool may_go_on(const struct fault *f)
{
	return f->either || now.scenario->flags & CERTAIN ||
	       (now.scenario->flags & CHANNEL && f->call == CALL_RECVMSG) ||
	       (now.scenario->flags & MANY_WAYS && f->call > CALL_ALIGNED_ALLOC);
}

/*
 * What came of it where a fault costs an attempt and no more: the device works in the end, or it
 * has failed and a sentence says why.
 */
static void check_retried(struct world *w, int err, const char *spoilt)
{
	if (!err)
		err = now.scenario->act(w);
	if (!err)
		return;
	if (err != -ENOTCONN || !is_lost(w))
		complain("%d: %s", err, vscsi_last_error());
	check_sentence(err, spoilt);
}

/* What came of it when the fault has struck. */
static void check_result(struct world *w, int err, const char *spoilt)
{
	const struct fault *f = now.fault;

	if (err && now.scenario->flags & CERTAIN)
		complain("%d of what can't fail: %s", err, vscsi_last_error());
	if (err && err != -f->want && !(f->ends && err == -ENOTCONN) &&
	    !(now.scenario->flags & MANY_WAYS))
		complain("%d: %s", err, vscsi_last_error());
	if (!err && f->want && !may_go_on(f))
		complain("it is said to have worked");
	if (err)
		check_sentence(err, spoilt);
	if (is_lost(w) && !f->ends)
		complain("the device is lost: %s", vscsi_last_error());
	if (!err || is_lost(w) || now.scenario->flags & ONCE)
		return;
	err = now.scenario->act(w);
	if (err == -ENOTCONN && f->ends && is_lost(w))
		return;
	if (err)
		complain("%d when done again: %s", err, vscsi_last_error());
}

/* Runs the scenario with the fault at one place. Returns whether it has struck. */
static bool run_once(const struct fault *fault, unsigned place)
{
	char spoilt[512];
	struct world w;
	bool struck;
	int err;

	now.fault = fault;
	now.place = place;
	make_world(&w, now.scenario);
	snprintf(spoilt, sizeof(spoilt), "%s", spoil_sentence());
	fault_arm(fault, place);
	err = now.scenario->act(&w);
	struck = fault_disarm();
	if (struck && now.scenario->flags & RETRIED)
		check_retried(&w, err, spoilt);
	else if (struck)
		check_result(&w, err, spoilt);
	else if (err)
		complain("%d without a fault: %s", err, vscsi_last_error());
	end_world(&w);
	return struck;
}

/* Returns how many times it has struck. */
static unsigned run_everywhere(const struct fault *fault)
{
	const unsigned step = getenv("VSCSI_TEST_BRIEF") ? BRIEF_STEP : 1;
	struct stock before = take_stock();
	unsigned struck = 0;

	while (struck * step < PLACES && run_once(fault, 1 + struck * step)) {
		compare_stock(&before);
		struck++;
	}
	compare_stock(&before);
	if (struck * step >= PLACES)
		complain("there is no end of places");
	return struck;
}

/* Calls that depend on how fast the back-end is, and need not be among those of the first run. */
static bool may_come(enum call call)
{
	return call == CALL_POLL && fault_calls(CALL_RECVMSG);
}

/* Calls about messages, of a scenario whose messages are another one's too. */
static bool is_known(enum call call)
{
	return now.scenario->flags & ALIKE && call >= CALL_SEND && call <= CALL_POLL;
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
	/* Twice: what is allocated only once is there then. */
	run_once(NULL, 0);
	run_once(NULL, 0);
	for (call = 0; call < CALLS; call++)
		comes[call] = (fault_calls(call) || may_come(call)) && !is_known(call);
	for (f = faults; f->how != GOES_ON; f++) {
		if (comes[f->call])
			places += run_everywhere(f);
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
