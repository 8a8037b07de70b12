/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory regions: as a table and in slots, at guest addresses, and when they may change. */
#include <errno.h>
#include <sys/stat.h>

#include "fixture.h"
#include "util/error.h"

static ino_t inode(const struct dma_region *area)
{
	struct stat st;

	assert_int_equal(fstat(area->fd, &st), 0);
	return st.st_ino;
}

static void check_words(const struct fx *fx, const uint8_t *at, unsigned area)
{
	const struct dma_region *r = &fx->areas[area];
	uint64_t words[4];

	memcpy(words, at, sizeof(words));
	assert_int_equal(words[0], fx->iova[area]);
	assert_int_equal(words[1], r->len);
	assert_int_equal(words[2], r->addr);
	assert_int_equal(words[3], r->fd_offset);
}

/* The area that a table's entry is about. */
static unsigned area_of(const struct fx *fx, const uint8_t *at)
{
	uint64_t guest;
	unsigned i = 0;

	memcpy(&guest, at, sizeof(guest));
	while (fx->iova[i] != guest)
		assert_true(++i < FX_AREAS);
	return i;
}

static void test_table_is_sent_whole(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	unsigned i, n, area;

	CONFORMS("R-VU-31", "R-VU-32", "R-VU-33", "R-VU-41");
	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx_connect(&fx);
	assert_false(fx.t->ops->mem_map_live(fx.t));
	for (n = 0; n < 8; n++) {
		assert_int_equal(fx_map(&fx, n), 0);
		assert_true(rig_record(fx.rig, RIG_SET_MEM_TABLE, n, &r));
		assert_int_equal(r.size, 8 + 32 * (n + 1));
		assert_int_equal(r.nfds, n + 1);
		for (i = 0; i <= n; i++) {
			area = area_of(&fx, r.payload + 8 + 32 * i);
			assert_true(area <= n);
			assert_int_equal(r.inodes[i], inode(&fx.areas[area]));
			check_words(&fx, r.payload + 8 + 32 * i, area);
		}
	}
	assert_int_equal(fx_map(&fx, 8), -ENOSPC);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), 8);
	assert_int_equal(rig_seen(fx.rig, RIG_ADD_MEM_REG), 0);
	fx_down(&fx);
}

static void test_table_without_a_region(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;

	CONFORMS("R-VU-32", "R-VU-41");
	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx.topts.guest_base = FX_AREA;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), 0);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_int_equal(fx_map(&fx, 2), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), 0);
	assert_true(rig_record(fx.rig, RIG_SET_MEM_TABLE, 3, &r));
	assert_int_equal(r.nfds, 2);
	assert_int_equal(r.inodes[0], inode(&fx.areas[1]));
	assert_int_equal(r.inodes[1], inode(&fx.areas[2]));
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), -ENOENT);
	fx_down(&fx);
}

/* The rig checks the order, here and in all other tests. */
static void test_table_is_sorted(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;

	CONFORMS("R-VU-32");
	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx.topts.guest_base = FX_AREA;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), 0);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_int_equal(fx_map(&fx, 2), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), 0);
	/* It gets the lowest address, and it is the last that came. */
	assert_int_equal(fx_map(&fx, 3), 0);
	assert_int_equal(fx.iova[3], FX_AREA);
	assert_true(rig_record(fx.rig, RIG_SET_MEM_TABLE, 4, &r));
	assert_int_equal(r.inodes[0], inode(&fx.areas[3]));
	assert_int_equal(r.inodes[1], inode(&fx.areas[1]));
	assert_int_equal(r.inodes[2], inode(&fx.areas[2]));
	check_words(&fx, r.payload + 8, 3);
	/* A removal that was refused puts it back where it was. */
	rig_plan(fx.rig, RIG_SET_MEM_TABLE, RIG_FAULT_VALUE, 1);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[1], fx.iova[1]), -EIO);
	assert_int_equal(fx_map(&fx, 4), 0);
	assert_int_equal(rig_regions(fx.rig), 4);
	fx_down(&fx);
}

/* A connection with all areas in slots is lost; the next back-end answers @request with @value. */
static void reopen_with(struct fx *fx, uint32_t request, uint64_t value)
{
	unsigned i;

	fx->ropts.path = "./fewer.sock";
	fx_connect(fx);
	assert_int_equal(fx_prepare(fx), 0);
	for (i = 1; i < FX_AREAS; i++)
		assert_int_equal(fx_map(fx, i), 0);
	rig_hang_up(fx->rig);
	rig_plan(fx->rig, request, RIG_FAULT_VALUE, value);
	assert_int_equal(fx->t->ops->reopen(fx->t), 0);
	assert_int_equal(fx->t->ops->set_features(fx->t, FX_WANT), 0);
}

