/* SPDX-License-Identifier: BSD-3-Clause */
/* What an application asks for and can't have is refused: reserved fields, flags, switches. */
#include <errno.h>
#include <string.h>

#include "api.h"

/* Every struct that the library reads, with one field that it doesn't know. */
static void test_reserved_fields(void **state)
{
	struct vscsi_range ranges[2] = {{.blocks = 1}, {.reserved = 1}};
	struct vscsi_dev_opts dev_opts = {.size = sizeof(dev_opts), .reserved = 1};
	struct vscsi_mem_opts mem_opts = {.size = sizeof(mem_opts), .flags = 1u << 31};
	struct vscsi_queue_opts queue_opts = {.size = sizeof(queue_opts), .flags = 1u << 31};
	struct vscsi_lun_opts lun_opts = {.size = sizeof(lun_opts), .flags = 1u << 31};
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6, .flags = 1u << 1};
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	struct vscsi_mem *mem;
	struct vscsi_dev *dev;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_dev_open("fake:model", &dev_opts, &dev), -EINVAL);
	expect_error_text("a reserved field is not 0");
	assert_int_equal(vscsi_mem_create(&mem_opts, &mem), -EINVAL);
	assert_int_equal(vscsi_queue_open(d.dev, &queue_opts, &queue), -EINVAL);
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &lun_opts, &lun), -EINVAL);
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 0), -EINVAL);
	assert_int_equal(vscsi_sync_command(d.lun, &command, NULL), -EINVAL);
	command.flags = 0;
	command.attr = 4;
	assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 0), -EINVAL);
	/* One without blocks, too, and before anything is sent. */
	assert_int_equal(vscsi_sync_unmap(d.lun, ranges, 2), -EINVAL);
	expect_error_text("range 1: its reserved field is not 0");
	driver_close(&d);
}

/* What a newer struct has beyond those that this library knows. */
static void test_longer_structs(void **state)
{
	struct {
		struct vscsi_queue_opts opts;
		uint32_t newer;
	} queue_opts = {.opts = {.size = sizeof(queue_opts)}, .newer = 1};
	struct {
		struct vscsi_lun_opts opts;
		uint32_t newer;
	} lun_opts = {.opts = {.size = sizeof(lun_opts)}, .newer = 1};
	struct {
		struct vscsi_mem_opts opts;
		uint64_t newer;
	} mem_opts = {.opts = {.size = sizeof(mem_opts)}, .newer = 1};
	struct vscsi_queue *queue;
	struct vscsi_lun *lun;
	struct vscsi_mem *mem;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_queue_open(d.dev, &queue_opts.opts, &queue), -E2BIG);
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &lun_opts.opts, &lun), -E2BIG);
	assert_int_equal(vscsi_mem_create(&mem_opts.opts, &mem), -E2BIG);
	/* Zeros ask for nothing. */
	queue_opts.newer = 0;
	assert_int_equal(vscsi_queue_open(d.dev, &queue_opts.opts, &queue), 0);
	assert_int_equal(vscsi_queue_close(queue), 0);
	driver_close(&d);
}

static void test_switches_of_other_transports(void **state)
{
	static const struct {
		const char *address;
		const char *text;
	} table[] = {
		{"vhost-user:s?iommu=group", "vhost-user devices have no option iommu"},
		{"vhost-user:s?iommu=none", "vhost-user devices have no option iommu"},
		{"vhost-user:s?notify_data=on", "vhost-user devices have no option notify_data"},
		{"vhost-user:s?notify_config=off",
		 "vhost-user devices have no option notify_config"},
		{"pci:0000:00:05.0?guest_base=1G", "pci devices have no option guest_base"},
		{"pci:0000:00:05.0?mq=on", "pci devices have no option mq"},
		{"pci:0000:00:05.0?reply_ack=off", "pci devices have no option reply_ack"},
		{"pci:0000:00:05.0?config=on", "pci devices have no option config"},
		{"pci:0000:00:05.0?mem_slots=on", "pci devices have no option mem_slots"},
		{"pci:0000:00:05.0?reset_device=on", "pci devices have no option reset_device"},
		{"pci:0000:00:05.0?status=off", "pci devices have no option status"},
		{"pci:0000:00:05.0?backend_req=on", "pci devices have no option backend_req"},
	};
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .iommu = VSCSI_IOMMU_FD};
	struct vscsi_dev *dev;
	struct driver d;
	unsigned i;

	(void)state;
	driver_init(&d);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(vscsi_dev_open(table[i].address, NULL, &dev), -EINVAL);
		expect_error_text(table[i].text);
	}
	/* Given by the struct it is the same. */
	assert_int_equal(vscsi_dev_open("vhost-user:s", &opts, &dev), -EINVAL);
	expect_error_text("have no option iommu");
	driver_close(&d);
}

/* The transport in memory stands in for each: what it has isn't refused. */
static void test_switches_of_its_own(void **state)
{
	static const char *const addresses[] = {
		"vhost-user:s?queues=2&mem=4M&guest_base=4G&mq=on&status=off",
		"pci:0000:00:05.0?queues=2&mem=4M&iommu=group",
	};
	struct vscsi_dev *dev;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(addresses); i++) {
		struct driver d;

		driver_init(&d);
		assert_int_equal(vscsi_dev_open(addresses[i], NULL, &dev), 0);
		assert_int_equal(vscsi_dev_close(dev), 0);
		driver_close(&d);
	}
}

/* NULL alone says nothing: the text says what was wanted and what there is. */
static void test_memory_says_why(void **state)
{
	struct vscsi_mem *mem;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	mem = vscsi_dev_mem(d.dev);
	errno = 0;
	assert_null(vscsi_mem_alloc(mem, 1u << 30, 0));
	assert_int_equal(errno, ENOMEM);
	expect_error_text("vscsi_mem_alloc: no free block of 1073741824 bytes");
	assert_null(vscsi_mem_alloc(mem, 0, 0));
	assert_int_equal(errno, EINVAL);
	expect_error_text("len must not be 0");
	assert_null(vscsi_mem_alloc(mem, 64, 3));
	expect_error_text("align must be a power of two");
	errno = 0;
	assert_null(vscsi_mem_alloc(NULL, 64, 0));
	assert_int_equal(errno, EINVAL);
	expect_error_text("vscsi_mem_alloc: mem is NULL");
	driver_close(&d);
}

int options_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserved_fields),
		cmocka_unit_test(test_longer_structs),
		cmocka_unit_test(test_switches_of_other_transports),
		cmocka_unit_test(test_switches_of_its_own),
		cmocka_unit_test(test_memory_says_why),
	};

	return cmocka_run_group_tests_name("api/options", tests, NULL, NULL);
}
