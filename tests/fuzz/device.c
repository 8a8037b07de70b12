/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole library against a back-end that lies, dies and comes back with something else. The
 * bytes are read from both ends: steps of the application from the front, what the back-end does
 * from the back (backend.h). Whatever that is: each request is returned once, with 0 or an errno;
 * none goes to another disk than it was made for, and none that may run once is executed twice;
 * what was returned is the application's again; nothing is left over.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_scsi.h>

#include <vscsi/vscsi.h>

#include "backend.h"
#include "fuzz.h"
#include "kernel.h"

#define QUEUES   3u
#define LUNS     BACKEND_LUNS
#define REQUESTS BACKEND_TAGS
#define BLOCKS   4u
#define BYTES    (BLOCKS * BACKEND_BLOCK)
#define BATCH    16u
#define STEP_MS  20u
#define REGIONS  12u /* more than a table takes */
#define REGION   16384u
#define MARK     0xee /* in buffers that were returned */

/* A request; @data: none of it, what the device reads, or what it writes. */
struct request {
	enum { OUTSIDE, INSIDE, RETURNED } state;
	enum { NOTHING, WRITTEN, READ } data;
	unsigned queue;
	unsigned lun;
	uint8_t *buf;
};

static struct {
	struct input in;
	struct vscsi_dev *dev;
	struct vscsi_lun *luns[LUNS];
	char disks[LUNS]; /* what was opened */
	struct vscsi_queue *queues[QUEUES];
	struct request requests[REQUESTS];
	unsigned made;
	unsigned inflight;
	bool registered[REGIONS];
} t;

static struct vscsi_mem *mem;
static uint8_t *buffers;
static uint8_t *extra; /* regions that are registered now and then */
static int extra_fd;

static bool is_errno(int err)
{
	return err <= 0 && err > -4096;
}

/* -- requests -- */

/* A buffer of its own for each, in which the device's and the application's bytes tell apart. */
static struct request *begin(unsigned queue, unsigned lun, int data)
{
	struct request *r = &t.requests[t.made];
	unsigned i;

	*r = (struct request){.queue = queue, .lun = lun, .data = data};
	r->buf = buffers + (size_t)t.made * BYTES;
	if (t.made < REGIONS && t.registered[t.made])
		r->buf = extra + (size_t)t.made * REGION;
	for (i = 0; i < BLOCKS; i++)
		r->buf[(size_t)i * BACKEND_BLOCK] = (uint8_t)(data == WRITTEN ? t.disks[lun] : 0);
	return r;
}

static void end(struct request *r, int err)
{
	MUST(is_errno(err));
	if (err)
		return;
	r->state = INSIDE;
	t.made++;
	t.inflight++;
}

static void prepare_io(unsigned queue, unsigned lun, bool write)
{
	struct request *r = begin(queue, lun, write ? WRITTEN : READ);
	uint8_t how = input_u8(&t.in);
	unsigned blocks = how % BLOCKS + 1;
	uint64_t lba = how >> 2;
	struct iovec iov[2] = {{r->buf, 100}, {r->buf + 100, blocks * BACKEND_BLOCK - 100}};
	struct vscsi_queue *q = t.queues[queue];
	struct vscsi_lun *l = t.luns[lun];
	uint64_t tag = t.made;

	if (how & 0x80 && write)
		end(r, vscsi_writev(q, l, iov, 2, lba, blocks, 0, tag));
	else if (how & 0x80)
		end(r, vscsi_readv(q, l, iov, 2, lba, blocks, 0, tag));
	else if (write)
		end(r, vscsi_write(q, l, r->buf, lba, blocks, 0, tag));
	else
		end(r, vscsi_read(q, l, r->buf, lba, blocks, 0, tag));
}

static void prepare_other(unsigned queue, unsigned lun)
{
	struct vscsi_queue *q = t.queues[queue];
	struct vscsi_lun *l = t.luns[lun];
	uint8_t how = input_u8(&t.in);
	struct vscsi_range range = {.lba = how, .blocks = 1};
	struct vscsi_command once = {
		.size = sizeof(once), .cdb_len = 6, .cdb = {BACKEND_ONCE, (uint8_t)t.made}};
	struct request *r;

	switch (how % 5) {
	case 0:
		end(begin(queue, lun, NOTHING), vscsi_flush(q, l, t.made));
		break;
	case 1:
		end(begin(queue, lun, NOTHING), vscsi_unmap(q, l, &range, 1, t.made));
		break;
	case 2:
		end(begin(queue, lun, NOTHING), vscsi_write_zeroes(q, l, how >> 3, 1, 0, t.made));
		break;
	case 3:
		r = begin(queue, lun, WRITTEN);
		end(r, vscsi_compare_and_write(q, l, r->buf, r->buf + BACKEND_BLOCK, how >> 3, 1, 0,
					       t.made));
		break;
	default:
		end(begin(queue, lun, NOTHING), vscsi_prepare_command(q, l, &once, t.made));
	}
}

