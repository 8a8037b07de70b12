/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/lun.h> */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vscsi/lun.h>

#include "api/sync.h"
#include "device/device.h"
#include "device/events.h"
#include "lun/find.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

#define DEFAULT_RETRIES 5u

/* Attempts to find a LUN by its identity if the device is lost meanwhile. */
#define FIND_TRIES 3u

static uint16_t choose_retries(uint32_t retries)
{
	if (retries == VSCSI_NO_RETRIES)
		return 0;
	if (!retries)
		return DEFAULT_RETRIES;
	return (uint16_t)(retries < UINT16_MAX ? retries : UINT16_MAX);
}

static int take_options(const struct vscsi_lun_opts *user, struct lun_open_opts *out)
{
	struct vscsi_lun_opts opts;
	int err = options_copy(&opts, sizeof(opts), user);

	if (err)
		return err;
	if (opts.flags & ~VSCSI_LUN_NO_PROBE)
		return error_set(-EINVAL, "flags 0x%x: unknown bits; use VSCSI_LUN_NO_PROBE or 0",
				 opts.flags);
	*out = (struct lun_open_opts){
		.retries = choose_retries(opts.retries),
		.timeout_ms = opts.timeout_ms,
		.raw = opts.flags & VSCSI_LUN_NO_PROBE,
	};
	return 0;
}

static int open_lun(struct vscsi_dev *dev, unsigned target, unsigned number,
		    const struct lun_open_opts *how, struct vscsi_lun **out)
{
	struct vscsi_lun *lun;
	unsigned spins = 0;
	int err;

	/* Handle earlier events before this handle exists, because they don't concern it. */
	events_look(dev);
	err = lun_open_begin(&dev->luns, dev, target, number, how, &lun);
	if (err)
		return err;
	while ((err = lun_open_step(lun)) == -EINPROGRESS) {
		device_wait(dev, &spins);
		/*
		 * The event of a swap arrives before the first answer of the new disk.
		 */
		events_look(dev);
	}
	if (!err)
		*out = lun;
	return err;
}

EXPORT int vscsi_lun_open(struct vscsi_dev *dev, unsigned target, unsigned number,
			  const struct vscsi_lun_opts *opts, struct vscsi_lun **out)
{
	struct lun_open_opts how;
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (!err)
		err = take_options(opts, &how);
	return err ? err : open_lun(dev, target, number, &how, out);
}

/* Scans, and probes each LUN for its names. */
static int find_once(struct vscsi_dev *dev, const char *id, struct vscsi_lun_addr *addr,
		     struct scsi_identity *identity)
{
	struct vscsi_lun_addr *found = NULL;
	struct lun_find *search;
	unsigned spins = 0;
	int ret;

	ret = dev_scan(dev, &found);
	if (ret < 0)
		return ret;
	ret = lun_find_begin(&dev->luns, id, found, (unsigned)ret, &search);
	if (!ret) {
		while ((ret = lun_find_step(search, addr, identity)) == -EINPROGRESS)
			device_wait(dev, &spins);
		lun_find_end(search);
	}
	free(found);
	return ret;
}

/* Answers from before and after a loss may be of different disks. */
static int find(struct vscsi_dev *dev, const char *id, struct vscsi_lun_addr *addr,
		struct scsi_identity *identity)
{
	unsigned tries;
	uint32_t losses;
	int err;

	for (tries = 0; tries < FIND_TRIES; tries++) {
		losses = atomic_load(&dev->luns.losses);
		err = find_once(dev, id, addr, identity);
		if (losses == atomic_load(&dev->luns.losses))
			return err;
	}
	return err == -ENOTCONN ? err
				: error_set(-ENOTCONN, "the device was lost each time that the LUN "
						       "was searched for; try again");
}

/* Takes the device's lock, because another thread may be revalidating the LUN. */
static int close_lun(struct vscsi_lun *lun)
{
	struct vscsi_dev *dev = lun->dev;
	int err;

	pthread_mutex_lock(&dev->lock);
	err = lun_close(lun);
	pthread_mutex_unlock(&dev->lock);
	return err;
}

EXPORT int vscsi_lun_open_by_id(struct vscsi_dev *dev, const char *id,
				const struct vscsi_lun_opts *opts, struct vscsi_lun **out)
{
	struct lun_open_opts how = {0};
	struct scsi_identity identity;
	struct vscsi_lun_addr addr;
	struct vscsi_lun *lun;
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (!err)
		err = take_options(opts, &how);
	if (err)
		return err;
	if (id && !*id)
		return error_set(-EINVAL, "the identity is empty");
	if (!id)
		id = dev->lun_id;
	if (!*id)
		return error_set(-ENOENT, "no identity given, and the device's address has no id=");
	err = find(dev, id, &addr, &identity);
	if (!err)
		err = open_lun(dev, addr.target, addr.lun, &how, &lun);
	if (err)
		return err;
	/* The disk may have been exchanged since the search. */
	if (how.raw) {
		lun_set_identity(lun, &identity);
	} else if (!scsi_identity_has(&lun->identity, id)) {
		close_lun(lun);
		return error_set(-ENODEV, "LUN %u:%u was exchanged while it was opened; try again",
				 addr.target, addr.lun);
	}
	*out = lun;
	return 0;
}

EXPORT int vscsi_lun_get_id(struct vscsi_lun *lun, unsigned index, char *out, size_t size)
{
	char text[SCSI_WWID_SIZE];

	if (!scsi_identity_text(&lun->identity, index, text))
		return -ENOENT;
	if (strlen(text) >= size)
		return -ENOSPC;
	strcpy(out, text);
	return 0;
}

EXPORT int vscsi_lun_close(struct vscsi_lun *lun)
{
	error_enter(__func__);
	if (!lun)
		return 0;
	if (lun->dev->queues.forked) {
		lun_abandon(lun);
		return 0;
	}
	return close_lun(lun);
}

EXPORT int vscsi_lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info)
{
	struct vscsi_lun_info now;
	int err;

	error_enter(__func__);
	err = device_check(lun->dev);
	if (err)
		return err;
	lun_get_info(lun, &now);
	return info_copy(info, &now, sizeof(now));
}

EXPORT int vscsi_lun_refresh(struct vscsi_lun *lun)
{
	struct lun_refresh *refresh;
	unsigned spins = 0;
	int err;

	error_enter(__func__);
	err = device_check(lun->dev);
	if (!err)
		err = lun_refresh_begin(lun, &refresh);
	if (err)
		return err;
	while ((err = lun_refresh_step(refresh)) == -EINPROGRESS)
		device_wait(lun->dev, &spins);
	lun_refresh_end(refresh);
	return err;
}
