/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver that sleeps until it is notified, with rings of any small size. It runs while the target
 * executes a request, as it could on another CPU: it takes what is completed, sends more, and at
 * some point goes to sleep, in the order that the specification requires. When the target has
 * nothing more to do, the driver must have been notified of what is completed.
 */
#include "target.h"

#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "target/session.h"

#define RING_MAX 40
#define ROUNDS   300
#define USED_LEN (108 + BLOCK) /* response and one block */

/* What both sides share; addresses are offsets in it. */
struct shared {
	struct vring_packed_desc desc[RING_MAX];
	struct vring_packed_desc_event driver;
	struct vring_packed_desc_event device;
	struct vring_packed_desc tables[RING_MAX][2];
	uint8_t header[51];
	uint8_t in[USED_LEN];
};

static struct {
	struct device device;
	struct session session;
	struct ring *ring;
	struct shared *shared;
	int memory;
	bool tables;    /* indirect: one slot for a request instead of two */
	uint16_t avail; /* next slot to make available, and its wrap counter */
	bool avail_wrap;
	uint16_t used; /* next slot to be used */
	bool used_wrap;
	unsigned free; /* slots */
	bool asleep;
	uint32_t random;
} t;

static uint32_t next_random(uint32_t below)
{
	t.random = t.random * 1664525 + 1013904223;
	return (t.random >> 8) % below;
}

static uint16_t flags_of(bool wrap, uint16_t flags)
{
	return htole16((uint16_t)(flags | wrap << VRING_PACKED_DESC_F_AVAIL |
				  !wrap << VRING_PACKED_DESC_F_USED));
}

static struct vring_packed_desc buffer(size_t offset, uint32_t len, uint16_t flags)
{
	return (struct vring_packed_desc){
		.addr = htole64(offset), .len = htole32(len), .flags = htole16(flags)};
}

static struct vring_packed_desc *take_slot(uint16_t *at, bool *wrap)
{
	struct vring_packed_desc *d = &t.shared->desc[*at];

	t.free--;
	if (++*at == t.ring->num) {
		*at = 0;
		*wrap = !*wrap;
	}
	return d;
}

/* A read of one block, in two descriptors or a table of two. The first one's flags are set last. */
static void send_one(void)
{
	const uint16_t slots = t.tables ? 1 : 2;
	struct vring_packed_desc out = buffer(offsetof(struct shared, header), 51, 0);
	struct vring_packed_desc in =
		buffer(offsetof(struct shared, in), USED_LEN, VRING_DESC_F_WRITE);
	struct vring_packed_desc *first, *second;
	const uint16_t id = t.avail;
	bool wrap = t.avail_wrap;
	uint16_t flags;

	if (t.tables) {
		t.shared->tables[id][0] = out;
		t.shared->tables[id][1] = in;
		out = buffer(offsetof(struct shared, tables) + id * sizeof(t.shared->tables[0]),
			     sizeof(t.shared->tables[0]), 0);
		flags = flags_of(wrap, VRING_DESC_F_INDIRECT);
	} else {
		flags = flags_of(wrap, VRING_DESC_F_NEXT);
	}
	out.id = htole16(id);
	first = take_slot(&t.avail, &t.avail_wrap);
	if (slots == 2) {
		in.id = out.id;
		in.flags = flags_of(t.avail_wrap, VRING_DESC_F_WRITE);
		second = take_slot(&t.avail, &t.avail_wrap);
		*second = in;
	}
	out.flags = first->flags;
	*first = out;
	__atomic_store_n(&first->flags, flags, __ATOMIC_RELEASE);
}

static bool has_used(void)
{
	uint16_t flags = le16toh(t.shared->desc[t.used].flags);
	bool avail = flags & 1u << VRING_PACKED_DESC_F_AVAIL;
	bool used = flags & 1u << VRING_PACKED_DESC_F_USED;

	return avail == used && used == t.used_wrap;
}

