/* SPDX-License-Identifier: BSD-3-Clause */
/* The walk over the capabilities: every byte of them is the device's word. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "model.h"

#define NOTIFY VIRTIO_PCI_CAP_NOTIFY_CFG

/* Walks, and frees the model. */
static int walk(struct model *m, struct pci_layout *layout)
{
	int ret = pci_find_layout(&m->bus, layout);
	unsigned i;

	for (i = 0; i < m->logged; i++)
		assert_int_equal(m->log[i].access, CONFIG_READ);
	model_free(m);
	return ret;
}

static void test_identity(void **state)
{
	const struct {
		uint32_t id;
		uint16_t subsystem;
		int ret;
	} table[] = {
		{0x10481af4, 0, 0},         {0x10481af4, 0xffff, 0},  {0x10041af4, 8, 0},
		{0x10041af4, 2, -ENODEV},   {0x10421af4, 8, -ENODEV}, {0x10481af5, 8, -ENODEV},
		{0xffffffff, 8, -ENOTCONN}, {0x10491af4, 8, -ENODEV},
	};
	struct pci_layout layout;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-01", "R-PCI-02", "R-PCI-04", "R-PCI-05", "R-SCSI-01");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct model *m = model_standard();

		model_set(m, PCI_VENDOR_ID, 4, table[i].id);
		model_set(m, PCI_SUBSYSTEM_ID, 2, table[i].subsystem);
		assert_int_equal(walk(m, &layout), table[i].ret);
	}
}

static void test_any_revision(void **state)
{
	struct pci_layout layout;
	unsigned revision;

	(void)state;
	CONFORMS("R-PCI-03");
	for (revision = 0; revision < 256; revision++) {
		struct model *m = model_standard();

		m->config[PCI_REVISION_ID] = (uint8_t)revision;
		assert_int_equal(walk(m, &layout), 0);
	}
}

static void test_other_capabilities_are_skipped(void **state)
{
	static const uint8_t types[] = {0, 5, 6, 7, 8, 9, 10, 255};
	struct pci_layout layout;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-11", "R-PCI-18", "R-PCI-19", "R-PCI-22");
	for (i = 0; i < ARRAY_LEN(types); i++) {
		struct model *m = model_new();

		model_foreign(m, PCI_CAP_ID_MSIX);
		model_cap(m, types[i], MODEL_BAR, 0x100, 0x1000, 24);
		model_foreign(m, PCI_CAP_ID_EXP);
		model_rest(m, 0);
		assert_int_equal(walk(m, &layout), 0);
		assert_int_equal(layout.common.offset, MODEL_COMMON);
		assert_int_equal(layout.notify.offset, MODEL_NOTIFY);
		assert_int_equal(layout.device.offset, MODEL_DEVICE);
		assert_int_equal(layout.multiplier, 4);
	}
}

/*
 * One notification capability that can't be used, then one that can; its offset tells which was
 * taken.
 */
static uint64_t after(unsigned bar, uint32_t offset, uint32_t length, unsigned len)
{
	struct model *m = model_new();
	struct pci_layout layout;

	m->bars[0] = 0x100;
	model_cap(m, NOTIFY, bar, offset, length, len);
	model_cap(m, NOTIFY, MODEL_BAR, 0x4000, 0x1000, 20);
	model_rest(m, NOTIFY);
	assert_int_equal(walk(m, &layout), 0);
	return layout.notify.offset;
}

static void test_the_first_usable_one_counts(void **state)
{
	(void)state;
	CONFORMS("R-PCI-12", "R-PCI-14", "R-PCI-20", "R-HARD-24");
	assert_int_equal(after(MODEL_BAR, 0x3000, 0x1000, 20), 0x3000);
	/* No such BAR, or a BAR that isn't there. */
	assert_int_equal(after(6, 0x3000, 0x1000, 20), 0x4000);
	assert_int_equal(after(255, 0x3000, 0x1000, 20), 0x4000);
	assert_int_equal(after(1, 0x3000, 0x1000, 20), 0x4000);
	/* Outside its BAR, and so far outside that a sum of 32 bits would be inside. */
	assert_int_equal(after(0, 0x100, 4, 20), 0x4000);
	assert_int_equal(after(MODEL_BAR, MODEL_SIZE, 4, 20), 0x4000);
	assert_int_equal(after(MODEL_BAR, 0xfffffffe, 4, 20), 0x4000);
	/* Too short, or not aligned. */
	assert_int_equal(after(MODEL_BAR, 0x3000, 1, 20), 0x4000);
	assert_int_equal(after(MODEL_BAR, 0x3000, 0, 20), 0x4000);
	assert_int_equal(after(MODEL_BAR, 0x3001, 0x100, 20), 0x4000);
	/* A capability without room for its fields. */
	assert_int_equal(after(MODEL_BAR, 0x3000, 0x1000, 16), 0x4000);
	assert_int_equal(after(MODEL_BAR, 0x3000, 0x1000, 8), 0x4000);
	assert_int_equal(after(MODEL_BAR, 0x3000, 0x1000, 0), 0x4000);
}

