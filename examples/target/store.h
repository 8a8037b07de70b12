/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the blocks of a logical unit are kept. Three kinds: a file or block device, memory, and
 * nothing at all. A store counts bytes and knows no SCSI; who calls it has checked the range.
 */
#ifndef TARGET_STORE_H
#define TARGET_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "sgl.h"

struct store;

/* All functions return 0 or a negative errno; a short transfer counts as -EIO. */
struct store_ops {
	/* Fill the first @len bytes of @to from byte @at on. @to is stepped over. */
	int (*read)(struct store *s, struct sgl *to, uint64_t at, size_t len);
	/* Write the first @len bytes of @from at byte @at. @from is stepped over. */
	int (*write)(struct store *s, struct sgl *from, uint64_t at, size_t len);
	/* Make all earlier writes durable. */
	int (*flush)(struct store *s);
	/* Make a range read as zeros; with @free_space also give its space back, if possible. */
	int (*zero)(struct store *s, uint64_t at, uint64_t len, bool free_space);
	/* Change the size; what is cut off is lost, what is new reads as zeros. Sets s->size. */
	int (*resize)(struct store *s, uint64_t size);
	/* Release the store and all it holds. */
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
	uint64_t size;       /* bytes */
	bool volatile_cache; /* whether a write is durable only after flush */
};

/*
 * store_file_open - keep blocks in an existing regular file or block device.
 * Opens @path, for reading only if @read_only. Returns 0 and the store in *@out, or a negative
 * errno with a sentence in refusal(). ops->close() releases it.
 */
int store_file_open(const char *path, bool read_only, struct store **out);

/* store_ram_open - keep @size bytes in memory; pages are taken when first written. */
int store_ram_open(uint64_t size, struct store **out);

/*
 * store_null_open - keep nothing: a read leaves the buffer as it is, a write is dropped. It makes
 * the cost of everything else measurable.
 */
int store_null_open(uint64_t size, struct store **out);

#endif
