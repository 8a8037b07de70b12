/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nbdkit-vscsi-plugin: serves a logical unit over NBD. The device is one for all clients, each of
 * which has its own handle of the LUN. nbdkit has the threads, and the calls of sync.h do the I/O.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <vscsi/vscsi.h>

#include "common/interrupt.h"
#include "common/text.h"
#include "common/unit.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

/* Most bytes of DMA memory that one call of sync.h takes, see there. */
#define PART (UINT64_C(1) << 20)
/* Boundaries of nbdkit: the largest preferred block size, and the longest read or write. */
#define MAX_PREFERRED (UINT32_C(32) << 20)
#define MAX_REQUEST   (UINT32_C(64) << 20)
/* Extents that one call of extents() returns at most. */
#define EXTENTS 128

/* A client's connection. */
struct connection {
	struct vscsi_lun *lun;
	struct vscsi_lun_info info; /* as it was when the client connected */
};

static char *address;
static uint32_t target = UINT32_MAX; /* no parameter lun yet */
static uint32_t number;
static struct vscsi_dev *device;

/*
 * DMA memory that reads and writes may take: the library copies through it, and would fail a call
 * for which there is none.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	uint64_t total;
	uint64_t left;
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

/* NBD has few errors. nbdkit makes EINVAL of all others, which is for mistakes of the client's. */
static int nbd_error(int cause)
{
	if (interrupt_forced())
		return ESHUTDOWN;
	switch (cause) {
	case EINVAL:
	case ENOMEM:
	case ENOSPC:
	case EOPNOTSUPP:
	case EROFS:
		return cause;
	default:
		return EIO;
	}
}

/* Ends a callback with the result of a call of the library. */
static int result(int ret)
{
	if (ret >= 0)
		return 0;
	nbdkit_error("%s", vscsi_last_error());
	errno = nbd_error(-ret);
	return -1;
}

static void log_line(void *ctx, int level, const char *line)
{
	(void)ctx;
	if (level <= VSCSI_LOG_WARN)
		nbdkit_error("%s", line);
	else
		nbdkit_debug("%s", line);
}

static void load(void)
{
	vscsi_set_log(VSCSI_LOG_DEBUG, log_line, NULL);
}

static void unload(void)
{
	free(address);
}

static void dump_plugin(void)
{
	printf("vscsi_library_version=%s\n", vscsi_version());
}

static bool is_connected_socket(const char *value)
{
	return !strncmp(value, "vhost-user:fd=", strlen("vhost-user:fd="));
}

/* Makes the path of a socket absolute, as nbdkit changes its directory when it forks. */
static char *absolute(const char *value)
{
	const size_t scheme = strcspn(value, ":") + 1;
	char *path, *made;

	if ((strncmp(value, "vhost-user:", scheme) && strncmp(value, "vfio-user:", scheme)) ||
	    is_connected_socket(value))
		return strdup(value);
	path = nbdkit_absolute_path(value + scheme);
	if (!path || asprintf(&made, "%.*s%s", (int)scheme, value, path) < 0)
		made = NULL;
	free(path);
	return made;
}

static int config(const char *key, const char *value)
{
	if (!strcmp(key, "address")) {
		free(address);
		address = absolute(value);
		return address ? 0 : -1;
	}
	if (strcmp(key, "lun")) {
		nbdkit_error("unknown parameter '%s': there are address and lun", key);
		return -1;
	}
	if (text_lun(value, &target, &number)) {
		nbdkit_error("invalid lun=%s: give TARGET:LUN, 0:0 to 255:16383", value);
		return -1;
	}
	return 0;
}

static int config_complete(void)
{
	if (!address)
		nbdkit_error("no device: give address=ADDRESS, such as vhost-user:/run/v.sock");
	else if (target == UINT32_MAX && !text_has_id(address))
		nbdkit_error("no logical unit: give lun=TARGET:LUN; 'vscsi-info %.*s' lists them",
			     (int)strcspn(address, "?"), address);
	else
		return 0;
	return -1;
}

static void *open_lun(int readonly)
{
	struct connection *c = calloc(1, sizeof(*c));
	int ret;

	(void)readonly;
	if (!c) {
		nbdkit_error("out of memory");
		return NULL;
	}
	c->info.size = sizeof(c->info);
	ret = unit_open_named(device, target, number, NULL, &c->lun);
	if (!ret)
		ret = vscsi_lun_get_info(c->lun, &c->info);
	if (ret == -ENODEV)
		nbdkit_error("%s; 'vscsi-info %.*s' lists the logical units", vscsi_last_error(),
			     (int)strcspn(address, "?"), address);
	else if (ret)
		nbdkit_error("%s", vscsi_last_error());
	else if (!c->info.block_size)
		nbdkit_error("%u:%u has no blocks; 'vscsi-info %.*s' lists the disks",
			     c->info.target, c->info.lun, (int)strcspn(address, "?"), address);
	if (!ret && c->info.block_size)
		return c;
	vscsi_lun_close(c->lun);
	free(c);
	return NULL;
}