/* Ten regions in slots are more than a table takes: nothing of them is sent. */
static void test_back_end_comes_back_without_slots(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-31", "R-VU-43");
	(void)state;
	reopen_with(&fx, RIG_GET_PROTOCOL_FEATURES, fx.ropts.protocol & ~RIG_P_MEM_SLOTS);
	assert_false(fx.t->ops->mem_map_live(fx.t));
	assert_int_equal(fx_start(&fx, 0), -ENOSPC);
	assert_string_equal(error_text(),
			    "the back-end takes at most 8 memory regions, 10 are needed");
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[9], fx.iova[9]), -ENOSPC);
	assert_int_equal(fx_start(&fx, 0), -ENOSPC);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), 0);
	fx_down(&fx);
}

static void test_back_end_comes_back_with_fewer_slots(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-43");
	(void)state;
	reopen_with(&fx, RIG_GET_MAX_MEM_SLOTS, 9);
	assert_int_equal(fx_start(&fx, 0), -ENOSPC);
	assert_string_equal(error_text(),
			    "the back-end takes at most 9 memory regions, 10 are needed");
	assert_int_equal(rig_seen(fx.rig, RIG_ADD_MEM_REG), FX_AREAS);
	fx_down(&fx);
}

/* A handshake that failed has left nothing negotiated; nine regions are still known. */
static void test_memory_after_a_failed_handshake(void **state)
{
	struct fx fx = fx_new();
	unsigned i;

	(void)state;
	fx.ropts.path = "./fewer.sock";
	fx_connect(&fx);
	for (i = 0; i < FX_AREAS - 1; i++)
		assert_int_equal(fx_map(&fx, i), 0);
	rig_plan(fx.rig, RIG_GET_FEATURES, RIG_FAULT_CLOSE, 0);
	assert_int_equal(fx.t->ops->reopen(fx.t), -ENOTCONN);
	assert_int_equal(fx_map(&fx, FX_AREAS - 1), -ENOTCONN);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[1], fx.iova[1]), 0);
	fx_down(&fx);
}

/* An empty table can't be sent; the next one replaces it all the same. */
static void test_last_region_of_a_table(void **state)
{
	struct fx fx = fx_new();

	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), 1);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_int_equal(rig_regions(fx.rig), 1);
	fx_down(&fx);
}

static void test_slots(void **state)
{
	struct fx fx = fx_new();
	struct rig_record r;
	unsigned n;

	CONFORMS("R-VU-42", "R-VU-44", "R-VU-45", "R-VU-47");
	(void)state;
	fx_connect(&fx);
	assert_true(fx.t->ops->mem_map_live(fx.t));
	for (n = 0; n < FX_AREAS; n++) {
		assert_int_equal(fx_map(&fx, n), 0);
		assert_true(rig_record(fx.rig, RIG_ADD_MEM_REG, n, &r));
		assert_int_equal(r.nfds, 1);
		assert_int_equal(r.inodes[0], inode(&fx.areas[n]));
		check_words(&fx, r.payload + 8, n);
	}
	assert_int_equal(rig_regions(fx.rig), FX_AREAS);
	for (n = 0; n < FX_AREAS; n++) {
		assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[n], fx.iova[n]), 0);
		assert_true(rig_record(fx.rig, RIG_REM_MEM_REG, n, &r));
		assert_int_equal(r.nfds, 0);
		check_words(&fx, r.payload + 8, n);
	}
	assert_int_equal(rig_regions(fx.rig), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), 0);
	fx_down(&fx);
}

static void count_slots(uint64_t slots, int open, unsigned fit)
{
	struct fx fx = fx_new();
	unsigned n;

	fx.ropts.slots = slots;
	fx_up(&fx);
	assert_int_equal(fx_open(&fx), open);
	for (n = 0; open == 0 && n < FX_AREAS; n++)
		assert_int_equal(fx_map(&fx, n), n < fit ? 0 : -ENOSPC);
	fx_down(&fx);
}

