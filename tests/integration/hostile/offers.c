/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A back-end that comes back as another one: with less, more or nothing of anything that it had
 * offered before, while requests are in flight. Under each policy the device continues, or fails
 * with a message that says what is missing.
 */
#include "liar.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define QUEUES 3u
#define COUNT  4u
#define MOST   16u /* regions of the application's own */
#define REGION 4096u
#define SMALL  7u /* blocks: what is left of each limit of a LUN */

/**
 * struct row - What is different when it is back
 * @field, @size, @value: in the configuration; @size 0: nothing
 * @lacks, @gains: features; @gone: protocol features
 * @queues, @slots: what it answers instead, unless 0
 * @fault: what it does once, beyond that
 * @regions: memory regions of the application's own
 * @together: rings that it has to have before it serves one
 * @retried: it is tried again until the limit for that, which is short then
 * @small: the LUN's limits are smaller, and what it could do besides is gone
 * @words: what the device fails with under all policies; NULL: it continues
 * @exact: the same for recovery=exact alone
 */
struct row {
	const char *name;
	size_t field;
	size_t size;
	uint64_t value;
	uint64_t lacks;
	uint64_t gains;
	uint64_t gone;
	uint64_t queues;
	uint64_t slots;
	struct rig_fault fault;
	unsigned regions;
	unsigned together;
	bool retried;
	bool small;
	const char *words;
	const char *exact;
};

#define FIELD(member, n)                                      \
	.field = offsetof(struct virtio_scsi_config, member), \
	.size = sizeof(((struct virtio_scsi_config *)0)->member), .value = (n)

#define FAULT(message, what, n) .fault = {.request = (message), .kind = (what), .arg = (n)}

