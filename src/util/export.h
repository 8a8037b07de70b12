/* SPDX-License-Identifier: BSD-3-Clause */
/* Marks definitions that the shared library exports; everything else is hidden. */
#ifndef UTIL_EXPORT_H
#define UTIL_EXPORT_H

#define EXPORT __attribute__((visibility("default")))

#endif
