/* SPDX-License-Identifier: BSD-3-Clause */
/* From opening to closing: status, features, configuration, and functions that go away. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "model.h"
#include "virtio/device.h"

#define CFG(field) (MODEL_DEVICE + offsetof(struct virtio_scsi_config, field))

static const struct virtio_request everything = {.want = UINT64_MAX, .must = 0};

static uint16_t command(const struct model *m)
{
	uint16_t value;

	memcpy(&value, m->config + PCI_COMMAND, 2);
	return le16toh(value);
}

/* The width that an access to this place has to have (4.1.3.1). */
static unsigned right_width(uint64_t offset)
{
	if (offset == CFG(max_channel) || offset == CFG(max_target))
		return 2;
	if (offset >= MODEL_DEVICE)
		return 4;
	if (offset == COMMON(device_status) || offset == COMMON(config_generation))
		return 1;
	return offset >= COMMON(msix_config) && offset < COMMON(queue_desc_lo) ? 2
	       : offset >= PCI_QUEUE_NOTIFY_DATA && offset < 60                ? 2
									       : 4;
}

/*
 * What holds for every access of every test. The model itself fails on accesses to forbidden
 * registers.
 */
static void check_log(const struct model *m)
{
	unsigned i;

	for (i = 0; i < m->logged; i++) {
		const struct model_entry *e = &m->log[i];

		if (e->access == CONFIG_WRITE)
			assert_int_equal(e->offset, PCI_COMMAND);
		if (e->access != BAR_READ && e->access != BAR_WRITE)
			continue;
		assert_int_equal(e->bar, MODEL_BAR);
		/* How wide a kick is depends on a feature, which the tests of queues look at. */
		if (e->offset < MODEL_NOTIFY)
			assert_int_equal(e->width, right_width(e->offset));
		assert_false(e->offset >= MODEL_ISR && e->offset < MODEL_DEVICE);
		if (e->access == BAR_WRITE && e->offset == COMMON(queue_enable))
			assert_int_equal(e->value, 1);
	}
}

static void finish(struct model *m, struct transport *t)
{
	pci_ops.close(t);
	assert_true(m->closed);
	assert_false(command(m) & PCI_COMMAND_MASTER);
	check_log(m);
	model_free(m);
}

static void start_queue(struct transport *t, unsigned index, char *memory)
{
	const struct transport_queue queue = {.index = index,
					      .size = 16,
					      .desc = memory,
					      .driver = memory + 1024,
					      .device = memory + 2048};

	assert_int_equal(pci_ops.queue_start(t, &queue), 0);
}

static void live(uint32_t id)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct virtio_dev dev = {.status = 0};
	struct transport *t;
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	struct virtio_scsi_config config;
	uint64_t iova;
	unsigned i;

	model_set(m, PCI_VENDOR_ID, 4, id);
	model_set(m, PCI_SUBSYSTEM_ID, 2, 8);
	/* Where a transitional function has its legacy registers. */
	m->bars[0] = 0x40;
	t = dev.transport = model_attach(m);
	/* The device masters the bus only after its reset. */
	assert_int_equal(command(m) & (PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY),
			 PCI_COMMAND_MEMORY);
	assert_int_equal(virtio_negotiate(&dev, &everything), 0);
	assert_int_equal((uint64_t)m->accepted[1] << 32 | m->accepted[0], pci_ops.features);
	assert_int_equal(model_count(m, BAR_WRITE, COMMON(guest_feature)), 2);
	assert_int_equal(model_count(m, BAR_READ, COMMON(device_feature)), 2);
	assert_int_equal(virtio_read_config(&dev, 0, &config, sizeof(config)), 0);
	assert_memory_equal(&config, &m->device, sizeof(config));
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	for (i = 0; i < 6; i++)
		start_queue(t, i, memory);
	assert_int_equal(virtio_run(&dev), 0);
	assert_true(command(m) & PCI_COMMAND_MASTER);
	for (i = 0; i < 6; i++)
		pci_ops.notify(t, i, 0);
	assert_int_equal(virtio_reset(&dev), 0);
	/* Nothing is kicked that the device doesn't have. */
	i = m->logged;
	pci_ops.notify(t, 2, 0);
	assert_int_equal(m->logged, i);
	finish(m, t);
	free(memory);
}

