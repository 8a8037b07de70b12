/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory table. Nothing is at these addresses, and nothing looks. */
#include <errno.h>

#include "kernel.h"

#define AT(i)                                                                 \
	(&(const struct dma_region){.addr = UINT64_C(0x10000000) * ((i) + 1), \
				    .len = UINT64_C(0x1000) * ((i) + 1),      \
				    .fd = -1})

static void expect_table(unsigned count, const unsigned *which)
{
	unsigned i;
	unsigned k;

	assert_int_equal(kernel.nregions, count);
	for (i = 0; i < count; i++) {
		for (k = 0; k < count; k++) {
			if (kernel.regions[k].userspace_addr == AT(which[i])->addr)
				break;
		}
		assert_true(k < count);
		assert_int_equal(kernel.regions[k].guest_phys_addr, AT(which[i])->addr);
		assert_int_equal(kernel.regions[k].memory_size, AT(which[i])->len);
		assert_int_equal(kernel.regions[k].flags_padding, 0);
	}
}

/* Memory needs no file; each change is one table, and one that fails leaves the one before. */
static void test_changes(void **state)
{
	uint64_t iova = 0;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_true(b.t->ops->mem_map_live(b.t));
	assert_int_equal(b.t->ops->mem_map(b.t, AT(0), &iova), 0);
	assert_int_equal(iova, AT(0)->addr);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(1), &iova), 0);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(2), &iova), 0);
	expect_table(3, (unsigned[]){0, 1, 2});
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(0), AT(0)->addr), 0);
	expect_table(2, (unsigned[]){1, 2});
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(0), AT(0)->addr), -EINVAL);
	kernel.fail = VHOST_SET_MEM_TABLE;
	kernel.fail_errno = ENOMEM;
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(1), AT(1)->addr), -ENOMEM);
	kernel.fail_skip = 0;
	assert_int_equal(b.t->ops->mem_map(b.t, AT(3), &iova), -ENOMEM);
	expect_error_text("VHOST_SET_MEM_TABLE of " NAME);
	kernel.fail = 0;
	assert_int_equal(b.t->ops->mem_map(b.t, AT(4), &iova), 0);
	expect_table(3, (unsigned[]){1, 2, 4});
	bench_close(&b);
}

static void test_limits(void **state)
{
	uint64_t iova;
	struct bench b;
	unsigned i;

	(void)state;
	bench_open(&b);
	for (i = 0; i < DMA_MAX_REGIONS; i++)
		assert_int_equal(b.t->ops->mem_map(b.t, AT(i), &iova), 0);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(i), &iova), -ENOSPC);
	kernel.most_regions = DMA_MAX_REGIONS - 2;
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(5), AT(5)->addr), -ENOSPC);
	expect_error_text("max_mem_regions");
	kernel.fail = VHOST_SET_MEM_TABLE;
	kernel.fail_errno = EPERM;
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(5), AT(5)->addr), -EPERM);
	expect_error_text("belongs to the process that opened it");
	bench_close(&b);
}

/* Nothing is mapped without a connection, and the next one has what is left. */
static void test_while_closed(void **state)
{
	uint64_t iova;
	struct bench b;

	(void)state;
	bench_open(&b);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(0), &iova), 0);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(1), &iova), 0);
	b.t->ops->disconnect(b.t);
	assert_int_equal(kernel.fd, -1);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(2), &iova), -ENOTCONN);
	assert_int_equal(b.t->ops->mem_unmap(b.t, AT(0), AT(0)->addr), 0);
	assert_true(b.t->ops->can_reopen(b.t));
	assert_int_equal(b.t->ops->reopen(b.t), 0);
	expect_table(1, (unsigned[]){1});
	bench_close(&b);
}

/* The kernel takes a table between requests: a call that may not wait comes again. */
static void test_with_requests_in_flight(void **state)
{
	uint64_t iova;
	struct bench b;

	(void)state;
	bench_running(&b);
	bench_give(&b, 2);
	b.t->wait = false;
	assert_int_equal(b.t->ops->mem_map(b.t, AT(0), &iova), -EINPROGRESS);
	assert_int_equal(b.t->ops->mem_unmap(b.t, &b.region, b.region.addr), -EINPROGRESS);
	bench_end(&b, 2);
	assert_int_equal(b.t->ops->mem_map(b.t, AT(0), &iova), 0);
	assert_int_equal(kernel.nregions, 2);
	bench_give(&b, 2);
	b.t->wait = true;
	kernel.may_wait = true;
	assert_int_equal(b.t->ops->mem_map(b.t, AT(1), &iova), 0);
	assert_int_equal(kernel.waited, 1);
	bench_end(&b, 2);
	bench_close(&b);
}

int table_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_while_closed),
		cmocka_unit_test(test_with_requests_in_flight),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
