/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/error.h>, <vscsi/log.h> and <vscsi/version.h>. */
#include <vscsi/error.h>
#include <vscsi/version.h>

#include "util/error.h"
#include "util/export.h"
#include "util/log.h"

#define STRING(x)       #x
#define DOTTED(a, b, c) STRING(a) "." STRING(b) "." STRING(c)

EXPORT const char *vscsi_last_error(void)
{
	return error_last();
}

EXPORT int vscsi_set_log(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx)
{
	return log_set(level, fn, ctx);
}

EXPORT const char *vscsi_version(void)
{
	return DOTTED(VSCSI_VERSION_MAJOR, VSCSI_VERSION_MINOR, VSCSI_VERSION_PATCH);
}