static void test_a_whole_life(void **state)
{
	(void)state;
	CONFORMS("R-PCI-06", "R-PCI-07", "R-PCI-08", "R-PCI-23", "R-PCI-28", "R-PCI-36", "R-PCI-45",
		 "R-PCI-65", "R-FEAT-12", "R-RFB-03", "R-RFB-07", "R-LEG-03", "R-PCI-18");
	live(0x10481af4);
	live(0x10041af4);
}

/* In a child process the function stays as it is; its files are closed, and nothing is kept. */
static void test_abandoned(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct virtio_dev dev = {.status = 0};
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	uint64_t iova;
	unsigned i;

	(void)state;
	dev.transport = model_attach(m);
	assert_int_equal(virtio_negotiate(&dev, &everything), 0);
	assert_int_equal(pci_ops.mem_map(dev.transport, &region, &iova), 0);
	for (i = 0; i < 6; i++)
		start_queue(dev.transport, i, memory);
	assert_int_equal(virtio_run(&dev), 0);
	assert_true(fcntl(m->fds[0], F_GETFD) >= 0);
	i = m->logged;
	virtio_abandon(&dev);
	assert_null(dev.transport);
	assert_int_equal(m->logged, i);
	assert_true(m->closed);
	assert_int_equal(fcntl(m->fds[0], F_GETFD), -1);
	assert_true(command(m) & PCI_COMMAND_MASTER);
	model_free(m);
	free(memory);
}

/* The second half of what is offered is another one than when the first half was read. */
static void test_offer_changes_between_its_halves(void **state)
{
	const uint64_t base = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM);
	const uint64_t before =
		base | VIRTIO_BIT(VIRTIO_SCSI_F_HOTPLUG) | VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	const uint64_t after =
		base | VIRTIO_BIT(VIRTIO_SCSI_F_CHANGE) | VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	const uint64_t shown = (before & UINT32_MAX) | after >> 32 << 32;
	struct model *m = model_standard();
	struct virtio_dev dev = {.status = 0};
	unsigned round;

	(void)state;
	CONFORMS("R-FEAT-11", "R-HARD-32");
	dev.transport = model_attach(m);
	/* At every start again: what was offered the last time doesn't count. */
	for (round = 0; round < 2; round++) {
		m->offer = before;
		m->next_offer = after;
		assert_int_equal(virtio_negotiate(&dev, &everything), 0);
		assert_int_equal((uint64_t)m->accepted[1] << 32 | m->accepted[0], shown);
		assert_int_equal(dev.features, shown);
		m->offer = before;
		m->next_offer = 0;
		assert_int_equal(virtio_negotiate(&dev, &everything), 0);
		assert_int_equal((uint64_t)m->accepted[1] << 32 | m->accepted[0], before);
	}
	finish(m, dev.transport);
}

static void test_features_that_are_needed(void **state)
{
	const struct {
		unsigned missing;
		int ret;
	} table[] = {
		{VIRTIO_F_VERSION_1, -EOPNOTSUPP},
		{VIRTIO_F_ACCESS_PLATFORM, -EOPNOTSUPP},
		{VIRTIO_F_ORDER_PLATFORM, 0},
	};
	unsigned i;

	(void)state;
	CONFORMS("R-LEG-02", "R-RFB-05");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct model *m = model_standard();
		struct transport *t = model_attach(m);
		struct virtio_dev dev = {.transport = t};

		m->offer = ~VIRTIO_BIT(table[i].missing);
		assert_int_equal(virtio_negotiate(&dev, &everything), table[i].ret);
		assert_int_equal(!!(m->status & VIRTIO_CONFIG_S_FAILED), table[i].ret != 0);
		assert_int_equal(model_count(m, BAR_WRITE, COMMON(queue_enable)), 0);
		assert_int_equal(m->accepted[1] >> (VIRTIO_F_ORDER_PLATFORM - 32) & 1, 0);
		finish(m, t);
	}
}

