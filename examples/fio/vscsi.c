/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An I/O engine for fio: its jobs use the logical units of a virtio-scsi device. Buffers are DMA
 * memory, so that nothing is copied. Built with fio's own headers.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "common/cause.h"
#include "fio.h"
#include "job.h"
#include "optgroup.h"

/* With fewer CPUs than pollers, the device may need this one. */
#define POLLS_PER_YIELD 256

/* vscsi_wait() returns earlier in any case; signals do not end it in all threads. */
#define SLEEP_MS 500
/* How long requests in flight may take after Ctrl-C. */
#define ENDING_MS 1000

static struct fio_option options[] = {
	{
		.name = "vscsi_address",
		.lname = "Address of the device",
		.type = FIO_OPT_STR_STORE,
		.off1 = offsetof(struct engine_options, address),
		.help = "vhost-user:PATH, vfio-user:PATH, pci:DDDD:BB:DD.F or vhost-scsi:NAME, "
			"with options after '?', see vscsi-info(1)",
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = "vscsi_sleep",
		.lname = "Sleep until completions arrive",
		.type = FIO_OPT_BOOL,
		.off1 = offsetof(struct engine_options, sleep),
		.help = "Sleep until completions arrive, instead of polling for them",
		.def = "0",
		.category = FIO_OPT_C_ENGINE,
		.group = FIO_OPT_G_INVALID,
	},
	{
		.name = NULL,
	},
};

/* Only asks for sizes, before fio starts the job's thread or process. */
static int setup(struct thread_data *td)
{
	struct job *job = job_open(td);
	struct fio_file *f;
	unsigned i;

	if (!job)
		return 1;
	for_each_file(td, f, i)
	{
		const struct vscsi_lun_info *info = &job->units[i].info;

		f->filetype = FIO_TYPE_BLOCK;
		f->real_file_size = info->blocks * info->block_size;
	}
	job_close(job);
	return 0;
}

static int init(struct thread_data *td)
{
	td->io_ops_data = job_open(td);
	return !td->io_ops_data;
}

static void cleanup(struct thread_data *td)
{
	job_close(td->io_ops_data);
}

static int iomem_alloc(struct thread_data *td, size_t len)
{
	td->orig_buffer = vscsi_mem_alloc(job_mem(td->io_ops_data), len, page_size);
	if (td->orig_buffer)
		return 0;
	log_err("fio: vscsi: %s\n", vscsi_last_error());
	return 1;
}

static void iomem_free(struct thread_data *td)
{
	vscsi_mem_free(job_mem(td->io_ops_data), td->orig_buffer);
}

static int prepare(struct job *job, struct io_u *io_u)
{
	const struct unit *unit = &job->units[io_u->file->fileno];
	struct vscsi_range range = {.lba = io_u->offset >> unit->shift,
				    .blocks = (uint32_t)(io_u->xfer_buflen >> unit->shift)};
	uint64_t id = (uintptr_t)io_u;

	if (ddir_sync(io_u->ddir))
		return vscsi_flush(job->queue, unit->lun, id);
	if ((io_u->offset | io_u->xfer_buflen) & (unit->info.block_size - 1)) {
		log_err("fio: vscsi: %s: offset %llu and length %llu must be multiples of its "
			"blocks of %u bytes\n",
			io_u->file->file_name, io_u->offset, io_u->xfer_buflen,
			unit->info.block_size);
		return -EINVAL;
	}
	if (io_u->ddir == DDIR_READ)
		return vscsi_read(job->queue, unit->lun, io_u->xfer_buf, range.lba, range.blocks, 0,
				  id);
	if (io_u->ddir == DDIR_WRITE)
		return vscsi_write(job->queue, unit->lun, io_u->xfer_buf, range.lba, range.blocks,
				   job->write_flags, id);
	if (io_u->ddir == DDIR_TRIM)
		return vscsi_unmap(job->queue, unit->lun, &range, 1, id);
	return -EINVAL;
}

static enum fio_q_status queue(struct thread_data *td, struct io_u *io_u)
{
	struct job *job = td->io_ops_data;
	int ret;

	fio_ro_check(td, io_u);
	ret = prepare(job, io_u);
	if (!ret) {
		job->queued[job->queued_count++] = io_u;
		return FIO_Q_QUEUED;
	}
	/* The ring is full, or the unit's limit is reached, to which other jobs count too. */
	if (ret == -EAGAIN)
		return FIO_Q_BUSY;
	io_u->error = -ret;
	io_u->engine_data = NULL; /* not that of its previous request */
	return FIO_Q_COMPLETED;
}

