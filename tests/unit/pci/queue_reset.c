/* SPDX-License-Identifier: BSD-3-Clause */
/* Taking a single queue back from the device (virtio 1.4, 2.6.1). */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "model.h"
#include "virtio/device.h"

static int start(struct transport *t, char *memory, unsigned size)
{
	const struct transport_queue queue = {.index = 2,
					      .size = size,
					      .desc = memory,
					      .driver = memory + 1024,
					      .device = memory + 2048};

	return pci_ops.queue_start(t, &queue);
}

/* A function that took these features, with queue 2 started. */
static struct transport *run(struct model *m, uint64_t features, char *memory)
{
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	struct transport *t = model_attach(m);
	uint64_t iova;

	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_int_equal(pci_ops.set_features(t, features), 0);
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	assert_int_equal(start(t, memory, 16), 0);
	return t;
}

static void test_only_when_negotiated(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, 0, memory);
	uint32_t base;

	(void)state;
	CONFORMS("R-VQR-01");
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -EOPNOTSUPP);
	assert_int_equal(model_count(m, BAR_READ, PCI_QUEUE_RESET), 0);
	assert_int_equal(model_count(m, BAR_WRITE, PCI_QUEUE_RESET), 0);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

static void test_the_end_is_awaited(void **state)
{
	static const unsigned again[] = {
		COMMON(queue_size),    COMMON(queue_msix_vector), COMMON(queue_desc_lo),
		COMMON(queue_desc_hi), COMMON(queue_avail_lo),    COMMON(queue_avail_hi),
		COMMON(queue_used_lo), COMMON(queue_used_hi),     COMMON(queue_enable),
	};
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, PCI_BIT(VIRTIO_F_RING_RESET), memory);
	uint32_t base = 7;
	unsigned logged;
	unsigned i;
	int last;

	(void)state;
	CONFORMS("R-VQR-02", "R-VQR-05", "R-VQR-06", "R-PCI-29", "R-PCI-30", "R-PCI-31",
		 "R-RFB-12");
	m->resets_stay = 20;
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), 0);
	assert_int_equal(base, 0);
	assert_int_equal(model_count(m, BAR_WRITE, PCI_QUEUE_RESET), 1);
	assert_int_equal(model_count(m, BAR_READ, PCI_QUEUE_RESET), 20);
	assert_int_equal(m->queues[2].enable, 0);
	/* It is the driver's now: nobody kicks it, and it can't be stopped again. */
	logged = m->logged;
	pci_ops.notify(t, 2, 0);
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -EINVAL);
	assert_int_equal(m->logged, logged);
	/* All of it is written again, and another size will do. */
	assert_int_equal(start(t, memory, 8), 0);
	last = (int)logged;
	for (i = 0; i < ARRAY_LEN(again); i++) {
		int at = model_find(m, BAR_WRITE, again[i], 1);

		assert_true(at > last);
		last = at;
	}
	assert_int_equal(m->queues[2].size, 8);
	assert_int_equal(m->queues[2].enable, 1);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

/* Until its end shows, the queue is the device's: the call fails and it counts as started. */
static void test_a_reset_that_fails(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, PCI_BIT(VIRTIO_F_RING_RESET), memory);
	uint32_t base;
	unsigned logged;

	(void)state;
	CONFORMS("R-VQR-02", "R-VQR-04");
	m->resets_stay = UINT_MAX;
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -ETIMEDOUT);
	logged = m->logged;
	pci_ops.notify(t, 2, 0);
	assert_int_equal(m->logged, logged + 1);
	m->resets_stay = 1;
	m->stays_enabled = true;
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -EPROTO);
	m->gone = true;
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -ENOTCONN);
	m->gone = false;
	m->dead = true;
	assert_int_equal(pci_ops.queue_stop(t, 2, &base), -ENOTCONN);
	assert_int_equal(pci_ops.queue_stop(t, 3, &base), -EINVAL);
	assert_int_equal(pci_ops.queue_stop(t, UINT32_MAX, &base), -EINVAL);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

/* A structure that ends before the registers of a feature makes the feature useless. */
static void test_structures_without_the_registers(void **state)
{
	static const struct {
		uint32_t len;
		bool name;
		bool reset;
	} table[] = {{56, false, false}, {58, true, false}, {60, true, true}, {4096, true, true}};
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-36");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct model *m = model_new();
		struct transport *t;
		uint64_t offered;

		model_cap(m, VIRTIO_PCI_CAP_COMMON_CFG, MODEL_BAR, MODEL_COMMON, table[i].len, 16);
		model_rest(m, VIRTIO_PCI_CAP_COMMON_CFG);
		t = model_attach(m);
		assert_int_equal(pci_ops.get_features(t, &offered), 0);
		assert_int_equal(offered >> VIRTIO_F_NOTIF_CONFIG_DATA & 1, table[i].name);
		assert_int_equal(offered >> VIRTIO_F_RING_RESET & 1, table[i].reset);
		pci_ops.close(t);
		model_free(m);
	}
}

int queue_reset_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_when_negotiated),
		cmocka_unit_test(test_the_end_is_awaited),
		cmocka_unit_test(test_a_reset_that_fails),
		cmocka_unit_test(test_structures_without_the_registers),
	};

	return cmocka_run_group_tests_name("pci/queue_reset", tests, NULL, NULL);
}
