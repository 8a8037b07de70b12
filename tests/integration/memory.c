/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application memory, registered before and after a device is opened, with and without memory
 * slots; pools shared by several devices; hugepages.
 */
#include "loss.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define REGION (4 * MIB)

/*
 * struct region - Application memory
 * @at: its mapping
 * @fd: its memfd
 */
struct region {
	char *at;
	int fd;
};

/* Creates a region at the address @where, or anywhere if NULL. */
static struct region make_region(void *where)
{
	struct region region = {.fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)};

	assert_true(region.fd >= 0);
	assert_int_equal(ftruncate(region.fd, REGION), 0);
	region.at = mmap(where, REGION, PROT_READ | PROT_WRITE,
			 MAP_SHARED | (where ? MAP_FIXED : 0), region.fd, 0);
	assert_ptr_not_equal(region.at, MAP_FAILED);
	return region;
}

static void drop_region(struct region *region)
{
	assert_int_equal(munmap(region->at, REGION), 0);
	assert_int_equal(close(region->fd), 0);
}

static struct vscsi_mem *make_pool(void)
{
	struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = 4 * MIB,
	};
	struct vscsi_mem *mem;

	assert_int_equal(vscsi_mem_create(&opts, &mem), 0);
	return mem;
}

/* Opens the device of @target on a given pool, with LUN 0:0 and a queue. */
static void open_on(struct fixture *f, struct vscsi_mem *mem, const char *options)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts), .mem = mem};
	char address[256];

	snprintf(address, sizeof(address), "%s%s", f->target.address, options);
	assert_int_equal(open_address(address, &opts, &f->dev), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &f->queue), 0);
	f->info.size = sizeof(f->info);
	assert_int_equal(vscsi_lun_get_info(f->lun, &f->info), 0);
}

/* Writes from and reads into @data. */
static void assert_io_in(struct fixture *f, char *data, uint32_t blocks, uint64_t seed)
{
	fill(data, blocks * 512ul, seed);
	assert_int_equal(vscsi_write(f->queue, f->lun, data, 1, blocks, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	memset(data, 0, blocks * 512ul);
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 1, blocks, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_true(holds(data, blocks * 512ul, seed));
}

static const char *const variants[] = {"", "?mem_slots=off", "?mem_slots=off&reply_ack=off",
				       "?guest_base=0x100000000", "?reset_device=off&status=off"};

static void registered_before_the_start(void **state)
{
	struct vscsi_mem *mem = make_pool();
	struct region region = make_region(NULL);
	struct fixture *f = *state;
	unsigned i;

	START(f, "--lun=0:0,ram=16M");
	assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0), 0);
	for (i = 0; i < ARRAY_LEN(variants); i++) {
		open_on(f, mem, variants[i]);
		assert_io_in(f, region.at, 64, i);
		assert_io_in(f, region.at + REGION - 512, 1, i);
		close_all(f);
	}
	assert_int_equal(vscsi_mem_unregister(mem, region.at), 0);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	drop_region(&region);
}

static void registered_after_the_start(void **state)
{
	struct region region = make_region(NULL);
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned round;
	unsigned i;

	START(f, "--lun=0:0,ram=16M");
	for (i = 0; i < ARRAY_LEN(variants); i++) {
		open_disk(f, variants[i]);
		mem = vscsi_dev_mem(f->dev);
		for (round = 0; round < 3; round++) {
			assert_int_equal(vscsi_read(f->queue, f->lun, region.at, 0, 1, 0, 0),
					 -EFAULT);
			assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0),
					 0);
			assert_io_in(f, region.at + 4096 * round + 3, 64, round);
			assert_works(f);
			assert_int_equal(vscsi_mem_unregister(mem, region.at), 0);
			assert_works(f);
		}
		assert_int_equal(vscsi_read(f->queue, f->lun, region.at, 0, 1, 0, 0), -EFAULT);
		close_all(f);
	}
	drop_region(&region);
}