/* Takes what is completed and, most of the time, sends as much again. */
static void run_driver(void)
{
	const unsigned slots = t.tables ? 1 : 2;
	eventfd_t count;

	while (has_used()) {
		t.used = (uint16_t)(t.used + slots);
		if (t.used >= t.ring->num) {
			t.used = (uint16_t)(t.used - t.ring->num);
			t.used_wrap = !t.used_wrap;
		}
		t.free += slots;
	}
	while (t.free >= slots && next_random(8))
		send_one();
	if (next_random(RING_MAX))
		return;
	/*
	 * Asks for a notification of the next completion, and checks once more (2.8.22). Earlier
	 * notifications don't count.
	 */
	eventfd_read(t.ring->call_fd, &count);
	t.shared->driver.off_wrap = htole16((uint16_t)(t.used | t.used_wrap << 15));
	t.shared->driver.flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	t.asleep = !has_used();
}

/* The LUN's store: while it reads a block, the driver runs. */
static int read_block(struct store *s, struct sgl *to, uint64_t at, size_t len)
{
	(void)s;
	(void)to;
	(void)at;
	(void)len;
	if (!t.asleep)
		run_driver();
	return 0;
}

static void close_nothing(struct store *s)
{
	(void)s;
}

static void start(uint16_t num, bool tables)
{
	static const struct store_ops ops = {.read = read_block, .close = close_nothing};
	static struct store store = {.ops = &ops, .size = 1 << 20};
	static const uint8_t header[51] = {1, 0, 0, 0, [19] = 0x28, [27] = 1};
	struct session *s = &t.session;
	struct lun *lun;

	memset(&t, 0, sizeof(t));
	t.tables = tables;
	t.random = num;
	t.device.options = (struct options){.queues = 1, .max_sectors = 65535};
	assert_int_equal(loop_open(&t.device.loop), 0);
	session_init(s, &t.device, 0);
	lun = get_lun(&t.device.luns, "0:0,null=1M");
	lun->store->ops->close(lun->store);
	lun->store = &store;
	t.memory = memfd_create("sleep", MFD_CLOEXEC);
	assert_true(t.memory >= 0 && !ftruncate(t.memory, sizeof(*t.shared)));
	t.shared = mmap(NULL, sizeof(*t.shared), PROT_READ | PROT_WRITE, MAP_SHARED, t.memory, 0);
	assert_ptr_not_equal(t.shared, MAP_FAILED);
	memcpy(t.shared->header, header, sizeof(header));
	/* The session is open, but this end of the socket only keeps it so. */
	assert_int_equal(session_open(s, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), 0);
	lun_take_attention(lun, 0);
	assert_int_equal(memory_add(&s->memory, 0, 0, sizeof(*t.shared), 0, t.memory), 0);
	t.ring = &s->rings[RING_REQUEST];
	t.ring->ops = &ring_packed_ops;
	t.ring->num = num;
	t.ring->desc_addr = offsetof(struct shared, desc);
	t.ring->driver_addr = offsetof(struct shared, driver);
	t.ring->device_addr = offsetof(struct shared, device);
	t.ring->have_addr = true;
	t.ring->start_base = 0x80008000; /* both wrap counters are 1 */
	t.ring->event_idx = true;
	t.ring->indirect = true;
	t.ring->enabled = true;
	t.ring->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(ring_start(t.ring), 0);
	t.avail_wrap = true;
	t.used_wrap = true;
	t.free = num;
}

static void stop(void)
{
	session_free(&t.session);
	lun_table_close(&t.device.luns);
	loop_close(&t.device.loop);
	munmap(t.shared, sizeof(*t.shared));
	close(t.memory);
}

/* As after a kick: one round ends when the target waits for the next. */
static void round_of(unsigned i)
{
	const unsigned slots = t.tables ? 1 : 2;
	eventfd_t count;

	while (t.free >= slots)
		send_one();
	t.asleep = false;
	t.ring->pending = true;
	while (session_serve(&t.session))
		;
	assert_false(t.ring->broken);
	/* Awake, it looks for itself. */
	if (!t.asleep)
		run_driver();
	if (t.asleep && has_used() && eventfd_read(t.ring->call_fd, &count)) {
		print_error("ring of %u, round %u: the driver sleeps on\n", t.ring->num, i);
		fail();
	}
}

static void a_sleeping_driver(void **state)
{
	uint16_t num;
	unsigned i;

	(void)state;
	for (num = 2; num <= RING_MAX; num++) {
		for (i = 0; i < 2 * ROUNDS; i++) {
			if (i % ROUNDS == 0)
				start(num, i / ROUNDS);
			round_of(i);
			if (i % ROUNDS == ROUNDS - 1)
				stop();
		}
	}
}

int sleep_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sleeping_driver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