static void test_larger_than_expected(void **state)
{
	static const uint32_t lengths[] = {56, 4096, 4u << 20, UINT32_MAX};
	static const unsigned cap_lens[] = {16, 20, 24, 64};
	struct pci_layout layout;
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-13", "R-PCI-16", "R-CFG-04");
	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		struct model *m = model_new();
		struct model *d = model_new();

		model_cap(m, VIRTIO_PCI_CAP_COMMON_CFG, MODEL_BAR, 0, lengths[i], cap_lens[i]);
		model_rest(m, VIRTIO_PCI_CAP_COMMON_CFG);
		assert_int_equal(walk(m, &layout), 0);
		assert_in_range(layout.common.len, 56, MODEL_SIZE);
		model_cap(d, VIRTIO_PCI_CAP_DEVICE_CFG, MODEL_BAR, MODEL_DEVICE, lengths[i],
			  cap_lens[i]);
		model_rest(d, VIRTIO_PCI_CAP_DEVICE_CFG);
		assert_int_equal(walk(d, &layout), 0);
		assert_in_range(layout.device.len, 36, MODEL_SIZE - MODEL_DEVICE);
	}
}

/* Each structure just long enough, one byte too short, not aligned, and not there at all. */
static void test_too_short_or_missing(void **state)
{
	const struct {
		unsigned type;
		unsigned needed;
	} table[] = {
		{VIRTIO_PCI_CAP_COMMON_CFG, 56},
		{VIRTIO_PCI_CAP_NOTIFY_CFG, 2},
		{VIRTIO_PCI_CAP_DEVICE_CFG, 36},
	};
	struct pci_layout layout;
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-PCI-17", "R-PCI-20", "R-PCI-47", "R-CFG-05");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		for (k = 0; k < 4; k++) {
			struct model *m = model_new();
			uint32_t offset = MODEL_DEVICE + (k == 2);

			model_rest(m, table[i].type);
			if (k < 3)
				model_cap(m, table[i].type, MODEL_BAR, offset,
					  table[i].needed - (k == 1), 20);
			assert_int_equal(walk(m, &layout), k == 0 ? 0 : -EPROTO);
		}
	}
}

static void test_the_list_ends(void **state)
{
	struct pci_layout layout;
	struct model *m;

	(void)state;
	CONFORMS("R-HARD-25");
	/* A circle. */
	m = model_new();
	model_foreign(m, PCI_CAP_ID_PM);
	m->config[m->link] = 0x40;
	assert_int_equal(walk(m, &layout), -ENODEV);
	/* A pointer into the header, whose bytes are no capability. */
	m = model_standard();
	m->config[PCI_CAPABILITY_LIST] = 0x10;
	m->config[0x10] = PCI_CAP_ID_VNDR;
	assert_int_equal(walk(m, &layout), -ENODEV);
	/* The low bits of pointers are none of theirs. */
	m = model_standard();
	m->config[PCI_CAPABILITY_LIST] |= 3;
	assert_int_equal(walk(m, &layout), 0);
	/* A capability that doesn't fit before the end. */
	m = model_new();
	m->config[PCI_CAPABILITY_LIST] = 0xfc;
	memcpy(m->config + 0xfc, "\x09\x00\x10\x01", 4);
	assert_int_equal(walk(m, &layout), -ENODEV);
}

