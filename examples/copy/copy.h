/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vscsi-copy: the two sides of a copy, its options and its state.
 *
 * main.c     command line
 * open.c     opens both sides and checks that they fit
 * disk.c     a disk as a side
 * file.c     a file, block device or pipe as a side
 * transfer.c moves the data
 * verify.c   compares both sides afterwards
 * progress.c progress line and rate limit
 * report.c   error messages, and the report at the end
 */
#ifndef EXAMPLES_COPY_COPY_H
#define EXAMPLES_COPY_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <vscsi/vscsi.h>

#include "common/clock.h"
#include "common/interrupt.h"

#define DEPTH          32
#define CHUNK          (256u * 1024)
#define EXTENTS        64
#define UNKNOWN        UINT64_MAX
#define EXIT_USAGE     2
#define EXIT_DIFFERENT 3

/* user_data of the flush during a copy; requests of chunks have their numbers. */
#define FLUSH DEPTH

/* Whether a disk can be filled with zeros without transferring them. */
enum zeroing {
	ZEROING_UNTRIED,
	ZEROING_WORKS,
	ZEROING_UNSUPPORTED,
};

/* What is copied from, or to. Offsets are from @start on, in bytes. */
struct side {
	const char *name; /* of a disk, its address */
	bool disk;
	bool output;
	uint64_t start; /* --skip, --seek */
	uint64_t size;  /* from @start to its end; UNKNOWN: a stream, or a file to be written */
	uint32_t block; /* 1 for files */
	bool blank;     /* output: known to read as zeros wherever the copy has not written */

	/* A disk. */
	/* Which one it is; if the address has an identity, only once it is open. */
	uint32_t target;
	uint32_t number;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	struct vscsi_lun_info info;
	enum zeroing zeroing;
	struct vscsi_extent extents[EXTENTS];
	unsigned extent_count;

	/* A file. */
	int fd;
	bool keep;      /* output: change only the part that is copied */
	uint64_t least; /* output: bytes from @start on that an earlier copy has written */
	bool readable;  /* output: will be read, to verify it */
	bool stream;    /* a pipe or similar: in order, without offsets */

	/* Of the input: the extent that begins at or before the next chunk. */
	uint64_t extent_end;
	bool extent_zero;
};

enum chunk_state {
	CHUNK_FREE,
	CHUNK_LOADING, /* the input's disk reads into @buf */
	CHUNK_LOADED,  /* to be stored from @stored on */
	CHUNK_STORING, /* the output's disk writes @run bytes, all zeros if @run_zero */
	CHUNK_DONE,
};

/* A part of the copy, and its buffer in DMA memory. */
struct chunk {
	enum chunk_state state;
	unsigned char *buf;
	uint64_t offset;
	uint64_t bytes; /* of a stream that is being read: filled so far */
	uint64_t stored;
	uint64_t run;
	bool run_zero;
	bool run_command; /* the disk was asked to fill it with zeros */
	bool hole; /* zeros, which are not in @buf; longer than @buf where no side needs that */
	bool failed;
};

enum progress {
	PROGRESS_AUTO,
	PROGRESS_NEVER,
	PROGRESS_ALWAYS,
};

struct copy {
	/* Options. */
	struct side input;
	struct side output;
	uint64_t count;
	uint64_t resume;
	uint64_t rate; /* bytes per second; 0: no limit */
	uint64_t sparse;
	enum progress progress;
	bool verify;
	bool json;

	/* State. */
	struct vscsi_mem *mem; /* of two devices */
	unsigned char *buffers;
	struct chunk chunks[DEPTH]; /* a ring */
	unsigned oldest;            /* of those started and not finished; modulo DEPTH */
	unsigned next;              /* to be started; modulo DEPTH */
	uint32_t chunk_bytes;
	uint64_t total;    /* bytes to copy; of a stream, at most */
	uint64_t started;  /* this and the next three are offsets */
	uint64_t finished; /* all before this was stored */
	uint64_t flushing; /* the flush in flight covers all before this; UNKNOWN: none */
	uint64_t stable;   /* all before this was flushed */
	uint64_t loaded;   /* bytes read from the input in this phase */
	uint64_t zeros;    /* bytes that were found to be zeros */
	uint64_t verified;
	uint64_t different; /* bytes */
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t flush_ns; /* time of the last flush */
	bool copied;       /* and flushed, all of it */
	bool broken;       /* a chunk failed: nothing that follows is finished */
	int error;         /* the first one, which was printed */
	unsigned failed;   /* requests that failed after it */
};