static const struct row rows[] = {
	{"nothing", .size = 0},
	{"it serves no ring before it has all", .together = 2 + QUEUES},
	/* queues */
	{"more queues", .queues = 200},
	{"as many queues as are in use", .queues = 4},
	{"a queue that it refuses once", FAULT(RIG_SET_VRING_NUM, RIG_FAULT_VALUE, 1)},
	{"one queue less than are in use", .queues = 3, .words = "1 request queues, and 2 are"},
	{"no request queue", .queues = 2, .words = "needs 3"},
	{"no queue", FAULT(RIG_GET_QUEUE_NUM, RIG_FAULT_VALUE, 0), .words = "needs 3"},
	{"2^64 - 1 queues", FAULT(RIG_GET_QUEUE_NUM, RIG_FAULT_VALUE, UINT64_MAX)},
	{"num_queues 2", FIELD(num_queues, 2)},
	{"num_queues 1", FIELD(num_queues, 1), .words = "1 request queues, and 2 are"},
	{"num_queues 0", FIELD(num_queues, 0), .retried = true, .words = "no request queue"},
	{"num_queues 2^32 - 1", FIELD(num_queues, UINT32_MAX)},
	/* memory */
	{"fewer slots, as many as regions", .slots = 5, .regions = 4},
	{"fewer slots than regions", .slots = 5, .regions = 12, .words = "at most 5 memory"},
	{"one slot", .slots = 1, .regions = 1, .words = "at most 1 memory"},
	{"no slot", FAULT(RIG_GET_MAX_MEM_SLOTS, RIG_FAULT_VALUE, 0), .words = "no slot"},
	{"2^64 - 1 slots", FAULT(RIG_GET_MAX_MEM_SLOTS, RIG_FAULT_VALUE, UINT64_MAX),
	 .regions = 12},
	{"CONFIGURE_MEM_SLOTS gone", .gone = RIG_P_MEM_SLOTS},
	{"CONFIGURE_MEM_SLOTS gone, 8 regions", .gone = RIG_P_MEM_SLOTS, .regions = 7},
	{"CONFIGURE_MEM_SLOTS gone, 9 regions", .gone = RIG_P_MEM_SLOTS, .regions = 8,
	 .words = "at most 8 memory"},
	{"CONFIGURE_MEM_SLOTS gone, 13 regions", .gone = RIG_P_MEM_SLOTS, .regions = 12,
	 .words = "at most 8 memory"},
	/* protocol features */
	{"MQ gone", .gone = RIG_P_MQ, .words = "1 request queues, and 2 are"},
	{"REPLY_ACK gone", .gone = RIG_P_REPLY_ACK},
	{"BACKEND_REQ gone", .gone = RIG_P_BACKEND_REQ},
	{"CONFIG gone", .gone = RIG_P_CONFIG},
	{"INFLIGHT_SHMFD gone", .gone = RIG_P_INFLIGHT, .exact = "INFLIGHT_SHMFD"},
	{"RESET_DEVICE gone", .gone = RIG_P_RESET_DEVICE},
	{"STATUS gone", .gone = RIG_P_STATUS},
	{"all but MQ gone", .gone = ~RIG_P_MQ, .exact = "INFLIGHT_SHMFD"},
	{"bit 30 gone", .lacks = RIG_F_PROTOCOL, .words = "1 request queues, and 2 are",
	 .exact = "INFLIGHT_SHMFD"},
	/* features */
	{"INDIRECT_DESC gone", .lacks = RIG_F_INDIRECT, .words = "INDIRECT"},
	{"EVENT_IDX gone", .lacks = RIG_F_EVENT_IDX},
	{"INOUT gone", .lacks = RIG_F_INOUT},
	{"HOTPLUG gone", .lacks = RIG_F_HOTPLUG},
	{"CHANGE gone", .lacks = RIG_F_CHANGE},
	{"VERSION_1 gone", .lacks = RIG_F_VERSION_1, .words = "VERSION_1"},
	{"IN_ORDER and LOG_ALL offered", .gains = RIG_F_IN_ORDER | RIG_F_LOG_ALL},
	{"RING_PACKED offered", .gains = RIG_F_PACKED},
	/* the other numbers of the configuration */
	{"seg_max 2", FIELD(seg_max, 2), .words = "2 segments a request"},
	{"seg_max 0", FIELD(seg_max, 0), .words = "1 segments a request"},
	{"seg_max 2^32 - 1", FIELD(seg_max, UINT32_MAX)},
	{"max_sectors 7", FIELD(max_sectors, SMALL)},
	{"max_sectors 0", FIELD(max_sectors, 0)},
	{"cmd_per_lun 1", FIELD(cmd_per_lun, 1)},
	{"cmd_per_lun 0", FIELD(cmd_per_lun, 0)},
	{"event_info_size 0", FIELD(event_info_size, 0)},
	{"event_info_size 2^32 - 1", FIELD(event_info_size, UINT32_MAX)},
	{"max_target 0", FIELD(max_target, 0)},
	{"max_target 65535", FIELD(max_target, 65535)},
	{"max_lun 0", FIELD(max_lun, 0)},
	{"max_lun 2^32 - 1", FIELD(max_lun, UINT32_MAX)},
	{"sense_size 0", FIELD(sense_size, 0)},
	{"cdb_size 2^32 - 1", FIELD(cdb_size, UINT32_MAX)},
	{"a configuration of 4 bytes less", FAULT(RIG_GET_CONFIG, RIG_FAULT_SHORT, 4)},
	{"a configuration of 4 bytes more", FAULT(RIG_GET_CONFIG, RIG_FAULT_LONG, 4)},
	{"no configuration", FAULT(RIG_GET_CONFIG, RIG_FAULT_EMPTY, 0)},
	/* the in-flight area */
	{"an in-flight area of 0 bytes", FAULT(RIG_GET_INFLIGHT_FD, RIG_FAULT_VALUE, 0),
	 .exact = "no file to track"},
	{"an in-flight area beyond its file",
	 FAULT(RIG_GET_INFLIGHT_FD, RIG_FAULT_VALUE, UINT64_MAX)},
	{"an in-flight area without a file", FAULT(RIG_GET_INFLIGHT_FD, RIG_FAULT_FDS, 0),
	 .exact = "no file to track"},
	{"two in-flight areas", FAULT(RIG_GET_INFLIGHT_FD, RIG_FAULT_FDS, 2)},
	{"no in-flight area", FAULT(RIG_GET_INFLIGHT_FD, RIG_FAULT_EMPTY, 0)},
	{"an in-flight area that it doesn't take back",
	 FAULT(RIG_SET_INFLIGHT_FD, RIG_FAULT_VALUE, 1)},
	{"an in-flight area that ends it", FAULT(RIG_SET_INFLIGHT_FD, RIG_FAULT_CLOSE, 0)},
	/* the LUN */
	{"smaller limits of the LUN", .small = true},
};

