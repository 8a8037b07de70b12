/* SPDX-License-Identifier: BSD-3-Clause */
/* The version of the library that is running. */
#include <vscsi/version.h>

#include "util/export.h"

#define STRING(x)       #x
#define DOTTED(a, b, c) STRING(a) "." STRING(b) "." STRING(c)

EXPORT const char *vscsi_version(void)
{
	return DOTTED(VSCSI_VERSION_MAJOR, VSCSI_VERSION_MINOR, VSCSI_VERSION_PATCH);
}