static void prepare(unsigned what)
{
	uint8_t where = input_u8(&t.in);
	unsigned queue = where % QUEUES;
	unsigned lun = where / QUEUES % LUNS;

	if (t.made == REQUESTS || !t.queues[queue] || !t.luns[lun])
		return;
	if (what == 2)
		prepare_other(queue, lun);
	else
		prepare_io(queue, lun, what);
}

/* Blocks that were cleared are no disk's. */
static void check_read(const uint8_t *block, unsigned lun)
{
	MUST(!block[0] || block[0] == (uint8_t)t.disks[lun]);
}

static void complete(const struct vscsi_completion *done, unsigned queue)
{
	struct request *r = &t.requests[done->user_data];

	MUST(done->user_data < t.made && r->state == INSIDE && r->queue == queue);
	MUST(is_errno(done->result));
	MUST(!backend_has(r->buf, BYTES, done->result == -ENOTCONN));
	if (!done->result && r->data == READ && backend_is_honest())
		check_read(r->buf, r->lun);
	if (backend_is_honest())
		MUST(backend_executed((unsigned)done->user_data) <= 1);
	r->state = RETURNED;
	t.inflight--;
	memset(r->buf, MARK, 64);
}

static int poll_queue(unsigned queue, unsigned max)
{
	struct vscsi_completion done[BATCH];
	int count;
	int i;

	if (!t.queues[queue])
		return 0;
	count = vscsi_poll(t.queues[queue], done, max);
	MUST(count <= (int)max && count > -4096);
	for (i = 0; i < count; i++)
		complete(&done[i], queue);
	return count;
}

/* -- steps -- */

static void open_lun(unsigned lun)
{
	const struct vscsi_lun_opts opts = {.size = sizeof(opts), .timeout_ms = 0};
	struct vscsi_lun_info info = {.size = sizeof(info)};
	int err = vscsi_lun_open(t.dev, 0, lun, &opts, &t.luns[lun]);

	MUST(is_errno(err));
	t.disks[lun] = backend_disk(lun);
	if (err) {
		t.luns[lun] = NULL;
		return;
	}
	MUST(!vscsi_lun_get_info(t.luns[lun], &info));
	if (backend_is_honest())
		MUST(info.serial[0] == t.disks[lun]);
}

static void toggle_lun(unsigned lun)
{
	int err;

	if (!t.luns[lun]) {
		open_lun(lun);
		return;
	}
	err = vscsi_lun_close(t.luns[lun]);
	MUST(!err || err == -EBUSY);
	if (!err)
		t.luns[lun] = NULL;
}

static void toggle_queue(unsigned queue)
{
	static const struct vscsi_queue_opts kinds[QUEUES] = {
		{.size = sizeof(kinds[0])},
		{.size = sizeof(kinds[0]), .flags = VSCSI_QUEUE_SHARED},
		{.size = sizeof(kinds[0]), .flags = VSCSI_QUEUE_EXCLUSIVE},
	};
	int err;

	if (!t.queues[queue]) {
		err = vscsi_queue_open(t.dev, &kinds[queue], &t.queues[queue]);
		if (err)
			t.queues[queue] = NULL;
		MUST(is_errno(err));
		return;
	}
	err = vscsi_queue_close(t.queues[queue]);
	MUST(!err || err == -EBUSY);
	if (!err)
		t.queues[queue] = NULL;
}

static void sync_io(unsigned lun, uint8_t how)
{
	uint8_t block[2 * BACKEND_BLOCK];
	struct vscsi_lun *l = t.luns[lun];
	unsigned bytes = how & 1 ? sizeof(block) : BACKEND_BLOCK;
	int err;

	if (!l)
		return;
	block[0] = block[BACKEND_BLOCK] = (uint8_t)t.disks[lun];
	switch (how >> 1 & 7) {
	case 0:
	case 1:
		err = vscsi_pread(l, block, bytes, 0);
		if (!err && backend_is_honest())
			check_read(block, lun);
		break;
	case 2:
		err = vscsi_pwrite(l, block, bytes, 0, 0);
		break;
	case 3:
		err = vscsi_sync_flush(l);
		break;
	case 4:
		err = vscsi_sync_compare_and_write(l, block, block, BACKEND_BLOCK, 0);
		break;
	case 5:
		err = vscsi_sync_write_zeroes(l, BACKEND_BLOCK, 0, 0);
		break;
	default:
		err = vscsi_lun_refresh(l);
	}
	MUST(is_errno(err));
}

