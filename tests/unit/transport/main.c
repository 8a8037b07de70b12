/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs the transport's tests, one list after the other. */
#include "fixture.h"

int main(void)
{
	int failed = 0;

	failed += rig_tests();
	failed += messages_tests();
	failed += handshake_tests();
	failed += memory_tests();
	failed += vring_tests();
	failed += config_tests();
	failed += channel_tests();
	failed += socket_tests();
	failed += peer_tests();
	failed += failure_tests();
	failed += inflight_tests();
	failed += nowait_tests();
	return failed != 0;
}