static int commit(struct thread_data *td)
{
	struct job *job = td->io_ops_data;
	struct timespec now;
	unsigned i;

	if (!job->queued_count)
		return 0;
	if (fio_fill_issue_time(td))
		fio_gettime(&now, NULL);
	/* A lost device is reported by the completions. */
	vscsi_submit(job->queue);
	/* Meanwhile the device works. */
	if (fio_fill_issue_time(td)) {
		for (i = 0; i < job->queued_count; i++) {
			job->queued[i]->issue_time = now;
			io_u_queued(td, job->queued[i]);
		}
		if (td->o.read_iolog_file)
			td->last_issue = now;
	}
	io_u_mark_submit(td, job->queued_count);
	job->queued_count = 0;
	return 0;
}

/* After Ctrl-C, a device that is lost or hangs must not keep the job for longer. */
static void check_end(const struct thread_data *td, struct job *job)
{
	struct timespec now;

	if (!td->terminate)
		return;
	fio_gettime(&now, NULL);
	if (!job->ending.tv_sec)
		job->ending = now;
	else if (mtime_since(&job->ending, &now) > ENDING_MS)
		job_abandon(job);
}

/* Adds at least @min completions to those that are kept. */
static int collect(const struct thread_data *td, unsigned min, unsigned max)
{
	struct job *job = td->io_ops_data;
	unsigned nothing = 0;
	int ret;

	if (job->done_count)
		memmove(job->done, job->done + job->done_first,
			job->done_count * sizeof(*job->done));
	job->done_first = 0;
	for (;;) {
		ret = vscsi_poll(job->queue, job->done + job->done_count, max - job->done_count);
		if (ret < 0)
			return ret;
		job->done_count += (unsigned)ret;
		if (job->done_count >= min)
			return 0;
		if (ret) {
			nothing = 0;
			continue;
		}
		if (job->sleep)
			vscsi_wait(job->queue, SLEEP_MS);
		else if (++nothing % POLLS_PER_YIELD)
			continue;
		else
			sched_yield();
		check_end(td, job);
	}
}

/*
 * fio wants either at least one completion or, with @t 0, those that there are. By default it takes
 * them one by one; the others are kept, because each look at the ring costs the device time.
 */
static int getevents(struct thread_data *td, unsigned int min, unsigned int max,
		     const struct timespec *t)
{
	struct job *job = td->io_ops_data;
	unsigned count;
	int ret;

	(void)t;
	if (job->done_count < min || !job->done_count) {
		ret = collect(td, min, td->o.iodepth);
		if (ret && !job->done_count)
			return ret;
	}
	count = job->done_count < max ? job->done_count : max;
	job->events = job->done + job->done_first;
	job->done_first += count;
	job->done_count -= count;
	return (int)count;
}

static struct io_u *event(struct thread_data *td, int index)
{
	struct job *job = td->io_ops_data;
	struct vscsi_completion *done = &job->events[index];
	struct io_u *io_u = (struct io_u *)(uintptr_t)done->user_data;

	io_u->error = (unsigned)-done->result;
	/* For errdetails(), which is called before the next poll. */
	io_u->engine_data = done;
	return io_u;
}

/* Return: a text that fio frees. An io_u that was never submitted has no completion. */
#if FIO_IOOPS_VERSION < 36 /* up to fio 3.37 */
static char *errdetails(struct io_u *io_u)
#else
static char *errdetails(struct thread_data *td __attribute__((unused)), struct io_u *io_u)
#endif
{
	const struct vscsi_completion *done = io_u->engine_data;
	const char *why = "refused before it was sent";

	if (done)
		why = cause_text(done);
	return strdup(why ? why : "the device gave no response");
}

/* fio calls it for each file and checks that it is there; the units are open already. */
static int open_file(struct thread_data *td, struct fio_file *f)
{
	(void)td;
	(void)f;
	return 0;
}

/* What happens to the device, such as its loss and its return. */
static void log_line(void *ctx, int level, const char *line)
{
	(void)ctx;
	(void)level;
	log_err("fio: vscsi: %s\n", line);
}

static void __attribute__((constructor)) begin(void)
{
	vscsi_set_log(VSCSI_LOG_DEFAULT, log_line, NULL);
}

__attribute__((visibility("default"))) struct ioengine_ops ioengine = {
	.name = "vscsi",
	.version = FIO_IOOPS_VERSION,
	.flags = FIO_DISKLESSIO | FIO_NOEXTEND | FIO_RAWIO | FIO_NO_OFFLOAD |
		 FIO_ASYNCIO_SETS_ISSUE_TIME,
	.setup = setup,
	.init = init,
	.cleanup = cleanup,
	.queue = queue,
	.commit = commit,
	.getevents = getevents,
	.event = event,
	.errdetails = errdetails,
	.open_file = open_file,
	.iomem_alloc = iomem_alloc,
	.iomem_free = iomem_free,
	.option_struct_size = sizeof(struct engine_options),
	.options = options,
};