/* The event and control rings, which are stopped briefly when memory changes, keep working. */
static void other_rings_continue(void **state)
{
	struct region region = make_region(NULL);
	struct vscsi_event event;
	struct fixture *f = *state;
	unsigned i;

	START(f, "--lun=0:0,ram=16M");
	for (i = 0; i < ARRAY_LEN(variants); i++) {
		uint64_t limit = now_ms() + TIMEOUT_MS;

		open_disk(f, variants[i]);
		assert_int_equal(vscsi_mem_register(vscsi_dev_mem(f->dev), region.at, REGION,
						    region.fd, 0),
				 0);
		assert_int_equal(vscsi_lun_reset(f->lun), 0);
		target_command(&f->target, NULL, 0, "resize 0:0 %uM", 17 + i);
		while (!vscsi_dev_poll_events(f->dev, &event, 1))
			assert_true(now_ms() < limit);
		assert_int_equal(event.type, VSCSI_EVENT_RESIZED);
		assert_io_in(f, region.at, 8, i);
		close_all(f);
	}
	drop_region(&region);
}

/* A buffer across two adjacent regions: two segments for the device. */
static void buffer_across_regions(void **state)
{
	char *room = mmap(NULL, 2 * REGION, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct region first = make_region(room);
	struct region second = make_region(room + REGION);
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned i;

	CONFORMS("R-VU-37");
	START(f, "--lun=0:0,ram=16M");
	for (i = 0; i < ARRAY_LEN(variants); i++) {
		open_disk(f, variants[i]);
		mem = vscsi_dev_mem(f->dev);
		assert_int_equal(vscsi_mem_register(mem, second.at, REGION, second.fd, 0), 0);
		assert_int_equal(vscsi_read(f->queue, f->lun, second.at - 512, 0, 2, 0, 0),
				 -EFAULT);
		assert_int_equal(vscsi_mem_register(mem, first.at, REGION, first.fd, 0), 0);
		assert_io_in(f, second.at - 512, 2, i);
		assert_io_in(f, second.at - 1, 64, i);
		assert_io_in(f, second.at - 64 * 512 + 1, 64, i);
		close_all(f);
	}
	drop_region(&first);
	drop_region(&second);
}

/* A region in the middle of a file. */
static void file_offset(void **state)
{
	struct region region = make_region(NULL);
	struct fixture *f = *state;
	struct vscsi_mem *mem;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	mem = vscsi_dev_mem(f->dev);
	assert_int_equal(vscsi_mem_register(mem, region.at + MIB, MIB, region.fd, MIB), 0);
	assert_io_in(f, region.at + MIB, 2048, 1);
	assert_int_equal(vscsi_read(f->queue, f->lun, region.at + MIB - 1, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_read(f->queue, f->lun, region.at + 2 * MIB - 1, 0, 1, 0, 0),
			 -EFAULT);
	assert_int_equal(vscsi_mem_unregister(mem, region.at + MIB), 0);
	drop_region(&region);
}

/* The target is stopped, so that the request is certainly in flight. */
static void region_busy_in_flight(void **state)
{
	struct region region = make_region(NULL);
	struct region other = make_region(NULL);
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned i;

	CONFORMS("R-HARD-15");
	START(f, "--lun=0:0,ram=16M");
	for (i = 0; i < 2; i++) {
		open_disk(f, variants[i]);
		mem = vscsi_dev_mem(f->dev);
		assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0), 0);
		target_freeze(&f->target);
		assert_int_equal(vscsi_read(f->queue, f->lun, region.at, 0, 1, 0, 0), 0);
		assert_int_equal(vscsi_submit(f->queue), 0);
		assert_int_equal(vscsi_mem_unregister(mem, region.at), -EBUSY);
		assert_error_text("vscsi_mem_unregister");
		/* Without memory slots nothing can be changed while any request is in flight. */
		if (i)
			assert_int_equal(vscsi_mem_register(mem, other.at, REGION, other.fd, 0),
					 -EBUSY);
		target_thaw(&f->target);
		assert_int_equal(submit_one(f->queue), 0);
		assert_io_in(f, region.at, 8, i);
		assert_int_equal(vscsi_mem_unregister(mem, region.at), 0);
		assert_works(f);
		close_all(f);
	}
	drop_region(&region);
	drop_region(&other);
}

