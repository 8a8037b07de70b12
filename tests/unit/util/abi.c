/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of public structs on 64-bit machines. Changes break existing programs: only structs
 * that start with their size may grow, at the end.
 */
#include <vscsi/vscsi.h>

#include "util.h"

#define AT(type, field, offset) assert_int_equal(offsetof(struct type, field), offset)

static void test_arrays_of_plain_structs_have_fixed_sizes(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct vscsi_completion), 64);
	assert_int_equal(sizeof(struct vscsi_event), 32);
	assert_int_equal(sizeof(struct vscsi_lun_addr), 16);
	assert_int_equal(sizeof(struct vscsi_range), 16);
}

static void test_size_is_the_first_field(void **state)
{
	(void)state;
	AT(vscsi_dev_opts, size, 0);
	AT(vscsi_dev_info, size, 0);
	AT(vscsi_mem_opts, size, 0);
	AT(vscsi_mem_stats, size, 0);
	AT(vscsi_lun_opts, size, 0);
	AT(vscsi_lun_info, size, 0);
	AT(vscsi_queue_opts, size, 0);
	AT(vscsi_queue_info, size, 0);
	AT(vscsi_command, size, 0);
}

static void test_field_offsets(void **state)
{
	(void)state;
	AT(vscsi_completion, result, 8);
	AT(vscsi_completion, residual, 12);
	AT(vscsi_completion, status, 18);
	AT(vscsi_completion, response, 19);
	AT(vscsi_completion, sense_len, 23);
	AT(vscsi_completion, sense, 24);
	AT(vscsi_event, code, 12);
	AT(vscsi_lun_addr, type, 8);
	AT(vscsi_range, blocks, 8);
	AT(vscsi_dev_opts, mem, 24);
	AT(vscsi_dev_opts, mem_bytes, 32);
	AT(vscsi_dev_opts, guest_base, 88);
	AT(vscsi_dev_opts, notify_data, 96);
	AT(vscsi_dev_opts, iommu, 104);
	AT(vscsi_dev_opts, packed, 116);
	AT(vscsi_dev_info, offered, 40);
	AT(vscsi_dev_info, transport, 64);
	AT(vscsi_dev_info, errors, 88);
	AT(vscsi_lun_info, blocks, 32);
	AT(vscsi_lun_info, vendor, 80);
	AT(vscsi_lun_info, wwid, 200);
	AT(vscsi_mem_opts, bytes, 8);
	AT(vscsi_mem_stats, bytes, 16);
	AT(vscsi_queue_info, inflight, 16);
	AT(vscsi_command, cdb, 8);
	AT(vscsi_command, out, 40);
	AT(vscsi_command, retries, 68);
}

static void test_constants_of_the_abi(void **state)
{
	(void)state;
	assert_int_equal(VSCSI_DEFAULT, 0);
	assert_int_equal(VSCSI_IOMMU_AUTO, 0);
	assert_int_equal(VSCSI_IOMMU_NONE, 3);
	assert_int_equal(VSCSI_MEM_MAX_PAGES, 8);
	assert_int_equal(VSCSI_MAX_CDB, 32);
	assert_true(VSCSI_NO_RETRIES == UINT32_MAX);
}

int abi_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrays_of_plain_structs_have_fixed_sizes),
		cmocka_unit_test(test_size_is_the_first_field),
		cmocka_unit_test(test_field_offsets),
		cmocka_unit_test(test_constants_of_the_abi),
	};

	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
