/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The standard descriptors of a program, which its caller may have closed.
 */
#ifndef EXAMPLES_COMMON_STDIO_H
#define EXAMPLES_COMMON_STDIO_H

/*
 * stdio_open_missing - Open /dev/null on those of the descriptors 0 to 2 that are closed
 *
 * Call it first in main(). Otherwise the next file or socket that the program opens becomes its
 * standard output, and what it prints is written there. Reading standard input or writing
 * standard output fails with EBADF, as if they were still closed.
 *
 * Terminates the program with status 2 if a descriptor can't be opened.
 */
void stdio_open_missing(void);

#endif
