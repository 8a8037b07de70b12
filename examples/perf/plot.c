/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Draws the results as an SVG picture: requests per second over time, with a line for each thread
 * and kind of requests, and below it the latency by percentile, with a line for each entry of the
 * report and kind, which has the color of its threads.
 */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH  760
#define HEIGHT 260 /* of each picture, which has a margin around it */
#define MARGIN 80
#define TOP    40
#define BELOW  70
#define COLORS 8
#define NINES  5 /* the percentiles go to 99.999 */

static const char *const colors[COLORS] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728",
					   "#9467bd", "#8c564b", "#e377c2", "#17becf"};
static const char *const dir_names[DIR_SYNC] = {"read", "write", "trim"};

/* A picture: which values are at its edges. */
struct frame {
	FILE *out;
	double top;
	double x_end; /* from 0 */
	double y_begin;
	double y_end;
};

static double place_x(const struct frame *frame, double x)
{
	return MARGIN + x / frame->x_end * WIDTH;
}

static double place_y(const struct frame *frame, double y)
{
	return frame->top + HEIGHT -
	       (y - frame->y_begin) / (frame->y_end - frame->y_begin) * HEIGHT;
}

static void mark_x(const struct frame *frame, double x, double value)
{
	fprintf(frame->out,
		"<path d=\"M%.1f %.1fv%d\" stroke=\"#ddd\"/>"
		"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.6g</text>\n",
		place_x(frame, x), frame->top, HEIGHT, place_x(frame, x), frame->top + HEIGHT + 16,
		value);
}

static void mark_y(const struct frame *frame, double y, const char *label)
{
	fprintf(frame->out,
		"<path d=\"M%d %.1fh%d\" stroke=\"#ddd\"/>"
		"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
		MARGIN, place_y(frame, y), WIDTH, MARGIN - 6, place_y(frame, y) + 4, label);
}

static void title(const struct frame *frame, const char *text, const char *below)
{
	fprintf(frame->out,
		"<text x=\"%d\" y=\"%.1f\" font-weight=\"bold\">%s</text>"
		"<text x=\"%d\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
		MARGIN, frame->top - 12, text, MARGIN + WIDTH / 2, frame->top + HEIGHT + 34, below);
}

/* The name of a job may have any characters. */
static void legend(FILE *out, unsigned line, const char *name, unsigned dir)
{
	unsigned y = 2 * (TOP + HEIGHT + BELOW) + 18 * line;

	fprintf(out,
		"<path d=\"M%d %uh24\" stroke=\"%s\" stroke-width=\"2\"/><text x=\"%d\" y=\"%u\">",
		MARGIN, y, colors[line % COLORS], MARGIN + 32, y + 4);
	for (; *name; name++)
		fprintf(out, strchr("<>&", *name) || *name < ' ' ? "&#%u;" : "%c",
			(unsigned char)*name);
	fprintf(out, ", %s</text>\n", dir_names[dir]);
}

static void begin_line(FILE *out, unsigned line)
{
	fprintf(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"",
		colors[line % COLORS]);
}

/* A number of at least 1, 2 or 5 times a power of ten, so that there are at most ten marks. */
static double step_for(double end)
{
	double step = pow(10, floor(log10(end / 10)));

	while (end / step > 10)
		step *= end / step > 50 ? 10 : end / step > 20 ? 5 : 2;
	return step;
}

/* Calls @draw for each kind of each entry that has requests. */
static void each_line(const struct results *results, const struct frame *frame,
		      void (*draw)(const struct frame *, unsigned, const struct result *, unsigned))
{
	unsigned i, dir, line = 0;

	for (i = 0; i < results->count; i++) {
		for (dir = 0; dir < DIR_SYNC; dir++) {
			if (results->entry[i].stats.dir[dir].ios)
				draw(frame, line++, &results->entry[i], dir);
		}
	}
}

static void draw_rates(const struct frame *frame, unsigned line, const struct result *result,
		       unsigned dir)
{
	const struct series *series;
	unsigned i;
	size_t k;

	for (i = 0; i < result->threads; i++) {
		series = &result->jobs[i]->series;
		begin_line(frame->out, line);
		for (k = 0; k < series->count; k++) {
			const struct series_entry *entry = &series->entries[k];

			if (entry->dir == dir)
				fprintf(frame->out, "%.1f,%.1f ",
					place_x(frame, (double)entry->ms / 1000),
					place_y(frame, (double)entry->iops));
		}
		fputs("\"/>\n", frame->out);
	}
}