static void test_slot_numbers(void **state)
{
	CONFORMS("R-VU-43", "R-HARD-35");
	(void)state;
	count_slots(1, 0, 1);
	count_slots(8, 0, 8);
	count_slots(32, 0, FX_AREAS);
	count_slots(509, 0, FX_AREAS);
	count_slots(UINT64_MAX, 0, FX_AREAS);
	count_slots(0, -EOPNOTSUPP, 0);
}

/* What the rig maps is what we see, wherever the device thinks it is. */
static void test_guest_addresses(void **state)
{
	static const uint64_t base = 0x100000000;
	struct fx fx = fx_new();
	struct rig_record r;
	uint64_t desc;
	unsigned n;
	char *seen;

	CONFORMS("R-VU-34", "R-VU-35", "R-VU-36");
	(void)state;
	fx.topts.guest_base = base;
	fx_run(&fx, 1);
	for (n = 1; n < 4; n++)
		assert_int_equal(fx_map(&fx, n), 0);
	for (n = 0; n < 4; n++) {
		assert_int_equal(fx.iova[n], base + n * FX_AREA);
		seen = rig_guest(fx.rig, fx.iova[n] + 4096 * n, 8);
		assert_non_null(seen);
		strcpy((char *)(uintptr_t)fx.areas[n].addr + 4096 * n, "here");
		assert_string_equal(seen, "here");
	}
	assert_true(rig_record(fx.rig, RIG_SET_VRING_ADDR, 0, &r));
	memcpy(&desc, r.payload + 8, sizeof(desc));
	assert_int_equal(desc, fx.areas[0].addr);
	fx_down(&fx);
}

static void test_guest_addresses_are_used_again(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-34", "R-VU-46");
	(void)state;
	fx.topts.guest_base = FX_AREA;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), 0);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_int_equal(fx_map(&fx, 2), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[1], fx.iova[1]), 0);
	assert_int_equal(fx_map(&fx, 3), 0);
	assert_int_equal(fx.iova[3], 2 * FX_AREA);
	assert_int_equal(fx_map(&fx, 4), 0);
	assert_int_equal(fx.iova[4], 4 * FX_AREA);
	fx_down(&fx);
}

static void test_no_guest_address_left(void **state)
{
	struct fx fx = fx_new();

	(void)state;
	fx.topts.guest_base = UINT64_MAX - 2 * FX_AREA + 1;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), -ENOSPC);
	assert_int_equal(rig_seen(fx.rig, RIG_ADD_MEM_REG), 0);
	fx_down(&fx);
}

static void test_impossible_regions(void **state)
{
	struct fx fx = fx_new();
	struct dma_region r;
	uint64_t iova;

	CONFORMS("R-VU-34", "R-VU-35", "R-VU-42");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_map(&fx, 0), 0);
	assert_int_equal(fx_map(&fx, 0), -EEXIST);
	r = fx.areas[0];
	r.addr += r.len - 4096;
	assert_int_equal(fx.t->ops->mem_map(fx.t, &r, &iova), -EEXIST);
	r = fx.areas[1];
	r.fd = -1;
	assert_int_equal(fx.t->ops->mem_map(fx.t, &r, &iova), -EINVAL);
	r = fx.areas[1];
	r.len = 0;
	assert_int_equal(fx.t->ops->mem_map(fx.t, &r, &iova), -EINVAL);
	r.len = UINT64_MAX - r.addr;
	assert_int_equal(fx.t->ops->mem_map(fx.t, &r, &iova), -EINVAL);
	assert_int_equal(rig_seen(fx.rig, RIG_ADD_MEM_REG), 1);
	fx_down(&fx);
}

/* A region in use only after the back-end has it: the call does not return before. */
static void wait_for_table(uint64_t off, uint32_t request)
{
	struct fx fx = fx_new();

	fx.topts.protocol_off = off;
	fx_connect(&fx);
	fx_hurry(&fx);
	rig_plan(fx.rig, request, RIG_FAULT_DELAY, 0);
	assert_int_equal(fx_map(&fx, 0), -ETIMEDOUT);
	rig_release(fx.rig);
	fx_down(&fx);
}

static void test_memory_waits_for_the_back_end(void **state)
{
	CONFORMS("R-VU-40", "R-VU-110");
	(void)state;
	wait_for_table(0, RIG_ADD_MEM_REG);
	wait_for_table(RIG_P_MEM_SLOTS, RIG_SET_MEM_TABLE);
	wait_for_table(RIG_P_REPLY_ACK, RIG_GET_FEATURES);
	wait_for_table(RIG_P_REPLY_ACK | RIG_P_MEM_SLOTS, RIG_GET_FEATURES);
}

