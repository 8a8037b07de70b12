/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chooses size and number of hugepages. Does not query the system, so the same options give the
 * same pool everywhere: missing pages are an error, not replaced by pages of another size.
 */
#include <errno.h>
#include <inttypes.h>

#include "mem/layout.h"
#include "util/bits.h"
#include "util/error.h"

#define MIB           (UINT64_C(1) << 20)
#define SMALL         (2 * MIB)
#define LARGE         (1024 * MIB)
#define DEFAULT_BYTES (16 * MIB)

/* Checks each field alone. The limit on bytes also keeps the sums below from overflowing. */
static int check_fields(const struct vscsi_mem_opts *opts)
{
	if (opts->flags & ~(VSCSI_MEM_ORDINARY | VSCSI_MEM_UNVERIFIED))
		return error_set(-EINVAL,
				 "flags 0x%" PRIx32 " has unknown bits; use 0, VSCSI_MEM_ORDINARY "
				 "or VSCSI_MEM_UNVERIFIED",
				 opts->flags);
	if (opts->page_size && opts->page_size != SMALL && opts->page_size != LARGE)
		return error_set(-EINVAL,
				 "page_size %" PRIu64
				 " is not supported; use 2 MiB (2097152), 1 GiB "
				 "(1073741824) or 0 for automatic",
				 opts->page_size);
	if (opts->pages > VSCSI_MEM_MAX_PAGES)
		return error_set(-E2BIG, "pages is %" PRIu32 "; a pool has at most %d", opts->pages,
				 VSCSI_MEM_MAX_PAGES);
	if (opts->bytes > VSCSI_MEM_MAX_PAGES * LARGE)
		return error_set(-E2BIG,
				 "%" PRIu64 " bytes requested; a pool has at most 8 GiB, which "
				 "is %d pages of 1 GiB; add the rest with vscsi_mem_register()",
				 opts->bytes, VSCSI_MEM_MAX_PAGES);
	return 0;
}

/* Pages that hold @bytes, which is at most 8 GiB: see check_fields(). */
static uint32_t pages_for(uint64_t bytes, uint64_t page_size)
{
	return (uint32_t)((bytes + page_size - 1) / page_size);
}

int layout_choose(const struct vscsi_mem_opts *opts, struct layout *layout)
{
	const uint64_t bytes = opts->bytes || opts->pages ? opts->bytes : DEFAULT_BYTES;
	uint64_t size = opts->page_size;
	uint32_t need;
	int err;

	err = check_fields(opts);
	if (err)
		return err;
	if (!size)
		size = bytes <= VSCSI_MEM_MAX_PAGES * SMALL ? SMALL : LARGE;
	/* Too small is only possible with a page size that the caller chose. */
	need = pages_for(bytes, size);
	if (need > VSCSI_MEM_MAX_PAGES)
		return error_set(-E2BIG,
				 "%" PRIu64 " bytes need %" PRIu32 " pages of %" PRIu64
				 " MiB, but a "
				 "pool has at most %d; set page_size to 0 or to 1 GiB",
				 bytes, need, size / MIB, VSCSI_MEM_MAX_PAGES);
	if (opts->pages && opts->pages < need)
		return error_set(-EINVAL,
				 "%" PRIu64 " bytes don't fit %" PRIu32 " pages of %" PRIu64
				 " MiB; "
				 "set pages to 0 or to %" PRIu32,
				 bytes, opts->pages, size / MIB, need);
	layout->page_size = size;
	layout->pages = opts->pages ? opts->pages : need;
	/* Ordinary pages: a pool of 20 MiB need not grow to 1 GiB. */
	layout->ordinary = opts->pages ? opts->pages * size : align_up(bytes, LAYOUT_STEP);
	return 0;
}
