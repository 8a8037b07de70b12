/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What functions of one IOMMU group share: the kernel lets a group be opened once, and gives it one
 * address space. The first function of a group that this process opens creates a space, and the
 * others find it in a list. Functions of different groups share nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transport/vfio/vfio.h"
#include "util/error.h"
#include "util/fork.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vfio_space *first;

/* The child's list starts empty: it can only close the parent's spaces, and opens its own. */
static void in_child(struct fork_entry *entry)
{
	(void)entry;
	pthread_mutex_init(&lock, NULL);
	first = NULL;
}

static int watch_forks(void)
{
	static struct fork_entry entry = {.in_child = in_child};
	static bool watched;
	int ret = watched ? 0 : fork_watch(&entry);

	watched = !ret;
	return ret;
}

static struct vfio_space *find(const struct vfio_interface *interface, const char *name)
{
	struct vfio_space *space = first;

	while (space && (space->interface != interface || strcmp(space->name, name) != 0))
		space = space->next;
	return space;
}

static bool has(const struct vfio_space *space, const char *function)
{
	const struct vfio *v = space->first;

	while (v && strcmp(v->bus.name, function) != 0)
		v = v->next;
	return v;
}

static void discard(struct vfio_space *space)
{
	if (space->group >= 0)
		close(space->group);
	if (space->container >= 0)
		close(space->container);
	pthread_mutex_destroy(&space->addresses.lock);
	free(space);
}

static int make(struct vfio *v, const char *name)
{
	struct vfio_space *space = calloc(1, sizeof(*space));
	int ret;

	if (!space)
		return error_set(-ENOMEM, "out of memory");
	pthread_mutex_init(&space->addresses.lock, NULL);
	space->interface = v->interface;
	space->container = space->group = -1;
	snprintf(space->name, sizeof(space->name), "%s", name);
	v->space = space;
	ret = v->interface->make(v);
	if (ret) {
		v->space = NULL;
		discard(space);
		return ret;
	}
	space->next = first;
	first = space;
	return 0;
}

static int find_or_make(struct vfio *v, const char *name)
{
	struct vfio_space *space = find(v->interface, name);

	if (!space)
		return make(v, name);
	/* The kernel would allow it, because the group is already open in this process. */
	if (has(space, v->bus.name))
		return error_set(-EBUSY, "%s is in use: another device of this program has it open",
				 v->bus.name);
	v->space = space;
	return 0;
}

int vfio_space_enter(struct vfio *v)
{
	char name[16];
	int ret;

	vfio_read_link(v->bus.name, "iommu_group", name, sizeof(name));
	if (!*name)
		return error_set(-ENODEV,
				 "%s is in no IOMMU group, so there is no IOMMU in front of it; "
				 "give the machine one and boot its kernel with intel_iommu=on or "
				 "amd_iommu=on",
				 v->bus.name);
	pthread_mutex_lock(&lock);
	ret = watch_forks();
	if (!ret)
		ret = find_or_make(v, name);
	if (!ret) {
		v->next = v->space->first;
		v->space->first = v;
		v->bus.space = &v->space->addresses;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

/* Closes the group with the lock held, so that the next thread can open it. */
void vfio_space_leave(struct vfio *v)
{
	struct vfio_space *space = v->space;
	struct vfio_space **in_list = &first;
	struct vfio **link = &space->first;

	pthread_mutex_lock(&lock);
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	if (!space->first) {
		while (*in_list && *in_list != space)
			in_list = &(*in_list)->next;
		/* In a child, a space of the parent is in no list. */
		if (*in_list)
			*in_list = space->next;
		discard(space);
	}
	pthread_mutex_unlock(&lock);
}
