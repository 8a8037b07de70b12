/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The target's one way to say what went wrong. Not a log: a sentence for each refusal.
 */
#ifndef TARGET_SAY_H
#define TARGET_SAY_H

/*
 * refuse - remember the sentence that explains a failure and hand the error on.
 * @errnum: a positive errno value
 * The sentence says what was tried, what was found and, where it helps, what to do. It is kept
 * until the next refuse(). Returns -@errnum, so that "return refuse(...)" reads as one step.
 */
int refuse(int errnum, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* refusal - the sentence of the last refuse(); never NULL, valid until the next one. */
const char *refusal(void);

/* warn - print one line on stderr, after the program's name. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
