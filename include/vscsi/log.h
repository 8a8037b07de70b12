/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log messages. The library never prints: without a callback it drops all messages. It does not log
 * single requests. Calls of the data path log only events of the device: its loss, reconnect or
 * failure, and the reset of a LUN because of a late request.
 */
#ifndef VSCSI_LOG_H
#define VSCSI_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

/* Log levels. DEFAULT: from the environment, VSCSI_LOG=error|warn|info|debug. */
#define VSCSI_LOG_DEFAULT 0
#define VSCSI_LOG_ERROR   1
#define VSCSI_LOG_WARN    2
#define VSCSI_LOG_INFO    3
#define VSCSI_LOG_DEBUG   4

/**
 * vscsi_set_log - Set the callback for log messages
 * @level: log messages up to this VSCSI_LOG_*. VSCSI_LOG_DEFAULT: this call reads VSCSI_LOG from
 *	the environment, and uses VSCSI_LOG_WARN if it is unset or unknown
 * @fn: called with the level and one line without a line feed, in the thread that logs, possibly in
 *	several threads at once; it must not call the library. NULL: drop all messages
 * @ctx: passed to @fn
 *
 * The setting applies to the whole process. After this returns, a thread that was already logging
 * may still be in the previous @fn, so keep that function and its @ctx valid. For the same reason
 * each call allocates a few bytes that are never freed. Any thread; never waits. Sets no error
 * text.
 *
 * Return: 0, -EINVAL for an unknown level, -ENOMEM.
 */
int vscsi_set_log(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
