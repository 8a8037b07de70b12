/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios for pools without a device. */
#include <errno.h>
#include <string.h>

#include "scenario.h"

static int create_pool(struct world *w, const struct vscsi_mem_opts *opts)
{
	return w->mem ? 0 : vscsi_mem_create(opts, &w->mem);
}

static int create(struct world *w)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 4u << 20};

	return create_pool(w, &opts);
}

/* More large pages than any machine has: then formatting the error text is what is tested. */
static int create_too_large(struct world *w)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .page_size = 1u << 30, .pages = 8};
	int err = create_pool(w, &opts);

	/* A kernel without such pages is only reported if that can be determined. */
	if (err && strstr(vscsi_last_error(), "VSCSI_MEM_ORDINARY") &&
	    !strstr(vscsi_last_error(), "has no hugepages"))
		return 0;
	return err;
}

static void setup_pool(struct world *w)
{
	assert_int_equal(create(w), 0);
}

static int register_own(struct world *w)
{
	return vscsi_mem_register(w->mem, w->own, WORLD_OWN, w->own_fd, 0);
}

static void setup_registered(struct world *w)
{
	setup_pool(w);
	assert_int_equal(register_own(w), 0);
}

static int unregister_own(struct world *w)
{
	return vscsi_mem_unregister(w->mem, w->own);
}

static int destroy(struct world *w)
{
	int err = vscsi_mem_destroy(w->mem);

	w->mem = NULL;
	return err;
}

const struct scenario mem_scenarios[] = {
	{"create a pool", NULL, create, NO_DEVICE, NULL},
	{"create a pool that is too large", NULL, create_too_large, NO_DEVICE, NULL},
	{"register memory", setup_pool, register_own, NO_DEVICE, NULL},
	{"unregister memory", setup_registered, unregister_own, NO_DEVICE | CANT_FAIL, NULL},
	{"destroy a pool", setup_registered, destroy, NO_DEVICE | CANT_FAIL, NULL},
};
const unsigned mem_scenario_count = ARRAY_LEN(mem_scenarios);
