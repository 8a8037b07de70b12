/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the transport's tests share: a back-end of the rig, a connection to it, memory to show it,
 * and whole lives of a connection. Rings here are bare: zeroed memory with nothing in it.
 */
#ifndef TESTS_UNIT_TRANSPORT_FIXTURE_H
#define TESTS_UNIT_TRANSPORT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conforms.h"
#include "counts.h"
#include "kernel.h"
#include "rig/rig.h"
#include "transport/transport.h"

#define FX_AREAS 10
#define FX_AREA  (UINT64_C(2) << 20)
#define FX_SIZE  64 /* entries of a ring */
#define FX_WANT                                                                             \
	(RIG_F_VERSION_1 | RIG_F_INDIRECT | RIG_F_EVENT_IDX | RIG_F_INOUT | RIG_F_HOTPLUG | \
	 RIG_F_CHANGE)

/**
 * struct fx - A test's surroundings
 * @ropts, @topts: change them before fx_up()
 * @rig: the back-end
 * @t: the connection, NULL when there is none
 * @areas: memory of 2 MiB each, every one with a file of its own
 */
struct fx {
	struct rig_opts ropts;
	struct transport_opts topts;
	struct rig *rig;
	struct transport *t;
	struct dma_region areas[FX_AREAS];
	uint64_t iova[FX_AREAS];
	unsigned nareas;
};

/* Defaults: everything offered, everything wanted, 5 s for an answer. */
struct fx fx_new(void);

/* Starts the rig and makes the memory. */
void fx_up(struct fx *fx);

/* Opens the connection; what open() returned. */
int fx_open(struct fx *fx);

/* fx_up() and fx_open(), which has to work. */
void fx_connect(struct fx *fx);

/* Accepts FX_WANT as far as offered, and shows area 0. */
int fx_prepare(struct fx *fx);

/* Starts ring @index, which lies in area 0. */
int fx_start(struct fx *fx, unsigned index);

/* fx_connect(), fx_prepare() and rings 0 to @rings - 1, all of which has to work. */
void fx_run(struct fx *fx, unsigned rings);

/*
 * From now on answers are waited for for a moment only: for one that the back-end was told not to
 * give. All before has the time that it needs, however busy the machine is.
 */
void fx_hurry(struct fx *fx);

/* Shows area @i. */
int fx_map(struct fx *fx, unsigned i);

/* Closes what is open, stops the rig, which reports violations, and frees the memory. */
void fx_down(struct fx *fx);

/* Everything a connection does from open to close; the first error, or 0. Leaves it closed. */
int fx_life(struct fx *fx);

/* Mappings of this process. */
unsigned fx_maps(void);

/* The lists of tests, one for each file. */
int messages_tests(void);
int handshake_tests(void);
int memory_tests(void);
int vring_tests(void);
int config_tests(void);
int channel_tests(void);
int failure_tests(void);
int nowait_tests(void);
int inflight_tests(void);
int socket_tests(void);
int peer_tests(void);
int rig_tests(void);

#endif
