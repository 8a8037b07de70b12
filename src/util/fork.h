/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Marks the objects that a child process must not use after fork(). Objects that reach shared
 * memory or a device are in one list for the whole process; in a child, each of them is marked by
 * its own function, in the child's only thread, before fork() returns there.
 *
 * The list's lock is taken around each fork(), so the list is consistent in the child. Other locks
 * may be held for ever there, by threads that the child doesn't have: code for a child initializes
 * the locks that it needs again, and accesses no shared memory.
 */
#ifndef UTIL_FORK_H
#define UTIL_FORK_H

/**
 * struct fork_entry - An object in the list
 * @in_child: marks it in the child; called again in a child of the child
 */
struct fork_entry {
	struct fork_entry *next;
	void (*in_child)(struct fork_entry *entry);
};

/* Error text of a call in a child; %s: the object. */
#define FORK_TEXT "this process was forked from the one that opened %s; only close is possible"

/**
 * fork_watch - Put an object into the list
 * @entry: embedded in the object, with @in_child set; fork_forget() removes it
 *
 * The first call registers with pthread_atfork(). Any thread.
 *
 * Return: 0, or -ENOMEM with its text set.
 */
int fork_watch(struct fork_entry *entry);

/* Removes an object from the list; does nothing if it isn't listed. Any thread. */
void fork_forget(struct fork_entry *entry);

#endif
