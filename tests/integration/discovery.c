/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Discovery: scans, identities and capacities match the target's configuration; missing units and
 * targets.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * Addresses at the limits of their ranges, and of both addressing methods (256 is the first flat
 * one).
 */
static const struct vscsi_lun_addr placed[] = {
	{0, 0, VSCSI_TYPE_DISK, 0},     {0, 1, VSCSI_TYPE_DISK, 0},
	{0, 255, VSCSI_TYPE_DISK, 0},   {0, 256, VSCSI_TYPE_DISK, 0},
	{0, 16383, VSCSI_TYPE_DISK, 0}, {3, 5, VSCSI_TYPE_DISK, 0},
	{255, 0, VSCSI_TYPE_DISK, 0},   {255, 16383, VSCSI_TYPE_DISK, 0},
};

static void start_many(struct fixture *f)
{
	START(f, "--lun=255:16383,null=1M", "--lun=0:256,ram=1M,serial=SERIAL-256",
	      "--lun=0:0,ram=1M,serial=SERIAL-A", "--lun=0:1,ram=2M,block=4096,serial=SERIAL-B",
	      "--lun=0:16383,null=1M", "--lun=0:255,null=1M",
	      "--lun=3:5,ram=1M,ro,serial=SERIAL-RO", "--lun=255:0,null=8T,serial=SERIAL-BIG");
}

static void full_scan(void **state)
{
	struct vscsi_lun_addr found[16];
	struct vscsi_lun_addr again[16];
	struct fixture *f = *state;

	CONFORMS("R-SCSI-20");
	start_many(f);
	open_dev(f, "");
	assert_int_equal(vscsi_dev_scan(f->dev, found, 16), ARRAY_LEN(placed));
	assert_memory_equal(found, placed, sizeof(placed));
	assert_int_equal(vscsi_dev_scan(f->dev, again, 16), ARRAY_LEN(placed));
	assert_memory_equal(again, placed, sizeof(placed));
}

static void scan_with_small_array(void **state)
{
	struct vscsi_lun_addr untouched;
	struct vscsi_lun_addr found[4];
	struct fixture *f = *state;

	start_many(f);
	open_dev(f, "");
	memset(found, 0xa5, sizeof(found));
	memset(&untouched, 0xa5, sizeof(untouched));
	assert_int_equal(vscsi_dev_scan(f->dev, found, 3), ARRAY_LEN(placed));
	assert_memory_equal(found, placed, 3 * sizeof(found[0]));
	assert_memory_equal(&found[3], &untouched, sizeof(untouched));
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 0), ARRAY_LEN(placed));
	assert_int_equal(vscsi_dev_scan(f->dev, NULL, 1), -EINVAL);
}

static void scan_of_empty_device(void **state)
{
	struct vscsi_lun_addr found[1];
	struct fixture *f = *state;

	START(f, "--lun=0:0,null=1M");
	target_command(&f->target, NULL, 0, "remove 0:0");
	open_dev(f, "");
	assert_int_equal(vscsi_dev_scan(f->dev, found, 1), 0);
}

/* More than fit in the first list of a scan. */
static void scan_of_many_luns(void **state)
{
	static struct vscsi_lun_addr found[700];
	struct fixture *f = *state;
	unsigned i;

	START(f, "--lun=7:0,null=1M");
	for (i = 1; i < 600; i++)
		target_command(&f->target, NULL, 0, "add 7:%u,null=1M", i * 27);
	open_dev(f, "");
	assert_int_equal(vscsi_dev_scan(f->dev, found, ARRAY_LEN(found)), 600);
	for (i = 0; i < 600; i++) {
		assert_int_equal(found[i].target, 7);
		assert_int_equal(found[i].lun, i * 27);
	}
}

static void assert_identity(struct fixture *f, unsigned target, unsigned lun, const char *serial,
			    struct vscsi_lun_info *info)
{
	struct vscsi_lun *handle;

	assert_int_equal(vscsi_lun_open(f->dev, target, lun, NULL, &handle), 0);
	info->size = sizeof(*info);
	assert_int_equal(vscsi_lun_get_info(handle, info), 0);
	assert_int_equal(vscsi_lun_close(handle), 0);
	assert_int_equal(info->target, target);
	assert_int_equal(info->lun, lun);
	assert_int_equal(info->type, VSCSI_TYPE_DISK);
	assert_string_equal(info->vendor, "VSCSI");
	assert_string_equal(info->product, "TARGET DISK");
	assert_string_equal(info->revision, "1.0");
	assert_string_equal(info->serial, serial);
	assert_memory_equal(info->wwid, "naa.3", 5);
	assert_int_equal(strlen(info->wwid), 4 + 16);
}

