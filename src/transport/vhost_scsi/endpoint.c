/* SPDX-License-Identifier: BSD-3-Clause */
/* Opens and closes /dev/vhost-scsi, and calls its ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "transport/vhost_scsi/endpoint.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/fd.h"

static const char *remedy(int err)
{
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "; load the kernel's module vhost_scsi";
	case EACCES:
	case EPERM:
		return "; give this user read and write access to it";
	default:
		return "";
	}
}

int vs_connect(struct vs *vs)
{
	int fd = fd_raise(open(VS_DEVICE, O_RDWR | O_CLOEXEC));
	int err = errno;

	if (fd < 0)
		return error_set(-err, "opening " VS_DEVICE ": %m%s", remedy(err));
	if (ioctl(fd, VHOST_SET_OWNER, NULL)) {
		err = errno;
		close(fd);
		errno = err;
		return error_set(-err, "owning " VS_DEVICE " (VHOST_SET_OWNER): %m");
	}
	vs->fd = fd;
	vs->state = VS_IDLE;
	return 0;
}

void vs_hang_up(struct vs *vs)
{
	if (vs->fd >= 0)
		close(vs->fd);
	vs->fd = -1;
	vs->state = VS_CLOSED;
	vs->accepted = false;
	vs->status = 0;
	vs_forget_rings(vs);
}

int vs_gone(const struct vs *vs)
{
	return error_set(-ENOTCONN, "the endpoint of %s is closed", vs->target.vhost_wwpn);
}

int vs_call(struct vs *vs, unsigned request, void *arg, const char *what)
{
	if (vs_is_gone(vs))
		return vs_gone(vs);
	if (ioctl(vs->fd, request, arg) >= 0)
		return 0;
	return error_set(-errno, "%s of %s: %m", what, vs->target.vhost_wwpn);
}

int vs_may_call(struct vs *vs)
{
	if (vs->t.wait || vs_is_drained(vs))
		return 0;
	return -EINPROGRESS;
}

/* The kernel doesn't signal when the rings are drained, so this is a polling interval. */
int vs_wait_ready(struct transport *t, int timeout_ms)
{
	if (timeout_ms)
		clock_relax(&vs_of(t)->spins);
	return 0;
}
