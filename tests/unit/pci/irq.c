/* SPDX-License-Identifier: BSD-3-Clause */
/* Interrupt vectors: how many there are, which the device is told, and what it does with them. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "model.h"
#include "virtio/device.h"

#define NONE VIRTIO_MSI_NO_VECTOR

/* A running device with 4 request queues, whose table and taste are as @m says. */
static void start_queues(struct transport *t, char *memory)
{
	unsigned i;

	for (i = 0; i < 6; i++) {
		const struct transport_queue queue = {.index = i,
						      .size = 16,
						      .desc = memory,
						      .driver = memory + 1024,
						      .device = memory + 2048};

		assert_int_equal(pci_ops.queue_start(t, &queue), 0);
	}
}

static struct transport *run(struct model *m, char *memory)
{
	const struct virtio_request wanted = {.want = 0, .must = 0};
	const struct dma_region region = {.addr = (uintptr_t)memory, .len = 4096, .fd = -1};
	struct transport *t = model_attach(m);
	struct virtio_dev dev = {.transport = t};
	uint64_t iova;

	assert_int_equal(virtio_negotiate(&dev, &wanted), 0);
	assert_int_equal(pci_ops.mem_map(t, &region, &iova), 0);
	start_queues(t, memory);
	assert_int_equal(virtio_run(&dev), 0);
	return t;
}

/* Each write of a vector names one in the table or none, and is read back before anything else. */
static void check_vectors(const struct model *m, unsigned vectors)
{
	int enabled = model_find(m, IRQ_SET, vectors, 0);
	unsigned i;

	for (i = 0; i < m->logged; i++) {
		const struct model_entry *e = &m->log[i];

		if (e->access != BAR_WRITE ||
		    (e->offset != COMMON(msix_config) && e->offset != COMMON(queue_msix_vector)))
			continue;
		assert_true(e->value < vectors || e->value == NONE);
		assert_true(e->value == NONE || (enabled >= 0 && (int)i > enabled));
		assert_int_equal(e[1].access, BAR_READ);
		assert_int_equal(e[1].offset, e->offset);
	}
}

static void test_tables_of_all_sizes(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 3, 5, 6, 2048};
	char *memory = aligned_alloc(4096, 4096);
	unsigned i;
	unsigned q;

	(void)state;
	CONFORMS("R-PCI-52", "R-PCI-53", "R-PCI-55", "R-PCI-56", "R-PCI-57", "R-PCI-59",
		 "R-HARD-33");
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct model *m = model_standard();
		unsigned vectors = sizes[i] < 5 ? sizes[i] : 5;
		unsigned others = vectors > 1 ? vectors - 1 : 1;
		struct transport *t;

		m->bus.vectors = sizes[i];
		t = run(m, memory);
		check_vectors(m, vectors);
		assert_int_equal(m->config_vector, vectors ? 0 : NONE);
		for (q = 0; q < 6; q++) {
			bool has = q >= 2 && vectors;
			unsigned vector = vectors > 1 ? 1 + (q - 2) % others : 0;

			assert_int_equal(m->queues[q].vector, has ? vector : NONE);
			assert_int_equal(pci_ops.call_fd(t, q) >= 0, has);
			if (has && vectors == 5)
				assert_int_equal(pci_ops.call_fd(t, q), m->fds[q - 1]);
		}
		pci_ops.close(t);
		assert_int_equal(model_count(m, IRQ_SET, 0), vectors != 0);
		model_free(m);
	}
	free(memory);
}

static void test_fewer_vectors_than_hoped(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t;
	unsigned what;
	unsigned q;

	(void)state;
	CONFORMS("R-PCI-57", "R-PCI-58");
	/* The kernel has two. */
	m->irqs_to_be_had = 2;
	t = run(m, memory);
	check_vectors(m, 2);
	for (q = 2; q < 6; q++)
		assert_int_equal(m->queues[q].vector, 1);
	pci_ops.close(t);
	model_free(m);
	/* The device takes two. */
	m = model_standard();
	m->vectors_taken = 2;
	t = run(m, memory);
	assert_true(pci_ops.call_fd(t, 2) >= 0);
	assert_int_equal(pci_ops.call_fd(t, 3), -1);
	pci_ops.close(t);
	model_free(m);
	/* The device takes none at all: its configuration is polled for. */
	m = model_standard();
	m->vectors_taken = 0;
	t = run(m, memory);
	assert_int_equal(pci_ops.call_fd(t, 2), -1);
	m->generation++;
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, TRANSPORT_CONFIG);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

