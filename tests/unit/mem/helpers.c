/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools, shared memory and random numbers for the tests. */
#include <unistd.h>
#include <sys/mman.h>

#include "mem.h"

struct vscsi_mem *small_pool(void)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 * MIB};
	struct vscsi_mem *mem = NULL;

	assert_int_equal(vscsi_mem_create(&opts, &mem), 0);
	assert_non_null(mem);
	return mem;
}

size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

struct shared shared_open(size_t pages)
{
	struct shared shared = {.len = pages * page_size()};

	shared.fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(shared.fd >= 0);
	assert_int_equal(ftruncate(shared.fd, (off_t)shared.len), 0);
	shared.addr = mmap(NULL, shared.len, PROT_READ | PROT_WRITE, MAP_SHARED, shared.fd, 0);
	assert_true(shared.addr != MAP_FAILED);
	return shared;
}

void shared_close(struct shared *shared)
{
	assert_int_equal(munmap(shared->addr, shared->len), 0);
	assert_int_equal(close(shared->fd), 0);
}

uint32_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 32);
}
