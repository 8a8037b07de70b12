/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unit attentions (SAM-5, "Unit attention condition"): a list for each unit and client.
 */
#include <string.h>

#include "lun.h"

/* The list is short. */
static void drop(struct attentions *a, unsigned int i)
{
	a->count--;
	memmove(&a->codes[i], &a->codes[i + 1], (a->count - i) * sizeof(a->codes[0]));
}

/* A repeated one moves to the end, in the order of events. */
void nexus_attention(struct lun *lun, unsigned int nexus, uint16_t code)
{
	struct attentions *a = &lun->attentions[nexus];

	lun_forget_attention(lun, nexus, code);
	if (code >> 8 == 0x29)
		a->count = 0;
	if (a->count == ATTENTIONS)
		drop(a, 0);
	a->codes[a->count++] = code;
}

/* Where there is no client now, the next one's power-on replaces it. */
void lun_attention(struct lun *lun, uint16_t code)
{
	unsigned int i;

	for (i = 0; i < NEXUSES; i++)
		nexus_attention(lun, i, code);
}

void target_attention(struct lun_table *t, uint8_t target, uint16_t code, const struct lun *except)
{
	struct lun *lun;

	for (lun = t->targets[target]; lun; lun = lun->next)
		if (lun != except)
			lun_attention(lun, code);
}

uint16_t lun_take_attention(struct lun *lun, unsigned int nexus)
{
	struct attentions *a = &lun->attentions[nexus];
	uint16_t code;

	if (!a->count)
		return 0;
	code = a->codes[0];
	drop(a, 0);
	return code;
}

void lun_forget_attention(struct lun *lun, unsigned int nexus, uint16_t code)
{
	struct attentions *a = &lun->attentions[nexus];
	unsigned int i = 0;

	while (i < a->count) {
		if (a->codes[i] == code)
			drop(a, i);
		else
			i++;
	}
}

/* For a client, connecting is a power-on. */
void lun_table_power_on(struct lun_table *t, unsigned int nexus, bool start)
{
	struct lun *lun;
	unsigned int i;

	for (i = 0; i < MAX_TARGETS; i++) {
		for (lun = t->targets[i]; lun; lun = lun->next) {
			lun->stopped &= !start;
			nexus_attention(lun, nexus, UA_POWER_ON);
		}
	}
}