static void test_reset_is_awaited(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	unsigned at;

	(void)state;
	CONFORMS("R-PCI-27", "R-RST-01", "R-MB-19");
	m->status_stays = 50;
	at = m->logged;
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_int_equal(m->log[at].access, BAR_WRITE);
	/* Nothing but looks at the status until it shows 0. */
	for (at++; m->log[at].access == BAR_READ; at++)
		assert_int_equal(m->log[at].offset, COMMON(device_status));
	assert_int_equal(model_count(m, BAR_READ, COMMON(device_status)), 51);
	finish(m, t);
}

static void test_reset_that_never_ends(void **state)
{
	const struct transport_opts opts = {.timeout_ms = 10};
	struct model *m = model_standard();
	struct transport *t;

	(void)state;
	CONFORMS("R-RST-04", "R-HARD-31");
	assert_int_equal(pci_attach(&m->bus, &pci_ops, &opts, &t), 0);
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_true(command(m) & PCI_COMMAND_MASTER);
	m->status_stays = UINT_MAX;
	assert_int_equal(pci_ops.set_status(t, 0), -ETIMEDOUT);
	/* It is cut off instead, and no memory was taken from it before that. */
	assert_false(command(m) & PCI_COMMAND_MASTER);
	assert_int_equal(model_count(m, RESET, 0), 1);
	finish(m, t);
}

static void test_configuration_is_a_snapshot(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	struct virtio_scsi_config config;
	unsigned moves;

	(void)state;
	CONFORMS("R-CFG-01", "R-CFG-02", "R-CFG-08");
	for (moves = 1; moves < 10; moves++) {
		unsigned before = model_count(m, BAR_READ, CFG(num_queues));

		/* The first look at the generation changes it too, before any field was read. */
		m->generation_moves = moves;
		assert_int_equal(pci_ops.read_config(t, 0, &config, sizeof(config)), 0);
		assert_int_equal(model_count(m, BAR_READ, CFG(num_queues)) - before, moves);
		assert_memory_equal(&config, &m->device, sizeof(config));
	}
	m->generation_moves = UINT_MAX;
	assert_int_equal(pci_ops.read_config(t, 0, &config, sizeof(config)), -EPROTO);
	finish(m, t);
}

static void test_configuration_fields(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	uint32_t value = htole32(64);
	char buf[64];

	(void)state;
	CONFORMS("R-PCI-07", "R-PCI-08");
	assert_int_equal(pci_ops.read_config(t, 28, buf, 2), 0);
	assert_int_equal(pci_ops.read_config(t, 30, buf, 6), 0);
	assert_int_equal(pci_ops.read_config(t, 1, buf, 4), -EINVAL);
	assert_int_equal(pci_ops.read_config(t, 0, buf, 3), -EINVAL);
	assert_int_equal(pci_ops.read_config(t, 32, buf, 8), -EINVAL);
	assert_int_equal(pci_ops.read_config(t, 4096, buf, 4), -EINVAL);
	assert_int_equal(pci_ops.write_config(t, 24, &value, 4), 0);
	assert_int_equal(le32toh(m->device.cdb_size), 64);
	assert_int_equal(pci_ops.write_config(t, 0, &value, 4), -EINVAL);
	assert_int_equal(pci_ops.write_config(t, 20, &value, 2), -EINVAL);
	finish(m, t);
}

/*
 * Each way in which a function that worked is gone: noticed at the next look, and the reset ends.
 */
