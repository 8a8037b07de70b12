/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this program share: a ring with a device at its other end, and one function for
 * each file, which runs its group of tests and returns the number that failed.
 */
#ifndef TESTS_UNIT_RING_RING_H
#define TESTS_UNIT_RING_RING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conforms.h"
#include "device.h"
#include "ring/split.h"

/**
 * struct pair - A ring and both its users
 * @mem: as the driver sees the memory; @other: as the device sees it
 * @head: where in both the ring begins, so that its used part begins with a page
 * @len: bytes of each mapping
 * @free: heads that are not with the device, @nfree of them, as a stack
 * @serial: number of the chain pushed last
 */
struct pair {
	struct split_ring ring;
	struct ring_device dev;
	char *mem;
	char *other;
	size_t head;
	size_t len;
	uint16_t *free;
	unsigned nfree;
	uint64_t serial;
};

/**
 * pair_open - Make a ring with a device at its other end
 * @size: entries
 * @event_idx: VIRTIO_F_EVENT_IDX is negotiated
 *
 * The driver's mapping of the used part is read-only once the ring is there: a driver that writes
 * to it dies (R-SPLIT-40).
 */
void pair_open(struct pair *p, unsigned size, bool event_idx);

/* Ends it, after checking that the device found no fault with the driver. */
void pair_close(struct pair *p);

/* Pushes a chain of one descriptor whose address is a serial number. Returns its head. */
uint16_t pair_push(struct pair *p);

/* Pushes @count chains. */
void pair_push_many(struct pair *p, unsigned count);

/* The device takes every chain, checks nothing more, gives each back and shows them. */
bool pair_complete_all(struct pair *p);

/* The driver takes one back, which has to be there, and frees its head. */
struct ring_used pair_reap(struct pair *p);

/* Takes back all that there are; their number. */
unsigned pair_reap_all(struct pair *p);

/* How many chains the driver has pushed and not taken back. */
unsigned pair_out(const struct pair *p);

/* A number below @limit, the same sequence in every run. */
unsigned pair_random(uint64_t *state, unsigned limit);

int layout_tests(void);
int order_tests(void);
int notify_tests(void);
int hostile_tests(void);
int sleep_tests(void);
int property_tests(void);
int packed_tests(void);
int distrust_tests(void);

#endif