static void close_lun(void *handle)
{
	struct connection *c = handle;

	vscsi_lun_close(c->lun);
	free(c);
}

/* nbdkit ends when its requests have. */
static void abandon(void *ctx)
{
	(void)ctx;
	nbdkit_error("requests in flight don't complete; they are abandoned");
	vscsi_dev_shutdown(device);
}

/* With nothing in flight: a device that hangs need not agree. That it is lost is no error here. */
static void cleanup(void)
{
	interrupt_end();
	vscsi_set_log(VSCSI_LOG_ERROR, NULL, NULL);
	if (device)
		vscsi_dev_shutdown(device);
	vscsi_dev_close(device);
	device = NULL;
}

/*
 * A child of fork() can't use its parent's device, so it is opened after that. This only finds what
 * is wrong while nbdkit still has the user's terminal.
 */
static int get_ready(void)
{
	void *handle;
	int ret;

	/* It would not be there any more. */
	if (is_connected_socket(address))
		return 0;
	ret = vscsi_dev_open(address, NULL, &device);
	if (ret)
		return result(ret);
	handle = open_lun(true);
	if (handle)
		close_lun(handle);
	vscsi_dev_close(device);
	device = NULL;
	return handle ? 0 : -1;
}

static int after_fork(void)
{
	struct vscsi_mem_stats stats = {.size = sizeof(stats)};
	int ret = vscsi_dev_open(address, NULL, &device);

	if (!ret)
		ret = vscsi_mem_get_stats(vscsi_dev_mem(device), &stats);
	/* Some of it is for commands without data. */
	memory.total = stats.largest_free - stats.largest_free / 8;
	memory.left = memory.total;
	if (ret)
		return result(ret);
	ret = interrupt_begin(SA_RESTART, abandon, NULL);
	if (ret)
		nbdkit_error("waiting for signals failed: %s", strerror(-ret));
	return ret ? -1 : 0;
}

static int64_t get_size(void *handle)
{
	const struct connection *c = handle;

	return (int64_t)(c->info.blocks * c->info.block_size);
}

static int block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
	const struct connection *c = handle;
	const uint32_t physical = c->info.physical_block_size;

	*minimum = c->info.block_size;
	*preferred = physical < MAX_PREFERRED ? physical : MAX_PREFERRED;
	*maximum = MAX_REQUEST;
	return 0;
}

static int has(const void *handle, uint32_t flag)
{
	const struct connection *c = handle;

	return (c->info.flags & flag) != 0;
}

static int can_write(void *handle)
{
	return !has(handle, VSCSI_LUN_READ_ONLY);
}

static int is_rotational(void *handle)
{
	return has(handle, VSCSI_LUN_ROTATIONAL);
}

static int can_trim(void *handle)
{
	return has(handle, VSCSI_LUN_UNMAP);
}

static int can_fast_zero(void *handle)
{
	return has(handle, VSCSI_LUN_FAST_ZEROES);
}

static int can_fua(void *handle)
{
	return has(handle, VSCSI_LUN_FUA) ? NBDKIT_FUA_NATIVE : NBDKIT_FUA_EMULATE;
}

/* Nothing is cached here, and the disk's cache is the same for all clients. */
static int can_multi_conn(void *handle)
{
	(void)handle;
	return 1;
}

/* Only the attempt tells. */
static int can_extents(void *handle)
{
	const struct connection *c = handle;
	struct vscsi_extent extent;

	return vscsi_sync_get_extents(c->lun, c->info.block_size, 0, &extent, 1) > 0;
}

/* Waits until there is DMA memory for a read or write; returns how much it has. */
static uint64_t take_memory(uint32_t count)
{
	/* In pages, as the library does. */
	uint64_t bytes = ((uint64_t)count + 4095) & ~UINT64_C(4095);

	if (bytes > PART)
		bytes = PART;
	if (bytes > memory.total)
		bytes = memory.total;
	pthread_mutex_lock(&memory.lock);
	while (memory.left < bytes)
		pthread_cond_wait(&memory.more, &memory.lock);
	memory.left -= bytes;
	pthread_mutex_unlock(&memory.lock);
	return bytes;
}

static void give_memory(uint64_t bytes)
{
	pthread_mutex_lock(&memory.lock);
	memory.left += bytes;
	pthread_cond_broadcast(&memory.more);
	pthread_mutex_unlock(&memory.lock);
}

static int read_blocks(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	const struct connection *c = handle;
	const uint64_t bytes = take_memory(count);
	int ret = vscsi_pread(c->lun, buf, count, offset);

	(void)flags;
	give_memory(bytes);
	return result(ret);
}

