/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Storage of a logical unit: a file or block device, an NBD server's disk, memory, or nothing. A
 * store counts in bytes and knows no SCSI; its callers check the range.
 */
#ifndef TARGET_STORE_H
#define TARGET_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "sgl.h"

struct store;

/* All functions return 0 or a negative errno; a short transfer counts as -EIO. */
struct store_ops {
	/* Read @len bytes at @at into @to, and advance @to. */
	int (*read)(struct store *s, struct sgl *to, uint64_t at, size_t len);
	/*
	 * Write @len bytes of @from at @at, and advance @from. With @fua they are durable when it
	 * returns 0; once a flush has failed, this fails too.
	 */
	int (*write)(struct store *s, struct sgl *from, uint64_t at, size_t len, bool fua);
	/*
	 * Make all earlier writes durable. Once this has failed, some of them may be lost, and it
	 * fails until the store is opened again.
	 */
	int (*flush)(struct store *s);
	/* Zero a range; with @free_space also deallocate it, if possible. */
	int (*zero)(struct store *s, uint64_t at, uint64_t len, bool free_space);
	/*
	 * The number of bytes from @at on, at least 1, that are all data or all in a hole, and
	 * which of the two. NULL for a store that doesn't know.
	 */
	uint64_t (*extent)(struct store *s, uint64_t at, bool *hole);
	/* Change the size; new bytes read as zeros. Sets s->size. */
	int (*resize)(struct store *s, uint64_t size);
	/* Release the store. */
	void (*close)(struct store *s);
};

struct store {
	const struct store_ops *ops;
	uint64_t size;       /* bytes */
	uint64_t identity;   /* of a file, see identity.h, or of memory; 0: none */
	bool parallel;       /* several threads may read, write and flush at once */
	bool volatile_cache; /* writes are durable only after a flush */
	bool read_only;      /* it can't be written, whatever was asked for */
};

/*
 * store_file_open - use an existing regular file or block device.
 * Opens @path, read-only if @read_only, and locks it, see image.h. Returns 0 and the store in
 * *@out, or a negative errno with the error text set. Release it with ops->close().
 */
int store_file_open(const char *path, bool read_only, struct store **out);

/*
 * store_nbd_open - use the disk of an NBD server, by its URI: nbd://HOST/EXPORT or
 * nbd+unix:///EXPORT?socket=PATH.
 * The server must serve accesses to blocks of @block_size. It decides the size, and whether the
 * disk can be written. Waits for the server, as every access does. Returns 0 or a negative errno
 * with the error text set. While no server can be reached, accesses end with -ENOTCONN.
 */
int store_nbd_open(const char *uri, uint32_t block_size, struct store **out);

/* store_ram_open - use @size bytes of memory; pages are allocated at the first write. */
int store_ram_open(uint64_t size, struct store **out);

/*
 * store_null_open - store nothing: a read leaves the buffer unchanged, a write is discarded. For
 * measuring the cost of everything else.
 */
int store_null_open(uint64_t size, struct store **out);

#endif
