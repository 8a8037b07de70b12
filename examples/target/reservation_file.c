/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state file of a LUN's persistent reservations: lines of text. It is replaced as a whole.
 *	vscsi-target reservations 1
 *	register NEXUS KEY	for each registration; the key is hexadecimal
 *	reserve TYPE NEXUS	if there is a reservation
 *	end
 */
#include "reservation.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define FIRST_LINE "vscsi-target reservations 1\n"
#define PATH_LEN   4096

static bool type_valid(unsigned int type)
{
	return type == WRITE_EXCLUSIVE || type == EXCLUSIVE_ACCESS ||
	       (type >= WRITE_EXCLUSIVE_REGISTRANTS && type <= EXCLUSIVE_ALL);
}

/* One line after the first. Returns whether it is valid. */
static bool parse_line(struct reservations *r, const char *line)
{
	unsigned int nexus;
	unsigned int type;
	uint64_t key;
	int end = 0;

	if (sscanf(line, "register %u %" SCNx64 "\n%n", &nexus, &key, &end) == 2) {
		if (nexus >= NEXUSES || !key || r->keys[nexus])
			return false;
		r->keys[nexus] = key;
		r->aptpl = true;
	} else if (sscanf(line, "reserve %u %u\n%n", &type, &nexus, &end) == 2) {
		if (r->type || !type_valid(type) || nexus >= NEXUSES || !r->keys[nexus])
			return false;
		r->type = (uint8_t)type;
		r->holder = nexus;
	}
	return end && !line[end];
}

int reservation_load(struct reservations *r, const char *path)
{
	FILE *f = fopen(path, "re");
	bool complete = false;
	char line[128];
	bool valid;

	*r = (struct reservations){0};
	if (!f && errno == ENOENT)
		return 0;
	if (!f)
		return set_error(errno, "cannot open the reservations in %s: %s", path,
				 strerror(errno));
	valid = fgets(line, sizeof(line), f) && !strcmp(line, FIRST_LINE);
	while (valid && !complete && fgets(line, sizeof(line), f)) {
		complete = !strcmp(line, "end\n");
		valid = complete || parse_line(r, line);
	}
	fclose(f);
	if (!valid || !complete)
		return set_error(EINVAL,
				 "%s is not a file of reservations, or is damaged: remove it to "
				 "start without registrations",
				 path);
	return 0;
}

static int write_state(const struct reservations *r, FILE *f)
{
	unsigned int i;

	fputs(FIRST_LINE, f);
	for (i = 0; r->aptpl && i < NEXUSES; i++)
		if (r->keys[i])
			fprintf(f, "register %u %016" PRIx64 "\n", i, r->keys[i]);
	if (r->aptpl && r->type)
		fprintf(f, "reserve %u %u\n", r->type, r->holder);
	fputs("end\n", f);
	errno = 0;
	if (fflush(f) || ferror(f) || fsync(fileno(f)))
		return errno ? -errno : -EIO;
	return 0;
}

/* A rename is durable when its folder is. */
static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_LEN] = ".";
	int rc = 0;
	int fd;

	if (slash) /* with the slash, which may be the root folder */
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd))
		rc = -errno;
	close(fd);
	return rc;
}

int reservation_save(const struct reservations *r, const char *path)
{
	char temporary[PATH_LEN];
	FILE *f;
	int rc;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	f = fopen(temporary, "we");
	if (!f)
		return -errno;
	rc = write_state(r, f);
	if (fclose(f) && !rc)
		rc = -errno;
	if (!rc && rename(temporary, path))
		rc = -errno;
	if (rc) {
		unlink(temporary);
		return rc;
	}
	return sync_folder(path);
}
