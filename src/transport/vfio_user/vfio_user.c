/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user transport: a bus for the virtio function of transport/pci, and its table of
 * operations. The other files of this folder exchange the messages.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/pci/function.h"
#include "transport/vfio_user/session.h"
#include "transport/vfio_user/vfio_user.h"
#include "util/error.h"

/* The highest address of a process; servers accept any. */
#define LAST_ADDRESS ((UINT64_C(1) << 48) - 1)

static void hang_up(struct pci_bus *bus)
{
	vfu_fail(vfu_of(bus), 0);
}

static bool outlived(struct pci_bus *bus)
{
	return socket_peer_outlived(&vfu_of(bus)->left, vfu_of(bus)->fd);
}

/* Does not shut the socket down: in a child of fork() the parent uses the same one. */
static void close_bus(struct pci_bus *bus)
{
	struct vfu *v = vfu_of(bus);

	socket_peer_forget(&v->left);
	socket_forget_path(&v->at);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

static const struct pci_bus_ops bus_ops = {
	.config_read = vfu_config_read,
	.config_write = vfu_config_write,
	.bar_size = vfu_bar_size,
	.bar_read = vfu_bar_read,
	.bar_write = vfu_bar_write,
	.kick = vfu_kick,
	.dma_map = vfu_dma_map,
	.dma_unmap = vfu_dma_unmap,
	.irq_set = vfu_irq_set,
	.reset = vfu_reset,
	.close = close_bus,
	.begin = vfu_begin,
	.busy = vfu_busy,
	.settle = vfu_settle,
	.wait_ready = vfu_wait_ready,
	.look = vfu_look,
	.hang_up = hang_up,
	.reopen = vfu_connect,
	.outlived = outlived,
};

static struct vfu *new_session(const struct transport_opts *opts)
{
	struct vfu *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->bus.ops = &bus_ops;
	v->bus.name = v->at.path;
	v->bus.page = (uint64_t)sysconf(_SC_PAGESIZE);
	v->bus.ranges[0] = (struct pci_range){0, LAST_ADDRESS};
	v->bus.nranges = 1;
	/* The device is a process, so its accesses are cache-coherent. */
	v->bus.snoops = true;
	v->bus.bare = true;
	v->bus.watch = -1;
	v->at.directory = -1;
	v->left.pidfd = -1;
	v->fd = -1;
	v->timeout_ms = opts->timeout_ms;
	v->wait = true;
	return v;
}

static int vfu_open(const char *where, const struct transport_opts *opts, struct transport **out)
{
	struct vfu *v = new_session(opts);
	int ret;

	if (!v)
		return error_set(-ENOMEM, "out of memory");
	ret = socket_take_path(&v->at, where, vfio_user_ops.scheme);
	if (!ret)
		ret = vfu_connect(&v->bus);
	if (!ret)
		ret = pci_attach(&v->bus, &vfio_user_ops, opts, out);
	if (ret)
		close_bus(&v->bus);
	return ret;
}

/*
 * NOTIFICATION_DATA is not among the features: a kick for which the socket has no room is repeated
 * later, when the ring position that it would carry is outdated. ACCESS_PLATFORM is, because QEMU
 * requires it; the device's addresses are this process's addresses either way.
 */
const struct transport_ops vfio_user_ops = {
	.scheme = "vfio-user",
	.features = PCI_FEATURES & ~PCI_BIT(VIRTIO_F_NOTIFICATION_DATA),
	.open = vfu_open,
	PCI_OPS,
};
