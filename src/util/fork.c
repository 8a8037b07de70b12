/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of objects that a child process must not use. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "util/error.h"
#include "util/fork.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fork_entry *first;

static void prepare(void)
{
	pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	struct fork_entry *entry;

	pthread_mutex_unlock(&lock);
	for (entry = first; entry; entry = entry->next)
		entry->in_child(entry);
}

/* The lock is held. After a failure the next fork_watch() tries again. */
static int register_handlers(void)
{
	static bool registered;

	if (!registered && pthread_atfork(prepare, in_parent, in_child))
		return error_set(-ENOMEM, "no memory to watch for fork()");
	registered = true;
	return 0;
}

int fork_watch(struct fork_entry *entry)
{
	int err;

	pthread_mutex_lock(&lock);
	err = register_handlers();
	if (!err) {
		entry->next = first;
		first = entry;
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void fork_forget(struct fork_entry *entry)
{
	struct fork_entry **link;

	pthread_mutex_lock(&lock);
	for (link = &first; *link && *link != entry; link = &(*link)->next)
		;
	if (*link)
		*link = entry->next;
	pthread_mutex_unlock(&lock);
}
