/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens closed standard descriptors.
 */
#include "stdio.h"

#include <fcntl.h>
#include <unistd.h>

#define STATUS_FAILED 2

void stdio_open_missing(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/*
		 * The lowest free descriptor is @fd. It is opened in the wrong direction: a program
		 * must not believe that its output was written.
		 */
		if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(STATUS_FAILED);
	}
}
