/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the front-end sent, for tests to look at, and the rules it broke. Waiting here is for an
 * event, never for an amount of time; the limit is only there so that a test which waits in vain
 * ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig/internal.h"

/* Only the first is kept: those that follow are often its consequences. */
void rig_violate(struct rig *rig, const char *fmt, ...)
{
	va_list ap;

	rig_lock(rig);
	if (!rig->violated) {
		va_start(ap, fmt);
		vsnprintf(rig->violation, sizeof(rig->violation), fmt, ap);
		va_end(ap);
		rig->violated = true;
	}
	rig_changed(rig);
	rig_unlock(rig);
}

const char *rig_violation(struct rig *rig)
{
	bool violated;

	rig_lock(rig);
	violated = rig->violated;
	rig->fetched = rig->fetched || violated;
	rig_unlock(rig);
	return violated ? rig->violation : NULL;
}

void rig_changed(struct rig *rig)
{
	pthread_cond_broadcast(&rig->changed);
}

bool rig_wait(struct rig *rig, const char *what)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += WAIT_MS / 1000;
	if (pthread_cond_timedwait(&rig->changed, &rig->lock, &limit)) {
		/* fail_msg() leaves by a jump: unlock first. */
		rig_unlock(rig);
		fail_msg("the rig waited in vain for %s", what);
		rig_lock(rig);
	}
	return !rig->stopping;
}

static const struct rig_record *find(struct rig *rig, uint32_t request, unsigned n)
{
	unsigned i;

	for (i = 0; i < rig->count; i++) {
		if ((request == RIG_ANY || rig->records[i].request == request) && n-- == 0)
			return &rig->records[i];
	}
	return NULL;
}

unsigned rig_seen(struct rig *rig, uint32_t request)
{
	unsigned n = 0;

	rig_lock(rig);
	while (find(rig, request, n))
		n++;
	rig_unlock(rig);
	return n;
}

bool rig_record(struct rig *rig, uint32_t request, unsigned n, struct rig_record *out)
{
	const struct rig_record *record;

	rig_lock(rig);
	record = find(rig, request, n);
	if (record)
		*out = *record;
	rig_unlock(rig);
	return record != NULL;
}

/* Copies a part of a message's payload. */
static void read_payload(struct rig *rig, uint32_t request, unsigned n, size_t at, void *to,
			 size_t len)
{
	struct rig_record record;

	if (!rig_record(rig, request, n, &record) || record.size < at + len)
		fail_msg("message %u did not come %u times with %zu bytes", request, n + 1,
			 at + len);
	memcpy(to, record.payload + at, len);
}

uint64_t rig_value(struct rig *rig, uint32_t request, unsigned n)
{
	uint64_t value;

	read_payload(rig, request, n, 0, &value, sizeof(value));
	return value;
}

uint32_t rig_word(struct rig *rig, uint32_t request, unsigned n, unsigned i)
{
	uint32_t word;

	read_payload(rig, request, n, i * sizeof(word), &word, sizeof(word));
	return word;
}

void rig_wait_seen(struct rig *rig, uint32_t request, unsigned n)
{
	rig_lock(rig);
	while (n && !find(rig, request, n - 1) && rig_wait(rig, "a message"))
		;
	rig_unlock(rig);
}

bool rig_connected(struct rig *rig)
{
	bool connected;

	rig_lock(rig);
	connected = rig->fd >= 0;
	rig_unlock(rig);
	return connected;
}

void rig_wait_gone(struct rig *rig)
{
	rig_lock(rig);
	while (rig->fd >= 0 && rig_wait(rig, "the end of the connection"))
		;
	rig_unlock(rig);
}
