/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operations that are repeated until all their messages are answered: the results of messages that
 * were answered are kept, and returned again (pci/bus.h, "Waiting").
 */
#include <errno.h>

#include "transport/vfio_user/session.h"
#include "util/error.h"

bool vfu_begin(struct pci_bus *bus, const char *op, bool wait)
{
	struct vfu *v = vfu_of(bus);
	bool again = v->open && v->op == op;

	if (!again) {
		vfu_abandon(v);
		v->count = 0;
	}
	v->next = 0;
	v->op = op;
	v->open = false;
	v->wait = wait;
	return !again;
}

bool vfu_busy(struct pci_bus *bus, const char *op)
{
	struct vfu *v = vfu_of(bus);

	return v->open && v->op != op;
}

void vfu_settle(struct pci_bus *bus)
{
	struct vfu *v = vfu_of(bus);

	v->count = v->next = 0;
}

/* The reason of a refusal was reported when the answer arrived. */
static int repeat(struct vfu *v, const struct vfu_call *call)
{
	const struct vfu_result *result = &v->results[v->next++];

	if (result->ret)
		return error_set(result->ret, "%s refused message %u", v->bus.name, call->command);
	if (call->value)
		*call->value = result->value;
	return 0;
}

int vfu_call(struct vfu *v, const struct vfu_call *call)
{
	int ret;

	if (v->next < v->count)
		return repeat(v, call);
	if (v->count == VFU_MAX_CALLS)
		return vfu_fail(v, error_set(-EPROTO, "%s needs more than %u messages", v->bus.name,
					     VFU_MAX_CALLS));
	ret = vfu_exchange(v, call);
	v->open = ret == -EINPROGRESS;
	if (v->open)
		return ret;
	v->results[v->count++] = (struct vfu_result){ret, call->value ? *call->value : 0};
	v->next = v->count;
	return ret;
}
