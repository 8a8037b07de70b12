/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unit attentions (SAM-5, "Unit attention condition"). There is one client at a time, so each unit
 * has one list.
 */
#include <string.h>

#include "lun.h"

/* The list is short. */
static void drop(struct lun *lun, unsigned int i)
{
	lun->attention_count--;
	memmove(&lun->attentions[i], &lun->attentions[i + 1],
		(lun->attention_count - i) * sizeof(lun->attentions[0]));
}

/* A repeated one moves to the end, in the order of events. */
void lun_attention(struct lun *lun, uint16_t code)
{
	lun_forget_attention(lun, code);
	if (code >> 8 == 0x29)
		lun->attention_count = 0;
	if (lun->attention_count == ATTENTIONS)
		drop(lun, 0);
	lun->attentions[lun->attention_count++] = code;
}

void target_attention(struct lun_table *t, uint8_t target, uint16_t code, const struct lun *except)
{
	struct lun *lun;

	for (lun = t->targets[target]; lun; lun = lun->next)
		if (lun != except)
			lun_attention(lun, code);
}

uint16_t lun_take_attention(struct lun *lun)
{
	uint16_t code;

	if (!lun->attention_count)
		return 0;
	code = lun->attentions[0];
	drop(lun, 0);
	return code;
}

void lun_forget_attention(struct lun *lun, uint16_t code)
{
	unsigned int i = 0;

	while (i < lun->attention_count) {
		if (lun->attentions[i] == code)
			drop(lun, i);
		else
			i++;
	}
}

/* For a new client, connecting is a power-on. */
void lun_table_power_on(struct lun_table *t)
{
	struct lun *lun;
	unsigned int i;

	for (i = 0; i < MAX_TARGETS; i++) {
		for (lun = t->targets[i]; lun; lun = lun->next) {
			lun->stopped = false;
			lun_attention(lun, UA_POWER_ON);
		}
	}
}
