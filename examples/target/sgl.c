/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scatter-gather lists.
 */
#include "sgl.h"

#include <stdint.h>
#include <string.h>

/* Returns the rest of the current segment, at most @limit bytes, and advances. NULL at the end. */
static void *next_piece(struct sgl *s, size_t limit, size_t *len)
{
	char *base;
	size_t left;

	while (s->count && s->skip == s->iov->iov_len) {
		s->iov++;
		s->count--;
		s->skip = 0;
	}
	if (!s->count)
		return NULL;
	base = (char *)s->iov->iov_base + s->skip;
	left = s->iov->iov_len - s->skip;
	*len = left < limit ? left : limit;
	s->skip += *len;
	s->len -= *len;
	return base;
}

/* Changes only the position, so earlier copies of @s keep theirs. */
void sgl_advance(struct sgl *s, size_t n)
{
	size_t len;

	while (n && next_piece(s, n, &len))
		n -= len;
}

size_t sgl_read(struct sgl *s, void *buf, size_t n)
{
	size_t done = 0;
	size_t len;
	void *piece;

	while (done < n && (piece = next_piece(s, n - done, &len))) {
		memcpy((char *)buf + done, piece, len);
		done += len;
	}
	return done;
}

size_t sgl_write(struct sgl *s, const void *buf, size_t n)
{
	size_t done = 0;
	size_t len;
	void *piece;

	while (done < n && (piece = next_piece(s, n - done, &len))) {
		memcpy(piece, (const char *)buf + done, len);
		done += len;
	}
	return done;
}

void sgl_clear(struct sgl *s, size_t n)
{
	size_t len;
	void *piece;

	while (n && (piece = next_piece(s, n, &len))) {
		memset(piece, 0, len);
		n -= len;
	}
}

/* For callers that pass the segments on instead of copying, for example to the kernel. */
unsigned int sgl_take(struct sgl *s, struct iovec *out, unsigned int max, size_t *bytes)
{
	unsigned int n = 0;
	size_t done = 0;
	size_t len;
	void *piece;

	while (n < max && done < *bytes && (piece = next_piece(s, *bytes - done, &len))) {
		out[n++] = (struct iovec){.iov_base = piece, .iov_len = len};
		done += len;
	}
	*bytes = done;
	return n;
}
