/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A list of pieces of memory with a reading position. Framing is free in virtio (virtio 1.4,
 * 2.7.4): headers, data and responses may be cut anywhere, so all of them are read and written
 * through such a list. The list never owns the memory and never changes the iovec array.
 */
#ifndef TARGET_SGL_H
#define TARGET_SGL_H

#include <stddef.h>
#include <sys/uio.h>

struct sgl {
	const struct iovec *iov; /* the piece the position is in */
	unsigned int count;      /* pieces left, that one included */
	size_t skip;             /* bytes of it that were passed already */
	size_t len;              /* bytes left in all pieces */
};

/* sgl_advance - step over @n bytes, or to the end if there are fewer. Copies of @s stay behind. */
void sgl_advance(struct sgl *s, size_t n);

/*
 * sgl_read - copy up to @n bytes from the list into @buf and step over them.
 * Returns the number of bytes copied, less than @n only at the end of the list.
 */
size_t sgl_read(struct sgl *s, void *buf, size_t n);

/* sgl_write - the same in the other direction: from @buf into the list. */
size_t sgl_write(struct sgl *s, const void *buf, size_t n);

/*
 * sgl_take - cut pieces off the front of the list and step over them.
 * @out, @max: where the pieces go, and how many there is room for
 * @bytes: in: the most to take; out: how much was taken
 * Returns the number of pieces; 0 only when the list or *@bytes is at its end.
 */
unsigned int sgl_take(struct sgl *s, struct iovec *out, unsigned int max, size_t *bytes);

#endif
