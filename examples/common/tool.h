/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all tools have in common: how they begin and end, and how they print the library's log.
 */
#ifndef EXAMPLES_COMMON_TOOL_H
#define EXAMPLES_COMMON_TOOL_H

#include <stdio.h>

/* Values of --log, and the line about it in --help. */
#define TOOL_LOG_VALUES "error|warn|info|debug"

/*
 * tool_begin - Call first in main()
 * @name: of the tool; begins each message
 *
 * Opens closed standard descriptors, and prints the library's log on stderr from now on, up to the
 * level in VSCSI_LOG. It tells why a device was lost. A message that follows itself within a
 * second, as from several devices with one back-end, is only counted.
 */
void tool_begin(const char *name);

/*
 * tool_log - Set the log level
 * @level: one of TOOL_LOG_VALUES
 *
 * Return: 0, or -EINVAL with a message on stderr.
 */
int tool_log(const char *level);

/*
 * tool_flush - Write out what was printed
 * @file: stdout or another file
 * @name: of the file
 *
 * Return: 0, or a negative errno if anything that was printed there could not be written. The first
 * failure of the program prints a message.
 */
int tool_flush(FILE *file, const char *name);

/*
 * tool_end - Call last in main()
 * @status: the program's exit status
 *
 * Return: @status, or EXIT_FAILURE if stdout could not be written.
 */
int tool_end(int status);

#endif
