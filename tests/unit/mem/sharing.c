/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool from the point of view of a back-end that has the file descriptor: what it can and can't
 * do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mem.h"

#include "conforms.h"
#include "device.h"
#include "kernel.h"
#include "util/bits.h"

struct peer {
	struct vscsi_mem *mem;
	struct device device;
	struct dma_map *map;
	const struct dma_region *region;
};

static void peer_open(struct peer *peer)
{
	memset(peer, 0, sizeof(*peer));
	peer->mem = small_pool();
	peer->map = device_follow(&peer->device, peer->mem);
	peer->region = &peer->device.regions[0];
}

static void peer_close(struct peer *peer)
{
	dma_map_destroy(peer->map);
	assert_int_equal(vscsi_mem_destroy(peer->mem), 0);
}

/* With a hint, as qemu-user finds no place for hugepages by itself. */
static char *peer_map(const struct peer *peer)
{
	const struct dma_region *region = peer->region;
	char *theirs =
		mmap((char *)(uintptr_t)region->addr + (1u << 30), region->len,
		     PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, (off_t)region->fd_offset);

	assert_true(theirs != MAP_FAILED);
	return theirs;
}

static void test_peer_sees_writes(void **state)
{
	struct peer peer;
	char *theirs;
	char *ours;

	CONFORMS("R-VU-39");
	(void)state;
	peer_open(&peer);
	theirs = peer_map(&peer);
	ours = vscsi_mem_alloc(peer.mem, 64, 4096);
	assert_non_null(ours);
	strcpy(ours, "hello");
	assert_string_equal(theirs + ((uintptr_t)ours - peer.region->addr), "hello");
	assert_int_equal(munmap(theirs, peer.region->len), 0);
	peer_close(&peer);
}

static void test_peer_cannot_truncate(void **state)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct peer peer;
	int fd;

	CONFORMS("R-HARD-41", "R-VU-39");
	(void)state;
	peer_open(&peer);
	fd = dup(peer.region->fd);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, (off_t)(2 * peer.region->len)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(close(fd), 0);
	peer_close(&peer);
}

static bool all_zero(const struct dma_region *region)
{
	const char *at = (const char *)(uintptr_t)region->addr;
	uint64_t i;

	for (i = 0; i < region->len; i++) {
		if (at[i])
			return false;
	}
	return true;
}

static void test_peer_sees_no_bookkeeping(void **state)
{
	void *blocks[64] = {0};
	uint64_t seed = 99;
	struct peer peer;
	unsigned i;

	CONFORMS("R-HARD-14");
	(void)state;
	peer_open(&peer);
	assert_true(all_zero(peer.region));
	for (i = 0; i < 5000; i++) {
		assert_int_equal(vscsi_mem_free(peer.mem, blocks[i % 64]), 0);
		blocks[i % 64] = vscsi_mem_alloc(peer.mem, 1 + next_random(&seed) % 9000,
						 (size_t)1 << next_random(&seed) % 13);
		assert_non_null(blocks[i % 64]);
	}
	assert_true(all_zero(peer.region));
	peer_close(&peer);
}

static void test_descriptor_is_close_on_exec(void **state)
{
	struct shared shared = shared_open(1);
	struct peer peer;

	(void)state;
	peer_open(&peer);
	assert_int_equal(vscsi_mem_register(peer.mem, shared.addr, shared.len, shared.fd, 0), 0);
	assert_true(fcntl(peer.region->fd, F_GETFD) & FD_CLOEXEC);
	assert_int_not_equal(peer.device.regions[1].fd, shared.fd);
	assert_true(fcntl(peer.device.regions[1].fd, F_GETFD) & FD_CLOEXEC);
	peer_close(&peer);
	shared_close(&shared);
}

/* Counts the mappings of a pool in this process. */
static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int count = 0;

	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "memfd:vscsi") != NULL;
	fclose(maps);
	return count;
}

/* A child that wrote to the pool would corrupt the rings. */
static void test_child_has_no_mapping(void **state)
{
	struct peer peer;
	pid_t child;
	int status;

	(void)state;
	need_advice();
	peer_open(&peer);
	assert_int_equal(count_mappings(), 1);
	child = fork();
	if (child == 0)
		_exit(count_mappings() ? 1 : 0);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	peer_close(&peer);
}

static void test_every_page_is_present(void **state)
{
	unsigned char resident[512];
	struct peer peer;
	size_t step;
	size_t i;

	(void)state;
	need_advice();
	peer_open(&peer);
	step = 2 * MIB / page_size();
	assert_true(step <= ARRAY_LEN(resident));
	assert_int_equal(mincore((void *)(uintptr_t)peer.region->addr, 2 * MIB, resident), 0);
	for (i = 0; i < step; i++)
		assert_int_equal(resident[i] & 1, 1);
	peer_close(&peer);
}

/*
 * A peer can keep writing to the memory after the pool is destroyed; the next pool has other pages.
 */
static void test_peer_writes_after_destroy(void **state)
{
	struct peer next;
	struct peer peer;
	size_t len;
	char *theirs;

	CONFORMS("R-HARD-40");
	(void)state;
	peer_open(&peer);
	len = peer.region->len;
	theirs = peer_map(&peer);
	assert_int_equal(count_mappings(), 2);
	peer_close(&peer);
	assert_int_equal(count_mappings(), 1);
	memset(theirs, 0x5a, len);
	peer_open(&next);
	assert_true(all_zero(next.region));
	memset(theirs, 0xa5, len);
	assert_true(all_zero(next.region));
	peer_close(&next);
	assert_int_equal(munmap(theirs, len), 0);
}

int sharing_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_sees_writes),
		cmocka_unit_test(test_peer_cannot_truncate),
		cmocka_unit_test(test_peer_sees_no_bookkeeping),
		cmocka_unit_test(test_peer_writes_after_destroy),
		cmocka_unit_test(test_descriptor_is_close_on_exec),
		cmocka_unit_test(test_child_has_no_mapping),
		cmocka_unit_test(test_every_page_is_present),
	};

	return cmocka_run_group_tests_name("mem sharing", tests, NULL, NULL);
}
