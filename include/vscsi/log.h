/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log messages. The library never prints: without a callback, messages are dropped. The data path
 * does not log requests, only what happens to the device: its loss, its reconnect, its failure, and
 * the reset of a LUN because of a late request.
 */
#ifndef VSCSI_LOG_H
#define VSCSI_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

/* Log levels. 0 takes the level from the environment, VSCSI_LOG=error|warn|info|debug. */
#define VSCSI_LOG_DEFAULT 0
#define VSCSI_LOG_ERROR   1
#define VSCSI_LOG_WARN    2
#define VSCSI_LOG_INFO    3
#define VSCSI_LOG_DEBUG   4

/**
 * vscsi_set_log - Set the callback for log messages
 * @level: log messages up to this VSCSI_LOG_*; VSCSI_LOG_DEFAULT reads VSCSI_LOG from the
 *	environment now, and takes VSCSI_LOG_WARN if that is not set or unknown
 * @fn: called with the level and one line without a line feed, in any thread that logs, possibly in
 *	several at once; it must not call the library. NULL: drop all messages
 * @ctx: passed to @fn
 *
 * One setting for the whole process. When this returns, a thread that was already logging may still
 * be inside the previous @fn; therefore each call keeps a few bytes that are never freed. Any
 * thread; never waits. Sets no error text.
 *
 * Return: 0, -EINVAL for an unknown level, -ENOMEM.
 */
int vscsi_set_log(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
