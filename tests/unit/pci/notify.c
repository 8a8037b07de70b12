/* SPDX-License-Identifier: BSD-3-Clause */
/* What is written when a queue is kicked, with each of the two features that change it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define DATA   PCI_BIT(VIRTIO_F_NOTIFICATION_DATA)
#define CONFIG PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA)

static int start(struct transport *t, char *memory, unsigned index)
{
	const struct transport_queue queue = {.index = index,
					      .size = 16,
					      .desc = memory,
					      .driver = memory + 1024,
					      .device = memory + 2048};

	return pci_ops.queue_start(t, &queue);
}

/* A function with these features and six queues that are started. */
static struct transport *run(struct model *m, uint64_t features, char *memory)
{
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	struct transport *t = model_attach(m);
	uint64_t iova;
	unsigned i;

	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_int_equal(pci_ops.set_features(t, features), 0);
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	for (i = 0; i < 6; i++)
		assert_int_equal(start(t, memory, i), 0);
	return t;
}

/* Kicks a queue and checks where, how wide and what. */
static void check_kick(struct model *m, struct transport *t, unsigned index, uint32_t data,
		       unsigned width, uint32_t value)
{
	unsigned before = m->logged;
	const struct model_entry *e;

	pci_ops.notify(t, index, data);
	assert_int_equal(m->logged, before + 1);
	e = &m->log[before];
	assert_int_equal(e->access, BAR_WRITE);
	assert_int_equal(e->offset, MODEL_NOTIFY + 4 * index);
	assert_int_equal(e->width, width);
	assert_int_equal(e->value, value);
}

static void test_kicks(void **state)
{
	const struct {
		uint64_t features;
		unsigned width;
		bool named;
	} table[] = {
		{0, 2, false},
		{CONFIG, 2, true},
		{DATA, 4, false},
		{DATA | CONFIG, 4, true},
	};
	static const uint16_t positions[] = {0, 1, 0x7fff, 0x8000, 0xffff};
	char *memory = aligned_alloc(4096, 4096);
	unsigned i;
	unsigned q;
	unsigned p;

	(void)state;
	CONFORMS("R-ND-01", "R-ND-02", "R-ND-03", "R-ND-04", "R-ND-05", "R-ND-06", "R-ND-07",
		 "R-ND-09", "R-RFB-11", "R-RFB-13");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct model *m = model_standard();
		struct transport *t = run(m, table[i].features, memory);

		assert_int_equal(t->notify_data, table[i].width == 4);
		for (q = 0; q < 6; q++) {
			uint32_t name = table[i].named ? 0xabc0 + q : q;

			for (p = 0; p < ARRAY_LEN(positions); p++) {
				uint32_t high = (uint32_t)positions[p] << 16;
				uint32_t value = table[i].width == 4 ? name | high : name;

				check_kick(m, t, q, positions[p], table[i].width, value);
				/* Said twice, it is the same. */
				check_kick(m, t, q, positions[p], table[i].width, value);
			}
		}
		pci_ops.close(t);
		model_free(m);
	}
	free(memory);
}

/* The device's name for a queue is read once for each, after the features and before the start. */
static void test_when_the_name_is_read(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, CONFIG, memory);
	int features = model_find(m, BAR_WRITE, COMMON(guest_feature), 1);
	unsigned i;

	(void)state;
	CONFORMS("R-ND-11");
	assert_int_equal(model_count(m, BAR_READ, PCI_QUEUE_NOTIFY_DATA), 6);
	assert_int_equal(model_count(m, BAR_WRITE, PCI_QUEUE_NOTIFY_DATA), 0);
	for (i = 0; i < 6; i++) {
		int at = model_find(m, BAR_READ, PCI_QUEUE_NOTIFY_DATA, i);

		assert_true(at > features);
		assert_true(at < model_find(m, BAR_WRITE, COMMON(queue_enable), i));
	}
	pci_ops.close(t);
	model_free(m);
	/* Without the feature the register isn't there: the model would stop at it. */
	m = model_standard();
	t = run(m, DATA, memory);
	assert_int_equal(model_count(m, BAR_READ, PCI_QUEUE_NOTIFY_DATA), 0);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