/* How a device is opened, and what becomes of reads in flight then. */
static const struct policy {
	const char *options;
	bool packed;
	bool exact;
	int result;
} policies[] = {
	{"", false, false, 0},
	{"", true, false, 0},
	{"&recovery=exact", false, true, 0},
	{"&recovery=exact", true, true, 0},
	{"&recovery=report", false, false, -ECONNRESET},
};

static atomic_bool small;

/* A LUN with limits, and with UNMAP, COMPARE AND WRITE and FUA at first. Rig's thread. */
static bool serve_pages(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			const uint8_t *cdb)
{
	static const uint8_t pages[] = {0, 0, 0, 3, 0x00, 0xb0, 0xb2};
	static const uint8_t thin[2][8] = {{0, 0xb2, 0, 4, 0, 0x80, 2}, {0, 0xb2, 0, 4}};
	static const uint8_t limits[2][64] = {
		{[1] = 0xb0, [3] = 60, [5] = 8, [10] = 2, [22] = 1, [27] = 13, [42] = 1},
		{[1] = 0xb0, [3] = 60, [11] = SMALL, [43] = SMALL},
	};

	if (cdb[0] != 0x12 || !(cdb[1] & 1))
		return false;
	if (cdb[2] == 0)
		liar_data(liar, queue, chain, pages, sizeof(pages));
	else if (cdb[2] == 0xb0)
		liar_data(liar, queue, chain, limits[small], sizeof(limits[0]));
	else
		liar_data(liar, queue, chain, thin[small], sizeof(thin[0]));
	return true;
}

static struct vscsi_lun_info info_of(struct liar *liar)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_lun_get_info(liar->lun, &info), 0);
	return info;
}

static void expect_limits(struct liar *liar, const struct row *row)
{
	const uint32_t abilities = VSCSI_LUN_UNMAP | VSCSI_LUN_CAW;
	struct vscsi_range range = {.lba = 0, .blocks = 1};
	struct vscsi_lun_info info = info_of(liar);

	if (!row->small) {
		assert_int_equal(info.max_blocks, row->value == SMALL ? SMALL : 512);
		assert_int_equal(info.flags & abilities, abilities);
		return;
	}
	assert_int_equal(info.max_blocks, SMALL);
	assert_int_equal(info.max_zeroes_blocks, SMALL);
	assert_int_equal(info.flags & abilities, 0);
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, SMALL + 1, 0, 0), -E2BIG);
	assert_int_equal(vscsi_write_zeroes(liar->queue, liar->lun, 0, SMALL + 1, 0, 0), -E2BIG);
	assert_int_equal(vscsi_unmap(liar->queue, liar->lun, &range, 1, 0), -EOPNOTSUPP);
	assert_int_equal(vscsi_sync_compare_and_write(liar->lun, liar->buf, liar->buf, 512, 0),
			 -EOPNOTSUPP);
	/* In as many parts as it takes. */
	assert_int_equal(vscsi_pread(liar->lun, liar->buf, LIAR_BUF, 0), 0);
}