static void test_a_vector_that_reads_back_wrong(void **state)
{
	const struct virtio_request wanted = {.want = 0, .must = 0};
	struct model *m = model_standard();
	struct transport *t = model_attach(m);
	struct virtio_dev dev = {.transport = t};

	(void)state;
	CONFORMS("R-PCI-57", "R-HARD-31");
	assert_int_equal(virtio_negotiate(&dev, &wanted), 0);
	m->vector_lies = true;
	assert_int_equal(virtio_run(&dev), -EPROTO);
	pci_ops.close(t);
	model_free(m);
}

static void test_configuration_interrupt(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, memory);
	unsigned what;

	(void)state;
	CONFORMS("R-PCI-45");
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	eventfd_write(m->fds[0], 1);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, TRANSPORT_CONFIG);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

static void test_without_one_the_generation_is_polled(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t;
	unsigned what;

	(void)state;
	CONFORMS("R-PCI-63");
	m->bus.vectors = 0;
	t = run(m, memory);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	m->generation++;
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, TRANSPORT_CONFIG);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* Four queues share what vectors there are: each hears each interrupt, and only once. */
static void test_shared_vectors(void **state)
{
	static const unsigned tables[] = {1, 2, 3, 4};
	char *memory = aligned_alloc(4096, 4096);
	unsigned i;
	unsigned q;

	(void)state;
	CONFORMS("R-PCI-54", "R-PCI-61");
	for (i = 0; i < ARRAY_LEN(tables); i++) {
		struct model *m = model_standard();
		unsigned round;
		struct transport *t;

		m->bus.vectors = tables[i];
		t = run(m, memory);
		for (q = 2; q < 6; q++)
			assert_false(readable(pci_ops.call_fd(t, q)));
		for (round = 0; round < 3; round++) {
			eventfd_write(m->fds[m->queues[2].vector], 1);
			for (q = 2; q < 6; q++) {
				bool same = m->queues[q].vector == m->queues[2].vector;

				assert_int_equal(readable(pci_ops.call_fd(t, q)), same);
				assert_int_equal(pci_ops.call_clear(t, q), 0);
				assert_false(readable(pci_ops.call_fd(t, q)));
			}
		}
		/* Waking is for one of them. */
		pci_ops.call_wake(t, 3);
		for (q = 2; q < 6; q++)
			assert_int_equal(readable(pci_ops.call_fd(t, q)), q == 3);
		assert_int_equal(pci_ops.call_clear(t, 3), 0);
		assert_false(readable(pci_ops.call_fd(t, 3)));
		pci_ops.close(t);
		model_free(m);
	}
	free(memory);
}

/* A single vector can mean anything, so both are looked at, and neither hides the other. */
static void test_one_vector_for_all(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t;
	unsigned what;

	(void)state;
	CONFORMS("R-PCI-62", "R-PCI-54");
	m->bus.vectors = 1;
	t = run(m, memory);
	assert_int_equal(m->config_vector, 0);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	/* Buffers only. */
	eventfd_write(m->fds[0], 1);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	assert_true(readable(pci_ops.call_fd(t, 2)));
	assert_int_equal(pci_ops.call_clear(t, 2), 0);
	/* Buffers and the configuration. */
	m->generation++;
	eventfd_write(m->fds[0], 1);
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, TRANSPORT_CONFIG);
	assert_true(readable(pci_ops.call_fd(t, 2)));
	assert_int_equal(pci_ops.check(t, &what), 0);
	assert_int_equal(what, 0);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

static void test_reset_wakes_and_forgets(void **state)
{
	char *memory = aligned_alloc(4096, 4096);
	struct model *m = model_standard();
	struct transport *t = run(m, memory);
	struct virtio_dev dev = {.transport = t};
	const struct virtio_request wanted = {.want = 0, .must = 0};
	struct pollfd fd = {.fd = pci_ops.call_fd(t, 2), .events = POLLIN};
	unsigned q;

	(void)state;
	CONFORMS("R-PCI-60");
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(virtio_negotiate(&dev, &wanted), 0);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(m->config_vector, NONE);
	for (q = 0; q < 6; q++)
		assert_int_equal(m->queues[q].vector, NONE);
	start_queues(t, memory);
	assert_int_equal(virtio_run(&dev), 0);
	assert_int_equal(m->config_vector, 0);
	for (q = 2; q < 6; q++)
		assert_int_equal(m->queues[q].vector, q - 1);
	pci_ops.close(t);
	model_free(m);
	free(memory);
}

int irq_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_of_all_sizes),
		cmocka_unit_test(test_fewer_vectors_than_hoped),
		cmocka_unit_test(test_a_vector_that_reads_back_wrong),
		cmocka_unit_test(test_configuration_interrupt),
		cmocka_unit_test(test_without_one_the_generation_is_polled),
		cmocka_unit_test(test_shared_vectors),
		cmocka_unit_test(test_one_vector_for_all),
		cmocka_unit_test(test_reset_wakes_and_forgets),
	};

	return cmocka_run_group_tests_name("pci/irq", tests, NULL, NULL);
}
