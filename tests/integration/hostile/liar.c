/* SPDX-License-Identifier: BSD-3-Clause */
/* The honest part of the disk, and the steps that the tests are made of. */
#include "liar.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

/* A test that hangs ends the program. */
#define LIMIT_S 300

static const char pattern[LIAR_BUF];

int liar_begin(void **state)
{
	struct liar *liar = calloc(1, sizeof(*liar));

	alarm(LIMIT_S);
	liar->ctx = *state;
	liar->opts = rig_defaults();
	liar->opts.config.max_target = 1;
	liar->options = "";
	liar->luns = 1;
	*state = liar;
	return 0;
}

int liar_end(void **state)
{
	struct liar *liar = *state;
	const char *broken = NULL;

	if (liar->queue || liar->lun || liar->dev)
		liar_close(liar);
	if (liar->rig)
		broken = rig_violation(liar->rig);
	if (liar->spoiled)
		broken = NULL;
	if (broken)
		print_error("the driver: %s\n", broken);
	if (liar->rig)
		rig_stop(liar->rig);
	free(liar);
	return broken ? -1 : 0;
}

void liar_data(struct liar *liar, unsigned queue, const struct rig_chain *chain, const void *data,
	       size_t len)
{
	size_t room = rig_data_in_room(chain);
	struct rig_reply reply = {.data = data, .len = len < room ? len : room};

	reply.residual = (uint32_t)(room - reply.len);
	rig_complete(liar->rig, queue, chain, &reply);
}

static void serve_inquiry(struct liar *liar, unsigned queue, const struct rig_chain *chain,
			  const uint8_t *cdb)
{
	static const uint8_t pages[] = {0, 0, 0, 2, 0x00, 0xb0};
	static const uint8_t limits[64] = {0, 0xb0, 0, 60};
	static const uint8_t plain[36] = "\0\0\6\2\37\0\0\2LIAR    DISK            1   ";

	if (cdb[1] & 1)
		liar_data(liar, queue, chain, cdb[2] ? limits : pages,
			  cdb[2] ? sizeof(limits) : sizeof(pages));
	else
		liar_data(liar, queue, chain, plain, sizeof(plain));
}

static void serve_report_luns(struct liar *liar, unsigned queue, const struct rig_chain *chain)
{
	uint8_t list[8 + 8 * LIAR_LUNS] = {0};
	unsigned count = liar->luns;
	unsigned i;

	list[2] = (uint8_t)(count * 8 >> 8);
	list[3] = (uint8_t)(count * 8);
	for (i = 0; i < count; i++) {
		list[8 + 8 * i] = (uint8_t)(0x40 | i >> 8);
		list[9 + 8 * i] = (uint8_t)i;
	}
	liar_data(liar, queue, chain, list, 8 + 8 * (size_t)count);
}

static void serve_disk(struct liar *liar, unsigned queue, const struct rig_chain *chain,
		       const uint8_t *cdb)
{
	static const uint8_t capacity[32] = {0, 0, 0, 0, 0, 0, 7, 0xff, 0, 0, 2, 0};
	static const uint8_t mode[4] = {3};

	switch (cdb[0]) {
	case 0x12:
		serve_inquiry(liar, queue, chain, cdb);
		break;
	case 0xa0:
		serve_report_luns(liar, queue, chain);
		break;
	case 0x9e:
		liar_data(liar, queue, chain, capacity, sizeof(capacity));
		break;
	case 0x1a:
		liar_data(liar, queue, chain, mode, sizeof(mode));
		break;
	default:
		liar_data(liar, queue, chain, pattern, sizeof(pattern));
	}
}

void liar_serve(struct liar *liar, unsigned queue, const struct rig_chain *chain)
{
	const struct virtio_scsi_cmd_req *command = rig_command(chain);
	const uint8_t *lun = command->lun;
	struct rig_reply nobody = {.response = VIRTIO_SCSI_S_BAD_TARGET};

	if (lun[1] || ((lun[2] & 0x3fu) << 8 | lun[3]) >= liar->luns)
		rig_complete(liar->rig, queue, chain, &nobody);
	else
		serve_disk(liar, queue, chain, command->cdb);
}

static void keep(struct liar *liar, const struct rig_chain *chain)
{
	unsigned at = liar->kept_count;

	if (at < LIAR_KEPT)
		liar->kept[at] = *chain;
	liar->kept_count = at + 1;
}

bool liar_keep(struct liar *liar, unsigned queue, const struct rig_chain *chain, const uint8_t *cdb)
{
	(void)queue;
	(void)cdb;
	keep(liar, chain);
	return true;
}

static void serve_control(struct liar *liar, const struct rig_chain *chain)
{
	bool (*task)(struct liar * liar, const struct rig_chain *chain,
		     const struct virtio_scsi_ctrl_tmf_req *request) = liar->task;

	if (liar->deaf) {
		keep(liar, chain);
		return;
	}
	if (task && task(liar, chain, chain->elems[0].addr))
		return;
	*(uint8_t *)chain->elems[1].addr = VIRTIO_SCSI_S_OK;
	rig_put(liar->rig, 0, chain->head, 1);
}

