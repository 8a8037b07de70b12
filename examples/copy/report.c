/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Error messages, and the report at the end as text or JSON.
 */
#include "copy.h"

#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <stdarg.h>
#include <string.h>

#include "common/cause.h"
#include "common/text.h"

static char first_error[1024];

int complain(int ret, const char *format, ...)
{
	char text[sizeof(first_error)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	progress_end();
	fprintf(stderr, "vscsi-copy: %s\n", text);
	if (!first_error[0])
		memcpy(first_error, text, sizeof(text));
	return ret;
}

const char *side_name(char *out, const struct side *side)
{
	if (side->disk)
		snprintf(out, SIDE_NAME_LEN, "%u:%u of %s", side->target, side->number, side->name);
	else
		snprintf(out, SIDE_NAME_LEN, "%s", side->name);
	return out;
}

int complain_side(const struct side *side, const char *doing, uint64_t offset, int ret,
		  const struct vscsi_completion *done)
{
	const char *cause = done ? cause_text(done) : NULL;
	char name[SIDE_NAME_LEN], at[32] = "";

	if (ret == -ENODATA)
		return complain(ret, "%s has become shorter: it ends before byte %" PRIu64,
				side->name, side->start + offset);
	if (offset != UNKNOWN)
		snprintf(at, sizeof(at), " at byte %" PRIu64, side->start + offset);
	return complain(ret, "%s %s failed%s: %s%s%s", doing, side_name(name, side), at,
			strerror(-ret), cause ? ": " : "", cause ? cause : "");
}

static double seconds_of(const struct copy *copy)
{
	return (double)(copy->end_ns - copy->start_ns) / 1e9;
}

static double rate_of(const struct copy *copy)
{
	double seconds = seconds_of(copy);

	return seconds > 0 ? (double)(copy->finished - copy->resume) / seconds : 0;
}

static void print_text(const struct copy *copy, FILE *out, int ret)
{
	char human[TEXT_HUMAN_LEN], rate[TEXT_HUMAN_LEN];

	fprintf(out, "%" PRIu64 " bytes (%s) copied", copy->finished,
		text_human(human, copy->finished));
	if (copy->resume)
		fprintf(out, ", the first %" PRIu64 " of them earlier", copy->resume);
	if (copy->zeros)
		fprintf(out, ", %s of them zeros", text_human(human, copy->zeros));
	fprintf(out, ", %.3f s, %s/s\n", seconds_of(copy),
		text_human(rate, (uint64_t)rate_of(copy)));
	if (copy->verify && !ret)
		fprintf(out, "%" PRIu64 " bytes verified, no difference\n", copy->verified);
}

static int add(struct json_object *out, const char *name, struct json_object *value)
{
	if (value && !json_object_object_add(out, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int add_side(struct json_object *out, const char *name, const struct side *side)
{
	char text[SIDE_NAME_LEN];

	return add(out, name, json_object_new_string(side_name(text, side)));
}

static struct json_object *report_object(const struct copy *copy, int ret)
{
	const struct {
		const char *name;
		uint64_t value;
	} numbers[] = {
		{"bytes", copy->finished},          {"resumed_from", copy->resume},
		{"zero_bytes", copy->zeros},        {"stable_bytes", copy->stable},
		{"verified_bytes", copy->verified}, {"different_bytes", copy->different},
	};
	struct json_object *out = json_object_new_object();
	unsigned i;
	int bad = !out;

	bad = bad || add_side(out, "source", &copy->input) ||
	      add_side(out, "destination", &copy->output);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		bad = bad ||
		      add(out, numbers[i].name, json_object_new_int64((int64_t)numbers[i].value));
	bad = bad || add(out, "seconds", json_object_new_double(seconds_of(copy))) ||
	      add(out, "bytes_per_second", json_object_new_int64((int64_t)rate_of(copy))) ||
	      add(out, "signal", json_object_new_int(interrupted)) ||
	      add(out, "error", json_object_new_string(ret ? first_error : ""));
	if (!bad)
		return out;
	json_object_put(out);
	return NULL;
}

static int print_json(const struct copy *copy, FILE *file, int ret)
{
	struct json_object *out = report_object(copy, ret);
	const char *text =
		out ? json_object_to_json_string_ext(out, JSON_C_TO_STRING_PRETTY) : NULL;

	if (text)
		fprintf(file, "%s\n", text);
	json_object_put(out);
	return text ? 0 : complain(-ENOMEM, "no memory for the JSON object");
}

int report(const struct copy *copy, FILE *out, int ret)
{
	progress_end();
	if (copy->json)
		return print_json(copy, out, ret);
	if (copy->copied)
		print_text(copy, out, ret);
	if (copy->copied || !copy->finished)
		return 0;
	fprintf(stderr, "vscsi-copy: %" PRIu64 " bytes copied before that", copy->finished);
	if (!copy->output.stream && copy->stable && copy->stable < copy->total)
		fprintf(stderr, "; to continue, repeat it with --resume-from=%" PRIu64,
			copy->stable);
	fputc('\n', stderr);
	return 0;
}
