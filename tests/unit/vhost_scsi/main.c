/* SPDX-License-Identifier: BSD-3-Clause */
/* The tests of src/transport/vhost_scsi. */
#include "kernel.h"

int main(void)
{
	return open_tests() | start_tests() | table_tests() | drain_tests();
}
