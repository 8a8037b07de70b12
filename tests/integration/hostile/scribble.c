/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back-end that writes over all memory that it was shown, except for the application's data, and
 * dies; the next one is healthy. It must see exactly the requests that may be repeated, as they
 * were, and everything works: what the device reads is written again from private memory.
 *
 * The rig checks each chain and ring of the successor against the specification.
 */
#include "liar.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "device/disk.h"

#define BLOCK    LIAR_BLOCK
#define BLOCKS   2048u
#define REQUESTS 18u
/* From here on: what must not be executed twice. */
#define ONCE_ONLY 16u

/* As many as a queue without indirect descriptors takes, most of them in slots that were free. */
#define UNANSWERED 32u

/* Completes on a queue of 256 entries so often that its ring has wrapped. */
#define WARM 600u

static const struct format {
	const char *name;
	const char *options;
} formats[] = {
	{"split", "packed=off&in_order=off"},
	{"split, direct", "packed=off&in_order=off&indirect=off"},
	{"split, in order", "packed=off&in_order=on"},
	{"split, in order, direct", "packed=off&in_order=on&indirect=off"},
	{"packed", "packed=on&in_order=off"},
	{"packed, direct", "packed=on&in_order=off&indirect=off"},
	{"packed, in order", "packed=on&in_order=on"},
	{"packed, in order, direct", "packed=on&in_order=on&indirect=off"},
};

static const char *const policies[] = {"replay", "exact", "report"};

/* What is scribbled: a byte, or pseudo-random numbers. */
static const int fills[] = {0x00, 0xff, -1};

/**
 * struct seen - A request that the first back-end was given
 * @header: as it was; @out: its data for the device
 * @again: how often the successor was given the same
 */
struct seen {
	struct virtio_scsi_cmd_req header;
	uint8_t out[8 * BLOCK];
	size_t out_len;
	size_t in_room;
	atomic_uint again;
};

static struct {
	struct disk disk;
	uint8_t data[BLOCKS * BLOCK];
	struct seen seen[REQUESTS];
	atomic_uint strange; /* requests on the queue that the first back-end was not given */
	atomic_bool compare; /* the successor's requests are to be among @seen */
	atomic_bool mute;    /* completes without a response */
	char *start;         /* the memory that was shown, and what of it is the application's */
	size_t len;
	char *spared;
	int fill;
} life;

static struct disk_end execute(const struct rig_chain *chain)
{
	static const uint16_t luns[] = {0};
	const struct virtio_scsi_cmd_req *req = rig_command(chain);
	struct iovec iov[RIG_MAX_ELEMS];
	const struct disk_io io = {
		.out = iov + 1,
		.nout = chain->readable - 1,
		.in = iov + chain->readable + 1,
		.nin = chain->count - chain->readable - 1,
	};
	struct disk_end end;
	unsigned i;

	for (i = 0; i < chain->count; i++)
		iov[i] = (struct iovec){chain->elems[i].addr, chain->elems[i].len};
	if (req->cdb[0] == 0xa0)
		return disk_report_luns(luns, 1, req->cdb, &io);
	end = disk_execute(&life.disk, req->cdb, &io);
	/* UNMAP's parameters are no data; WRITE SAME takes all of its block. */
	if (req->cdb[0] == 0x42 && !end.status)
		end.moved = rig_data_out(chain, NULL, 0);
	return end;
}

static struct seen as_seen(const struct rig_chain *chain)
{
	struct seen now = {.header = *rig_command(chain), .in_room = rig_data_in_room(chain)};

	now.out_len = rig_data_out(chain, now.out, sizeof(now.out));
	return now;
}

/* Looks for a request of the queue among those that the first back-end was given. */
static void look_up(const struct rig_chain *chain)
{
	const struct seen now = as_seen(chain);
	unsigned i;

	for (i = 0; i < REQUESTS; i++) {
		struct seen *s = &life.seen[i];

		if (memcmp(&s->header, &now.header, sizeof(now.header)) ||
		    s->out_len != now.out_len || s->in_room != now.in_room ||
		    memcmp(s->out, now.out, now.out_len))
			continue;
		s->again++;
		return;
	}
	life.strange++;
}

