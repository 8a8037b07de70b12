/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user back-end on the other end of a socket in memory (kernel.h), with disks. It dies and
 * comes back with other offers, disks and memory of what was in flight; it lies in replies, rings
 * and answers, and is silent, as the input says: read from its back (input_back()), one lie each
 * time that the byte before it has counted down. When that is used up the back-end is honest.
 */
#ifndef TESTS_FUZZ_BACKEND_H
#define TESTS_FUZZ_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"

#define BACKEND_LUNS  3u
#define BACKEND_BLOCK 512u
#define BACKEND_RINGS 5u /* three for requests */

/* A command of the application's own, which may not be executed twice: its number follows. */
#define BACKEND_ONCE 0xc0u
#define BACKEND_TAGS 256u

/* What the first connection offers besides what every one does. */
#define BACKEND_PACKED   1u
#define BACKEND_IN_ORDER 2u
#define BACKEND_TRACKS   4u
#define BACKEND_SLOTS    8u

/* Starts unconnected, with new disks. The program also reads from the front of the input. */
void backend_begin(struct input *in, unsigned offer);
void backend_end(void);

/* Hooks of the kernel's. */
int backend_connect(int end);
void backend_turn(void);

/* Cuts the connection, as by a kill. */
void backend_die(void);

/* Executes what it has, without a word about it. */
void backend_work(void);

/* Whether to hold commands until backend_give(), except those that open a LUN. */
void backend_hold(bool hold);

/* Answers a command that is kept, by its number; @lie: in some way. */
void backend_give(unsigned which, bool lie);

/* Used entries that are no command's, and scribbling over what is shared. */
void backend_break(unsigned ring, unsigned how, uint16_t a, uint32_t b);

void backend_event(uint32_t event, unsigned lun, uint32_t reason);
void backend_change_config(void);
void backend_signal_error(void);

/*
 * Whether a byte of that memory belongs to a command that a back-end, which is alive, still has.
 * @lost: the command ended without an answer. If not, a ring that lied says nothing: its lie
 * may have been about a command before the back-end took it.
 */
bool backend_has(const void *memory, size_t len, bool lost);

/* What tells the disk at a LUN from others; 0: there is none. */
char backend_disk(unsigned lun);

/* Whether all that it said of its disks was true, and so was all that it wrote to rings. */
bool backend_is_honest(void);

/* A rule of rings that the driver broke, unless the back-end had a part in it. */
const char *backend_broken(void);

/* How often a command was executed that may be once. */
unsigned backend_executed(unsigned tag);

#endif
