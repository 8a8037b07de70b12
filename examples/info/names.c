/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names of features, flags and types. The library returns feature words with the bit numbers of the
 * specifications.
 */
#include "info.h"

/* virtio 1.4, 5.6.3 and 6. */
const struct bit_name virtio_features[] = {
	{0, "inout"},
	{1, "hotplug"},
	{2, "change"},
	{3, "t10_pi"},
	{24, "notify_empty"},
	{26, "log_all"},
	{27, "any_layout"},
	{28, "indirect"},
	{29, "event_idx"},
	{30, "protocol_features"},
	{32, "version_1"},
	{33, "access_platform"},
	{34, "packed"},
	{35, "in_order"},
	{36, "order_platform"},
	{37, "sr_iov"},
	{38, "notification_data"},
	{39, "notif_config_data"},
	{40, "ring_reset"},
	{41, "admin_vq"},
	{0, NULL},
};

/* vhost-user specification, "Protocol features". */
const struct bit_name protocol_features[] = {
	{0, "mq"},
	{1, "log_shmfd"},
	{2, "rarp"},
	{3, "reply_ack"},
	{4, "mtu"},
	{5, "backend_req"},
	{6, "cross_endian"},
	{7, "crypto_session"},
	{8, "pagefault"},
	{9, "config"},
	{10, "backend_send_fd"},
	{11, "host_notifier"},
	{12, "inflight_shmfd"},
	{13, "reset_device"},
	{14, "inband_notifications"},
	{15, "mem_slots"},
	{16, "status"},
	{17, "xen_mmap"},
	{18, "shared_object"},
	{19, "device_state"},
	{0, NULL},
};

/* By bit number, as the others; the masks are VSCSI_LUN_*. */
const struct bit_name lun_flags[] = {
	{0, "read_only"},  {1, "removable"},   {2, "write_cache"}, {3, "fua"},
	{4, "thin"},       {5, "unmap"},       {6, "zero_unmap"},  {7, "compare_and_write"},
	{8, "rotational"}, {9, "fast_zeroes"}, {0, NULL},
};

const char *type_name(uint32_t type)
{
	switch (type) {
	case VSCSI_TYPE_DISK:
		return "disk";
	case VSCSI_TYPE_TAPE:
		return "tape";
	case VSCSI_TYPE_CDROM:
		return "cd/dvd";
	case VSCSI_TYPE_CHANGER:
		return "mediumx";
	case VSCSI_TYPE_ENCLOSURE:
		return "enclosu";
	case VSCSI_TYPE_ZBC:
		return "zbc";
	default:
		return "other";
	}
}

const char *state_name(uint32_t state)
{
	if (state == VSCSI_DEV_RECONNECTING)
		return "reconnecting";
	return state == VSCSI_DEV_RUNNING ? "running" : "failed";
}
