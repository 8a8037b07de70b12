/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of transports, and what they share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/pci/pci.h"
#include "transport/transport.h"
#include "transport/vfio_user/vfio_user.h"
#include "transport/vhost_scsi/vhost_scsi.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"

static const struct transport_ops *const transports[] = {
	&vhost_user_ops,
	&vfio_user_ops,
	&pci_ops,
	&vhost_scsi_ops,
};

const struct transport_ops *transport_find(const char *address)
{
	const char *colon = strchr(address, ':');
	size_t i;

	for (i = 0; colon && i < ARRAY_LEN(transports); i++) {
		const char *scheme = transports[i]->scheme;

		if (strlen(scheme) == (size_t)(colon - address) &&
		    strncmp(address, scheme, strlen(scheme)) == 0)
			return transports[i];
	}
	return NULL;
}

uint64_t transport_feature_mask(const struct transport_ops *ops, const char *name)
{
	unsigned i;

	for (i = 0; ops && i < ops->protocol_feature_count; i++) {
		if (strcmp(ops->protocol_features[i].name, name) == 0)
			return ops->protocol_features[i].mask;
	}
	return 0;
}

bool transport_has_option(const struct transport_ops *ops, const char *name)
{
	const char *const *option;

	for (option = ops->options; option && *option; option++) {
		if (strcmp(*option, name) == 0)
			return true;
	}
	return false;
}

/* "vhost-user:, pci: or ...", as many as find room. */
static void list_schemes(char *list, size_t room)
{
	size_t len = 0;
	size_t i;

	for (i = 0; i < ARRAY_LEN(transports) && len < room; i++) {
		const char *before = !i ? "" : i + 1 < ARRAY_LEN(transports) ? ", " : " or ";

		len += (size_t)snprintf(list + len, room - len, "%s%s:", before,
					transports[i]->scheme);
	}
}

int transport_open(const char *address, const struct transport_opts *opts, struct transport **out)
{
	const struct transport_ops *ops = transport_find(address);
	char list[128];

	if (!ops) {
		list_schemes(list, sizeof(list));
		return error_set(-EINVAL, "no transport for address \"%s\"; it must begin with %s",
				 address, list);
	}
	return ops->open(strchr(address, ':') + 1, opts, out);
}
