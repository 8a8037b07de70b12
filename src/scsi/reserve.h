/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PERSISTENT RESERVE IN and OUT (SPC-4, "PERSISTENT RESERVE IN command" and "PERSISTENT RESERVE OUT
 * command"): builds the commands and the parameter list, and parses the returned data into the
 * structures of <vscsi/reserve.h>.
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

/* Bytes of the parameter list, and of READ RESERVATION and REPORT CAPABILITIES data. */
#define SCSI_PR_LIST_LEN         24u
#define SCSI_PR_RESERVATION_LEN  24u
#define SCSI_PR_CAPABILITIES_LEN 8u

/* READ KEYS returns a header of this length, then the keys; the allocation length has 16 bits. */
#define SCSI_PR_HEADER_LEN    8u
#define SCSI_PR_KEYS_LEN(max) (SCSI_PR_HEADER_LEN + 8u * (max))
#define SCSI_PR_MAX_KEYS      8190u

/* PERSISTENT RESERVE IN with service action @action. */
void scsi_cdb_pr_in(uint8_t cdb[SCSI_CDB_LEN], uint8_t action, uint16_t alloc);

/* PERSISTENT RESERVE OUT of the whole LUN; @type: VSCSI_PR_*, or 0 if the action has none. */
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
 * scsi_pr_parse_keys - Parse the header of READ KEYS data
 * @header: what the device sent; only the header is read
 * @len: bytes received, including the keys
 * @generation: receives PRGENERATION
 * @received: receives the number of complete keys that were received
 *
 * Return: the number of registered keys, at most INT32_MAX / 8; -EPROTO if fewer than
 * SCSI_PR_HEADER_LEN bytes were received.
 */
int scsi_pr_parse_keys(const uint8_t *header, size_t len, uint32_t *generation, unsigned *received);

/**
 * scsi_pr_has_key - Check whether a key is registered, from READ KEYS data
 *
 * Return: also true if the list was truncated and the received part doesn't contain the key: the
 * rest may. False if the header is incomplete.
 */
bool scsi_pr_has_key(const uint8_t *data, size_t len, uint64_t key);

/* Parses READ RESERVATION data. Return: 0, or -EPROTO if it is incomplete. */
int scsi_pr_parse_reservation(const uint8_t *data, size_t len, struct vscsi_pr_reservation *out);

/* Parses REPORT CAPABILITIES data. Return: 0, or -EPROTO if it is incomplete. */
int scsi_pr_parse_capabilities(const uint8_t *data, size_t len, struct vscsi_pr_capabilities *out);

#endif
