/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks before the run that the results can be written where they shall be.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int output_check(const char *path)
{
	struct stat link, file;
	bool is_new = lstat(path, &link);
	int fd;

	/* What a pipe or device does with two opens is not known. */
	if (!stat(path, &file) && !S_ISREG(file.st_mode) && !S_ISDIR(file.st_mode))
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "vscsi-perf: writing %s: %s\n", path, strerror(errno));
		return -EIO;
	}
	close(fd);
	if (is_new)
		unlink(path);
	return 0;
}