static void invalid_regions(void **state)
{
	struct region region = make_region(NULL);
	struct fixture *f = *state;
	struct vscsi_mem *mem;

	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "");
	mem = vscsi_dev_mem(f->dev);
	assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0), 0);
	assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0), -EEXIST);
	assert_int_equal(vscsi_mem_register(mem, region.at + MIB, MIB, region.fd, MIB), -EEXIST);
	assert_int_equal(vscsi_mem_unregister(mem, region.at + MIB), -ENOENT);
	assert_int_equal(vscsi_mem_unregister(mem, region.at), 0);
	assert_int_equal(vscsi_mem_unregister(mem, region.at), -ENOENT);
	assert_int_equal(vscsi_mem_register(mem, region.at + 1, REGION - 1, region.fd, 0), -EINVAL);
	assert_int_equal(vscsi_mem_register(mem, region.at, 0, region.fd, 0), -EINVAL);
	assert_works(f);
	drop_region(&region);
}

/* More regions than a table holds: the last one fails, and the others keep working. */
static void too_many_regions(void **state)
{
	struct region regions[8];
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned taken = 0;
	unsigned i;

	CONFORMS("R-VU-31");
	START(f, "--lun=0:0,ram=16M");
	open_disk(f, "?mem_slots=off");
	mem = vscsi_dev_mem(f->dev);
	for (i = 0; i < ARRAY_LEN(regions); i++) {
		regions[i] = make_region(NULL);
		if (vscsi_mem_register(mem, regions[i].at, REGION, regions[i].fd, 0) == 0)
			taken++;
		else
			break;
	}
	assert_int_equal(taken, 7);
	assert_int_equal(vscsi_mem_register(mem, regions[7].at, REGION, regions[7].fd, 0), -ENOSPC);
	for (i = 0; i < taken; i++)
		assert_io_in(f, regions[i].at, 8, i);
	assert_works(f);
	close_all(f);
	for (i = 0; i < ARRAY_LEN(regions); i++)
		drop_region(&regions[i]);
}

/* A restarted back-end that has no room for what is in use ends the device, and nothing else. */
static void less_room_after_a_restart(void **state)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct region regions[12];
	struct vscsi_event event;
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned i;
	int got;

	CONFORMS("R-VU-31");
	need_feature("mem_slots");
	START(f, "--lun=0:0,ram=16M");
	open_default(f, "");
	mem = vscsi_dev_mem(f->dev);
	for (i = 0; i < ARRAY_LEN(regions); i++) {
		regions[i] = make_region(NULL);
		assert_int_equal(vscsi_mem_register(mem, regions[i].at, REGION, regions[i].fd, 0),
				 0);
	}
	assert_io_in(f, regions[11].at, 8, 1);
	target_kill(&f->target);
	START(f, "--lun=0:0,ram=16M", "--off=mem_slots");
	while ((got = vscsi_dev_poll_events(f->dev, &event, 1)) >= 0)
		assert_true(now_ms() < limit);
	assert_int_equal(got, -ENOTCONN);
	assert_error_text("takes at most 8 memory regions, 13 are needed");
	for (i = 0; i < ARRAY_LEN(regions); i++) {
		assert_int_equal(vscsi_mem_unregister(mem, regions[i].at), 0);
		drop_region(&regions[i]);
	}
	close_all(f);
}

