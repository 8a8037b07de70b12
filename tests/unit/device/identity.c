/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling disks apart when the device was lost: how long that may take, and a disk that is opened
 * while it happens. And requests that the device can't take any more when it is back.
 */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device_tests.h"
#include "harness/loss.h"
#include "lun/lun.h"
#include "scsi/cdb.h"
#include "util/clock.h"
#include "virtio/device.h"

#define SHARED_QUEUE 2
#define TYPE_CDROM   5

/*
 * What the device does on a command of this kind on the shared queue. Returns true if it processes
 * neither this command nor those after it.
 */
static uint8_t fatal;
static bool (*happens)(struct model *m);

/* Whether the command ends what the device does in this kick. */
static bool is_fatal(struct model *m, const struct chain *chain)
{
	return happens && chain_cdb(chain)[0] == fatal && happens(m);
}

static void hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;
	struct chain chain;

	model_hook(ctx, call, queue);
	if (call != FAKE_NOTIFY || queue != SHARED_QUEUE)
		return;
	do {
		while (model_take(m, SHARED_QUEUE, &chain)) {
			if (is_fatal(m, &chain))
				return;
			model_serve_chain(m, &chain);
		}
	} while (!m->broken && !device_sleep(&m->rings[SHARED_QUEUE]));
}

static void open_with_hook(struct driver *d, const char *options, uint8_t opcode,
			   bool (*what)(struct model *m))
{
	happens = NULL;
	loss_open(d, options);
	/* The calls that wait here wait for the next attempt. */
	clock_stop(false);
	fatal = opcode;
	happens = what;
	d->m->held |= UINT64_C(1) << SHARED_QUEUE;
	d->m->fake.hook = hook;
}

static bool asked;

/* It takes its time, and answers nothing. */
static bool fall_silent(struct model *m)
{
	(void)m;
	asked = true;
	clock_skip(100);
	return true;
}

/*
 * An answer may take half a minute, but not while requests are held back for it after a loss: then
 * the LUN fails, and not the device.
 */
static void run_silent(uint8_t opcode)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};
	struct vscsi_event event = {0};
	uint64_t begin;
	struct driver d;

	asked = false;
	open_with_hook(&d, "recovery_ms=1500", opcode, fall_silent);
	loss_lose(&d);
	loss_read(&d, 1);
	loss_away = false;
	begin = clock_ms();
	while (event.type != VSCSI_EVENT_CHANGED) {
		assert_in_range(clock_ms() - begin, 0, 5000);
		assert_in_range(vscsi_dev_poll_events(d.dev, &event, 1), 0, 1);
		clock_skip(10);
	}
	assert_true(asked);
	assert_in_range(clock_ms() - begin, 750, 5000);
	assert_int_equal(event.target, 1);
	assert_int_equal(event.lun, 2);
	assert_int_equal(event.code, 0x3f03);
	assert_int_equal(driver_poll(&d).result, -ENODEV);
	assert_int_equal(vscsi_dev_get_info(d.dev, &info), 0);
	assert_int_equal(info.state, VSCSI_DEV_RUNNING);
	driver_close(&d);
}

static void test_silent_disks(void **state)
{
	(void)state;
	run_silent(SCSI_INQUIRY);
	run_silent(SCSI_SERVICE_IN_16);
}

/* The device dies, and is another one. */
static bool become_another(struct model *m)
{
	happens = NULL;
	m->type = TYPE_CDROM;
	m->fake.fail = FAKE_CHECK;
	m->fake.fail_skip = 0;
	m->fake.fail_err = -ENOTCONN;
	return true;
}

/* All that is told of a disk is told by the one that is there. */
static void test_opened_across_a_loss(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	open_with_hook(&d, "", SCSI_SERVICE_IN_16, become_another);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), 0);
	assert_null(happens);
	assert_int_equal(vscsi_lun_get_info(lun, &info), 0);
	assert_int_equal(info.type, TYPE_CDROM);
	assert_true(info.flags & VSCSI_LUN_READ_ONLY);
	assert_int_equal(vscsi_lun_close(lun), 0);
	driver_close(&d);
}

/* The disk is swapped when it is asked for its size. */
static bool swap_disk(struct model *m)
{
	uint8_t addr[8];

	happens = NULL;
	m->type = TYPE_CDROM;
	put_lun(addr, 0, 0);
	assert_true(model_event(m, 1, addr, 2));
	return false;
}

/* All that is told of a disk is told by one; and that one stays, though the event comes later. */
static void test_opened_across_a_swap(void **state)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_event event;
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	open_with_hook(&d, "", SCSI_SERVICE_IN_16, swap_disk);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), 0);
	assert_null(happens);
	assert_int_equal(vscsi_lun_get_info(lun, &info), 0);
	assert_int_equal(info.type, TYPE_CDROM);
	assert_true(info.flags & VSCSI_LUN_READ_ONLY);
	assert_int_equal(vscsi_dev_poll_events(d.dev, &event, 1), 1);
	assert_int_equal(event.type, VSCSI_EVENT_PLUGGED);
	assert_int_equal(vscsi_pread(lun, d.buf, 512, 0), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	driver_close(&d);
}

/* It is swapped whenever it is asked. */
static bool swap_once_more(struct model *m)
{
	swap_disk(m);
	happens = swap_once_more;
	return false;
}

