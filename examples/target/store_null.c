/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store without data: transfers succeed without copying.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>

#include "error.h"

/* Does not even walk the list: what remains is the cost of ring and command. */
static int null_move(struct store *s, struct sgl *mem, uint64_t at, size_t len)
{
	(void)s;
	(void)mem;
	(void)at;
	(void)len;
	return 0;
}

static int null_flush(struct store *s)
{
	(void)s;
	return 0;
}

static int null_write(struct store *s, struct sgl *mem, uint64_t at, size_t len, bool fua)
{
	(void)fua;
	return null_move(s, mem, at, len);
}

/* Nothing to clear. */
static int null_zero(struct store *s, uint64_t at, uint64_t len, bool free_space)
{
	(void)s;
	(void)at;
	(void)len;
	(void)free_space;
	return 0;
}

static int null_resize(struct store *s, uint64_t size)
{
	s->size = size;
	return 0;
}

static void null_close(struct store *s)
{
	free(s);
}

static const struct store_ops null_ops = {
	.read = null_move,
	.write = null_write,
	.flush = null_flush,
	.zero = null_zero,
	.resize = null_resize,
	.close = null_close,
};

int store_null_open(uint64_t size, struct store **out)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return set_error(ENOMEM, "no memory left for an empty disk");
	*s = (struct store){.ops = &null_ops, .parallel = true, .size = size};
	*out = s;
	return 0;
}