static bool serve(struct liar *liar, unsigned queue, const struct rig_chain *chain,
		  const uint8_t *cdb)
{
	struct virtio_scsi_cmd_resp *resp = rig_response(chain);
	const size_t in = rig_data_in_room(chain);
	struct disk_end end;

	(void)cdb;
	if (queue == LIAR_QUEUE && life.compare)
		look_up(chain);
	if (queue == LIAR_QUEUE && life.mute) {
		rig_put(liar->rig, queue, chain->head, sizeof(*resp));
		return true;
	}
	end = execute(chain);
	resp->sense_len = disk_sense(&end, resp->sense);
	resp->resid = (uint32_t)(in + rig_data_out(chain, NULL, 0) - end.moved);
	resp->status_qualifier = 0;
	resp->status = end.status;
	resp->response = VIRTIO_SCSI_S_OK;
	rig_put(liar->rig, queue, chain->head, (uint32_t)(sizeof(*resp) + (in ? end.moved : 0)));
	return true;
}

/* Keeps the writes of the sync calls. */
static bool keep_writes(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			const uint8_t *cdb)
{
	if (cdb[0] == 0x2a)
		return liar_keep(liar, queue, chain, cdb);
	return serve(liar, queue, chain, cdb);
}

/* The races with the library are those that it has to survive. */
__attribute__((no_sanitize("thread"))) static void scribble(void)
{
	const uint64_t fill = 0x0101010101010101u * (uint8_t)life.fill;
	uint64_t random = 88172645463325252u;
	char *at;

	for (at = life.start; at < life.start + life.len; at += 8) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		if (at >= life.spared && at < life.spared + LIAR_BUF)
			continue;
		*(volatile uint64_t *)(void *)at = life.fill >= 0 ? fill : random;
	}
}

static void scribble_at_return(struct rig *rig, void *ctx)
{
	(void)rig;
	(void)ctx;
	scribble();
}

static void up(struct liar *liar, const char *path, const char *format, const char *policy)
{
	static char options[256];
	struct rig_record record;
	uint64_t words[4];

	memset(&life, 0, sizeof(life));
	life.disk = (struct disk){
		.id = "LIAR    DISK            1   ",
		.inquiry = 36,
		.serial = "SN42",
		.limits = true,
		.provisioning = 0xe0,
		.mode = 0x10,
		.blocks = BLOCKS,
		.block_size = BLOCK,
		.max_unmap = BLOCKS,
		.max_ranges = 8,
		.max_compare = 1,
		.data = life.data,
		.bytes = sizeof(life.data),
	};
	liar->opts.path = path;
	liar->opts.features |= RIG_F_PACKED | RIG_F_IN_ORDER;
	if (!strcmp(policy, "exact"))
		liar->opts.protocol |= RIG_P_INFLIGHT;
	snprintf(options, sizeof(options),
		 "?mem=4194304&mem_slots=off&queues=2&queue_size=256&max_segs=6&recovery=%s&%s",
		 policy, format);
	liar->options = options;
	liar->lie = serve;
	liar_up(liar);
	assert_true(rig_record(liar->rig, RIG_SET_MEM_TABLE, 0, &record));
	memcpy(words, record.payload + 8, sizeof(words));
	life.start = (char *)(uintptr_t)words[2];
	life.len = words[1];
	life.spared = liar->buf;
}

/*
 * What the rig's thread did before is seen by this one. The completion says so, but ThreadSanitizer
 * can't know that a ring is mapped twice.
 */
static void take_over(struct liar *liar)
{
	rig_seen(liar->rig, RIG_ANY);
}

