/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PERSISTENT RESERVE IN and OUT (SPC-4, "PERSISTENT RESERVE IN command" and "PERSISTENT RESERVE OUT
 * command"): commands, the parameter list, and the answers. The public structures are of
 * <vscsi/reserve.h>.
 */
#ifndef SCSI_RESERVE_H
#define SCSI_RESERVE_H

#include <stddef.h>
#include <stdint.h>

#include <vscsi/reserve.h>

#include "scsi/cdb.h"

/* Service actions of PERSISTENT RESERVE IN. */
#define SCSI_PR_READ_KEYS        0x00u
#define SCSI_PR_READ_RESERVATION 0x01u
#define SCSI_PR_CAPABILITIES     0x02u

/* Service actions of PERSISTENT RESERVE OUT. */
#define SCSI_PR_REGISTER          0x00u
#define SCSI_PR_RESERVE           0x01u
#define SCSI_PR_RELEASE           0x02u
#define SCSI_PR_CLEAR             0x03u
#define SCSI_PR_PREEMPT           0x04u
#define SCSI_PR_PREEMPT_ABORT     0x05u
#define SCSI_PR_REGISTER_IGNORING 0x06u

/* Bytes of the parameter list, and of what READ RESERVATION and REPORT CAPABILITIES return. */
#define SCSI_PR_LIST_LEN         24u
#define SCSI_PR_RESERVATION_LEN  24u
#define SCSI_PR_CAPABILITIES_LEN 8u

/* READ KEYS returns a header of this length, then the keys; the allocation length has 16 bits. */
#define SCSI_PR_HEADER_LEN    8u
#define SCSI_PR_KEYS_LEN(max) (SCSI_PR_HEADER_LEN + 8u * (max))
#define SCSI_PR_MAX_KEYS      8190u

/* PERSISTENT RESERVE IN with service action @action. */
void scsi_cdb_pr_in(uint8_t cdb[SCSI_CDB_LEN], uint8_t action, uint16_t alloc);

/* PERSISTENT RESERVE OUT of the whole LUN; @type: VSCSI_PR_*, or 0 where the action has none. */
void scsi_cdb_pr_out(uint8_t cdb[SCSI_CDB_LEN], uint8_t action, uint32_t type);

/**
 * scsi_pr_list - Write the parameter list of PERSISTENT RESERVE OUT
 * @list: receives it
 * @key: RESERVATION KEY
 * @action_key: SERVICE ACTION RESERVATION KEY
 * @aptpl: APTPL
 */
void scsi_pr_list(uint8_t list[SCSI_PR_LIST_LEN], uint64_t key, uint64_t action_key, bool aptpl);

/**
 * scsi_pr_parse_keys - Parse the header of what READ KEYS returned
 * @header: what the device sent, SCSI_PR_HEADER_LEN bytes of it at least
 * @len: bytes received, with the keys
 * @generation: receives PRGENERATION
 * @received: receives how many keys were received
 *
 * Return: how many keys there are, at most INT32_MAX / 8; -EPROTO if there is no whole header.
 */
int scsi_pr_parse_keys(const uint8_t *header, size_t len, uint32_t *generation, unsigned *received);

/**
 * scsi_pr_has_key - Whether READ KEYS returned a key
 *
 * A list that was cut off can't show that a key is missing: then it counts as one that is there.
 * Data that is no list has no key.
 */
bool scsi_pr_has_key(const uint8_t *data, size_t len, uint64_t key);

/* Parses what READ RESERVATION returned. Return: 0, or -EPROTO if there is no whole header. */
int scsi_pr_parse_reservation(const uint8_t *data, size_t len, struct vscsi_pr_reservation *out);

/* Parses what REPORT CAPABILITIES returned. Return: 0, or -EPROTO if that is incomplete. */
int scsi_pr_parse_capabilities(const uint8_t *data, size_t len, struct vscsi_pr_capabilities *out);

#endif
