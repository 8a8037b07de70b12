/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a driver with event indices is notified: compares ring_call() with a count of every slot,
 * for all positions in small rings and for more slots than the ring has.
 */
#include "target.h"

#include <linux/virtio_ring.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "target/ring.h"

#define RING_MAX 9

/* A ring that was just checked at a position, which counts through both wraps of a packed ring. */
static struct ring packed_ring(uint16_t num, unsigned at, void *desc, void *driver)
{
	return (struct ring){
		.ops = &ring_packed_ops,
		.num = num,
		.desc = desc,
		.driver = driver,
		.event_idx = true,
		.called_valid = true,
		.next_used = (uint16_t)(at % num),
		.used_wrap = at < num,
	};
}

static void packed(void **state)
{
	struct vring_packed_desc desc[RING_MAX];
	struct vring_packed_desc_event event;
	const struct chain c = {.slots = 1};
	unsigned num, at, when, pushed;
	bool expected, notified;
	struct ring r;
	int call;

	(void)state;
	call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(call >= 0);
	event.flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	for (num = 1; num <= RING_MAX; num++) {
		for (at = 0; at < 2 * num; at++) {
			for (when = 0; when < 2 * num; when++) {
				event.off_wrap =
					htole16((uint16_t)(when % num | (when < num) << 15));
				r = packed_ring((uint16_t)num, at, desc, &event);
				r.call_fd = call;
				expected = false;
				for (pushed = 0; pushed < 5 * num; pushed++) {
					/* A copy, so that each number is checked from @at on. */
					struct ring check = r;

					notified = ring_call(&check);
					assert_int_equal(notified, expected);
					assert_int_equal(ring_call(&check), false);
					expected |= (at + pushed) % (2 * num) == when;
					ring_push(&r, &c, 1);
				}
			}
		}
	}
	close(call);
}

static void split(void **state)
{
	static const uint16_t starts[] = {0, 1, 2, 3, 4, 0x7fff, 0x8000, 0xfffc, 0xfffe, 0xffff};
	struct {
		uint16_t flags, idx, ring[4], event;
	} avail = {0};
	uint32_t used[10] = {0};
	const struct chain c = {.slots = 1};
	unsigned i, when, pushed;
	bool expected;
	int call;

	(void)state;
	call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(call >= 0);
	for (i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (when = 0; when < 8; when++) {
			struct ring r = {
				.ops = &ring_split_ops,
				.num = 4,
				.driver = &avail,
				.device = used,
				.event_idx = true,
				.called_valid = true,
				.next_used = starts[i],
				.call_fd = call,
			};

			avail.event = htole16((uint16_t)(starts[i] + when));
			expected = false;
			for (pushed = 0; pushed < 64; pushed++) {
				struct ring check = r;

				assert_int_equal(ring_call(&check), expected);
				expected |= pushed == when;
				ring_push(&r, &c, 1);
			}
		}
	}
	close(call);
}

int notify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packed),
		cmocka_unit_test(split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
