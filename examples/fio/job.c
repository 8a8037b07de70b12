/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens and closes what jobs need. Everything is opened and closed under one lock, because threads
 * share devices, and because the library wants no fork() meanwhile: fio may start a process while
 * threads of its own run. The child first closes what it inherited; otherwise it would keep their
 * connections alive.
 */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "common/unit.h"

#define DEFAULT_RING 128u
#define MOST_QUEUES  254
#define LEAST_BYTES  (16ull << 20) /* 8 hugepages of 2 MiB */
#define EXTRA_BYTES  (2ull << 20)
#define SLOT_BYTES   1024ull /* more than the library needs per request of a queue */

struct device {
	struct device *next;
	struct job *jobs;
	struct vscsi_dev *dev;
	char address[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct device *devices;
static pid_t owner; /* the process that opened them */

/* Adds what one of fio's jobs needs. The address's own options take precedence. */
static void add_needs(struct vscsi_dev_opts *opts, struct thread_data *td)
{
	if (opts->queues < MOST_QUEUES)
		opts->queues++;
	/* fio may align the whole, but not each buffer. */
	opts->mem_bytes += td->o.iodepth * td_max_bs(td) + 2 * page_size + td->o.mem_align;
	while (opts->queue_size < td->o.iodepth)
		opts->queue_size *= 2;
}

/*
 * Returns NULL after a failure. A process has its device for itself; a thread shares it with all
 * threads that there will be.
 */
static struct device *device_open(struct thread_data *td, const char *address)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts),
				      .queues = 1,
				      .queue_size = DEFAULT_RING,
				      .mem_bytes = EXTRA_BYTES};
	struct device *device;
	unsigned i;
	int ret;

	for (device = devices; device; device = device->next) {
		if (!strcmp(device->address, address))
			return device;
	}
	for (i = 0; td->o.use_thread && i < thread_number; i++) {
		if (tnumber_to_td(i)->o.use_thread)
			add_needs(&opts, tnumber_to_td(i));
	}
	if (!td->o.use_thread)
		add_needs(&opts, td);
	opts.mem_bytes += (opts.queues + 2ull) * SLOT_BYTES * opts.queue_size;
	if (opts.mem_bytes < LEAST_BYTES)
		opts.mem_bytes = LEAST_BYTES;
	device = calloc(1, sizeof(*device) + strlen(address) + 1);
	if (!device) {
		log_err("fio: vscsi: out of memory\n");
		return NULL;
	}
	ret = vscsi_dev_open(address, &opts, &device->dev);
	if (ret) {
		log_err("fio: vscsi: %s%s\n", vscsi_last_error(),
			ret == -E2BIG ? "; or reduce iodepth, bs or numjobs" : "");
		free(device);
		return NULL;
	}
	strcpy(device->address, address);
	device->next = devices;
	devices = device;
	return device;
}

static void device_close(struct device *device)
{
	struct device **link = &devices;

	while (*link != device)
		link = &(*link)->next;
	*link = device->next;
	vscsi_dev_close(device->dev);
	free(device);
}

/*
 * Which unit a file name means. A job without a file name gets one from fio, and LUN 0.0 from here.
 */
static bool parse_name(const struct thread_data *td, const char *name, uint32_t *target,
		       uint32_t *lun)
{
	if (!text_lun(name, target, lun))
		return true;
	*target = *lun = 0;
	if (!td->o.filename && td->o.nr_files == 1)
		return true;
	log_err("fio: vscsi: '%s' is not a logical unit: write filename=TARGET.LUN, such as 0.1; "
		"names are separated by colons\n",
		name);
	return false;
}

/* Whether a request of each size that the job may choose is possible. @most: in blocks. */
static bool check_size(const struct thread_data *td, const struct fio_file *f,
		       const struct vscsi_lun_info *info, enum fio_ddir ddir, uint64_t most)
{
	if (td->o.min_bs[ddir] % info->block_size || td->o.max_bs[ddir] % info->block_size) {
		log_err("fio: vscsi: %s: bs must be a multiple of its blocks of %u bytes\n",
			f->file_name, info->block_size);
		return false;
	}
	if (td->o.max_bs[ddir] / info->block_size > most) {
		log_err("fio: vscsi: %s: bs is too large, a request has at most %" PRIu64
			" bytes\n",
			f->file_name, most * info->block_size);
		return false;
	}
	return true;
}