static void reported_identities(void **state)
{
	struct vscsi_lun_info a, b, far, ro;
	struct fixture *f = *state;

	start_many(f);
	open_dev(f, "");
	assert_identity(f, 0, 0, "SERIAL-A", &a);
	assert_int_equal(a.block_size, 512);
	assert_int_equal(a.blocks, 2048);
	assert_false(a.flags & (VSCSI_LUN_READ_ONLY | VSCSI_LUN_THIN | VSCSI_LUN_REMOVABLE));
	assert_true(a.flags & VSCSI_LUN_FUA);
	assert_identity(f, 0, 1, "SERIAL-B", &b);
	assert_int_equal(b.block_size, 4096);
	assert_int_equal(b.blocks, 512);
	assert_identity(f, 0, 256, "SERIAL-256", &far);
	assert_identity(f, 3, 5, "SERIAL-RO", &ro);
	assert_true(ro.flags & VSCSI_LUN_READ_ONLY);
	assert_string_not_equal(a.wwid, b.wwid);
	assert_string_not_equal(a.wwid, far.wwid);
}

/* The same serial number gives the same name, always. */
static void stable_names(void **state)
{
	struct vscsi_lun_info first, second;
	struct fixture *f = *state;

	START(f, "--lun=0:0,null=1M,serial=SAME");
	open_dev(f, "");
	assert_identity(f, 0, 0, "SAME", &first);
	close_all(f);
	assert_true(target_stop(&f->target));
	START(f, "--lun=0:0,null=2M,serial=SAME");
	open_dev(f, "");
	assert_identity(f, 0, 0, "SAME", &second);
	assert_string_equal(first.wwid, second.wwid);
}

/* Blocks beyond the range of 10-byte commands; the file shows where the write went. */
static void beyond_two_tib(void **state)
{
	uint64_t last = 3 * MIB * MIB / 512 - 1;
	struct vscsi_lun_info info;
	struct fixture *f = *state;
	char found[512];
	char *data;
	int fd;

	make_file("disk.img", 3 * MIB * MIB);
	START(f, "--lun=0:0,file=disk.img", "--lun=0:1,null=8T,serial=BIG");
	open_disk(f, "");
	assert_int_equal(f->info.blocks, last + 1);
	data = alloc_dma(f, 512);
	fill(data, 512, 5);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, last, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data, 0, 512);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, last, 1, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(holds(data, 512, 5));
	fd = open("disk.img", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, found, 512, (off_t)(last * 512)), 512);
	close(fd);
	assert_true(holds(found, 512, 5));
	assert_identity(f, 0, 1, "BIG", &info);
	assert_int_equal(info.blocks, 8 * MIB * MIB / 512);
}

static void absent_units(void **state)
{
	struct vscsi_lun *lun = NULL;
	struct fixture *f = *state;

	START(f, "--lun=1:1,null=1M");
	open_dev(f, "");
	assert_int_equal(vscsi_lun_open(f->dev, 1, 9, NULL, &lun), -ENODEV);
	assert_error_text("vscsi_lun_open");
	assert_error_text("1:9");
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &lun), -ENODEV);
	assert_error_text("0:0");
	assert_int_equal(vscsi_lun_open(f->dev, 256, 0, NULL, &lun), -EINVAL);
	assert_error_text("256:0");
	assert_int_equal(vscsi_lun_open(f->dev, 0, 16384, NULL, &lun), -EINVAL);
	assert_error_text("0:16384");
	assert_null(lun);
	/* The failure does not change the device. */
	assert_int_equal(vscsi_lun_open(f->dev, 1, 1, NULL, &lun), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
}

static void stale_socket(void **state)
{
	struct vscsi_dev *dev = NULL;

	(void)state;
	assert_int_equal(vscsi_dev_open("vhost-user:absent.sock", NULL, &dev), -ENOENT);
	assert_error_text("absent.sock");
	/* No process listens on it, as after a crash. */
	close(target_listen("stale.sock"));
	assert_int_equal(vscsi_dev_open("vhost-user:stale.sock", NULL, &dev), -ECONNREFUSED);
	assert_error_text("stale.sock");
	assert_null(dev);
}

static void negotiated_features(void **state)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct fixture *f = *state;

	START(f, "--lun=0:0,null=1M", "--queues=3", "--seg-max=7", "--max-sectors=1000",
	      "--cmd-per-lun=9");
	open_dev(f, "?queues=254&queue_size=64");
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.queues, 3);
	assert_int_equal(info.queue_size, 64);
	assert_int_equal(info.max_target, 255);
	assert_int_equal(info.max_lun, 16383);
	assert_int_equal(info.seg_max, 7);
	assert_int_equal(info.max_segs, 7);
	assert_int_equal(info.max_sectors, 1000);
	assert_int_equal(info.cmd_per_lun, 9);
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
	assert_int_equal(info.errors, 0);
	assert_string_equal(info.transport, "vhost-user");
	assert_int_equal(info.negotiated & ~info.offered, 0);
}

int main(void)
{
	static const struct CMUnitTest discovery[] = {
		TEST(full_scan),           TEST(scan_with_small_array), TEST(scan_of_empty_device),
		TEST(scan_of_many_luns),   TEST(reported_identities),   TEST(stable_names),
		TEST(beyond_two_tib),      TEST(absent_units),          TEST(stale_socket),
		TEST(negotiated_features),
	};

	return RUN_TESTS(discovery);
}
