/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start sequence: one table of steps for opening and reconnecting (virtio 1.4, 3.1.1). A step
 * sends something, or checks for the answer; it never waits. vscsi_dev_open() waits between steps.
 */
#ifndef DEVICE_START_H
#define DEVICE_START_H

struct vscsi_dev;

/* How the device on the old connection has to be stopped. */
enum start_stop {
	START_STOPPED, /* it can no longer access memory */
	START_RESET,   /* by a reset */
	START_CUT_OFF, /* it is disconnected: wait for virtio_cut_off() */
};

/**
 * struct start - A run of the sequence
 * @where: address to connect to, while opening
 * @step: index of the next step; @ring: index of the next ring within the step
 * @stop: what the first step has to do
 */
struct start {
	const char *where;
	unsigned step;
	unsigned ring;
	enum start_stop stop;
};

/*
 * Begins a run, and abandons one that is under way. While the device is STARTING it is for the
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

/* The name of the next step, for messages. */
const char *start_step_name(const struct vscsi_dev *dev);

#endif