/* Waits for so many completions of requests numbered from 0. */
static void collect(struct liar *liar, unsigned count, int *results)
{
	struct vscsi_completion done[8];
	uint64_t limit = now_ms() + 30000;
	unsigned i;
	int got;

	for (i = 0; i < count; i++)
		results[i] = 1;
	while (count) {
		assert_true(now_ms() < limit);
		got = vscsi_poll(liar->queue, done, 8);
		if (got < 0)
			fail_msg("%s", vscsi_last_error());
		for (i = 0; (int)i < got; i++) {
			assert_int_equal(results[done[i].user_data], 1);
			results[done[i].user_data] = done[i].result;
		}
		count -= (unsigned)got;
	}
	take_over(liar);
}

/* Plain transfers, which leave slots as the fast paths want them. */
static void warm(struct liar *liar, unsigned count)
{
	unsigned i;
	int result;

	for (i = 0; i < count; i++) {
		char *at = liar->buf + BLOCK * (size_t)(100 + i % 16);

		if (i & 1)
			assert_int_equal(vscsi_read(liar->queue, liar->lun, at, i, 1, 0, 0), 0);
		else
			assert_int_equal(vscsi_write(liar->queue, liar->lun, at, i, 1, 0, 0), 0);
		assert_int_equal(vscsi_submit(liar->queue), 0);
		collect(liar, 1, &result);
		assert_int_equal(result, 0);
	}
}

static void raw(struct liar *liar, const struct iovec *out, unsigned count, uint8_t lba,
		uint32_t flags, uint64_t i)
{
	const struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 16,
		.cdb = {0x8a, 0, 0, 0, 0, 0, 0, 0, 0, lba, 0, 0, 0, (uint8_t)count},
		.attr = VSCSI_ATTR_ORDERED,
		.out = out,
		.out_count = count,
		.flags = flags,
	};

	assert_int_equal(vscsi_prepare_command(liar->queue, liar->lun, &command, i), 0);
}

/* Every other block of the buffer, so that no two are one segment. */
static void spread(struct liar *liar, struct iovec *iov, unsigned first, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		iov[i] = (struct iovec){liar->buf + BLOCK * (size_t)(first + 2 * i), BLOCK};
}

/* One of each kind: see expect_disk() for which goes where. */
static void prepare(struct liar *liar)
{
	const struct vscsi_range ranges[] = {{200, 2, 0}, {210, 1, 0}, {220, 3, 0}};
	const struct vscsi_command ready = {
		.size = sizeof(ready), .cdb_len = 6, .flags = VSCSI_COMMAND_REPEATABLE};
	struct vscsi_queue *queue = liar->queue;
	struct vscsi_lun *lun = liar->lun;
	char *buf = liar->buf;
	struct iovec iov[6];
	unsigned i;

	for (i = 0; i < 4; i++)
		assert_int_equal(vscsi_read(queue, lun, buf + BLOCK * i, 10 + i, 1, 0, i), 0);
	for (; i < 8; i++)
		assert_int_equal(vscsi_write(queue, lun, buf + BLOCK * i, 20 + i, 1, 0, i), 0);
	spread(liar, iov, 8, 3);
	assert_int_equal(vscsi_readv(queue, lun, iov, 3, 40, 3, 0, 8), 0);
	spread(liar, iov, 20, 5);
	assert_int_equal(vscsi_writev(queue, lun, iov, 5, 50, 5, 0, 9), 0);
	assert_int_equal(vscsi_write(queue, lun, buf + BLOCK * 32, 60, 1, VSCSI_IO_FUA, 10), 0);
	assert_int_equal(vscsi_flush(queue, lun, 11), 0);
	assert_int_equal(vscsi_unmap(queue, lun, ranges, 3, 12), 0);
	assert_int_equal(vscsi_write_zeroes(queue, lun, 120, 4, 0, 13), 0);
	spread(liar, iov, 34, 2);
	raw(liar, iov, 2, 130, VSCSI_COMMAND_REPEATABLE, 14);
	assert_int_equal(vscsi_prepare_command(queue, lun, &ready, 15), 0);
	assert_int_equal(vscsi_compare_and_write(queue, lun, buf + BLOCK * 40, buf + BLOCK * 42,
						 140, 1, 0, 16),
			 0);
	spread(liar, iov, 44, 1);
	raw(liar, iov, 1, 141, 0, 17);
	assert_int_equal(vscsi_submit(queue), 0);
}