static void test_table_rests_while_rings_run(void **state)
{
	struct fx fx = fx_new();
	uint32_t base;

	CONFORMS("R-VU-65");
	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx_run(&fx, 2);
	assert_int_equal(fx_map(&fx, 1), -EBUSY);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 0, &base), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), -EBUSY);
	assert_int_equal(fx.t->ops->queue_stop(fx.t, 1, &base), 0);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[1], fx.iova[1]), 0);
	fx_down(&fx);
}

static void test_slots_change_while_rings_run(void **state)
{
	struct fx fx = fx_new();

	(void)state;
	fx_run(&fx, 2);
	assert_int_equal(fx_map(&fx, 1), 0);
	assert_non_null(rig_guest(fx.rig, fx.iova[1], FX_AREA));
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[1], fx.iova[1]), 0);
	assert_null(rig_guest(fx.rig, fx.iova[1], 1));
	fx_down(&fx);
}

static void test_refused_region_is_not_there(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-11");
	(void)state;
	fx.topts.protocol_off = RIG_P_MEM_SLOTS;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	rig_plan(fx.rig, RIG_SET_MEM_TABLE, RIG_FAULT_VALUE, 1);
	assert_int_equal(fx_map(&fx, 1), -EIO);
	/* The back-end's table is unknown now: the right one is sent before the ring. */
	assert_int_equal(fx_start(&fx, 0), 0);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_MEM_TABLE), 3);
	assert_int_equal(rig_regions(fx.rig), 1);
	fx_down(&fx);
}

static void test_refused_removal_leaves_the_region(void **state)
{
	struct fx fx = fx_new();

	CONFORMS("R-VU-11");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_prepare(&fx), 0);
	assert_int_equal(fx_map(&fx, 1), 0);
	rig_plan(fx.rig, RIG_REM_MEM_REG, RIG_FAULT_VALUE, 7);
	assert_int_equal(fx.t->ops->mem_unmap(fx.t, &fx.areas[0], fx.iova[0]), -EIO);
	assert_int_equal(fx_map(&fx, 0), -EEXIST);
	fx_down(&fx);
}

static void test_rings_outside_the_memory(void **state)
{
	struct fx fx = fx_new();
	struct transport_queue queue = {.index = 2, .size = FX_SIZE};
	char *end;

	CONFORMS("R-VU-30", "R-VU-37");
	(void)state;
	fx_connect(&fx);
	assert_int_equal(fx_start(&fx, 0), -EFAULT);
	assert_int_equal(fx_prepare(&fx), 0);
	end = (char *)(uintptr_t)(fx.areas[0].addr + FX_AREA);
	queue.desc = queue.driver = queue.device = end - 16 * FX_SIZE;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), 0);
	queue.index = 3;
	queue.desc = end - 16 * FX_SIZE + 16;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EFAULT);
	queue.desc = queue.driver;
	queue.driver = end - 2 * FX_SIZE - 4;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EFAULT);
	queue.driver = queue.desc;
	queue.device = end - 8 * FX_SIZE - 4;
	assert_int_equal(fx.t->ops->queue_start(fx.t, &queue), -EFAULT);
	assert_int_equal(rig_seen(fx.rig, RIG_SET_VRING_NUM), 1);
	fx_down(&fx);
}

int memory_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_sent_whole),
		cmocka_unit_test(test_table_without_a_region),
		cmocka_unit_test(test_table_is_sorted),
		cmocka_unit_test(test_back_end_comes_back_without_slots),
		cmocka_unit_test(test_back_end_comes_back_with_fewer_slots),
		cmocka_unit_test(test_memory_after_a_failed_handshake),
		cmocka_unit_test(test_last_region_of_a_table),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_slot_numbers),
		cmocka_unit_test(test_guest_addresses),
		cmocka_unit_test(test_guest_addresses_are_used_again),
		cmocka_unit_test(test_no_guest_address_left),
		cmocka_unit_test(test_impossible_regions),
		cmocka_unit_test(test_memory_waits_for_the_back_end),
		cmocka_unit_test(test_table_rests_while_rings_run),
		cmocka_unit_test(test_slots_change_while_rings_run),
		cmocka_unit_test(test_refused_region_is_not_there),
		cmocka_unit_test(test_refused_removal_leaves_the_region),
		cmocka_unit_test(test_rings_outside_the_memory),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
