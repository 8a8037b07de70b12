/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The back-end's account of what it has in flight, in a file that we keep for it: one that starts
 * anew finds in it what the one before had begun (vhost-user, "Inflight I/O tracking"). It is the
 * back-end's own; nothing here looks into it.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/error.h"

void vu_inflight_drop(struct vu *vu)
{
	if (vu->inflight_fd >= 0)
		close(vu->inflight_fd);
	vu->inflight_fd = -1;
	vu->inflight_kept = false;
}

/* The next back-end maps what is named here: a part that isn't there would be its end. */
static bool lies_in_file(const struct vu_inflight *part, int fd)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_size < 0)
		return false;
	return part->offset <= (uint64_t)st.st_size &&
	       part->size <= (uint64_t)st.st_size - part->offset;
}

/* An answer without a file, or without size, says that there is none: it goes on without. */
static int ask(struct vu *vu, unsigned count, unsigned size)
{
	struct vu_inflight question = {.queues = (uint16_t)count, .queue_size = (uint16_t)size};
	struct vu_message message = {
		.request = VU_GET_INFLIGHT_FD, .size = sizeof(question), .payload = &question};
	int fd = -1;
	int ret;

	vu->inflight = question;
	ret = vu_get_fd(vu, &message, &question, sizeof(question), &fd);
	if (!ret && question.size && fd >= 0 && !lies_in_file(&question, fd))
		ret = vu_fail(vu,
			      error_set(-EPROTO,
					"the back-end sent a file for what is in flight that is "
					"smaller than it says"));
	if (ret || !question.size || fd < 0) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	vu->inflight.size = question.size;
	vu->inflight.offset = question.offset;
	vu->inflight_fd = fd;
	return 0;
}

int vu_track(struct transport *t, unsigned count, unsigned size)
{
	struct vu *vu = vu_of(t);
	struct vu_message message = {
		.request = VU_SET_INFLIGHT_FD,
		.size = sizeof(vu->inflight),
		.payload = &vu->inflight,
		.fds = &vu->inflight_fd,
		.nfds = 1,
	};
	int ret;

	if (!vu_has(vu, VU_PROTOCOL_INFLIGHT_SHMFD))
		return 0;
	ret = vu_announce_rings(vu, count);
	if (!ret && vu->inflight_fd < 0)
		ret = ask(vu, count, size);
	if (!ret && vu->inflight_fd >= 0)
		ret = vu_set(vu, &message);
	vu->inflight_kept = false;
	return ret;
}

bool vu_tracked(struct transport *t)
{
	struct vu *vu = vu_of(t);

	return vu_has(vu, VU_PROTOCOL_INFLIGHT_SHMFD) && vu->inflight_fd >= 0;
}