static int write_blocks(void *handle, const void *buf, uint32_t count, uint64_t offset,
			uint32_t flags)
{
	const struct connection *c = handle;
	const uint64_t bytes = take_memory(count);
	int ret = vscsi_pwrite(c->lun, buf, count, offset,
			       flags & NBDKIT_FLAG_FUA ? VSCSI_IO_FUA : 0);

	give_memory(bytes);
	return result(ret);
}

static int flush(void *handle, uint32_t flags)
{
	const struct connection *c = handle;

	(void)flags;
	return result(vscsi_sync_flush(c->lun));
}

/* UNMAP and WRITE SAME have no FUA bit. */
static int result_with_fua(const struct connection *c, int ret, uint32_t flags)
{
	if (!ret && flags & NBDKIT_FLAG_FUA)
		ret = vscsi_sync_flush(c->lun);
	return result(ret);
}

/* The whole blocks in the range: nothing has to be trimmed. */
static int trim(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	const struct connection *c = handle;
	const uint64_t size = c->info.block_size;
	const uint64_t first = (offset + size - 1) / size, end = (offset + count) / size;
	struct vscsi_range range = {.lba = first};
	int ret = 0;

	if (first < end) {
		range.blocks = (uint32_t)(end - first);
		ret = vscsi_sync_unmap(c->lun, &range, 1);
	}
	return result_with_fua(c, ret, flags);
}

static int zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
	const bool unmap = flags & NBDKIT_FLAG_MAY_TRIM;
	const struct connection *c = handle;

	/* Only deallocating blocks is sure to be faster than writing them. */
	if (flags & NBDKIT_FLAG_FAST_ZERO && !(unmap && has(c, VSCSI_LUN_FAST_ZEROES))) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return result_with_fua(
		c, vscsi_sync_write_zeroes(c->lun, count, offset, unmap ? VSCSI_IO_UNMAP : 0),
		flags);
}

static uint32_t extent_type(const struct connection *c, uint32_t state)
{
	const uint32_t zero_flag = has(c, VSCSI_LUN_ZERO_UNMAP) ? NBDKIT_EXTENT_ZERO : 0;

	if (state == VSCSI_EXTENT_UNMAPPED)
		return NBDKIT_EXTENT_HOLE | zero_flag;
	return state == VSCSI_EXTENT_ANCHORED ? zero_flag : 0;
}

/* Asks for whole blocks; nbdkit ignores what it did not ask for. */
static int extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
		   struct nbdkit_extents *list)
{
	const struct connection *c = handle;
	const uint64_t size = c->info.block_size;
	const uint64_t start = offset / size * size;
	const uint64_t end = (offset + count + size - 1) / size * size;
	struct vscsi_extent found[EXTENTS];
	int ret, i;

	ret = vscsi_sync_get_extents(c->lun, end - start, start, found,
				     flags & NBDKIT_FLAG_REQ_ONE ? 1 : EXTENTS);
	for (i = 0; i < ret; i++) {
		if (nbdkit_add_extent(list, found[i].offset, found[i].bytes,
				      extent_type(c, found[i].state)))
			return -1;
	}
	return result(ret);
}

static struct nbdkit_plugin plugin = {
	.name = "vscsi",
	.longname = "virtio-scsi disk",
	.version = PLUGIN_VERSION,
	.description = "Serves a logical unit of a virtio-scsi device, through libvirtioscsi.",
	.config_help =
		"address=<ADDRESS>  (required) The device, such as vhost-user:/run/v.sock;\n"
		"                   'vscsi-info --help' has all forms.\n"
		"lun=<TARGET:LUN>   The logical unit; 'vscsi-info ADDRESS' lists them. Required,\n"
		"                   unless its identity is in the address: ADDRESS?id=naa.6001...",
	.magic_config_key = "address",
	.load = load,
	.unload = unload,
	.dump_plugin = dump_plugin,
	.config = config,
	.config_complete = config_complete,
	.get_ready = get_ready,
	.after_fork = after_fork,
	.cleanup = cleanup,
	.open = open_lun,
	.close = close_lun,
	.get_size = get_size,
	.block_size = block_size,
	.can_write = can_write,
	.is_rotational = is_rotational,
	.can_trim = can_trim,
	.can_fast_zero = can_fast_zero,
	.can_fua = can_fua,
	.can_multi_conn = can_multi_conn,
	.can_extents = can_extents,
	.pread = read_blocks,
	.pwrite = write_blocks,
	.flush = flush,
	.trim = trim,
	.zero = zero,
	.extents = extents,
	.errno_is_preserved = 1,
};

/* What the next line defines; nbdkit looks it up. */
struct nbdkit_plugin *plugin_init(void);

NBDKIT_REGISTER_PLUGIN(plugin)
