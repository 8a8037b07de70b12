/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting: the socket, the protocol version, and the properties of the function. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/vfio_user/session.h"
#include "util/bits.h"
#include "util/error.h"

/* Descriptors per message for a server that sends no limit ("VFIO_USER_VERSION"). */
#define DEFAULT_FDS 1u

/*
 * One attempt, with a socket of its own, so that a failed attempt leaves none. The previous socket
 * is closed only when no thread is about to kick through it. -EAGAIN: try again.
 */
static int try_to_connect(struct vfu *v)
{
	if (atomic_load(&v->kicks))
		return -EAGAIN;
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
	return socket_connect(&v->at, &v->fd);
}

static int connect_socket(struct vfu *v)
{
	int ret;

	if (v->phase == VFU_IDLE)
		vfu_wait_for(v, VFU_CONNECTING);
	while ((ret = try_to_connect(v)) == -EAGAIN && !vfu_is_late(v)) {
		v->open = !v->wait;
		if (v->open)
			return -EINPROGRESS;
		ret = vfu_wait_ready(&v->bus, -1);
		if (ret < 0)
			return ret;
	}
	v->phase = VFU_IDLE;
	if (ret) {
		v->fd = -1;
		return socket_explain(&v->at, ret == -EAGAIN ? -ETIMEDOUT : ret);
	}
	v->connected = true;
	v->bus.watch = v->fd;
	return 0;
}

/*
 * Finds a number in the version data, which is JSON. A text search suffices, because a name means
 * the same wherever it occurs; the data ends with a NUL, see agree().
 */
static unsigned long find_number(const char *data, const char *name, unsigned long fallback)
{
	const char *at = strstr(data, name);
	char *end;
	unsigned long value;

	if (!at)
		return fallback;
	at += strlen(name);
	at += strspn(at, " \t\r\n:");
	value = strtoul(at, &end, 10);
	return end == at ? fallback : value;
}

static int agree(struct vfu *v)
{
	static const char data[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}";
	const struct vfu_version ours = {htole16(VFU_MAJOR), htole16(VFU_MINOR)};
	const struct vfu_call call = {
		.command = VFU_VERSION,
		.body = &ours,
		.size = sizeof(ours),
		.data = data,
		.data_size = sizeof(data),
		.least = sizeof(ours),
		.answer = &v->version,
		.room = sizeof(v->version) - 1,
	};
	unsigned long fds;
	int ret;

	ret = vfu_call(v, &call);
	if (ret)
		return ret;
	if (le16toh(v->version.number.major) != VFU_MAJOR ||
	    le16toh(v->version.number.minor) > VFU_MINOR)
		return vfu_fail(v,
				error_set(-EPROTO, "%s speaks vfio-user %u.%u instead of %u.%u",
					  v->bus.name, le16toh(v->version.number.major),
					  le16toh(v->version.number.minor), VFU_MAJOR, VFU_MINOR));
	fds = find_number(v->version.data, "\"max_msg_fds\"", DEFAULT_FDS);
	v->max_fds = fds > SOCKET_MAX_FDS ? SOCKET_MAX_FDS : fds ? (unsigned)fds : DEFAULT_FDS;
	return 0;
}

static int read_info(struct vfu *v)
{
	const struct vfu_device_info ask = {.argsz = htole32(sizeof(ask))};
	const struct vfu_call call = {
		.command = VFU_GET_INFO,
		.body = &ask,
		.size = sizeof(ask),
		.least = sizeof(v->info),
		.answer = &v->info,
		.room = sizeof(v->info),
	};
	int ret;

	ret = vfu_call(v, &call);
	if (ret)
		return ret;
	if (!(le32toh(v->info.flags) & VFIO_DEVICE_FLAGS_PCI))
		return error_set(-ENODEV, "the server at %s does not serve a PCI function",
				 v->bus.name);
	v->bus.reset_first = le32toh(v->info.flags) & VFIO_DEVICE_FLAGS_RESET;
	return 0;
}

int vfu_connect(struct pci_bus *bus)
{
	struct vfu *v = vfu_of(bus);
	int ret = v->connected ? 0 : connect_socket(v);

	if (!ret)
		ret = agree(v);
	if (!ret)
		ret = read_info(v);
	if (!ret)
		ret = vfu_read_areas(v);
	if (!ret)
		ret = vfu_count_vectors(v);
	if (!ret)
		ret = vfu_place(v);
	if (!ret)
		atomic_store(&v->ready, true);
	return ret;
}
