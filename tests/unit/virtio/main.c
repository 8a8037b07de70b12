/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the groups of tests of src/virtio/, and holds what they share. */
#include <string.h>

#include "virtio.h"

void bench_open(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	fake_init(&b->fake);
	b->dev.transport = &b->fake.transport;
}

void bench_close(struct bench *b)
{
	assert_true(fake_status_only_grows(&b->fake));
	fake_fini(&b->fake);
}

void assert_statuses(const struct fake *fake, const uint8_t *expected, unsigned count)
{
	uint8_t statuses[16];

	assert_int_equal(fake_statuses(fake, statuses, sizeof(statuses)), count);
	assert_memory_equal(statuses, expected, count);
}

int main(void)
{
	int failed = 0;

	failed += status_tests();
	failed += negotiate_tests();
	failed += nowait_tests();
	failed += features_tests();
	failed += virtq_tests();
	return failed != 0;
}
