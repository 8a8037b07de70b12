/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the library has to say besides errors. It never prints by itself: without a callback
 * everything is dropped. The data path logs nothing of requests, only what befalls the device: its
 * loss, its way back, and the reset of a LUN against a request that is late.
 */
#ifndef VSCSI_LOG_H
#define VSCSI_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

/* How much to say. 0 takes the level from the environment, VSCSI_LOG=error|warn|info|debug. */
#define VSCSI_LOG_DEFAULT 0
#define VSCSI_LOG_ERROR   1
#define VSCSI_LOG_WARN    2
#define VSCSI_LOG_INFO    3
#define VSCSI_LOG_DEBUG   4

/**
 * vscsi_set_log - Receive the library's messages
 * @level: the most talkative VSCSI_LOG_* wanted; VSCSI_LOG_DEFAULT reads VSCSI_LOG from the
 *	environment now, and takes VSCSI_LOG_WARN where that is not set or not known
 * @fn: called with the level and one line without a line feed, in whatever thread logs, possibly
 *	in several at once; it must not call the library. NULL: drop everything
 * @ctx: handed to @fn
 *
 * One setting for the whole process. When this returns, a thread that was already logging may
 * still be inside the former @fn; so that it can be, each call keeps a few bytes for good. Any
 * thread. Sets no sentence.
 *
 * Return: 0, -EINVAL for an unknown level, -ENOMEM.
 */
int vscsi_set_log(int level, void (*fn)(void *ctx, int level, const char *line), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