/* What start() says of a wide kick in a structure of this length, offset and multiplier. */
static int place(uint32_t offset, uint32_t length, uint8_t multiplier, uint16_t number)
{
	char *memory = aligned_alloc(4096, 4096);
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	struct model *m = model_new();
	unsigned at = model_cap(m, VIRTIO_PCI_CAP_NOTIFY_CFG, MODEL_BAR, offset, length, 20);
	struct transport *t;
	uint64_t iova;
	int ret;

	m->config[at + 16] = multiplier;
	model_rest(m, VIRTIO_PCI_CAP_NOTIFY_CFG);
	m->queues[2].notify_off = number;
	t = model_attach(m);
	assert_int_equal(pci_ops.set_features(t, DATA), 0);
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	ret = start(t, memory, 2);
	pci_ops.close(t);
	model_free(m);
	free(memory);
	return ret;
}

static void test_room_for_a_wide_kick(void **state)
{
	(void)state;
	CONFORMS("R-PCI-43", "R-ND-02");
	assert_int_equal(place(MODEL_NOTIFY, 0x1000, 4, 2), 0);
	assert_int_equal(place(MODEL_NOTIFY, 12, 4, 2), 0);
	assert_int_equal(place(MODEL_NOTIFY, 10, 4, 2), -EPROTO);
	assert_int_equal(place(MODEL_NOTIFY, 0x1000, 2, 1), -EPROTO);
	assert_int_equal(place(MODEL_NOTIFY + 2, 0x1000, 4, 2), -EPROTO);
	assert_int_equal(place(MODEL_NOTIFY + 2, 0x1000, 2, 1), 0);
}

/*
 * Through a mapping: little-endian bytes, and of neighbours nothing. Memory stands for the BAR.
 */
static void test_kicks_through_a_mapping(void **state)
{
	static const unsigned char wide[] = {0xc2, 0xab, 0x34, 0x92};
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	unsigned char *window = calloc(1, 0x5000);
	struct transport *t;
	unsigned i;

	(void)state;
	CONFORMS("R-ND-10", "R-PCI-10", "R-PCI-44", "R-PCI-15");
	m->window = window;
	/* The last queue's place is on another page. */
	m->queues[5].notify_off = 0x1000;
	t = run(m, DATA | CONFIG, memory);
	/* No more of the BAR is mapped than the structure, and all of that. */
	assert_int_equal(m->mapped_at, MODEL_NOTIFY);
	assert_int_equal(m->mapped_len, 0x5000);
	pci_ops.notify(t, 2, 0x9234);
	assert_memory_equal(window + 8, wide, 4);
	for (i = 0; i < 0x5000; i++)
		assert_true(window[i] == 0 || (i >= 8 && i < 12));
	pci_ops.notify(t, 5, 0x9234);
	assert_int_equal(window[0x4000], 0xc5);
	pci_ops.close(t);
	assert_int_equal(m->mapped_len, 0);
	memset(window, 0, 0x5000);
	t = run(m, 0, memory);
	pci_ops.notify(t, 2, 0x9234);
	assert_int_equal(window[8], 2);
	window[8] = 0;
	for (i = 0; i < 0x5000; i++)
		assert_int_equal(window[i], 0);
	pci_ops.close(t);
	model_free(m);
	free(window);
	free(memory);
}

/* A structure that ends before the register of a feature makes the feature useless. */
static void test_structures_without_the_register(void **state)
{
	static const struct {
		uint32_t len;
		bool name;
	} table[] = {{56, false}, {58, true}, {4096, true}};
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
		pci_ops.close(t);
		model_free(m);
	}
}

int notify_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kicks),
		cmocka_unit_test(test_when_the_name_is_read),
		cmocka_unit_test(test_room_for_a_wide_kick),
		cmocka_unit_test(test_kicks_through_a_mapping),
		cmocka_unit_test(test_structures_without_the_register),
	};

	return cmocka_run_group_tests_name("pci/notify", tests, NULL, NULL);
}