static void manage(uint8_t how)
{
	unsigned lun = how / 4 % LUNS;
	int err = 0;

	switch (how % 4) {
	case 0:
		err = t.luns[lun] ? vscsi_lun_reset(t.luns[lun]) : 0;
		break;
	case 1:
		err = vscsi_target_reset(t.dev, 0);
		break;
	case 2:
		err = vscsi_dev_reset(t.dev);
		break;
	default:
		if (t.queues[lun % QUEUES])
			err = vscsi_abort(t.queues[lun % QUEUES], input_u8(&t.in));
	}
	MUST(is_errno(err));
}

static void change_memory(unsigned which)
{
	uint8_t *region = extra + (size_t)which * REGION;
	int err;

	if (t.registered[which])
		err = vscsi_mem_unregister(mem, region);
	else
		err = vscsi_mem_register(mem, region, REGION, extra_fd, (uint64_t)which * REGION);
	MUST(is_errno(err));
	t.registered[which] ^= !err;
}

static void look_at_device(uint8_t how)
{
	struct vscsi_lun_addr found[4];
	struct vscsi_event events[4];
	unsigned queue = how / 8 % QUEUES;
	int ret = 0;

	switch (how % 8) {
	case 0:
		ret = vscsi_dev_scan(t.dev, found, 4);
		break;
	case 1:
		ret = vscsi_dev_fd(t.dev);
		MUST(ret > 2 || ret < 0);
		return;
	case 2:
		if (t.queues[queue])
			ret = vscsi_arm(t.queues[queue]);
		break;
	case 3:
		if (t.queues[queue])
			ret = vscsi_next_timeout_ms(t.queues[queue]);
		break;
	case 4:
		if (t.queues[queue])
			ret = vscsi_wait(t.queues[queue], how >> 4);
		break;
	default:
		ret = vscsi_dev_poll_events(t.dev, events, 4);
		MUST(ret <= 4);
	}
	MUST(ret > -4096);
}

static void tell_event(void)
{
	static const uint32_t events[] = {VIRTIO_SCSI_T_TRANSPORT_RESET, VIRTIO_SCSI_T_ASYNC_NOTIFY,
					  VIRTIO_SCSI_T_PARAM_CHANGE, VIRTIO_SCSI_T_EVENTS_MISSED};
	uint8_t how = input_u8(&t.in);
	uint8_t reason = input_u8(&t.in);

	backend_event(events[how % 4] | (how & 0x80 ? VIRTIO_SCSI_T_EVENTS_MISSED : 0),
		      how >> 2 & 3, reason & 0x80 ? reason << 8 | 0x2a : reason);
}

static void break_ring(void)
{
	uint8_t how = input_u8(&t.in);
	uint16_t a = input_u16(&t.in);

	backend_break(how, how >> 4, a, input_u16(&t.in) | (uint32_t)input_u16(&t.in) << 16);
}

/* What the back-end does. */
static void back_end_step(unsigned what)
{
	switch (what) {
	case 0:
		backend_hold(input_u8(&t.in) & 1);
		break;
	case 1:
		backend_give(input_u8(&t.in), false);
		break;
	case 2:
		backend_give(input_u8(&t.in), true);
		break;
	case 3:
		backend_die();
		break;
	case 4:
		tell_event();
		break;
	case 5:
		backend_change_config();
		break;
	case 6:
		backend_signal_error();
		break;
	case 7:
		break_ring();
		break;
	default:
		backend_work();
		backend_die();
	}
}

static void step(void)
{
	uint8_t what = input_u8(&t.in) % 24;
	unsigned queue;

	switch (what) {
	case 0:
	case 1:
	case 2:
		prepare(what);
		break;
	case 3:
	case 4:
		queue = input_u8(&t.in) % QUEUES;
		if (t.queues[queue])
			MUST(is_errno(vscsi_submit(t.queues[queue])));
		break;
	case 5:
	case 6:
		queue = input_u8(&t.in);
		poll_queue(queue % QUEUES, queue % BATCH + 1);
		break;
	case 7:
		kernel_sleep_ms(input_u8(&t.in) * 8u);
		break;
	case 8:
		toggle_lun(input_u8(&t.in) % LUNS);
		break;
	case 9:
		toggle_queue(input_u8(&t.in) % QUEUES);
		break;
	case 10:
		queue = input_u8(&t.in);
		sync_io(queue % LUNS, (uint8_t)(queue / LUNS));
		break;
	case 11:
		manage(input_u8(&t.in));
		break;
	case 12:
		change_memory(input_u8(&t.in) % REGIONS);
		break;
	case 13:
	case 14:
		look_at_device(input_u8(&t.in));
		break;
	default:
		back_end_step(what - 15u);
	}
}