static void test_legacy(void **state)
{
	struct pci_layout layout;
	struct model *m = model_new();

	(void)state;
	CONFORMS("R-LEG-01");
	model_set(m, PCI_VENDOR_ID, 4, 0x10041af4);
	model_set(m, PCI_SUBSYSTEM_ID, 2, 8);
	model_foreign(m, PCI_CAP_ID_MSIX);
	assert_int_equal(walk(m, &layout), -ENODEV);
	/* Nor a list at all. */
	m = model_standard();
	m->config[PCI_STATUS] = 0;
	assert_int_equal(walk(m, &layout), -ENODEV);
}

/* Whatever stands in the configuration space: windows lie inside their BARs. */
static void test_random_bytes(void **state)
{
	struct pci_layout layout;
	unsigned round;
	unsigned i;

	(void)state;
	CONFORMS("R-HARD-24", "R-HARD-25");
	srandom(1);
	for (round = 0; round < 20000; round++) {
		struct model *m = model_standard();
		const struct pci_window *w[] = {&layout.common, &layout.notify, &layout.device};

		for (i = 0; i < 1 + round % 64; i++)
			m->config[0x40 + random() % 0xc0] = (uint8_t)random();
		if (walk(m, &layout))
			continue;
		for (i = 0; i < ARRAY_LEN(w); i++) {
			assert_int_equal(w[i]->bar, MODEL_BAR);
			assert_true(range_inside(w[i]->offset, w[i]->len, 0, MODEL_SIZE));
		}
	}
}

#define NO_SNOOP 0x0800u

static uint16_t device_control(const struct model *m, unsigned at)
{
	return (uint16_t)(m->config[at + 8] | m->config[at + 9] << 8);
}

/*
 * No-snoop is turned off for a function if the IOMMU doesn't enforce coherence; if it can't be
 * turned off, the function is refused.
 */
static void test_coherence(void **state)
{
	const struct transport_opts opts = {.timeout_ms = 100};
	const struct {
		bool snoops;
		bool express;
		bool stays;
		int ret;
		uint16_t control;
	} table[] = {
		{true, true, true, 0, NO_SNOOP | 0x10},
		{false, true, false, 0, 0x10},
		{false, true, true, -EOPNOTSUPP, NO_SNOOP | 0x10},
		{false, false, true, 0, NO_SNOOP | 0x10},
	};
	unsigned i;

	(void)state;
	CONFORMS("R-PCI-68");
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct model *m = model_new();
		unsigned at = model_foreign(m, table[i].express ? 0x10 : 0x11);
		struct transport *t = NULL;

		m->config[at + 8] = 0x10;
		m->config[at + 9] = NO_SNOOP >> 8;
		model_rest(m, 0);
		m->bus.snoops = table[i].snoops;
		if (table[i].stays) {
			m->sticky_at = at + 8;
			m->sticky = NO_SNOOP;
		}
		assert_int_equal(pci_attach(&m->bus, &pci_ops, &opts, &t), table[i].ret);
		assert_int_equal(device_control(m, at), table[i].control);
		assert_int_equal(model_count(m, CONFIG_WRITE, at + 8),
				 !table[i].snoops && table[i].express);
		if (t)
			pci_ops.close(t);
		model_free(m);
	}
}

/* Registers in I/O space: nothing of them can be mapped, and everything works. */
static void test_an_io_bar(void **state)
{
	struct model *m = model_standard();
	struct transport *t;
	uint64_t offered;

	(void)state;
	CONFORMS("R-PCI-21");
	m->io = true;
	t = model_attach(m);
	assert_int_equal(pci_ops.get_features(t, &offered), 0);
	assert_int_equal(pci_ops.set_status(t, 0), 0);
	assert_int_equal(pci_ops.queue_max(t, 2), 256);
	pci_ops.close(t);
	model_free(m);
}

int capability_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_any_revision),
		cmocka_unit_test(test_other_capabilities_are_skipped),
		cmocka_unit_test(test_the_first_usable_one_counts),
		cmocka_unit_test(test_larger_than_expected),
		cmocka_unit_test(test_too_short_or_missing),
		cmocka_unit_test(test_the_list_ends),
		cmocka_unit_test(test_legacy),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_coherence),
		cmocka_unit_test(test_an_io_bar),
	};

	return cmocka_run_group_tests_name("pci/capability", tests, NULL, NULL);
}
