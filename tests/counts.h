/* SPDX-License-Identifier: BSD-3-Clause */
/* What a process has that can leak; for tests that count before and after. */
#ifndef TESTS_COUNTS_H
#define TESTS_COUNTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>

/* Open descriptors, and always the same few more. */
static inline unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Mappings with @part in their line of /proc/self/maps. */
static inline unsigned count_maps(const char *part)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned count = 0;
	char line[4352];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, part) != NULL;
	fclose(maps);
	return count;
}

#endif