/* Regions that can't shrink, side by side in one file. */
static void *register_regions(struct liar *liar, unsigned count)
{
	int fd = memfd_create("regions", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *memory;
	unsigned i;

	assert_int_equal(ftruncate(fd, (off_t)MOST * REGION), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	memory = mmap(NULL, (size_t)MOST * REGION, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	for (i = 0; i < count; i++) {
		if (vscsi_mem_register(vscsi_dev_mem(liar->dev), memory + (size_t)i * REGION,
				       REGION, fd, (uint64_t)i * REGION))
			fail_msg("%s", vscsi_last_error());
	}
	close(fd);
	return memory;
}

static void become(struct liar *liar, const struct row *row)
{
	struct rig_opts opts = liar->opts;

	memcpy((char *)&opts.config + row->field, &row->value, row->size);
	opts.features = (opts.features & ~row->lacks) | row->gains;
	opts.protocol &= ~row->gone;
	opts.queues = row->queues ? row->queues : opts.queues;
	opts.slots = row->slots ? row->slots : opts.slots;
	opts.together = row->together;
	small = row->small;
	if (row->fault.kind)
		rig_fault(liar->rig, row->fault);
	rig_become(liar->rig, &opts);
}

static void expect_lost(struct liar *liar, const char *words)
{
	assert_false(liar_runs(liar));
	assert_int_equal(vscsi_dev_reset(liar->dev), -ENOTCONN);
	if (!strstr(vscsi_last_error(), words))
		fail_msg("\"%s\" doesn't say \"%s\"", vscsi_last_error(), words);
}

static void expect_back(struct liar *liar, const struct row *row)
{
	struct vscsi_completion done;

	while (!liar_runs(liar))
		assert_int_equal(vscsi_poll(liar->queue, &done, 1), 0);
	assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, 0, 1, 0, 9), 0);
	assert_int_equal(liar_outcome(liar).result, 0);
	expect_limits(liar, row);
}

static void run(struct liar *liar, const struct row *row, const struct policy *policy)
{
	const char *words = policy->exact && row->exact ? row->exact : row->words;
	struct vscsi_completion done;
	char options[128];
	unsigned came = 0;
	void *memory;

	snprintf(options, sizeof(options), "?queues=%u&mem=4M&recovery_ms=%u%s", QUEUES,
		 row->retried ? 100u : 60000u, policy->options);
	liar->options = options;
	liar->opts.protocol |= RIG_P_INFLIGHT;
	liar->opts.features |= policy->packed ? RIG_F_PACKED : 0;
	liar->lie = serve_pages;
	small = false;
	liar_up(liar);
	memory = register_regions(liar, row->regions);
	liar_hold(liar, COUNT);
	liar->hold = false;
	become(liar, row);
	while (came < COUNT) {
		if (!vscsi_poll(liar->queue, &done, 1))
			continue;
		came++;
		/* What is reported as lost may be so before it is known that nothing comes back. */
		if (!words || done.result != -ECONNRESET)
			assert_int_equal(done.result, words ? -ENOTCONN : policy->result);
		else
			assert_int_equal(policy->result, -ECONNRESET);
	}
	if (words)
		expect_lost(liar, words);
	else
		expect_back(liar, row);
	liar_close(liar);
	munmap(memory, (size_t)MOST * REGION);
}

static void offers(void **state)
{
	const struct row *row = *state;
	char path[64];
	unsigned i;

	snprintf(path, sizeof(path), "./offers-%d.sock", (int)getpid());
	for (i = 0; i < ARRAY_LEN(policies); i++) {
		void *now = (void *)(uintptr_t)row;

		liar_begin(&now);
		((struct liar *)now)->opts.path = path;
		run(now, row, &policies[i]);
		assert_int_equal(liar_end(&now), 0);
	}
	told(row->name, "%s",
	     row->words   ? row->words
	     : row->exact ? "it works on, unless exactly once is asked for"
			  : "it works on");
}

int main(int argc, char **argv)
{
	struct CMUnitTest tests[ARRAY_LEN(rows)];
	unsigned i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		tests[i] = (struct CMUnitTest){rows[i].name, offers, NULL, NULL,
					       (void *)(uintptr_t)&rows[i]};
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("hostile offers", tests, NULL, NULL);
}
