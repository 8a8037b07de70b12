/* SPDX-License-Identifier: BSD-3-Clause */
/* Small files, links and directories of sysfs and procfs; and growing arrays. */
#include "bind.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fail(int status, const char *form, ...)
{
	va_list args;

	fputs("vscsi-bind: ", stderr);
	va_start(args, form);
	vfprintf(stderr, form, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/* Never truncates a sysfs path: the length of the root is limited. */
const char *tree_path(char *path, const char *root, const char *form, ...)
{
	va_list args;
	int len = snprintf(path, PATH_MAX, "%s", root);

	va_start(args, form);
	vsnprintf(path + len, PATH_MAX - (size_t)len, form, args);
	va_end(args);
	return path;
}

int tree_read(const char *path, char *out, size_t room)
{
	FILE *file = fopen(path, "re");

	*out = '\0';
	if (!file)
		return -errno;
	if (fgets(out, (int)room, file))
		out[strcspn(out, "\n")] = '\0';
	fclose(file);
	return 0;
}

/* sysfs expects the whole value in one system call. */
int tree_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -errno;
	close(fd);
	return ret;
}

void tree_link(const char *path, char *out, size_t room)
{
	char target[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	const char *slash;

	*out = '\0';
	if (len <= 0)
		return;
	target[len] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, room, "%s", slash ? slash + 1 : target);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* One allocation per name: versionsort() needs struct dirent, callers only the names. */
unsigned tree_list(const char *path, char ***names)
{
	struct dirent **found = NULL;
	int count = scandir(path, &found, is_shown, versionsort), i;

	*names = count > 0 ? calloc((size_t)count, sizeof(**names)) : NULL;
	for (i = 0; i < count; i++) {
		if (*names)
			(*names)[i] = strdup(found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return *names ? (unsigned)count : 0;
}

void tree_list_free(char **names, unsigned count)
{
	while (count)
		free(names[--count]);
	free(names);
}

void *array_more(void *array, unsigned *count, size_t size)
{
	char *old, *new;

	memcpy(&old, array, sizeof(old));
	new = reallocarray(old, *count + 1u, size);
	if (!new) {
		fail(STATUS_FAILED, "out of memory");
		return NULL;
	}
	memcpy(array, &new, sizeof(new));
	return memset(new + (*count)++ *size, 0, size);
}
