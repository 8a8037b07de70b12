/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scatter-gather list with a position. In virtio, headers, data and responses may be split
 * arbitrarily over descriptors (virtio 1.4, 2.7.4), so all of them are accessed through such a
 * list. The list does not own the memory and never changes the iovec array.
 */
#ifndef TARGET_SGL_H
#define TARGET_SGL_H

#include <stddef.h>
#include <sys/uio.h>

struct sgl {
	const struct iovec *iov; /* the segment that contains the position */
	unsigned int count;      /* segments left, this one included */
	size_t skip;             /* position in this segment */
	size_t len;              /* bytes left in all segments */
};

/* sgl_advance - advance by @n bytes, at most to the end. Copies of @s keep their position. */
void sgl_advance(struct sgl *s, size_t n);

/*
 * sgl_read - copy up to @n bytes from the list into @buf and advance.
 * Returns the number of bytes copied, less than @n only at the end of the list.
 */
size_t sgl_read(struct sgl *s, void *buf, size_t n);

/* sgl_write - the same from @buf into the list. */
size_t sgl_write(struct sgl *s, const void *buf, size_t n);

/* sgl_clear - write @n zero bytes, at most to the end, and advance. */
void sgl_clear(struct sgl *s, size_t n);

/*
 * sgl_take - remove segments from the front of the list.
 * @out, @max: receives the segments, at most @max
 * @bytes: in: the maximum; out: how many were taken
 * Returns the number of segments; 0 only if the list is at its end or *@bytes is 0.
 */
unsigned int sgl_take(struct sgl *s, struct iovec *out, unsigned int max, size_t *bytes);

#endif
