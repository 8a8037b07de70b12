/* SPDX-License-Identifier: BSD-3-Clause */
/* Uses of a function's block devices: mounts, swap space, and devices built on them. */
#include "bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* These files encode a space in a name as \040. */
static void unescape(char *text)
{
	char *to = text;
	unsigned value;

	while (*text) {
		if (sscanf(text, "\\%3o", &value) == 1 && strlen(text) >= 4) {
			*to++ = (char)value;
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static int add_use(struct function *function, const struct block *block, const char *kind,
		   const char *where)
{
	struct use *use = array_more(&function->uses, &function->use_count, sizeof(*use));

	if (!use)
		return STATUS_FAILED;
	memcpy(use->block, block->name, sizeof(use->block));
	use->kind = kind;
	snprintf(use->where, sizeof(use->where), "%s", where);
	unescape(use->where);
	return STATUS_DONE;
}

static bool is_node(const char *path, const struct block *block)
{
	return strncmp(path, "/dev/", 5) == 0 && strcmp(path + 5, block->name) == 0;
}

/*
 * proc(5), mountinfo: number, parent, device, root, mount point, options, optional fields, " - ",
 * type, source. A file system on several disks has its own device number, so the source is compared
 * too.
 */
static int mounts_of_line(struct function *function, const char *line)
{
	char number[24], where[WHERE_SIZE], source[WHERE_SIZE] = "";
	const char *rest = strstr(line, " - ");
	unsigned i;

	if (!rest || sscanf(line, "%*s %*s %23s %*s %511s", number, where) != 2)
		return STATUS_DONE;
	sscanf(rest, " - %*s %511s", source);
	for (i = 0; i < function->block_count; i++) {
		if (strcmp(number, function->blocks[i].number) == 0 ||
		    is_node(source, &function->blocks[i]))
			return add_use(function, &function->blocks[i], "mount", where);
	}
	return STATUS_DONE;
}

static int swap_of_line(struct function *function, const char *line)
{
	char path[WHERE_SIZE];
	unsigned i;

	if (sscanf(line, "%511s", path) != 1)
		return STATUS_DONE;
	for (i = 0; i < function->block_count; i++) {
		if (is_node(path, &function->blocks[i]))
			return add_use(function, &function->blocks[i], "swap", "");
	}
	return STATUS_DONE;
}

static int lines_of(const char *path, struct function *function,
		    int (*look)(struct function *, const char *))
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int status = STATUS_DONE;

	if (!file)
		return STATUS_DONE;
	while (!status && getline(&line, &room, file) > 0)
		status = look(function, line);
	free(line);
	fclose(file);
	return status;
}

/* Devices of device mapper and md have a link in the disk's directory. */
static int holders_of(const char *root, struct function *function, const struct block *block)
{
	char path[PATH_MAX];
	char **names;
	unsigned count, i;
	int status = STATUS_DONE;

	count = tree_list(tree_path(path, root, "/sys/class/block/%s/holders", block->name),
			  &names);
	for (i = 0; !status && i < count; i++)
		status = add_use(function, block, "holder", names[i]);
	tree_list_free(names, count);
	return status;
}

/* A missing file means no uses, such as in a kernel without swap; blocks_claim() checks too. */
int uses_read(const char *root, struct function *function)
{
	char path[PATH_MAX];
	unsigned i;
	int status;

	tree_path(path, root, "/proc/self/mountinfo");
	status = lines_of(path, function, mounts_of_line);
	tree_path(path, root, "/proc/swaps");
	if (!status)
		status = lines_of(path, function, swap_of_line);
	for (i = 0; !status && i < function->block_count; i++)
		status = holders_of(root, function, &function->blocks[i]);
	return status;
}
