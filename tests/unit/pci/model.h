/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio-scsi PCI function in memory: configuration space, the registers of one BAR, and an
 * IOMMU that only takes notes. It logs every access, and errs as the test says.
 */
#ifndef TESTS_UNIT_PCI_MODEL_H
#define TESTS_UNIT_PCI_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_scsi.h>

#include "conforms.h"
#include "transport/pci/function.h"
#include "transport/pci/pci.h"
#include "util/bits.h"

#define MODEL_BAR     4u
#define MODEL_SIZE    0x8000u
#define MODEL_COMMON  0x0000u
#define MODEL_ISR     0x1000u
#define MODEL_DEVICE  0x2000u
#define MODEL_NOTIFY  0x3000u /* up to the BAR's end */
#define MODEL_QUEUES  300u

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)

enum model_access {
	CONFIG_READ,
	CONFIG_WRITE,
	BAR_READ,
	BAR_WRITE,
	IRQ_SET,
	DMA_MAP,
	DMA_UNMAP,
	RESET,
	FENCE,
};

struct model_entry {
	enum model_access access;
	unsigned bar;
	uint64_t offset; /* or IOVA, or number of vectors, or order of the fence */
	unsigned width;
	uint64_t value;
};

struct model_queue {
	uint16_t size;
	uint16_t vector;
	uint16_t enable;
	uint16_t notify_off;
	uint16_t name; /* what the device wants to hear in a kick */
	uint32_t address[6];
};

/**
 * struct model - The function
 * @bus: what the transport gets
 * @config: configuration space; @cap: where the next capability goes, @link: where its number goes
 * @bars: sizes of the BARs
 * @offer, @accepted: features; @next_offer: what is offered once a half was read, 0: the same
 * @device: device configuration
 * @queue_max: size of all queues
 * @status_stays: reads for which a reset doesn't show; UINT_MAX: for ever
 * @generation_moves: reads of the generation that change it; UINT_MAX: all
 * @vectors_taken: vectors that the device accepts
 * @vector_lies: shows another vector than was written
 * @enable_ignored: queue_enable doesn't take effect
 * @irqs_to_be_had: limit of irq_set; @fds: what it was given
 * @window: memory that stands for what is mapped, NULL: nothing can be
 * @mapped_at, @mapped_len: what is mapped of the BAR
 * @sticky: bits of the configuration space at @sticky_at that can't be cleared
 * @physical: added to an address when nothing translates; @map_err: what mapping returns
 * @io: the BAR lies in I/O space
 * @lives: accesses after which it is @gone or, with @dies, @dead; 0: it stays
 * @gone: answers ones; @dead: accesses fail; @leaving: wanted back
 * @closed: close() was called
 */
struct model {
	struct pci_bus bus;
	uint8_t config[256];
	unsigned cap;
	unsigned link;
	uint64_t bars[PCI_BARS];
	uint64_t offer;
	uint64_t next_offer;
	uint32_t accepted[2];
	struct virtio_scsi_config device;
	uint32_t device_select;
	uint32_t driver_select;
	uint16_t config_vector;
	uint16_t num_queues;
	uint8_t status;
	uint8_t generation;
	uint16_t select;
	uint16_t queue_max;
	struct model_queue queues[MODEL_QUEUES];
	unsigned status_stays;
	unsigned generation_moves;
	unsigned vectors_taken;
	bool vector_lies;
	bool enable_ignored;
	unsigned irqs_to_be_had;
	int fds[PCI_QUEUES];
	void *window;
	uint64_t mapped_at;
	uint64_t mapped_len;
	unsigned sticky_at;
	uint16_t sticky;
	uint64_t physical;
	int map_err;
	bool io;
	unsigned lives;
	bool dies;
	bool gone;
	bool dead;
	bool leaving;
	bool closed;
	struct model_entry *log;
	unsigned logged;
	unsigned log_room;
};

/* A function without capabilities; model_standard() adds those that QEMU's has. 6 virtqueues. */
struct model *model_new(void);
struct model *model_standard(void);

/* Writes a register of configuration space, as the device has it. */
void model_set(struct model *m, unsigned offset, unsigned width, uint32_t value);

/* Adds a virtio capability; @bar may be any number, @len is cap_len. Returns where it lies. */
unsigned model_cap(struct model *m, unsigned type, unsigned bar, uint32_t offset, uint32_t length,
		   unsigned len);

/* Adds a capability of another kind. Returns where it lies. */
unsigned model_foreign(struct model *m, uint8_t id);

/* Adds the standard capabilities except those of type @except. */
void model_rest(struct model *m, unsigned except);

/* A transport on it that has to come about; closed with ops->close, freed with model_free(). */
struct transport *model_attach(struct model *m);
void model_free(struct model *m);

/* Number of accesses of this kind to this offset, of the model's BAR. */
unsigned model_count(const struct model *m, enum model_access access, uint64_t offset);

/* Where access number @skip of the kind to the offset stands in the log; -1: nowhere. */
int model_find(const struct model *m, enum model_access access, uint64_t offset, unsigned skip);

int capability_tests(void);
int life_tests(void);
int queue_tests(void);
int notify_tests(void);
int nowait_tests(void);
int irq_tests(void);
int dma_tests(void);

#endif