/* -- beginning and end -- */

static bool open_all(unsigned offer)
{
	struct vscsi_dev_opts opts = {.size = sizeof(opts),
				      .queues = 3,
				      .queue_size = 16,
				      .timeout_ms = 100,
				      .io_timeout_ms = 400,
				      .task_timeout_ms = 100,
				      .recovery_ms = 1000,
				      .mem = mem};
	uint8_t how = input_u8(&t.in);
	unsigned i;
	int err;

	opts.recovery = how & 7 ? 1 + (how & 3) : 0;
	opts.indirect = how & 8 ? VSCSI_OFF : VSCSI_DEFAULT;
	opts.event_idx = how & 16 ? VSCSI_OFF : VSCSI_DEFAULT;
	opts.packed = how & 32 ? VSCSI_DEFAULT : VSCSI_OFF;
	opts.in_order = how & 64 && offer & BACKEND_IN_ORDER ? VSCSI_ON : VSCSI_OFF;
	opts.max_segs = how & 128 ? 1 : 0;
	err = vscsi_dev_open("vhost-user:/back-end", &opts, &t.dev);
	MUST(is_errno(err));
	if (err)
		return false;
	for (i = 0; i < QUEUES; i++)
		toggle_queue(i);
	for (i = 0; i < 2; i++)
		open_lun(i);
	return true;
}

static void poll_all(void)
{
	unsigned i;

	for (i = 0; i < QUEUES; i++) {
		if (t.queues[i])
			vscsi_submit(t.queues[i]);
		while (poll_queue(i, BATCH) > 0)
			;
	}
}

/*
 * All time limits are short, so that every request comes back by itself in the end. Then the rest
 * of it goes.
 */
static void close_all(void)
{
	unsigned looks;
	unsigned i;

	backend_hold(false);
	for (looks = 0; t.inflight && looks < 1000; looks++) {
		poll_all();
		kernel_sleep_ms(STEP_MS);
	}
	MUST(!t.inflight);
	for (i = 0; i < REQUESTS && i < t.made; i++)
		MUST(t.requests[i].state == RETURNED);
	for (i = 0; i < QUEUES; i++)
		MUST(!t.queues[i] || !vscsi_queue_close(t.queues[i]));
	for (i = 0; i < LUNS; i++)
		MUST(!t.luns[i] || !vscsi_lun_close(t.luns[i]));
	MUST(!vscsi_dev_close(t.dev));
}

/* Made once, with the true kernel. */
static void make_memory(void)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 4 << 20};

	if (mem)
		return;
	MUST(!vscsi_mem_create(&opts, &mem));
	buffers = vscsi_mem_alloc(mem, (size_t)REQUESTS * BYTES, 4096);
	extra_fd = memfd_create("extra", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(buffers && extra_fd >= 0 && !ftruncate(extra_fd, REGIONS * REGION));
	extra = mmap(NULL, REGIONS * REGION, PROT_READ | PROT_WRITE, MAP_SHARED, extra_fd, 0);
	MUST(extra != MAP_FAILED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kernel_hooks hooks = {backend_turn, backend_connect};
	struct vscsi_mem_stats before = {.size = sizeof(before)};
	struct vscsi_mem_stats after = {.size = sizeof(after)};
	unsigned offer;
	unsigned i;

	make_memory();
	memset(&t, 0, sizeof(t));
	t.in = (struct input){data, size};
	MUST(!vscsi_mem_get_stats(mem, &before));
	kernel_begin(&hooks);
	offer = input_u8(&t.in);
	backend_begin(&t.in, offer);
	if (open_all(offer)) {
		while (t.in.left)
			step();
		close_all();
	}
	for (i = 0; i < REGIONS; i++) {
		if (t.registered[i])
			change_memory(i);
	}
	if (backend_broken())
		fprintf(stderr, "the driver broke a rule: %s\n", backend_broken());
	MUST(!backend_broken());
	backend_end();
	kernel_end();
	MUST(!vscsi_mem_get_stats(mem, &after));
	MUST(after.used == before.used && after.regions == before.regions);
	return 0;
}
