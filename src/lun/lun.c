/* SPDX-License-Identifier: BSD-3-Clause */
/* The LUN handle: open, close, what is known of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device/dev.h"
#include "device/events.h"
#include "lun/lun.h"
#include "queue/credit.h"
#include "queue/timeout.h"
#include "scsi/lun_addr.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

#define DEFAULT_RETRIES 5u

/* How often a LUN is asked what it is, when the device is lost meanwhile. */
#define OPEN_TRIES 3u

int lun_init(struct vscsi_lun *lun, struct vscsi_dev *dev, unsigned target, unsigned number)
{
	memset(lun, 0, sizeof(*lun));
	if (!scsi_lun_encode(lun->addr, target, number))
		return error_set(-EINVAL, "LUN %u:%u: targets go up to %u, LUNs up to %u", target,
				 number, SCSI_MAX_TARGET, SCSI_MAX_LUN);
	lun->dev = dev;
	lun->limit_ms = dev->opts.io_timeout_ms;
	lun->info.target = target;
	lun->info.lun = number;
	return 0;
}

/*
 * The device takes only so many requests for one LUN (virtio 1.4, 5.6.4.1). Where all rings
 * together can't hold more than that, nothing has to be counted.
 */
static int set_limit(struct vscsi_lun *lun)
{
	uint32_t room = lun->dev->queues * lun->dev->ioqs[0]->depth;
	uint32_t most = dev_get_limits(lun->dev).cmd_per_lun;

	if (most >= room)
		return 0;
	lun->credits = credits_create(most, lun->dev->queues);
	if (!lun->credits)
		return error_set(-ENOMEM, "out of memory");
	lun->info.queue_limit = most;
	return 0;
}

static void destroy(struct vscsi_lun *lun)
{
	free(lun->credits);
	free(lun);
}

static void push(struct vscsi_dev *dev, struct vscsi_lun **list, struct vscsi_lun *lun)
{
	pthread_mutex_lock(&dev->open_lock);
	lun->next = *list;
	*list = lun;
	pthread_mutex_unlock(&dev->open_lock);
}

static void pull(struct vscsi_dev *dev, struct vscsi_lun **list, struct vscsi_lun *lun)
{
	pthread_mutex_lock(&dev->open_lock);
	while (*list != lun)
		list = &(*list)->next;
	*list = lun->next;
	pthread_mutex_unlock(&dev->open_lock);
}

/*
 * From here on the LUN is looked for when the device was lost. Not if that happened since it began
 * to tell what it is, or if it was removed: there may be another one by now. Return: whether it is
 * in the list.
 */
static bool enlist(struct vscsi_dev *dev, struct vscsi_lun *lun, uint32_t losses)
{
	bool same;
	unsigned i;

	pthread_mutex_lock(&dev->lock);
	/* What is told of its removal later came after this. */
	events_look_locked(dev);
	same = atomic_load(&dev->recovery.losses) == losses && !lun_gone(lun);
	for (i = 0; same && lun->credits && i < dev->queues; i++)
		ioq_begin_counting(dev->ioqs[i]);
	pull(dev, &dev->probing, lun);
	if (same)
		push(dev, &dev->open, lun);
	pthread_mutex_unlock(&dev->lock);
	return same;
}

/* Asks a LUN what it is, and puts it in the list. Return: -ESTALE: ask again from the beginning. */
static int get_to_know(struct vscsi_lun *lun, struct vscsi_dev *dev, unsigned target,
		       unsigned number)
{
	uint32_t losses = atomic_load(&dev->recovery.losses);
	int err;

	err = lun_init(lun, dev, target, number);
	if (!err)
		err = set_limit(lun);
	if (err)
		return err;
	/* What was removed before is not this one. */
	pthread_mutex_lock(&dev->lock);
	events_look_locked(dev);
	pthread_mutex_unlock(&dev->lock);
	push(dev, &dev->probing, lun);
	err = lun_probe(lun);
	if (err)
		pull(dev, &dev->probing, lun);
	if (err ? !lun_gone(lun) : enlist(dev, lun, losses))
		return err;
	return error_set(-ESTALE, "%s each time that LUN %u:%u was asked what it is; try again",
			 lun_gone(lun) ? "the disk was removed or exchanged"
				       : "the device was lost and came back",
			 target, number);
}

/*
 * Whether two answers are of one disk, as far as they tell. A name that one of them lacks tells
 * nothing: the page may have been refused this once.
 */
static bool is_same(const struct vscsi_lun_info *a, const struct vscsi_lun_info *b)
{
	if (*a->wwid && *b->wwid && strcmp(a->wwid, b->wwid))
		return false;
	return !*a->serial || !*b->serial || !strcmp(a->serial, b->serial);
}

static void unlist(struct vscsi_lun *lun)
{
	pthread_mutex_lock(&lun->dev->lock);
	pull(lun->dev, &lun->dev->open, lun);
	pthread_mutex_unlock(&lun->dev->lock);
}