/* Data is read from one device and written to the other through one buffer, without copying. */
static void two_devices_share_pool(void **state)
{
	struct region region = make_region(NULL);
	struct vscsi_mem *mem = make_pool();
	struct fixture *f = *state;
	struct fixture g = {.disk = NULL};
	char *data;

	START(f, "--lun=0:0,ram=16M");
	target_start(&f->second, "second", (const char *const[]){"--lun=0:0,ram=16M", NULL});
	g.target = f->second;
	open_on(f, mem, "?queues=2");
	open_on(&g, mem, "?queues=2&mem_slots=off&guest_base=0x40000000");
	assert_int_equal(vscsi_mem_register(mem, region.at, REGION, region.fd, 0), 0);
	data = region.at;
	assert_io_in(f, data, 32, 99);
	assert_int_equal(vscsi_write(g.queue, g.lun, data, 7, 32, 0, 0), 0);
	assert_int_equal(submit_one(g.queue), 0);
	memset(data, 0, 32 * 512);
	assert_int_equal(vscsi_read(g.queue, g.lun, data, 7, 32, 0, 0), 0);
	assert_int_equal(submit_one(g.queue), 0);
	assert_true(holds(data, 32 * 512, 99));
	assert_int_equal(vscsi_mem_destroy(mem), -EBUSY);
	close_all(f);
	assert_io_in(&g, data, 32, 100);
	assert_int_equal(vscsi_mem_destroy(mem), -EBUSY);
	close_all(&g);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	drop_region(&region);
}

/* A region that one of two devices can't map is not registered with the other either. */
static void region_fails_for_one_device(void **state)
{
	struct fixture g = {.disk = NULL};
	struct region regions[8];
	struct fixture *f = *state;
	struct vscsi_mem *mem;
	unsigned i;

	need_feature("mem_slots");
	mem = make_pool();
	START(f, "--lun=0:0,ram=16M");
	target_start(&f->second, "second", (const char *const[]){"--lun=0:0,ram=16M", NULL});
	g.target = f->second;
	open_on(f, mem, "?queues=2");
	open_on(&g, mem, "?queues=2&mem_slots=off");
	for (i = 0; i < 8; i++) {
		regions[i] = make_region(NULL);
		assert_int_equal(vscsi_mem_register(mem, regions[i].at, REGION, regions[i].fd, 0),
				 i < 7 ? 0 : -ENOSPC);
	}
	assert_int_equal(vscsi_read(f->queue, f->lun, regions[7].at, 0, 1, 0, 0), -EFAULT);
	assert_int_equal(vscsi_read(g.queue, g.lun, regions[7].at, 0, 1, 0, 0), -EFAULT);
	close_all(&g);
	assert_int_equal(vscsi_mem_register(mem, regions[7].at, REGION, regions[7].fd, 0), 0);
	for (i = 0; i < 8; i++)
		assert_io_in(f, regions[i].at, 8, i);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
	for (i = 0; i < 8; i++)
		drop_region(&regions[i]);
}

static void hugepages(void **state)
{
	struct vscsi_mem_opts opts = {.size = sizeof(opts), .page_size = 2 * MIB, .pages = 2};
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	struct vscsi_mem *mem = NULL;
	struct fixture *f = *state;
	char *data;
	int err;

	err = vscsi_mem_create(&opts, &mem);
	if (err == -ENOMEM) {
		print_message("no hugepages available: %s\n", vscsi_last_error());
		skip();
	}
	assert_int_equal(err, 0);
	assert_int_equal(vscsi_mem_get_stats(mem, &stats), 0);
	assert_int_equal(stats.page_size, 2 * MIB);
	assert_int_equal(stats.pages, 2);
	START(f, "--lun=0:0,ram=16M");
	open_on(f, mem, "?queues=2");
	/* Larger than a page, so it always spans both pages. */
	data = vscsi_mem_alloc(mem, 2 * MIB + 4096, 4096);
	assert_non_null(data);
	assert_io_in(f, data, 4096 + 8, 1);
	close_all(f);
	assert_int_equal(vscsi_mem_destroy(mem), 0);
}

int main(void)
{
	static const struct CMUnitTest memory[] = {
		TEST(registered_before_the_start),
		TEST(registered_after_the_start),
		TEST(other_rings_continue),
		TEST(buffer_across_regions),
		TEST(file_offset),
		TEST(region_busy_in_flight),
		TEST(invalid_regions),
		TEST(too_many_regions),
		TEST(less_room_after_a_restart),
		TEST(two_devices_share_pool),
		TEST(region_fails_for_one_device),
		TEST(hugepages),
	};

	return RUN_TESTS(memory);
}
