/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this program share: a virtio device on the transport in memory, and one
 * function for each file, which runs its group of tests and returns the number that failed.
 */
#ifndef TESTS_UNIT_VIRTIO_VIRTIO_H
#define TESTS_UNIT_VIRTIO_VIRTIO_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "conforms.h"
#include "fake.h"
#include "util/bits.h"
#include "virtio/device.h"

/* A device in its initial state. */
struct bench {
	struct fake fake;
	struct virtio_dev dev;
};

void bench_open(struct bench *b);
void bench_close(struct bench *b);

/* Checks that exactly these statuses were written, in this order. */
void assert_statuses(const struct fake *fake, const uint8_t *expected, unsigned count);

int status_tests(void);
int negotiate_tests(void);
int nowait_tests(void);
int features_tests(void);
int virtq_tests(void);

#endif