static bool has_address(const struct vscsi_lun *lun, unsigned target, unsigned number)
{
	return lun->info.target == target && lun->info.lun == number;
}

/* Sets @gone of open handles of an address: with @now, of those that it isn't the same disk as. */
static bool mark_gone(struct vscsi_dev *dev, unsigned target, unsigned number,
		      const struct vscsi_lun_info *now)
{
	struct vscsi_lun *lun;
	bool any = false;
	unsigned i;

	pthread_mutex_lock(&dev->open_lock);
	for (lun = dev->open; lun; lun = lun->next) {
		if (!has_address(lun, target, number) || lun_gone(lun) ||
		    (now && is_same(&lun->info, now)))
			continue;
		atomic_store(&lun->gone, true);
		any = true;
	}
	/* What these have been told so far may be of either disk. */
	for (lun = now ? NULL : dev->probing; lun; lun = lun->next) {
		if (has_address(lun, target, number))
			atomic_store(&lun->gone, true);
	}
	pthread_mutex_unlock(&dev->open_lock);
	if (!any)
		return false;
	/* In this order: see ioq_set_hot(). */
	atomic_store(&dev->strangers, true);
	for (i = 0; i < dev->queues; i++)
		ioq_close_hot(dev->ioqs[i]);
	return true;
}

bool lun_remove(struct vscsi_dev *dev, unsigned target, unsigned number)
{
	return mark_gone(dev, target, number, NULL);
}

bool lun_remove_others(struct vscsi_dev *dev, const struct vscsi_lun_info *now)
{
	return mark_gone(dev, now->target, now->lun, now);
}

int lun_list(struct vscsi_dev *dev, struct vscsi_lun_addr **out)
{
	struct vscsi_lun_addr *list;
	struct vscsi_lun *lun;
	int count = 0;

	pthread_mutex_lock(&dev->open_lock);
	for (lun = dev->open; lun; lun = lun->next)
		count++;
	list = calloc((size_t)count + 1, sizeof(*list));
	for (lun = list ? dev->open : NULL, count = 0; lun; lun = lun->next) {
		if (lun_gone(lun))
			continue;
		list[count].target = lun->info.target;
		list[count++].lun = lun->info.lun;
	}
	pthread_mutex_unlock(&dev->open_lock);
	if (!list)
		return error_set(-ENOMEM, "out of memory");
	*out = list;
	return count;
}

EXPORT int vscsi_lun_open(struct vscsi_dev *dev, unsigned target, unsigned number,
			  const struct vscsi_lun_opts *user, struct vscsi_lun **out)
{
	struct vscsi_lun_opts opts;
	struct vscsi_lun *lun;
	unsigned tries = 0;
	int err;

	error_enter(__func__);
	err = options_copy(&opts, sizeof(opts), user);
	if (err)
		return err;
	if (!opts.retries)
		opts.retries = DEFAULT_RETRIES;
	if (opts.retries == VSCSI_NO_RETRIES)
		opts.retries = 0;
	lun = aligned_alloc(CACHE_LINE, align_up(sizeof(*lun), CACHE_LINE));
	if (!lun)
		return error_set(-ENOMEM, "out of memory");
	memset(lun, 0, sizeof(*lun));
	do {
		free(lun->credits);
		err = get_to_know(lun, dev, target, number);
	} while (err == -ESTALE && ++tries < OPEN_TRIES);
	if (err) {
		if (err == -ESTALE)
			err = lun_gone(lun) ? -ENODEV : -ENOTCONN;
		destroy(lun);
		return err;
	}
	lun->limit_ms = limit_set(dev, opts.timeout_ms, dev->opts.io_timeout_ms);
	lun->retries = (uint16_t)(opts.retries < UINT16_MAX ? opts.retries : UINT16_MAX);
	atomic_fetch_add(&dev->luns, 1);
	*out = lun;
	return 0;
}

EXPORT int vscsi_lun_close(struct vscsi_lun *lun)
{
	struct vscsi_dev *dev;
	unsigned i;

	error_enter(__func__);
	if (!lun)
		return 0;
	dev = lun->dev;
	for (i = 0; i < dev->queues; i++) {
		if (ioq_uses_lun(dev->ioqs[i], lun))
			return error_set(-EBUSY,
					 "requests to LUN %u:%u are in flight; call vscsi_poll() "
					 "until all are returned",
					 lun->info.target, lun->info.lun);
	}
	unlist(lun);
	destroy(lun);
	atomic_fetch_sub(&dev->luns, 1);
	return 0;
}

EXPORT int vscsi_lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info)
{
	error_enter(__func__);
	return info_copy(info, &lun->info, sizeof(lun->info));
}

EXPORT int vscsi_lun_refresh(struct vscsi_lun *lun)
{
	error_enter(__func__);
	return lun_probe_capacity(lun);
}