static bool holds(const void *at, uint8_t byte, unsigned blocks)
{
	const uint8_t *bytes = at;
	size_t i;

	for (i = 0; i < (size_t)blocks * BLOCK; i++) {
		if (bytes[i] != byte)
			return false;
	}
	return true;
}

static void *block(unsigned lba)
{
	return life.data + (size_t)lba * BLOCK;
}

/* Before: block n of the disk is full of n + 1, that of the buffer of 128 + n. */
static void fill(struct liar *liar)
{
	unsigned i;

	for (i = 0; i < 256; i++)
		memset(block(i), (int)(i + 1) & 0xff, BLOCK);
	for (i = 0; i < LIAR_BUF / BLOCK; i++)
		memset(liar->buf + (size_t)i * BLOCK, (int)(128 + i), BLOCK);
}

static void expect_disk(struct liar *liar)
{
	char *buf = liar->buf;
	unsigned i;

	for (i = 0; i < 4; i++)
		assert_true(holds(buf + BLOCK * i, (uint8_t)(11 + i), 1));
	for (; i < 8; i++)
		assert_true(holds(block(20 + i), (uint8_t)(128 + i), 1));
	for (i = 0; i < 3; i++)
		assert_true(holds(buf + BLOCK * (8 + 2 * i), (uint8_t)(41 + i), 1));
	for (i = 0; i < 5; i++)
		assert_true(holds(block(50 + i), (uint8_t)(128 + 20 + 2 * i), 1));
	assert_true(holds(block(60), 128 + 32, 1));
	assert_true(holds(block(200), 0, 2) && holds(block(202), 203, 1));
	assert_true(holds(block(210), 0, 1) && holds(block(220), 0, 3));
	assert_true(holds(block(120), 0, 4) && holds(block(124), 125, 1));
	assert_true(holds(block(130), 128 + 34, 1) && holds(block(131), 128 + 36, 1));
	assert_true(holds(block(140), 141, 1) && holds(block(141), 142, 1));
}

/* A slot whose response looks good from before must not pass for one that was answered. */
static void expect_poison(struct liar *liar)
{
	int results[UNANSWERED];
	unsigned i;

	life.mute = true;
	for (i = 0; i < UNANSWERED; i++)
		assert_int_equal(vscsi_write(liar->queue, liar->lun, liar->buf, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(liar->queue), 0);
	collect(liar, UNANSWERED, results);
	for (i = 0; i < UNANSWERED; i++)
		assert_int_equal(results[i], -EPROTO);
	life.mute = false;
}

/* More often than the control queue has entries. */
static void reset_often(struct liar *liar)
{
	unsigned i;

	for (i = 0; i < 20; i++)
		assert_int_equal(vscsi_lun_reset(liar->lun), 0);
}

/* Control queue, event queue, and the queue of the sync calls. */
static void expect_the_rest_works(struct liar *liar)
{
	static const uint8_t addr[8] = {1, 0, 0x40, 0};
	uint64_t limit = now_ms() + 30000;
	struct vscsi_event event = {.type = 0};
	char own[BLOCK];

	reset_often(liar);
	assert_true(liar_event(liar, VIRTIO_SCSI_T_PARAM_CHANGE, addr, 0x092a,
			       sizeof(struct virtio_scsi_event)));
	while (event.type != VSCSI_EVENT_RESIZED) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(liar->dev, &event, 1) >= 0);
	}
	memset(own, 0x77, sizeof(own));
	assert_int_equal(vscsi_pwrite(liar->lun, own, sizeof(own), BLOCK * 1000, 0), 0);
	take_over(liar);
	assert_true(holds(block(1000), 0x77, 1));
}