/* Whether the unit can do what the job wants. */
static bool check_unit(const struct thread_data *td, const struct fio_file *f,
		       const struct vscsi_lun_info *info)
{
	const char *why = NULL;

	if (!info->block_size)
		why = "is not a disk, or has no medium";
	else if ((td_write(td) || td_trim(td)) && info->flags & VSCSI_LUN_READ_ONLY)
		why = "is read-only";
	else if (td_trim(td) && !(info->flags & VSCSI_LUN_UNMAP))
		why = "does not support UNMAP, which trim needs";
	else if (td_write(td) && td->o.sync_io && !(info->flags & VSCSI_LUN_FUA))
		why = "does not support FUA, which sync needs";
	if (why) {
		log_err("fio: vscsi: %s %s\n", f->file_name, why);
		return false;
	}
	if (td_read(td) && !check_size(td, f, info, DDIR_READ, info->max_blocks))
		return false;
	if (td_write(td) && !check_size(td, f, info, DDIR_WRITE, info->max_blocks))
		return false;
	return !td_trim(td) || check_size(td, f, info, DDIR_TRIM, info->max_unmap_blocks);
}

static bool unit_open(const struct thread_data *td, const struct fio_file *f, struct vscsi_dev *dev,
		      struct unit *unit)
{
	uint32_t target, lun;

	if (!parse_name(td, f->file_name, &target, &lun))
		return false;
	if (unit_open_named(dev, target, lun, NULL, &unit->lun)) {
		log_err("fio: vscsi: %s\n", vscsi_last_error());
		return false;
	}
	unit->info.size = sizeof(unit->info);
	vscsi_lun_get_info(unit->lun, &unit->info);
	while (1u << unit->shift < unit->info.block_size)
		unit->shift++;
	return check_unit(td, f, &unit->info);
}

/* Without requests in flight nothing here can fail. */
static void close_locked(struct job *job)
{
	struct device *device = job->device;
	struct job **link = &device->jobs;
	unsigned i;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	vscsi_queue_close(job->queue);
	for (i = 0; i < job->unit_count; i++)
		vscsi_lun_close(job->units[i].lun);
	if (!device->jobs)
		device_close(device);
	free(job->units);
	free(job->queued);
	free(job->done);
	free(job);
}

static bool open_locked(struct thread_data *td, struct job *job)
{
	struct fio_file *f;
	unsigned i;

	if (vscsi_queue_open(job->device->dev, NULL, &job->queue)) {
		log_err("fio: vscsi: %s\n", vscsi_last_error());
		return false;
	}
	job->units = calloc(td->o.nr_files, sizeof(*job->units));
	job->queued = calloc(td->o.iodepth, sizeof(*job->queued));
	job->done = calloc(td->o.iodepth, sizeof(*job->done));
	if (!job->units || !job->queued || !job->done) {
		log_err("fio: vscsi: out of memory\n");
		return false;
	}
	for_each_file(td, f, i)
	{
		job->unit_count++;
		if (!unit_open(td, f, job->device->dev, &job->units[i]))
			return false;
	}
	return true;
}

/* In a child, until it has its own. */
static void close_inherited(void)
{
	if (owner == getpid())
		return;
	while (devices)
		close_locked(devices->jobs);
	owner = getpid();
}

/* Adds the job to its device. */
static struct job *job_add(struct thread_data *td, const struct engine_options *options)
{
	struct device *device = device_open(td, options->address);
	struct job *job = device ? calloc(1, sizeof(*job)) : NULL;

	if (!job) {
		if (device && !device->jobs)
			device_close(device);
		return NULL;
	}
	job->sleep = options->sleep;
	job->write_flags = td->o.sync_io ? VSCSI_IO_FUA : 0;
	job->device = device;
	job->next = device->jobs;
	device->jobs = job;
	return job;
}

struct job *job_open(struct thread_data *td)
{
	const struct engine_options *options = td->eo;
	struct job *job;

	if (!options->address) {
		log_err("fio: vscsi: vscsi_address is missing, such as vhost-user:/run/vhost.0\n");
		return NULL;
	}
	pthread_mutex_lock(&lock);
	close_inherited();
	job = job_add(td, options);
	if (job && !open_locked(td, job)) {
		close_locked(job);
		job = NULL;
	}
	pthread_mutex_unlock(&lock);
	return job;
}

void job_close(struct job *job)
{
	if (!job)
		return;
	pthread_mutex_lock(&lock);
	close_locked(job);
	pthread_mutex_unlock(&lock);
}

void job_abandon(struct job *job)
{
	vscsi_dev_shutdown(job->device->dev);
}

struct vscsi_mem *job_mem(const struct job *job)
{
	return vscsi_dev_mem(job->device->dev);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void __attribute__((constructor)) begin(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}
