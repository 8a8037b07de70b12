/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Instead of store_nbd.c, without libnbd.
 */
#include "store.h"

#include <errno.h>

#include "error.h"

int store_nbd_open(const char *uri, uint32_t block_size, struct store **out)
{
	(void)block_size;
	(void)out;
	return set_error(
		ENOTSUP,
		"cannot open %s: vscsi-target was built without libnbd (on Debian: install "
		"libnbd-dev, then build again with -Dlibnbd=enabled)",
		uri);
}
