/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Logical units and the table of them. Their commands are in scsi.h, their storage is in store.h.
 */
#ifndef TARGET_LUN_H
#define TARGET_LUN_H

#include <stdbool.h>
#include <stdint.h>

#include "reservation.h"
#include "store.h"

#define MAX_TARGETS 256 /* one byte in the LUN field (virtio 1.4, 5.6.6.1) */
#define MAX_LUN_NUMBER \
	16383        /* 14 bits of single-level addressing (SAM-5, "Single level LUN structure") */
#define ATTENTIONS 8 /* pending unit attentions per unit and client */
#define SERIAL_MAX 32

/* Additional sense code and qualifier as one number: 0x2A09 is 2Ah/09h. */
#define UA_POWER_ON         0x2900
#define UA_DEVICE_RESET     0x2903 /* bus device reset function occurred: a LUN or target reset */
#define UA_NEXUS_LOSS       0x2907
#define UA_CAPACITY_CHANGED 0x2A09
#define UA_LUNS_CHANGED     0x3F0E
/* For the other initiators. */
#define UA_MODE_CHANGED            0x2A01
#define UA_RESERVATIONS_PREEMPTED  0x2A03
#define UA_RESERVATIONS_RELEASED   0x2A04
#define UA_REGISTRATIONS_PREEMPTED 0x2A05

enum store_kind { STORE_FILE, STORE_NBD, STORE_RAM, STORE_NULL };

/* Parsed options of a unit. */
struct lun_spec {
	uint8_t target;
	uint16_t number;
	enum store_kind kind;
	char path[256]; /* STORE_FILE; the URI of STORE_NBD */
	uint64_t size;  /* the other two; bytes */
	bool read_only;
	bool thin;
	uint32_t block_size;
	char serial[SERIAL_MAX + 1]; /* empty: derived from @naa or from the file */
	uint64_t naa;                /* 0: derived from the serial number */
	char reservation_file[256];  /* empty: none */
};

/* Pending unit attentions of one nexus, oldest first. */
struct attentions {
	uint16_t codes[ATTENTIONS];
	unsigned int count;
};

struct lun {
	struct lun *next; /* the next higher number in the same target */
	uint8_t target;
	uint16_t number;
	uint32_t block_size;
	uint64_t blocks;
	bool read_only;
	bool thin;
	bool stopped;       /* by START STOP UNIT */
	bool write_through; /* the write cache was switched off by MODE SELECT */
	char serial[SERIAL_MAX + 1];
	uint64_t naa; /* NAA identifier */
	struct store *store;
	struct attentions attentions[NEXUSES];
	struct reservations reservations;
	char reservation_file[256]; /* empty: they end with the process */
};

struct lun_table {
	uint64_t place; /* identity of the socket, for serial numbers of disks without a file */
	struct lun *targets[MAX_TARGETS]; /* lists sorted by number; NULL: no such target */
};

/*
 * parse_size - parse a number of bytes with an optional suffix K, M, G or T (powers of 1024).
 * Returns 0, or -EINVAL with the error text set.
 */
int parse_size(const char *text, uint64_t *out);

/*
 * parse_lun_address - parse "T:L" at the start of @text; *@rest is set to what follows.
 * Returns 0, or -EINVAL with the error text set.
 */
int parse_lun_address(const char *text, uint8_t *target, uint16_t *number, const char **rest);

/* lun_spec_parse - parse "T:L,file=PATH,ro,...". Returns 0, or -EINVAL with the error text set. */
int lun_spec_parse(const char *text, struct lun_spec *spec);

/*
 * lun_add - open the store of a new unit and add the unit to the table.
 * A power-on unit attention becomes pending. Returns 0 or a negative errno with the error text set:
 * -EEXIST if the address is in use, or the error of opening the store.
 */
int lun_add(struct lun_table *t, const struct lun_spec *spec);

/* lun_remove - remove a unit. Returns 0 or -ENOENT with the error text set. */
int lun_remove(struct lun_table *t, uint8_t target, uint16_t number);

/*
 * lun_resize - change the size of a unit, in bytes; a capacity unit attention becomes pending.
 * Returns 0 or a negative errno with the error text set.
 */
int lun_resize(struct lun_table *t, uint8_t target, uint16_t number, uint64_t size);

/* lun_find - the unit at an address, or NULL. */
struct lun *lun_find(const struct lun_table *t, uint8_t target, uint16_t number);

/* lun_table_close - remove all units. */
void lun_table_close(struct lun_table *t);

/*
 * nexus_attention - establish a unit attention for one client (SAM-5), unless the same one is
 * pending already. A power-on or reset replaces all others.
 */
void nexus_attention(struct lun *lun, unsigned int nexus, uint16_t code);

/* lun_attention - the same for every client. */
void lun_attention(struct lun *lun, uint16_t code);

/* target_attention - the same for all units of a target except @except, which may be NULL. */
void target_attention(struct lun_table *t, uint8_t target, uint16_t code, const struct lun *except);

/* lun_take_attention - remove and return a client's oldest unit attention; 0 if there is none. */
uint16_t lun_take_attention(struct lun *lun, unsigned int nexus);

/* lun_forget_attention - remove a client's unit attention, if it is pending. */
void lun_forget_attention(struct lun *lun, unsigned int nexus, uint16_t code);

/* lun_table_power_on - give the client at @nexus the units as new. @start: all that are stopped. */
void lun_table_power_on(struct lun_table *t, unsigned int nexus, bool start);

#endif
