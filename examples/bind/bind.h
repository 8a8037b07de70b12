/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What vscsi-bind knows of a virtio-scsi PCI function, and what it does with one. All of it is read
 * below a root folder, "" for the machine itself: tests bring a tree of their own.
 */
#ifndef EXAMPLES_BIND_BIND_H
#define EXAMPLES_BIND_BIND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_ROOM 13 /* "0000:00:05.0" and its end */
#define NAME_ROOM    64
#define WHERE_ROOM   512

/* The exit statuses, told in --help. */
#define STATUS_DONE    0
#define STATUS_FAILED  1 /* the kernel refused, and so on */
#define STATUS_USAGE   2
#define STATUS_ABSENT  3 /* no such function, or no virtio-scsi function */
#define STATUS_IN_USE  4
#define STATUS_UNREADY 5 /* the machine lacks something: a module, an IOMMU, permission */

/* Another function of the same IOMMU group. */
struct neighbour {
	char address[ADDRESS_ROOM];
	char driver[NAME_ROOM]; /* "" for none */
};

/* A block device of the function: a disk, or a partition of one. */
struct block {
	char name[NAME_ROOM]; /* as in /sys/class/block */
	char number[24];      /* "8:1" */
	uint64_t bytes;
	bool partition;
	int fd; /* open exclusively, or -1: see blocks_claim() */
};

/* Why a block device may not go away. */
struct use {
	char block[NAME_ROOM];
	const char *kind;       /* "mount", "swap" or "holder" */
	char where[WHERE_ROOM]; /* the mount point, or who holds it; "" for swap */
};

struct function {
	char address[ADDRESS_ROOM];
	uint16_t vendor;
	uint16_t device;
	char driver[NAME_ROOM]; /* "" for none */
	char group[NAME_ROOM];  /* number of the IOMMU group, "" for none */
	int node;               /* NUMA, -1 for none */
	struct neighbour *neighbours;
	unsigned neighbour_count;
	struct block *blocks;
	unsigned block_count;
	struct use *uses;
	unsigned use_count;
};

struct functions {
	struct function *entry;
	unsigned count;
};

/* Prints a sentence on stderr. Return: @status. */
int refuse(int status, const char *form, ...) __attribute__((format(printf, 2, 3)));

/* Return: @path, of PATH_MAX bytes, with the root and what the form says behind it. */
const char *tree_path(char *path, const char *root, const char *form, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * tree_read - Read the first line of a small file
 * @path: the file
 * @out: receives the line without its end; "" on failure
 *
 * Return: 0, or a negative errno.
 */
int tree_read(const char *path, char *out, size_t room);

/* Writes a text into a file that exists, in one go. Return: 0, or a negative errno. */
int tree_write(const char *path, const char *text);

/* The last part of where a link leads, in @out; "" where there is no such link. */
void tree_link(const char *path, char *out, size_t room);

/**
 * tree_list - List a folder
 * @names: receives the names in order, those that begin with a dot left out; NULL for none
 *
 * Return: how many; a folder that can't be read has none. To be given to tree_list_free().
 */
unsigned tree_list(const char *path, char ***names);
void tree_list_free(char **names, unsigned count);

/**
 * array_more - Make room for one more element
 * @array: a pointer to the array's pointer, which may move
 * @count: elements in it; one more afterwards
 * @size: of an element
 *
 * Return: the new element, zeroed, or NULL with a sentence on stderr.
 */
void *array_more(void *array, unsigned *count, size_t size);

/**
 * function_read - Find out about one function
 * @root: see above
 * @address: DDDD:BB:DD.F, perhaps with pci: in front
 * @out: filled in; to be given to function_free() in any case
 *
 * Return: STATUS_DONE, or another with a sentence on stderr.
 */
int function_read(const char *root, const char *address, struct function *out);
void function_free(struct function *function);

/* Return: whether a PCI address is of the form DDDD:BB:DD.F, and can be part of a path. */
bool is_address(const char *text);

/* Finds all virtio-scsi functions. Return: as function_read(). */
int functions_read(const char *root, struct functions *out);
void functions_free(struct functions *all);

/* Finds the block devices of a function and their uses. Return: as function_read(). */
int blocks_read(const char *root, struct function *function);

/**
 * blocks_claim - Open a function's disks so that nobody can begin to use them
 * @root: see above
 * @function: its disks stay open until function_free()
 *
 * Fails with STATUS_IN_USE where a disk is in use, named by what uses it.
 *
 * Return: as function_read().
 */
int blocks_claim(const char *root, struct function *function);

/* Finds the uses of a function's block devices. Return: as function_read(). */
int uses_read(const char *root, struct function *function);

/* Tell people, and programs. Return: STATUS_DONE, or STATUS_FAILED with a sentence on stderr. */
int list_text(const struct functions *all);
int list_json(const struct functions *all);

/**
 * take - Bind functions to vfio-pci
 * @root: see above
 * @addresses: the functions, @count of them
 *
 * Nothing is done before all of them were found to be ready. A function that vfio-pci has already
 * is left alone.
 *
 * Return: as function_read().
 */
int take(const char *root, char **addresses, unsigned count);

/* Lets the kernel's own driver have functions again. Return: as function_read(). */
int give_back(const char *root, char **addresses, unsigned count);

/**
 * driver_change - Make the kernel choose a driver again
 * @root: see above
 * @function: its driver, where it has one, is taken away first; @function->driver is the new one
 * @wanted: the driver's name, or "" for the one that the kernel prefers
 *
 * Return: STATUS_DONE when every step was possible, whatever driver came of it; or another with a
 * sentence on stderr.
 */
int driver_change(const char *root, struct function *function, const char *wanted);

#endif
