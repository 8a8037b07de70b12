/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that hangs: the disk of tests/integration/hostile, with two users, one of a queue of its
 * own and one of a queue that is shared. It can lose its connection or stop answering, and stops
 * again at any message or command of the start sequence that follows. Meanwhile the clock is
 * stopped, and only the test advances it.
 */
#ifndef STALL_DISK_H
#define STALL_DISK_H

#include "user.h"

/* How the device is lost. */
enum loss {
	LOSS_CLOSED, /* the back-end closes the connection */
	LOSS_SILENT, /* it answers neither requests nor task management, until it is reset */
};

/* Where it hangs then. */
enum hang {
	HANG_UNREAD,     /* a message is not read */
	HANG_HALF,       /* half of it is */
	HANG_UNANSWERED, /* it is read, and not answered */
	HANG_COMMAND,    /* one of the library's own commands is not answered */
};

/**
 * struct stall - The device, and where it hangs
 * @liar: the back-end, and the handles of the first user; @own, @other: the users
 * @keep: commands of users are kept, not answered
 * @commands: how many of the library's own there were; @hang_at is not answered, but kept
 * @hangs: that one was kept, and not answered yet
 * @kept, @kept_queue: the last command that was kept
 * @skip_ms: time that passes in a step
 * @point: where it is to hang, for messages
 * @queues: request queues of the device; 2 unless changed before stall_up()
 */
struct stall {
	struct liar *liar;
	struct user own;
	struct user other;
	atomic_bool keep;
	atomic_uint commands;
	atomic_uint hang_at;
	atomic_bool hangs;
	struct rig_chain kept;
	unsigned kept_queue;
	unsigned skip_ms;
	unsigned point;
	unsigned queues;
};

/* Before and after each test; the state is a struct liar, whose @ctx is the row of a table. */
int stall_begin(void **state);
int stall_end(void **state);

#define STALL_TEST(function)                                      \
	{                                                         \
#function, function, stall_begin, stall_end, NULL \
	}
#define STALL_ROW(function, row)                                                        \
	{                                                                               \
		(row)->name, function, stall_begin, stall_end, (void *)(uintptr_t)(row) \
	}

/* The one of the test that runs. */
extern struct stall stall;

/**
 * stall_up - Open the device, and stop the clock
 * @packed: packed rings
 * @options: of its address, to be appended to "?queues=..."; "" or "&name=value..."
 */
void stall_up(bool packed, const char *options);

/* The opposite, for tests that open it several times. Nothing may be in flight. */
void stall_down(void);

/* Both users have one of each request in flight, which is kept. */
void stall_fill(void);

/* One step of the application: both users do what @round says, the back-end has time to answer. */
void stall_step(void (*round)(struct user *user));

/* Plans a hang at the message or command with this number, counted from the loss. */
void stall_plan(enum hang hang, unsigned number);

/* Loses the device. */
void stall_lose(enum loss loss);

/* Whether it hangs now; and its end. */
bool stall_hangs(void);
void stall_release(void);

/* Steps until the device hangs as planned. */
void stall_reach(void);

/* Steps, without new requests, until all were returned. */
void stall_finish(void);

/* The same, but the device is to be back as well. */
void stall_return(void);

#endif
