/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a ring looks like in the moment in which it is handed over, as a back-end may begin at once;
 * and that nothing is asked of it before that.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "peer.h"

#define EVENTS    1u
#define DRIVER_OK 4u /* virtio 1.4, 2.1 */

/* How long a front-end is given to do what it must not do: far longer than it would need. */
#define GRACE_NS INT64_C(30000000)

/* What was found at each SET_VRING_KICK; only numbers, as a failed check has to leave by a jump. */
struct found {
	unsigned rings;
	unsigned events; /* buffers in the event ring */
	unsigned others; /* chains in all other rings */
	unsigned wrong;  /* buffers that are not writable, not reachable, or not zero */
	unsigned used;   /* bytes of the used rings that are not zero */
};

static bool is_zero(const uint8_t *at, size_t len)
{
	while (len && *at == 0) {
		at++;
		len--;
	}
	return len == 0;
}

static bool good_buffer(struct rig *rig, const struct vring_desc *desc)
{
	const uint8_t *at = rig_guest(rig, desc->addr, desc->len);

	return at && desc->flags == VRING_DESC_F_WRITE && desc->len >= 16 && is_zero(at, desc->len);
}

static void look_at_events(struct rig *rig, struct found *found)
{
	const struct vring_avail *avail = rig_avail(rig, EVENTS);
	const struct vring_desc *desc = rig_desc(rig, EVENTS);
	unsigned i;

	found->events = avail->idx;
	for (i = 0; i < avail->idx && i < rig_size(rig, EVENTS); i++)
		found->wrong += !good_buffer(rig, &desc[avail->ring[i]]);
}

static void on_kick(struct rig *rig, void *ctx)
{
	struct found *found = ctx;
	unsigned n = rig_seen(rig, RIG_SET_VRING_KICK);
	unsigned queue = (unsigned)rig_value(rig, RIG_SET_VRING_KICK, n - 1);

	rig_fault(rig,
		  (struct rig_fault){.request = RIG_SET_VRING_KICK, .before = on_kick, .ctx = ctx});
	found->rings++;
	found->used += !is_zero(rig_used(rig, queue), 6 + 8 * (size_t)rig_size(rig, queue));
	if (queue == EVENTS)
		look_at_events(rig, found);
	else
		found->others += rig_avail_idx(rig, queue);
}

/* The system call that hands a ring over comes after all stores to it, and orders them. */
static void test_rings_are_ready(void **state)
{
	struct found found = {0};
	struct vscsi_dev *dev;
	char address[128];
	struct rig *rig;

	(void)state;
	CONFORMS("R-MB-17");
	alarm(60);
	rig = rig_start(NULL);
	rig_fault(rig, (struct rig_fault){
			       .request = RIG_SET_VRING_KICK, .before = on_kick, .ctx = &found});
	snprintf(address, sizeof(address), "vhost-user:%s?queues=3", rig_address(rig));
	assert_int_equal(vscsi_dev_open(address, NULL, &dev), 0);
	rig_taken(rig);
	assert_int_equal(found.rings, 5);
	assert_int_equal(found.events, 16);
	assert_int_equal(found.others, 0);
	assert_int_equal(found.wrong, 0);
	assert_int_equal(found.used, 0);
	assert_int_equal(vscsi_dev_close(dev), 0);
	rig_stop(rig);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* A back-end that is slow to enable, and whose other thread takes kicks off the ring meanwhile. */
static void on_enable(struct rig *rig, void *ctx)
{
	uint64_t *early = ctx;
	unsigned n = rig_seen(rig, RIG_SET_VRING_ENABLE);
	unsigned queue = (uint32_t)rig_value(rig, RIG_SET_VRING_ENABLE, n - 1);
	int64_t end = now_ns() + GRACE_NS;

	rig_fault(rig, (struct rig_fault){
			       .request = RIG_SET_VRING_ENABLE, .before = on_enable, .ctx = ctx});
	while (rig_kicks(rig, queue) == 0 && now_ns() < end)
		;
	*early += rig_kicks(rig, queue);
}

/*
 * What is asked of a disabled ring may be dropped (vhost-user, "Ring states"), and a kick that was
 * read doesn't come again: the front-end has to know that a ring is enabled, acknowledged or not.
 */
static void test_no_kick_before_enabled(void **state)
{
	struct rig_opts opts = rig_defaults();
	struct vscsi_dev *dev;
	char address[128];
	uint64_t early = 0;
	struct rig *rig;

	(void)state;
	CONFORMS("R-VU-56");
	alarm(60);
	opts.protocol = RIG_P_MQ | RIG_P_CONFIG;
	rig = rig_start(&opts);
	rig_fault(rig, (struct rig_fault){.request = RIG_SET_VRING_ENABLE,
					  .before = on_enable,
					  .ctx = &early});
	snprintf(address, sizeof(address), "vhost-user:%s?queues=2", rig_address(rig));
	assert_int_equal(vscsi_dev_open(address, NULL, &dev), 0);
	rig_taken(rig);
	rig_wait_running(rig, 3);
	assert_int_equal(vscsi_dev_close(dev), 0);
	rig_stop(rig);
	assert_int_equal(early, 0);
}

/* How many rings the back-end had been given at each SET_STATUS, the last of which is DRIVER_OK. */
static void on_status(struct rig *rig, void *ctx)
{
	unsigned *rings = ctx;

	rig_fault(rig,
		  (struct rig_fault){.request = RIG_SET_STATUS, .before = on_status, .ctx = ctx});
	if (rig_value(rig, RIG_SET_STATUS, rig_seen(rig, RIG_SET_STATUS) - 1) & DRIVER_OK)
		*rings = rig_seen(rig, RIG_SET_VRING_ENABLE);
}

/* Back-ends exist that start nothing before DRIVER_OK, and then what they know of. */
static void test_driver_ok_comes_last(void **state)
{
	struct vscsi_dev *dev;
	unsigned rings = 0;
	char address[128];
	struct rig *rig;

	(void)state;
	CONFORMS("R-VU-79");
	alarm(60);
	rig = rig_start(NULL);
	rig_fault(rig, (struct rig_fault){
			       .request = RIG_SET_STATUS, .before = on_status, .ctx = &rings});
	snprintf(address, sizeof(address), "vhost-user:%s?queues=3&status=on", rig_address(rig));
	assert_int_equal(vscsi_dev_open(address, NULL, &dev), 0);
	rig_taken(rig);
	assert_int_equal(rings, 5);
	assert_int_equal(vscsi_dev_close(dev), 0);
	rig_stop(rig);
}

int start_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rings_are_ready),
		cmocka_unit_test(test_no_kick_before_enabled),
		cmocka_unit_test(test_driver_ok_comes_last),
	};

	return cmocka_run_group_tests_name("peers/start", tests, NULL, NULL);
}