/* The x axis of latencies has the number of nines: 90 % at 1, 99 % at 2. */
static double percent(double nines)
{
	return 100 * (1 - pow(10, -nines));
}

static void draw_latencies(const struct frame *frame, unsigned line, const struct result *result,
			   unsigned dir)
{
	const struct hist *hist = &result->stats.dir[dir].hist;
	unsigned i;

	begin_line(frame->out, line);
	for (i = 0; i <= NINES * 20; i++) {
		double ns = (double)hist_percentile(hist, percent(i / 20.0));

		fprintf(frame->out, "%.1f,%.1f ", place_x(frame, i / 20.0),
			place_y(frame, log10(ns + 1)));
	}
	fputs("\"/>\n", frame->out);
}

static void draw_name(const struct frame *frame, unsigned line, const struct result *result,
		      unsigned dir)
{
	legend(frame->out, line, result->options->name, dir);
}

/* The ends of the axes: whole seconds, and whole powers of ten. */
static void measure(const struct results *results, struct frame *rates, struct frame *latencies)
{
	double least = 1e18, most = 1;
	unsigned i, k;
	size_t n;

	for (i = 0; i < results->count; i++) {
		const struct result *result = &results->entry[i];

		for (k = 0; k < result->threads; k++) {
			const struct series *series = &result->jobs[k]->series;

			for (n = 0; n < series->count; n++) {
				rates->x_end =
					fmax(rates->x_end, (double)series->entries[n].ms / 1000);
				rates->y_end = fmax(rates->y_end, (double)series->entries[n].iops);
			}
		}
		for (k = 0; k < DIR_SYNC; k++) {
			if (!result->stats.dir[k].ios)
				continue;
			least = fmin(least, (double)result->stats.dir[k].clat.min);
			most = fmax(most, (double)result->stats.dir[k].clat.max);
		}
	}
	latencies->y_begin = floor(log10(fmin(least, most) + 1));
	latencies->y_end = floor(log10(most + 1)) + 1;
}

static void draw_axes(const struct frame *rates, const struct frame *latencies)
{
	static const char *const times[] = {"1 ns", "10 ns", "100 ns", "1 us", "10 us", "100 us",
					    "1 ms", "10 ms", "100 ms", "1 s",  "10 s",  "100 s"};
	double step = step_for(rates->x_end);
	char label[32];
	unsigned i;

	title(rates, "Requests per second", "seconds");
	for (i = 0; i * step <= rates->x_end; i++)
		mark_x(rates, i * step, i * step);
	step = step_for(rates->y_end);
	for (i = 0; i * step <= rates->y_end; i++) {
		snprintf(label, sizeof(label), "%.0f", i * step);
		mark_y(rates, i * step, label);
	}
	title(latencies, "Latency (clat)", "percentile");
	for (i = 0; i <= NINES; i++)
		mark_x(latencies, i, percent(i));
	for (i = (unsigned)latencies->y_begin; i <= latencies->y_end && i < 12; i++)
		mark_y(latencies, i, times[i]);
}

static void draw(FILE *out, const struct results *results)
{
	struct frame rates = {.out = out, .top = TOP, .x_end = 1, .y_end = 1};
	struct frame latencies = {.out = out, .top = 2 * TOP + HEIGHT + BELOW, .x_end = NINES};
	unsigned lines = 0, i, dir;

	measure(results, &rates, &latencies);
	for (i = 0; i < results->count; i++) {
		for (dir = 0; dir < DIR_SYNC; dir++)
			lines += results->entry[i].stats.dir[dir].ios > 0;
	}
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		MARGIN + WIDTH + MARGIN / 2, 2 * (TOP + HEIGHT + BELOW) + 18 * lines + 12);
	draw_axes(&rates, &latencies);
	each_line(results, &rates, draw_rates);
	each_line(results, &latencies, draw_latencies);
	each_line(results, &latencies, draw_name);
	fputs("</svg>\n", out);
}

int plot_write(const char *path, const struct job_list *list, struct run *run)
{
	struct results results;
	FILE *out;
	int ret = results_gather(&results, list, run);

	if (ret)
		return ret;
	out = fopen(path, "we");
	if (out)
		draw(out, &results);
	if (!out || ferror(out) | fclose(out)) {
		fprintf(stderr, "vscsi-perf: writing %s: %s\n", path, strerror(errno));
		ret = -EIO;
	}
	results_free(&results);
	return ret;
}
