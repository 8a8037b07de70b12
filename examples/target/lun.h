/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logical units: what one is, and the table of all of them. The commands they answer are in
 * scsi.h; where their blocks live is in store.h.
 */
#ifndef TARGET_LUN_H
#define TARGET_LUN_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

#define MAX_TARGETS 256 /* virtio-scsi has one byte for it (virtio 1.4, 5.6.6.1) */
#define MAX_LUN_NUMBER \
	16383        /* 14 bits of single-level addressing (SAM-5, "Single level LUN structure") */
#define ATTENTIONS 8 /* unit attentions kept for one unit */
#define SERIAL_MAX 32

/* Additional sense code and qualifier as one number: 0x2A09 is 2Ah/09h. */
#define UA_POWER_ON         0x2900
#define UA_DEVICE_RESET     0x2903 /* bus device reset function occurred: a LUN or target reset */
#define UA_NEXUS_LOSS       0x2907
#define UA_CAPACITY_CHANGED 0x2A09
#define UA_LUNS_CHANGED     0x3F0E

enum store_kind { STORE_FILE, STORE_RAM, STORE_NULL };

/* What the user asked for, before anything is opened. */
struct lun_spec {
	uint8_t target;
	uint16_t number;
	enum store_kind kind;
	char path[256]; /* STORE_FILE */
	uint64_t size;  /* the other two, bytes */
	bool read_only;
	bool thin;
	uint32_t block_size;
	char serial[SERIAL_MAX + 1]; /* empty: made from the address and the path */
};

struct lun {
	struct lun *next; /* the next higher number on the same target */
	uint8_t target;
	uint16_t number;
	uint32_t block_size;
	uint64_t blocks;
	bool read_only;
	bool thin;
	bool stopped; /* by START STOP UNIT */
	char serial[SERIAL_MAX + 1];
	uint64_t naa; /* the worldwide name, stable as long as the serial number is */
	struct store *store;
	uint16_t attentions[ATTENTIONS]; /* pending, oldest first */
	unsigned int attention_count;
};

struct lun_table {
	const char *place; /* where clients find them: part of their names; may be NULL */
	struct lun *targets[MAX_TARGETS]; /* each a list sorted by number; NULL: no such target */
};

/*
 * parse_size - a number of bytes, with an optional K, M, G or T of 1024s.
 * Returns 0, or -EINVAL with a sentence in refusal().
 */
int parse_size(const char *text, uint64_t *out);

/*
 * parse_lun_address - "T:L" at the start of @text; *@rest is set to what follows.
 * Returns 0, or -EINVAL with a sentence.
 */
int parse_lun_address(const char *text, uint8_t *target, uint16_t *number, const char **rest);

/* lun_spec_parse - "T:L,file=PATH,ro,..." into @spec. Returns 0, or -EINVAL with a sentence. */
int lun_spec_parse(const char *text, struct lun_spec *spec);

/*
 * lun_add - open the store of a new unit and put the unit into the table.
 * The unit starts with a power-on unit attention. Returns 0 or a negative errno with a sentence:
 * -EEXIST when the address is taken, or what opening the store gave.
 */
int lun_add(struct lun_table *t, const struct lun_spec *spec);

/* lun_remove - take a unit out and release it. Returns 0 or -ENOENT with a sentence. */
int lun_remove(struct lun_table *t, uint8_t target, uint16_t number);

/*
 * lun_resize - give a unit a new size in bytes; a capacity unit attention becomes pending.
 * Returns 0 or a negative errno with a sentence.
 */
int lun_resize(struct lun_table *t, uint8_t target, uint16_t number, uint64_t size);

/* lun_find - the unit at an address, or NULL. */
struct lun *lun_find(const struct lun_table *t, uint8_t target, uint16_t number);

/* lun_table_close - release all units. */
void lun_table_close(struct lun_table *t);

/*
 * lun_attention - make a unit attention pending (SAM-5). One that is pending already is not
 * repeated; a power-on or a reset displaces all others, because it says more than they do.
 */
void lun_attention(struct lun *lun, uint16_t code);

/* target_attention - the same for every unit of a target but @except, which may be NULL. */
void target_attention(struct lun_table *t, uint8_t target, uint16_t code, const struct lun *except);

/* lun_take_attention - the oldest pending one, which is then no longer pending; 0 if none is. */
uint16_t lun_take_attention(struct lun *lun);

/* lun_forget_attention - drop a pending one, if it is there. */
void lun_forget_attention(struct lun *lun, uint16_t code);

/* lun_table_power_on - every unit as a client that just connected finds it. */
void lun_table_power_on(struct lun_table *t);

#endif