/* The count tells the test's thread that the buffer is there: it grows last. */
static void keep_buffer(struct liar *liar, const struct rig_chain *chain)
{
	liar->buffers[liar->buffer_count % 16] = *chain;
	liar->buffer_count++;
}

/* The rig's thread, with the rig's lock. */
static void on_chain(struct rig *rig, unsigned queue, const struct rig_chain *chain, void *ctx)
{
	bool (*lie)(struct liar * liar, unsigned queue, const struct rig_chain *chain,
		    const uint8_t *cdb);
	struct liar *liar = ctx;

	(void)rig;
	/* Once: the test may change its mind. */
	lie = liar->lie;
	if (queue == 0)
		serve_control(liar, chain);
	else if (queue == 1)
		keep_buffer(liar, chain);
	else if (queue == LIAR_QUEUE && liar->hold)
		keep(liar, chain);
	else if (!lie || !lie(liar, queue, chain, rig_command(chain)->cdb))
		liar_serve(liar, queue, chain);
}

void liar_start(struct liar *liar)
{
	liar->opts.on_chain = on_chain;
	liar->opts.ctx = liar;
	liar->rig = rig_start(&liar->opts);
}

int liar_open(struct liar *liar)
{
	char address[320];
	int err;

	if (!liar->rig)
		liar_start(liar);
	snprintf(address, sizeof(address), "vhost-user:%s%s", rig_address(liar->rig),
		 liar->options);
	err = vscsi_dev_open(address, NULL, &liar->dev);
	if (!err)
		rig_taken(liar->rig);
	return err;
}

void liar_up(struct liar *liar)
{
	const struct vscsi_lun_opts opts = {.size = sizeof(opts), .timeout_ms = liar->timeout_ms};

	if ((!liar->dev && liar_open(liar)) || vscsi_lun_open(liar->dev, 0, 0, &opts, &liar->lun) ||
	    vscsi_queue_open(liar->dev, NULL, &liar->queue))
		fail_msg("%s", vscsi_last_error());
	liar->buf = vscsi_mem_alloc(vscsi_dev_mem(liar->dev), LIAR_BUF, 0);
	assert_non_null(liar->buf);
}

void liar_close(struct liar *liar)
{
	if (vscsi_queue_close(liar->queue) || vscsi_lun_close(liar->lun) ||
	    vscsi_dev_close(liar->dev))
		fail_msg("%s", vscsi_last_error());
	liar->queue = NULL;
	liar->lun = NULL;
	liar->dev = NULL;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void liar_wait_kept(struct liar *liar, unsigned count)
{
	while (liar->kept_count < count)
		sched_yield();
}

void liar_hold(struct liar *liar, unsigned count)
{
	unsigned i;

	liar->hold = true;
	for (i = 0; i < count; i++)
		assert_int_equal(vscsi_read(liar->queue, liar->lun, liar->buf, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(liar->queue), 0);
	liar_wait_kept(liar, count);
}

bool liar_event(struct liar *liar, uint32_t type, const uint8_t lun[8], uint32_t reason,
		uint32_t len)
{
	struct virtio_scsi_event event = {.event = type, .reason = reason};
	struct rig_chain *chain;

	if (liar->buffer_used == liar->buffer_count)
		return false;
	chain = &liar->buffers[liar->buffer_used++ % 16];
	memcpy(event.lun, lun, sizeof(event.lun));
	memcpy(chain->elems[0].addr, &event, sizeof(event));
	rig_put(liar->rig, 1, chain->head, len);
	return true;
}

struct vscsi_completion liar_outcome(struct liar *liar)
{
	struct vscsi_completion done = {0};
	int count;

	assert_int_equal(vscsi_submit(liar->queue), 0);
	do {
		count = vscsi_poll(liar->queue, &done, 1);
	} while (!count);
	assert_int_equal(count, 1);
	return done;
}

bool liar_runs(struct liar *liar)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(liar->dev, &info), 0);
	return info.state == VSCSI_DEV_RUNNING;
}

uint64_t liar_errors(struct liar *liar)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(liar->dev, &info), 0);
	return info.errors;
}

void liar_expect_lost(struct liar *liar, unsigned count, const char *why)
{
	bool seen[LIAR_KEPT] = {false};
	struct vscsi_completion done;
	struct vscsi_queue *more;
	unsigned came = 0;
	int ret;

	while ((ret = vscsi_poll(liar->queue, &done, 1)) != -ENOTCONN) {
		if (!ret)
			continue;
		assert_true(done.user_data < count);
		assert_false(seen[done.user_data]);
		seen[done.user_data] = true;
		came++;
	}
	assert_int_equal(came, count);
	assert_false(liar_runs(liar));
	assert_int_equal(vscsi_queue_open(liar->dev, NULL, &more), -ENOTCONN);
	if (!strstr(vscsi_last_error(), why))
		fail_msg("\"%s\" doesn't say \"%s\"", vscsi_last_error(), why);
}

void told(const char *name, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("  %-48s ", name);
	vprintf(format, ap);
	printf("\n");
	va_end(ap);
}
