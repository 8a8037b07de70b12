/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The progress line and the signal that prints it, and the rate limit.
 */
#include "copy.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

#define INTERVAL_NS 1000000000u

static volatile sig_atomic_t asked;

static const char *verb; /* of this phase: "copied" or "verified" */
static uint64_t phase_ns;
static uint64_t phase_from; /* bytes that were done before it */
static uint64_t shown_ns;
static bool terminal;
static bool line_open; /* the terminal's last line is the progress */

static void on_ask(int sig)
{
	(void)sig;
	asked = 1;
}

void progress_signals(void)
{
	const struct sigaction action = {.sa_handler = on_ask, .sa_flags = SA_RESTART};

	sigaction(SIGUSR1, &action, NULL);
}

void progress_start(const char *what, uint64_t from)
{
	verb = what;
	phase_ns = shown_ns = clock_now();
	phase_from = from;
	terminal = isatty(STDERR_FILENO);
}

static void print_left(double seconds)
{
	uint64_t left = (uint64_t)(seconds + 0.5);

	if (left >= 3600)
		fprintf(stderr, ", %" PRIu64 ":%02u:%02u left", left / 3600,
			(unsigned)(left / 60 % 60), (unsigned)(left % 60));
	else
		fprintf(stderr, ", %u:%02u left", (unsigned)(left / 60), (unsigned)(left % 60));
}

static void print_line(const struct copy *copy, uint64_t done)
{
	char amount[TEXT_HUMAN_LEN], total[TEXT_HUMAN_LEN], rate[TEXT_HUMAN_LEN];
	double seconds = (double)(clock_now() - phase_ns) / 1e9;
	double speed = seconds > 0 ? (double)(done - phase_from) / seconds : 0;

	fprintf(stderr, "%s of ", text_human(amount, done));
	if (copy->total == UNKNOWN)
		fputs("a pipe", stderr);
	else if (copy->input.stream)
		fprintf(stderr, "at most %s", text_human(total, copy->total));
	else
		fprintf(stderr, "%s (%u%%)", text_human(total, copy->total),
			copy->total ? (unsigned)(100.0 * (double)done / (double)copy->total) : 100);
	fprintf(stderr, " %s, %s/s", verb, text_human(rate, (uint64_t)speed));
	if (speed > 0 && !copy->input.stream)
		print_left((double)(copy->total - done) / speed);
}

void progress_show(const struct copy *copy, uint64_t done)
{
	uint64_t now = clock_now();

	if (asked) {
		asked = 0;
		progress_end();
		print_line(copy, done);
		fputc('\n', stderr);
	}
	if (now - shown_ns < INTERVAL_NS || copy->progress == PROGRESS_NEVER ||
	    (copy->progress == PROGRESS_AUTO && !terminal))
		return;
	shown_ns = now;
	if (terminal)
		fputs("\r\033[K", stderr);
	print_line(copy, done);
	if (!terminal)
		fputc('\n', stderr);
	line_open = terminal;
}

void progress_end(void)
{
	if (line_open)
		fputs("\r\033[K", stderr);
	line_open = false;
}

bool progress_rate(const struct copy *copy, uint64_t bytes)
{
	double seconds = (double)(clock_now() - phase_ns) / 1e9;

	/* Before the first request, none was too much. */
	return !copy->rate || !copy->loaded ||
	       (double)(copy->loaded + bytes) <= (double)copy->rate * seconds;
}
