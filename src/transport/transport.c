/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of transports, and what they share. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transport/pci/pci.h"
#include "transport/transport.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"

static const struct transport_ops *const transports[] = {
	&vhost_user_ops,
	&pci_ops,
};

int transport_open(const char *address, const struct transport_opts *opts, struct transport **out)
{
	const char *colon = strchr(address, ':');
	size_t i;

	for (i = 0; colon && i < ARRAY_LEN(transports); i++) {
		const char *scheme = transports[i]->scheme;

		if (strlen(scheme) == (size_t)(colon - address) &&
		    strncmp(address, scheme, strlen(scheme)) == 0)
			return transports[i]->open(colon + 1, opts, out);
	}
	return error_set(
		-EINVAL,
		"no transport for address \"%s\"; it must begin with vhost-user: or pci:", address);
}

int transport_clear(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

int transport_no_fd(void)
{
	/* The one limit that an application can raise by itself. */
	if (errno == EMFILE)
		return error_set(-EMFILE, "making an event descriptor failed; allow this process "
					  "more open files");
	return error_set(-errno, "making an event descriptor failed: %m");
}
