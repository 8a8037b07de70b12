/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages for the callback of vscsi_set_log(). Not for the data path.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <vscsi/log.h>

/**
 * log_line - Pass a line to the application's log callback
 * @level: VSCSI_LOG_ERROR to VSCSI_LOG_DEBUG
 * @fmt: the line, without a line feed
 */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vscsi_set_log() */
int log_set(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx);

#define log_error(...) log_line(VSCSI_LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(VSCSI_LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(VSCSI_LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(VSCSI_LOG_DEBUG, __VA_ARGS__)

#endif