static void expect_results(const int *results, bool report)
{
	unsigned i;

	for (i = 0; i < REQUESTS; i++) {
		bool lost = report || i >= ONCE_ONLY;

		assert_int_equal(results[i], lost ? -ECONNRESET : 0);
		assert_int_equal(life.seen[i].again, !lost);
	}
	assert_int_equal(life.strange, 0);
}

static void scribble_and_die(struct liar *liar, int with)
{
	unsigned i;

	liar->hold = true;
	prepare(liar);
	liar_wait_kept(liar, REQUESTS);
	/* The rig's thread must not look for one more chain in a ring that is written over. */
	rig_settle(liar->rig);
	for (i = 0; i < REQUESTS; i++)
		life.seen[i] = as_seen(&liar->kept[i]);
	liar->hold = false;
	liar->kept_count = 0;
	liar->buffer_used = liar->buffer_count;
	life.compare = true;
	life.fill = with;
	scribble();
	rig_hang_up(liar->rig);
}

static void run(struct liar *liar, const char *path, const char *format, const char *policy,
		int with)
{
	const bool report = !strcmp(policy, "report");
	int results[REQUESTS];

	up(liar, path, format, policy);
	reset_often(liar);
	warm(liar, WARM);
	fill(liar);
	scribble_and_die(liar, with);
	collect(liar, REQUESTS, results);
	expect_results(results, report);
	if (!report)
		expect_disk(liar);
	life.compare = false;
	expect_poison(liar);
	warm(liar, WARM);
	expect_the_rest_works(liar);
	/* And once more, with slots that have been through it. */
	fill(liar);
	scribble_and_die(liar, with);
	collect(liar, REQUESTS, results);
	expect_results(results, report);
	warm(liar, 40);
}

/* A socket that the library can connect to again, in a folder of its own. */
static char folder[] = "/tmp/scribble-XXXXXX";
static char path[64];

static void scribbles_and_dies(void **state)
{
	const struct format *format = ((struct liar *)*state)->ctx;
	unsigned i;
	unsigned k;

	for (i = 0; i < ARRAY_LEN(policies); i++) {
		for (k = 0; k < ARRAY_LEN(fills); k++) {
			struct liar *liar = *state;

			run(liar, path, format->options, policies[i], fills[k]);
			assert_int_equal(liar_end(state), 0);
			*state = (void *)(uintptr_t)format;
			liar_begin(state);
		}
	}
	told(format->name, "each policy: right requests only, and it works");
}

static void *write_own(void *ctx)
{
	struct liar *liar = ctx;
	static char own[4 * BLOCK];
	static int result;

	memset(own, 0x5a, sizeof(own));
	result = vscsi_pwrite(liar->lun, own, sizeof(own), BLOCK * 500, 0);
	return &result;
}

/* The library's copy of the data of a sync call was written over: it is made again. */
static void copies_of_sync_calls(void **state)
{
	struct liar *liar = *state;
	pthread_t thread;
	void *result;

	up(liar, path, "packed=off", "replay");
	life.fill = -1;
	liar->lie = keep_writes;
	assert_int_equal(pthread_create(&thread, NULL, write_own, liar), 0);
	liar_wait_kept(liar, 1);
	liar->lie = serve;
	/* The thread polls, so memory changes once the connection is lost, before the next. */
	rig_fault(liar->rig, (struct rig_fault){.request = RIG_GET_FEATURES,
						.kind = RIG_FAULT_NONE,
						.before = scribble_at_return});
	rig_hang_up(liar->rig);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal(*(int *)result, 0);
	take_over(liar);
	assert_true(holds(block(500), 0x5a, 4));
	told("writes over a sync call's data", "written as the caller has them");
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(formats) + 1];
	unsigned i;
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	for (i = 0; i < ARRAY_LEN(formats); i++)
		tests[i] = (struct CMUnitTest)LIAR_ROW(scribbles_and_dies, &formats[i]);
	tests[i] = (struct CMUnitTest)LIAR_TEST(copies_of_sync_calls);
	failed = cmocka_run_group_tests_name("hostile/scribble", tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
