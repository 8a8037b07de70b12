/* SPDX-License-Identifier: BSD-3-Clause */
/* Device status and features, in the common configuration (virtio 1.4, 4.1.4.3). */
#include <errno.h>
#include <stddef.h>

#include <linux/virtio_config.h>

#include "transport/pci/function.h"
#include "util/clock.h"
#include "util/error.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

/* A feature is of no use where the structure ends before the register that comes with it. */
static uint64_t without_registers(const struct pci_function *f, uint64_t features)
{
	if (f->layout.common.len < PCI_QUEUE_NOTIFY_DATA + 2)
		features &= ~PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
	return features;
}

int pci_get_features(struct transport *t, uint64_t *features)
{
	struct pci_function *f = pci_of(t);
	uint32_t word[2];
	unsigned i;
	int ret = 0;

	pci_begin(t, __func__);
	for (i = 0; i < 2 && !ret; i++) {
		ret = pci_write(&f->layout.common, COMMON(device_feature_select), 4, i);
		if (!ret)
			ret = pci_read_common(f, COMMON(device_feature), 4, &word[i]);
	}
	if (!ret)
		*features = without_registers(f, (uint64_t)word[1] << 32 | word[0]);
	return ret;
}

int pci_set_features(struct transport *t, uint64_t features)
{
	const struct pci_window *w = &pci_of(t)->layout.common;
	unsigned i;
	int ret = 0;

	pci_begin(t, __func__);
	for (i = 0; i < 2 && !ret; i++) {
		ret = pci_write(w, COMMON(guest_feature_select), 4, i);
		if (!ret)
			ret = pci_write(w, COMMON(guest_feature), 4,
					(uint32_t)(features >> 32 * i));
	}
	if (ret)
		return ret;
	pci_of(t)->features = features;
	atomic_store_explicit(&t->notify_data, features & PCI_BIT(VIRTIO_F_NOTIFICATION_DATA),
			      memory_order_relaxed);
	return 0;
}

int pci_read_status(struct pci_function *f)
{
	uint32_t status;
	int ret;

	ret = pci_read_common(f, COMMON(device_status), 1, &status);
	return ret ? ret : (int)status;
}

int pci_get_status(struct transport *t)
{
	pci_begin(t, __func__);
	return pci_read_status(pci_of(t));
}

/* Queues are the driver's again, and threads that sleep on them have nothing to wait for. */
void pci_forget_state(struct pci_function *f)
{
	unsigned i;

	f->resetting = false;
	atomic_store(&f->missed, false);
	pci_queues_forget(f);
	/* No thread sleeps on a device that wasn't running. */
	for (i = 0; f->status && i < f->most; i++)
		pci_call_wake(&f->t, i);
	f->status = 0;
}

/* What was answered is done with: a call that is repeated goes on from here. */
static void settle(struct pci_function *f)
{
	if (f->bus->ops->settle)
		f->bus->ops->settle(f->bus);
}

/*
 * 4.1.4.3.2: nothing else may be done before the status reads 0, which may take its time (2.4.2).
 */
static int check_reset(struct pci_function *f)
{
	int status = pci_read_status(f);

	if (status <= 0)
		return status;
	settle(f);
	if (clock_ms() < f->reset_limit)
		return -EINPROGRESS;
	return error_set(-ETIMEDOUT,
			 "%s did not finish its reset in %u ms and shows status 0x%02x; unplug it "
			 "or restart the machine",
			 f->bus->name, f->timeout_ms, (unsigned)status);
}

/*
 * A register tells of nothing: all that can be done is to look again, after a moment. An answer
 * over a socket can be slept for.
 */
int pci_wait_ready(struct transport *t, int timeout_ms)
{
	struct pci_function *f = pci_of(t);
	int ret = f->bus->ops->wait_ready ? f->bus->ops->wait_ready(f->bus, timeout_ms) : 1;

	if (ret > 0 && f->resetting && timeout_ms)
		clock_relax(&f->spins);
	return ret < 0 ? ret : 0;
}

/*
 * A function with requests in flight may not survive a status of 0, as SPDK's: it is reset as a
 * whole before, which it does when these have ended.
 */
static int begin_reset(struct pci_function *f)
{
	int ret = 0;

	if (f->bus->reset_first) {
		ret = f->bus->ops->reset(f->bus);
		if (!ret)
			ret = pci_master(f->bus, false);
		if (!ret)
			ret = pci_irq_restore(f);
	}
	if (!ret)
		ret = pci_write(&f->layout.common, COMMON(device_status), 1, 0);
	if (ret)
		return ret;
	settle(f);
	f->resetting = true;
	f->reset_limit = clock_ms() + f->timeout_ms;
	f->spins = 0;
	return 0;
}

/*
 * A device that can't be reset is cut off where its accesses pass: without bus mastering none of
 * them reaches memory, whatever it believes to be its state (2.4.2). A reset of the function, which
 * takes its time, is for callers that wait.
 */
static void cut_off(struct pci_function *f)
{
	error_keep(true);
	if (f->bus->ops->hang_up) {
		f->bus->ops->hang_up(f->bus);
	} else {
		pci_master(f->bus, false);
		if (f->t.wait)
			f->bus->ops->reset(f->bus);
	}
	error_keep(false);
}

static int reset(struct pci_function *f)
{
	int ret = 0;

	pci_begin(&f->t, __func__);
	if (!f->resetting)
		ret = begin_reset(f);
	if (!ret)
		ret = check_reset(f);
	while (ret == -EINPROGRESS && f->t.wait) {
		pci_wait_ready(&f->t, -1);
		ret = check_reset(f);
	}
	if (!ret)
		ret = pci_master(f->bus, true);
	if (ret == -EINPROGRESS)
		return ret;
	if (ret)
		cut_off(f);
	pci_forget_state(f);
	return ret;
}

void pci_disconnect(struct transport *t)
{
	struct pci_function *f = pci_of(t);

	error_keep(true);
	if (f->bus->ops->hang_up) {
		f->bus->ops->hang_up(f->bus);
	} else {
		pci_write(&f->layout.common, COMMON(device_status), 1, 0);
		pci_master(f->bus, false);
	}
	error_keep(false);
	pci_forget_state(f);
}

int pci_set_status(struct transport *t, uint8_t status)
{
	struct pci_function *f = pci_of(t);
	int ret = 0;

	if (!status)
		return reset(f);
	pci_begin(t, __func__);
	/* A reset took the vector away, and the device must know it before it runs (4.1.5.1.2). */
	if (status & ~f->status & VIRTIO_CONFIG_S_DRIVER_OK)
		ret = pci_irq_config(f);
	if (!ret)
		ret = pci_write(&f->layout.common, COMMON(device_status), 1, status);
	if (!ret)
		f->status = status;
	return ret;
}