static void test_gone(void **state)
{
	struct virtio_scsi_config config;
	unsigned how;
	unsigned what;

	(void)state;
	CONFORMS("R-PCI-67", "R-HARD-31");
	for (how = 0; how < 4; how++) {
		struct model *m = model_standard();
		struct transport *t = model_attach(m);
		struct virtio_dev dev = {.transport = t};

		assert_int_equal(virtio_negotiate(&dev, &everything), 0);
		assert_int_equal(virtio_run(&dev), 0);
		assert_int_equal(pci_ops.check(t, &what), 0);
		assert_int_equal(what, 0);
		m->gone = how == 0;
		m->dead = how == 1;
		m->leaving = how == 2;
		if (how == 3)
			m->status = 0;
		assert_int_equal(pci_ops.check(t, &what), -ENOTCONN);
		assert_int_equal(pci_ops.can_reopen(t), how == 3);
		/* One that is wanted back will never be there again, which ends the search. */
		assert_int_equal(pci_ops.reopen(t), how == 3 ? 0 : how == 2 ? -ENODEV : -ENOTCONN);
		/* One that was reset is started again from the beginning. */
		if (how == 3) {
			assert_int_equal(virtio_negotiate(&dev, &everything), 0);
			assert_int_equal(virtio_run(&dev), 0);
			assert_int_equal(pci_ops.check(t, &what), 0);
		}
		if (how < 2) {
			assert_int_equal(pci_ops.get_status(t), -ENOTCONN);
			assert_int_equal(pci_ops.set_status(t, 0), -ENOTCONN);
			assert_true(pci_ops.queue_max(t, 2) < 0);
		}
		if (how == 1)
			assert_int_equal(pci_ops.read_config(t, 0, &config, sizeof(config)),
					 -ENOTCONN);
		pci_ops.close(t);
		model_free(m);
	}
}

/* A whole life until the first thing that fails. */
static int try_to_live(struct model *m, char *memory, struct transport **t)
{
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	const struct transport_opts opts = {.timeout_ms = 100};
	struct virtio_dev dev = {.status = 0};
	struct virtio_scsi_config config;
	uint64_t iova;
	unsigned what;
	unsigned i;
	int ret;

	*t = NULL;
	ret = pci_attach(&m->bus, &pci_ops, &opts, t);
	if (ret)
		return ret;
	dev.transport = *t;
	ret = virtio_negotiate(&dev, &everything);
	if (!ret)
		ret = virtio_read_config(&dev, 0, &config, sizeof(config));
	if (!ret)
		ret = pci_ops.mem_map(*t, &region, &iova);
	for (i = 0; i < 6 && !ret; i++) {
		const struct transport_queue queue = {.index = i,
						      .size = 16,
						      .desc = memory,
						      .driver = memory + 1024,
						      .device = memory + 2048};

		ret = pci_ops.queue_start(*t, &queue);
	}
	if (!ret)
		ret = virtio_run(&dev);
	pci_ops.notify(*t, 2, 0);
	if (!ret)
		ret = pci_ops.check(*t, &what);
	return ret ? ret : virtio_reset(&dev);
}

/*
 * It goes at any of its accesses, by answering ones or by failing: what notices says that it is
 * gone and nothing else, and everything can be closed.
 */
static void test_gone_at_any_access(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	unsigned survived = 0;
	unsigned lives;
	unsigned how;

	(void)state;
	CONFORMS("R-PCI-67", "R-HARD-31");
	for (how = 0; how < 2; how++) {
		survived = 0;
		/* The end is where a life needs fewer accesses than that. */
		for (lives = 1; survived < 2; lives++) {
			struct model *m = model_new();
			unsigned express = model_foreign(m, PCI_CAP_ID_EXP);
			struct transport *t;
			int ret;

			/* With a capability of PCI Express that has to be dealt with. */
			m->config[express + PCI_EXP_DEVCTL + 1] = PCI_EXP_DEVCTL_NOSNOOP_EN >> 8;
			model_rest(m, 0);
			m->lives = lives;
			m->dies = how;
			ret = try_to_live(m, memory, &t);
			assert_true(ret == 0 || ret == -ENOTCONN);
			survived += !m->gone && !m->dead;
			if (t)
				pci_ops.close(t);
			model_free(m);
			assert_true(lives < 2000);
		}
	}
	free(memory);
}

static void test_needs_reset(void **state)
{
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	unsigned what;

	(void)state;
	m->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_NEEDS_RESET;
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, TRANSPORT_BROKEN);
	finish(m, t);
}

int life_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_life),
		cmocka_unit_test(test_offer_changes_between_its_halves),
		cmocka_unit_test(test_features_that_are_needed),
		cmocka_unit_test(test_reset_is_awaited),
		cmocka_unit_test(test_reset_that_never_ends),
		cmocka_unit_test(test_configuration_is_a_snapshot),
		cmocka_unit_test(test_configuration_fields),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_gone_at_any_access),
		cmocka_unit_test(test_needs_reset),
	};

	return cmocka_run_group_tests_name("pci/life", tests, NULL, NULL);
}