/* Each opens a side, and prints why it can't. */
int disk_open(struct side *disk, const struct side *other, struct vscsi_mem *mem);
int file_open(struct side *file);
void disk_close(struct side *disk, const struct side *other);

/* Opens both sides, sets the total, allocates the buffers; after a failure too, copy_close(). */
int copy_open(struct copy *copy);
/* Return: 0 or, if closing the output file failed, an error that was printed. */
int copy_close(struct copy *copy);

/*
 * disk_read, disk_write, disk_zero - Prepare a request
 *
 * @buf has room for the zeros that disk_zero() has to write where the disk can't do it by itself.
 *
 * Return: 0, -EAGAIN if the queue is full, or another error, which is not printed.
 */
int disk_read(struct side *disk, void *buf, uint64_t offset, uint64_t bytes, uint32_t flags,
	      unsigned number);
int disk_write(struct side *disk, const void *buf, uint64_t offset, uint64_t bytes,
	       unsigned number);
int disk_zero(struct side *disk, void *buf, uint64_t offset, uint64_t bytes, unsigned number);

/* The most bytes for disk_zero(), with a buffer of @chunk_bytes. */
uint64_t disk_zero_limit(const struct side *disk, uint32_t chunk_bytes);

/* Each returns 0 or an error, which is not printed. A file that ends too early is -ENODATA. */
int file_read(const struct side *file, unsigned char *buf, uint64_t offset, uint64_t bytes);
int file_write(const struct side *file, const unsigned char *buf, uint64_t offset, uint64_t bytes);
int file_zero(const struct side *file, uint64_t offset, uint64_t bytes);
/* Sets the size of a file whose last bytes are zeros, and flushes it. */
int file_finish(const struct side *file, uint64_t bytes);

/*
 * file_read_stream - Read what a pipe has
 * @wait_ms: limit
 *
 * Return: number of bytes, 0 at its end, -EAGAIN if it has nothing yet, or another error.
 */
ssize_t file_read_stream(const struct side *file, unsigned char *buf, size_t bytes, int wait_ms);

/*
 * disk_extent, file_extent - Find out where the input has data
 * @offset: where the extent begins
 * @limit: end of the copy
 *
 * Sets @extent_end, after @offset, and @extent_zero.
 *
 * Return: 0 or an error that was printed.
 */
int disk_extent(struct side *disk, uint64_t offset, uint64_t limit);
int file_extent(struct side *file, uint64_t offset, uint64_t limit);

/* Each returns 0 or an error that was printed. */
int transfer(struct copy *copy);
/* Makes what was copied survive a power failure; sets @stable. */
int transfer_flush(struct copy *copy);
int verify(struct copy *copy);

/* From now on SIGUSR1 prints the progress. */
void progress_signals(void);
/* A phase begins: what it does, and how many bytes are done already. */
void progress_start(const char *what, uint64_t from);
/* Prints the progress line if it is due or asked for by SIGUSR1. */
void progress_show(const struct copy *copy, uint64_t done);
/* Removes it from the terminal. */
void progress_end(void);
/* Whether the rate limit lets @bytes be read now. */
bool progress_rate(const struct copy *copy, uint64_t bytes);

/*
 * complain - Print an error message
 *
 * The first one becomes part of the report.
 *
 * Return: @ret.
 */
int complain(int ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * complain_side - The same for a side that failed
 * @doing: "reading" or similar
 * @offset: where; UNKNOWN: not at one place
 * @done: of a disk, the completion, or NULL
 */
int complain_side(const struct side *side, const char *doing, uint64_t offset, int ret,
		  const struct vscsi_completion *done);

/* "0:1 of ADDRESS", or the name of a file. */
#define SIDE_NAME_LEN 512
const char *side_name(char *out, const struct side *side);

/*
 * report - Print what was copied
 * @ret: how the copy ended
 *
 * Return: 0 or an error that was printed.
 */
int report(const struct copy *copy, FILE *out, int ret);

#endif
