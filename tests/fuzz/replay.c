/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzz target over files that were kept: seeds, and inputs that once broke something. Takes
 * their folders; used where no libFuzzer is.
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

#define MOST (1u << 20) /* bytes of an input */

static int run_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data, *all;
	size_t len;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	all = malloc(MOST);
	len = all ? fread(all, 1, MOST, file) : 0;
	fclose(file);
	/* Exactly as large as the input, so that the sanitizer sees a read beyond its end. */
	data = realloc(all, len ? len : 1);
	if (data)
		LLVMFuzzerTestOneInput(data, len);
	else
		fprintf(stderr, "%s: out of memory\n", path);
	free(data ? data : all);
	return data ? 0 : 1;
}

static int run_folder(const char *folder, unsigned *count)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	int failed = 0;

	if (!dir) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		failed |= run_file(path);
		(*count)++;
	}
	closedir(dir);
	return failed;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int failed = argc < 2;
	int i;

	for (i = 1; i < argc; i++)
		failed |= run_folder(argv[i], &count);
	printf("%u inputs\n", count);
	return failed || !count;
}
