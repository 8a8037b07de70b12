/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start sequence: one table of steps for opening and reconnecting (virtio 1.4, 3.1.1). A step
 * sends something, or checks whether the answer has come; it never waits. vscsi_dev_open() is a
 * loop around it that does.
 */
#ifndef DEVICE_START_H
#define DEVICE_START_H

#include <stdbool.h>
#include <stdint.h>

struct vscsi_dev;

/* struct start.stop */
enum start_stop {
	START_STOPPED, /* nothing: it can't reach memory any more */
	START_RESET,   /* it is reset */
	START_CUT_OFF, /* it is disconnected, and may still reach memory: virtio_cut_off() tells */
};

/**
 * struct start - A run of the sequence
 * @where: address to connect to, while opening
 * @step: index of the step that is next; @ring: of the ring that is started next, within its step
 * @stop: what is to be done first about the device on the old connection
 */
struct start {
	const char *where;
	unsigned step;
	unsigned ring;
	enum start_stop stop;
};

/*
 * Begins a run; one that is under way is forgotten. While the device is STARTING it is for the
 * first connection, otherwise for a new one.
 */
void start_begin(struct vscsi_dev *dev);

/**
 * start_advance - Take as many steps as can be taken without waiting. Locked
 *
 * Return: 0 when all are done; -EINPROGRESS when the device's answer is not there yet; or a
 * negative errno with its text set: then the run has ended.
 */
int start_advance(struct vscsi_dev *dev);

/* The name of the step that is next, for messages. */
const char *start_step_name(const struct vscsi_dev *dev);

#endif
