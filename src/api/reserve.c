/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/reserve.h> */
#include <errno.h>

#include "api/sync.h"
#include "lun/lun.h"
#include "scsi/reserve.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

/* Types of reservations: 1, 3 and 5 to 8. */
#define TYPES 0x1eau

/*
 * PERSISTENT RESERVE IN into two segments.
 *
 * Return: how many bytes were received, or a negative errno.
 */
static int ask(struct vscsi_lun *lun, uint8_t action, void *first, size_t first_len, void *rest,
	       size_t rest_len)
{
	const struct iovec in[2] = {{first, first_len}, {rest, rest_len}};
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = SCSI_CDB_LEN,
		.in = in,
		.in_count = rest_len ? 2 : 1,
		.retries = lun->io.retries,
		.flags = VSCSI_COMMAND_REPEATABLE,
	};
	struct vscsi_completion done = {0};
	int err;

	scsi_cdb_pr_in(command.cdb, action, (uint16_t)(first_len + rest_len));
	err = sync_command(lun, &command, &done);
	return err ? err : (int)(first_len + rest_len - done.residual);
}

static int too_short(const struct vscsi_lun *lun)
{
	return error_set(-EPROTO, "LUN %u:%u answers PERSISTENT RESERVE IN with too few bytes",
			 lun->io.target, lun->io.number);
}

/* PERSISTENT RESERVE OUT. */
static int change(struct vscsi_lun *lun, uint8_t action, uint32_t type, uint64_t key,
		  uint64_t action_key, bool persist)
{
	uint8_t list[SCSI_PR_LIST_LEN];
	const struct iovec out = {list, sizeof(list)};
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = SCSI_CDB_LEN,
		.out = &out,
		.out_count = 1,
		.retries = lun->io.retries,
	};

	scsi_pr_list(list, key, action_key, persist);
	scsi_cdb_pr_out(command.cdb, action, type);
	return sync_command(lun, &command, NULL);
}

static int check_type(uint32_t type)
{
	if (type < 32 && TYPES & 1u << type)
		return 0;
	return error_set(-EINVAL, "%u is not a type of reservation; use 1, 3, 5, 6, 7 or 8", type);
}

static int check_flags(uint32_t flags, uint32_t known)
{
	if (!(flags & ~known))
		return 0;
	return error_set(-EINVAL, "flags 0x%x: unknown bits; this call accepts 0x%x", flags, known);
}

EXPORT int vscsi_pr_register(struct vscsi_lun *lun, uint64_t key, uint64_t new_key, uint32_t flags)
{
	uint32_t losses = atomic_load_explicit(&lun->table->losses, memory_order_relaxed);
	bool ignore = flags & VSCSI_PR_IGNORE_EXISTING;
	int err;

	error_enter(__func__);
	err = check_flags(flags, VSCSI_PR_IGNORE_EXISTING | VSCSI_PR_PERSIST);
	if (!err)
		err = change(lun, ignore ? SCSI_PR_REGISTER_IGNORING : SCSI_PR_REGISTER, 0,
			     ignore ? 0 : key, new_key, flags & VSCSI_PR_PERSIST);
	if (!err)
		lun_set_registration(lun, new_key, losses);
	return err;
}

EXPORT int vscsi_pr_reserve(struct vscsi_lun *lun, uint64_t key, uint32_t type)
{
	int err;

	error_enter(__func__);
	err = check_type(type);
	return err ? err : change(lun, SCSI_PR_RESERVE, type, key, 0, false);
}

EXPORT int vscsi_pr_release(struct vscsi_lun *lun, uint64_t key, uint32_t type)
{
	int err;

	error_enter(__func__);
	err = check_type(type);
	return err ? err : change(lun, SCSI_PR_RELEASE, type, key, 0, false);
}

EXPORT int vscsi_pr_clear(struct vscsi_lun *lun, uint64_t key)
{
	uint32_t losses = atomic_load_explicit(&lun->table->losses, memory_order_relaxed);
	int err;

	error_enter(__func__);
	err = change(lun, SCSI_PR_CLEAR, 0, key, 0, false);
	if (!err)
		lun_set_registration(lun, 0, losses);
	return err;
}

EXPORT int vscsi_pr_preempt(struct vscsi_lun *lun, uint64_t key, uint64_t victim, uint32_t type,
			    uint32_t flags)
{
	int err;

	error_enter(__func__);
	err = check_type(type);
	if (!err)
		err = check_flags(flags, VSCSI_PR_ABORT);
	return err ? err
		   : change(lun, flags ? SCSI_PR_PREEMPT_ABORT : SCSI_PR_PREEMPT, type, key, victim,
			    false);
}

EXPORT int vscsi_pr_read_keys(struct vscsi_lun *lun, uint32_t *generation, uint64_t *keys,
			      unsigned max)
{
	unsigned room = least(max, SCSI_PR_MAX_KEYS);
	uint8_t header[SCSI_PR_HEADER_LEN];
	uint32_t number = 0;
	unsigned count = 0;
	unsigned i;
	int ret;

	error_enter(__func__);
	if (max && !keys)
		return error_set(-EINVAL, "%u elements of NULL", max);
	ret = ask(lun, SCSI_PR_READ_KEYS, header, sizeof(header), keys, room * sizeof(*keys));
	if (ret < 0)
		return ret;
	ret = scsi_pr_parse_keys(header, (size_t)ret, &number, &count);
	if (ret < 0 || count < least((unsigned)ret, room))
		return too_short(lun);
	for (i = 0; i < count; i++)
		keys[i] = get_be64((const uint8_t *)&keys[i]);
	if (generation)
		*generation = number;
	return ret;
}

EXPORT int vscsi_pr_read_reservation(struct vscsi_lun *lun, struct vscsi_pr_reservation *out)
{
	struct vscsi_pr_reservation now;
	uint8_t data[SCSI_PR_RESERVATION_LEN];
	int ret;

	error_enter(__func__);
	ret = ask(lun, SCSI_PR_READ_RESERVATION, data, sizeof(data), NULL, 0);
	if (ret < 0)
		return ret;
	if (scsi_pr_parse_reservation(data, (size_t)ret, &now))
		return too_short(lun);
	return info_copy(out, &now, sizeof(now));
}

EXPORT int vscsi_pr_get_capabilities(struct vscsi_lun *lun, struct vscsi_pr_capabilities *out)
{
	struct vscsi_pr_capabilities now;
	uint8_t data[SCSI_PR_CAPABILITIES_LEN];
	int ret;

	error_enter(__func__);
	ret = ask(lun, SCSI_PR_CAPABILITIES, data, sizeof(data), NULL, 0);
	if (ret < 0)
		return ret;
	if (scsi_pr_parse_capabilities(data, (size_t)ret, &now))
		return too_short(lun);
	return info_copy(out, &now, sizeof(now));
}
