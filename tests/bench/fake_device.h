/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-scsi device in this process, an implementation of the library's transport interface:
 * with one thread for driver and device, counts of instructions repeat exactly. It trusts its
 * driver and does the least that one disk needs; it is a yardstick, not a model of a device.
 *
 * Programs that link it are linked with --wrap=transport_open, so that every address leads here.
 */
#ifndef BENCH_FAKE_DEVICE_H
#define BENCH_FAKE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of a block, and number of blocks, of each disk. */
#define FAKE_BLOCK_SIZE 4096u
#define FAKE_BLOCKS     (1u << 20)

/* LUNs of target 0; each is such a disk. */
#define FAKE_LUNS 16384u

/* Most request queues. */
#define FAKE_QUEUES 254u

/* fake_device_offer - Choose how many request queues the next device opened has; 2 at the start */
void fake_device_offer(unsigned queues);

/* fake_device_limit - Choose how many requests the next device takes for one LUN; 0: any number */
void fake_device_limit(uint32_t requests);

/**
 * fake_device_polls - Choose how the device learns of requests
 * @polls: true: it asks for no notifications, and requests wait for fake_device_serve(). False, as
 *	at the start: a notification runs it
 */
void fake_device_polls(bool polls);

/**
 * fake_device_serve - Complete what is available in one request queue
 * @queue: number of the request queue, from 0
 * @max: at most so many requests, oldest first
 *
 * Different queues may be served by different threads.
 *
 * Return: number of requests completed.
 */
unsigned fake_device_serve(unsigned queue, unsigned max);

#endif