static void test_swapped_for_ever(void **state)
{
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	open_with_hook(&d, "", SCSI_SERVICE_IN_16, swap_once_more);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), -ENODEV);
	assert_non_null(strstr(vscsi_last_error(), "each time that LUN 0:0 was probed"));
	driver_close(&d);
}

/* It dies of each second one: whenever a disk is asked for its size for the first time. */
static bool dies;

static bool die_once_more(struct model *m)
{
	dies = !dies;
	if (dies)
		become_another(m);
	happens = die_once_more;
	return dies;
}

static void test_never_opened(void **state)
{
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	open_with_hook(&d, "", SCSI_SERVICE_IN_16, die_once_more);
	dies = false;
	assert_int_equal(vscsi_lun_close(d.lun), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &lun), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "each time that LUN 0:0 was probed"));
	happens = NULL;
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &d.lun), 0);
	driver_close(&d);
}

/* A device that has lost support for bidirectional commands isn't sent one again. */
static void test_bidirectional_no_more(void **state)
{
	struct vscsi_completion done;
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	loss_open(&d, "");
	for (i = 0; i < 2; i++) {
		struct iovec out = {d.buf, 512};
		struct iovec in = {d.buf + 512, 512};
		const struct vscsi_command command = {
			.size = sizeof(command),
			.cdb_len = 6,
			.flags = VSCSI_COMMAND_REPEATABLE,
			.out = &out,
			.out_count = 1,
			.in = &in,
			.in_count = 1,
		};

		/* One is in flight when the device goes, the other one is new. */
		assert_int_equal(vscsi_prepare_command(d.queue, d.lun, &command, 1), 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		if (i == 0)
			loss_lose(&d);
		loss_read(&d, 2 + i);
	}
	d.m->fake.offer &= ~VIRTIO_BIT(VIRTIO_SCSI_F_INOUT);
	loss_find(&d);
	driver_poll_nothing(&d);
	for (i = 0; i < 2; i++) {
		assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
		assert_int_equal(done.user_data, 1);
		assert_int_equal(done.result, -ECONNRESET);
	}
	driver_poll_nothing(&d);
	assert_true(model_take(d.m, DRIVER_QUEUE, &chain));
	assert_int_equal(chain_cdb(&chain)[5], 2);
	loss_answer(&d, &chain);
	assert_int_equal(driver_poll(&d).user_data, 2);
	loss_serve(&d, 3);
	assert_int_equal(model_waiting(d.m, DRIVER_QUEUE), 0);
	driver_close(&d);
}

/* Whether requests of the driver's queue to a LUN take the fast path, which counts them. */
static bool is_fast(const struct driver *d, const struct vscsi_lun *lun)
{
	return queue_path(d->queue)->layout == LAYOUT_split_counted &&
	       atomic_load(&lun->io.counted_blocks[0]) && atomic_load(&lun->io.counted_blocks[1]);
}

static void expect_works(struct driver *d, struct vscsi_lun *lun)
{
	struct chain chain;

	assert_true(is_fast(d, lun));
	assert_int_equal(vscsi_read(d->queue, lun, d->buf, 0, 1, 0, 9), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	chain = driver_take(d);
	loss_answer(d, &chain);
	assert_int_equal(driver_poll(d).result, 0);
}

/* How a LUN comes back. */
enum comes { BY_EVENT, BY_LOSS, NEVER };

/*
 * A LUN that is missing after the reconnect fails. If it appears later, its handle works as before;
 * whether it appears or is closed, the other LUN has the fast path all the time.
 */
static void run_missing(enum comes comes)
{
	const uint8_t addr[8] = {1, 1, 0x40, 2};
	struct vscsi_lun *other;
	struct driver d;

	loss_open(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 0, 0, NULL, &other), 0);
	loss_lose(&d);
	d.m->present[1][2] = false;
	loss_find(&d);
	clock_skip(6000);
	loss_look(&d);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 0), -ENODEV);
	driver_poll_nothing(&d);
	expect_works(&d, other);
	if (comes != NEVER) {
		clock_skip(1000);
		d.m->present[1][2] = true;
	}
	if (comes == BY_EVENT)
		assert_true(model_event(d.m, VIRTIO_SCSI_T_TRANSPORT_RESET, addr,
					VIRTIO_SCSI_EVT_RESET_RESCAN));
	if (comes == BY_LOSS) {
		loss_lose(&d);
		loss_find(&d);
		driver_poll_nothing(&d);
	}
	loss_look(&d);
	loss_look(&d);
	if (comes == NEVER) {
		assert_int_equal(vscsi_lun_close(d.lun), 0);
		d.lun = NULL;
	} else {
		expect_works(&d, d.lun);
	}
	expect_works(&d, other);
	assert_int_equal(vscsi_lun_close(other), 0);
	driver_close(&d);
}

static void test_missing(void **state)
{
	(void)state;
	run_missing(BY_EVENT);
	run_missing(BY_LOSS);
	run_missing(NEVER);
}

int identity_tests(void)
{
	const struct CMUnitTest identity[] = {
		cmocka_unit_test(test_silent_disks),
		cmocka_unit_test(test_opened_across_a_loss),
		cmocka_unit_test(test_never_opened),
		cmocka_unit_test(test_opened_across_a_swap),
		cmocka_unit_test(test_swapped_for_ever),
		cmocka_unit_test(test_bidirectional_no_more),
		cmocka_unit_test(test_missing),
	};

	return cmocka_run_group_tests(identity, NULL, NULL);
}
