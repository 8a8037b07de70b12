/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-scsi device that lives in the calling thread, behind the library's transport interface:
 * what is counted around it repeats to the instruction. It trusts its driver and does the least
 * that one disk needs; it is a yardstick, not a model of a device.
 *
 * Programs that link it are linked with --wrap=transport_open, so that every address leads here.
 */
#ifndef BENCH_FAKE_DEVICE_H
#define BENCH_FAKE_DEVICE_H

#include <stdbool.h>

/* Bytes of a block, and number of blocks, of the one disk at 0:0. */
#define FAKE_BLOCK_SIZE 4096u
#define FAKE_BLOCKS     (1u << 20)

/**
 * fake_device_polls - Choose how the device learns of requests
 * @polls: true: it asks for no notifications, and requests wait for fake_device_run(). False, as at
 *	the start: a notification runs it
 */
void fake_device_polls(bool polls);

/**
 * fake_device_run - Complete everything that is available in the request queues
 *
 * Return: number of requests completed.
 */
unsigned fake_device_run(void);

#endif
