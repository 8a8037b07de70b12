/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Static probes (USDT) of the provider "vscsi", for bpftrace, perf and gdb. Each is a nop until
 * something attaches to it, and nothing at all where the library was built without sys/sdt.h. None
 * is on the path of a request that goes well. libvirtioscsi(7) says what each tells, and
 * examples/probes.bt prints all of them; a test compares the three.
 */
#ifndef UTIL_PROBE_H
#define UTIL_PROBE_H

#ifdef VSCSI_USDT
#include <sys/sdt.h>
#define PROBE1(name, a)          DTRACE_PROBE1(vscsi, name, a)
#define PROBE3(name, a, b, c)    DTRACE_PROBE3(vscsi, name, a, b, c)
#define PROBE4(name, a, b, c, d) DTRACE_PROBE4(vscsi, name, a, b, c, d)
#else
#define PROBE1(name, a)          ((void)0)
#define PROBE3(name, a, b, c)    ((void)0)
#define PROBE4(name, a, b, c, d) ((void)0)
#endif

#endif
