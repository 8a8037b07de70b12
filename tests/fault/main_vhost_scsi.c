/* SPDX-License-Identifier: BSD-3-Clause */
/* The same for the kernel's SCSI target: the transport with a stub of /dev/vhost-scsi. */
#include <string.h>

#include <linux/virtio_config.h>

#include "../unit/vhost_scsi/kernel.h"
#include "scenario.h"
#include "util/error.h"

/* Called by the stub with the name of each call that it wraps; whether it must fail. */
static bool inject_by_name(const char *name)
{
	if (!strcmp(name, "open64"))
		return fault_injected(CALL_OPEN);
	return fault_injected(strcmp(name, "close") ? CALL_IOCTL : CALL_CLOSE);
}

static int start_queues(struct transport *t, char *memory)
{
	unsigned i;
	int err = 0;

	memset(memory, 0, 4096);
	for (i = 0; i < RINGS && !err; i++) {
		const struct transport_queue queue = {
			.index = i,
			.size = ENTRIES,
			.desc = memory,
			.driver = memory + 1024,
			.device = memory + 2048,
		};

		err = t->ops->queue_start(t, &queue);
	}
	return err;
}

/* From the features to DRIVER_OK. */
static int start(struct world *w, struct transport *t)
{
	uint64_t features;
	int err = t->ops->get_features(t, &features);

	if (!err)
		err = t->ops->set_features(t, features & t->ops->features);
	if (!err)
		err = start_queues(t, w->own);
	if (!err)
		err = t->ops->set_status(t, VIRTIO_CONFIG_S_DRIVER_OK);
	return err;
}

/* Everything that is done with an endpoint, from open to close; twice, as after a loss. */
static int run(struct world *w)
{
	const struct transport_opts opts = {.timeout_ms = 1000};
	const struct dma_region region = {
		.addr = (uintptr_t)w->own, .len = WORLD_OWN, .fd = w->own_fd};
	struct transport *t;
	uint64_t iova;
	int err;

	kernel_init();
	err = transport_open("vhost-scsi:" NAME, &opts, &t);
	if (err)
		return err;
	err = t->ops->mem_map(t, &region, &iova);
	if (!err)
		err = start(w, t);
	if (!err)
		err = t->ops->set_status(t, 0);
	if (!err)
		err = t->ops->reopen(t);
	if (!err)
		err = start(w, t);
	if (!err)
		err = t->ops->mem_unmap(t, &region, iova);
	error_keep(true);
	t->ops->disconnect(t);
	t->ops->close(t);
	error_keep(false);
	assert_int_equal(kernel.fd, -1);
	return err;
}

int main(void)
{
	static const struct scenario scenarios[] = {
		{"an endpoint of vhost-scsi", NULL, run, NO_DEVICE, NULL},
	};

	kernel_fails = inject_by_name;
	return run_scenarios("vhost-scsi", scenarios, 1) != 0;
}
