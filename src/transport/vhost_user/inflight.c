/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back-end's record of its requests in flight, in a file whose descriptor the driver keeps
 * (vhost-user, "Inflight I/O tracking"). The driver never reads it. Each connection gets a new one:
 * a dying back-end may have written anything into it, so the next one must not execute requests
 * from it.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"

void vu_inflight_drop(struct vu *vu)
{
	if (vu->inflight_fd >= 0)
		close(vu->inflight_fd);
	vu->inflight_fd = -1;
}

/* The back-end maps this part of the file: access beyond the end would crash it. */
static bool lies_in_file(const struct vu_inflight *part, int fd)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_size < 0)
		return false;
	return part->offset <= (uint64_t)st.st_size &&
	       part->size <= (uint64_t)st.st_size - part->offset;
}

/* How much there is to track. */
struct extent {
	unsigned count;
	unsigned size;
};

static int announce(struct vu *vu, void *arg)
{
	const struct extent *extent = arg;

	return vu_announce_rings(vu, extent->count);
}

/* An answer without a file or without a size means that the back-end doesn't track requests. */
static int ask(struct vu *vu, void *arg)
{
	const struct extent *extent = arg;
	struct vu_inflight query = {.queues = (uint16_t)extent->count,
				    .queue_size = (uint16_t)extent->size};
	struct vu_inflight answer = query;
	struct vu_message message = {
		.request = VU_GET_INFLIGHT_FD, .size = sizeof(query), .payload = &query};
	int fd = -1;
	int ret;

	ret = vu_get_fd(vu, &message, &answer, sizeof(answer), &fd);
	if (!ret && answer.size && fd >= 0 && !lies_in_file(&answer, fd))
		ret = vu_fail(
			vu, error_set(-EPROTO,
				      "the back-end's file for requests in flight is smaller than "
				      "it announced"));
	if (ret || !answer.size || fd < 0) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	/* Only size and offset are taken from the answer. */
	vu->inflight = query;
	vu->inflight.size = answer.size;
	vu->inflight.offset = answer.offset;
	vu->inflight_fd = fd;
	return 0;
}

static int set_inflight(struct vu *vu, void *arg)
{
	struct vu_message message = {
		.request = VU_SET_INFLIGHT_FD,
		.size = sizeof(vu->inflight),
		.payload = &vu->inflight,
		.fds = &vu->inflight_fd,
		.nfds = 1,
	};

	(void)arg;
	return vu->inflight_fd >= 0 ? vu_set(vu, &message) : 0;
}

int vu_track(struct transport *t, unsigned count, unsigned size)
{
	static vu_step *const steps[] = {announce, ask, set_inflight};
	struct extent extent = {count, size};
	struct vu *vu = vu_of(t);

	if (!vu_has(vu, VU_PROTOCOL_INFLIGHT_SHMFD))
		return 0;
	return vu_run_steps(vu, steps, ARRAY_LEN(steps), &extent);
}

bool vu_tracked(struct transport *t)
{
	struct vu *vu = vu_of(t);

	return vu_has(vu, VU_PROTOCOL_INFLIGHT_SHMFD) && vu->inflight_fd >= 0;
}
