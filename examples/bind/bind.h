/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of vscsi-bind, and the data that they share. Everything is read below a root
 * directory, "" for the machine itself; tests provide their own tree.
 */
#ifndef EXAMPLES_BIND_BIND_H
#define EXAMPLES_BIND_BIND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_SIZE 13 /* "0000:00:05.0" with its terminator */
#define NAME_SIZE    64
#define WHERE_SIZE   512

/* Exit statuses, listed in --help. */
#define STATUS_DONE    0
#define STATUS_FAILED  1 /* the kernel reported an error */
#define STATUS_USAGE   2
#define STATUS_ABSENT  3 /* no such function, or not a virtio-scsi function */
#define STATUS_IN_USE  4
#define STATUS_UNREADY 5 /* missing: a kernel module, an IOMMU or permission */

/* Another function of the same IOMMU group. */
struct neighbour {
	char address[ADDRESS_SIZE];
	char driver[NAME_SIZE]; /* "" for none */
};

/* A block device of the function: a disk, or a partition of one. */
struct block {
	char name[NAME_SIZE]; /* as in /sys/class/block */
	char number[24];      /* "8:1" */
	uint64_t bytes;
	bool partition;
	int fd; /* open exclusively, or -1; see blocks_claim() */
};

/* A use of a block device. */
struct use {
	char block[NAME_SIZE];
	const char *kind;       /* "mount", "swap" or "holder" */
	char where[WHERE_SIZE]; /* mount point or holder; "" for swap */
};

struct function {
	char address[ADDRESS_SIZE];
	uint16_t vendor;
	uint16_t device;
	char driver[NAME_SIZE]; /* "" for none */
	char group[NAME_SIZE];  /* number of the IOMMU group, "" for none */
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

/* Prints a message on stderr. Return: @status. */
int fail(int status, const char *form, ...) __attribute__((format(printf, 2, 3)));

/* Formats a path below the root into @path, of PATH_MAX bytes. Return: @path. */
const char *tree_path(char *path, const char *root, const char *form, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * tree_read - Read the first line of a small file
 * @path: the file
 * @out: receives the line without line feed; "" on failure
 *
 * Return: 0 or a negative errno.
 */
int tree_read(const char *path, char *out, size_t room);

/* Writes @text into an existing file with one system call. Return: 0 or a negative errno. */
int tree_write(const char *path, const char *text);

/* Stores the last component of a link's target in @out; "" if there is no such link. */
void tree_link(const char *path, char *out, size_t room);

/*
 * tree_list - List a directory
 * @names: receives the sorted names without those that start with a dot; NULL if there are none
 *
 * Return: how many, 0 if the directory can't be read. Free them with tree_list_free().
 */
unsigned tree_list(const char *path, char ***names);
void tree_list_free(char **names, unsigned count);

/*
 * array_more - Append an element to an array
 * @array: pointer to the array's pointer, which may change
 * @count: number of elements; incremented
 * @size: of an element
 *
 * Return: the new element, zeroed, or NULL with a message on stderr.
 */
void *array_more(void *array, unsigned *count, size_t size);

/*
 * function_read - Read the properties of a function
 * @root: see above
 * @address: DDDD:BB:DD.F, optionally prefixed with pci:
 * @out: filled in; function_free() is required even after a failure
 *
 * Return: STATUS_DONE, or another status with a message on stderr.
 */
int function_read(const char *root, const char *address, struct function *out);
void function_free(struct function *function);

/* Whether a PCI address has the form DDDD:BB:DD.F, and can be part of a path. */
bool is_address(const char *text);

/* Finds all virtio-scsi functions. Return: see function_read(). */
int functions_read(const char *root, struct functions *out);
void functions_free(struct functions *all);

/* Finds the block devices of a function and their uses. Return: see function_read(). */
int blocks_read(const char *root, struct function *function);

/*
 * blocks_claim - Open a function's disks exclusively, so that they can't be used meanwhile
 * @root: see above
 * @function: its disks stay open until function_free()
 *
 * Fails with STATUS_IN_USE and a message if a disk is in use.
 *
 * Return: see function_read().
 */
int blocks_claim(const char *root, struct function *function);

/* Finds the uses of a function's block devices. Return: see function_read(). */
int uses_read(const char *root, struct function *function);

/* Prints the list. Return: STATUS_DONE, or STATUS_FAILED with a message on stderr. */
int list_text(const struct functions *all);
int list_json(const struct functions *all);

/*
 * take - Bind functions to vfio-pci
 * @root: see above
 * @addresses: the functions, @count of them
 *
 * Nothing is changed unless all of them are ready. A function that is already bound to vfio-pci is
 * skipped.
 *
 * Return: see function_read().
 */
int take(const char *root, char **addresses, unsigned count);

/* Binds functions to the kernel's own driver again. Return: see function_read(). */
int give_back(const char *root, char **addresses, unsigned count);

/*
 * driver_change - Make the kernel bind a function again
 * @root: see above
 * @function: is first unbound from its driver, if it has one; @function->driver is the new one
 * @wanted: the driver's name, or "" for the one that the kernel selects
 *
 * Return: STATUS_DONE if every step was possible, whatever the new driver is; or another status
 * with a message on stderr.
 */
int driver_change(const char *root, struct function *function, const char *wanted);

#endif
