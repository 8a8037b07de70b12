/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork(): what a child process must not use is told so. Objects that reach shared memory or a
 * device are in one list for the whole process; in a child, each of them is marked by its own
 * function, in the child's only thread, before fork() returns there.
 *
 * The list's lock is taken around each fork(), so the list is whole in the child. Other locks may
 * be held for ever there, by threads that the child doesn't have: code for a child initializes the
 * locks that it needs again, and touches no shared memory.
 */
#ifndef UTIL_FORK_H
#define UTIL_FORK_H

/**
 * struct fork_entry - An object in the list
 * @in_child: marks it, in the child; may be called several times, by the child of a child
 */
struct fork_entry {
	struct fork_entry *next;
	void (*in_child)(struct fork_entry *entry);
};

/* What calls in a child say. */
#define FORK_TEXT "this process was forked from the one that opened %s; only close is possible"

/**
 * fork_watch - Put an object into the list
 * @entry: of the object, with @in_child set; fork_forget() takes it out
 *
 * The first call registers with pthread_atfork(). Any thread.
 *
 * Return: 0, or -ENOMEM with its text set.
 */
int fork_watch(struct fork_entry *entry);

/* Takes an object out of the list; nothing happens where it isn't in it. Any thread. */
void fork_forget(struct fork_entry *entry);

#endif
