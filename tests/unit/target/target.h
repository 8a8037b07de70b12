/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of this program, which tests parts of vscsi-target alone: CMocka with the
 * headers that it needs, commands to a LUN, and one function per file, which runs its group of
 * tests and returns the number of failures. The tests run in an empty working directory.
 */
#ifndef TESTS_UNIT_TARGET_H
#define TESTS_UNIT_TARGET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target/lun.h"
#include "target/scsi.h"

#define BLOCK 512

extern unsigned flushes; /* calls of fdatasync() */

/* Creates or replaces a file of zeros. */
void make_file(const char *path, uint64_t bytes);

/* lun_spec_parse() and lun_add(). */
int add_lun(struct lun_table *luns, const char *text);

/*
 * The LUN after adding it as add_lun() does, which must succeed. The power-on unit attention is
 * taken.
 */
struct lun *get_lun(struct lun_table *luns, const char *text);

/*
 * command - execute a command.
 * @cdb: 16 bytes, padded with zeros
 * @data: data-out or data-in buffer of @len bytes, depending on the command; may be NULL
 */
struct scsi_task command(struct lun *lun, const uint8_t *cdb, void *data, size_t len);

/* nexus_command - the same from another initiator than 0. */
struct scsi_task nexus_command(struct lun *lun, unsigned nexus, const uint8_t *cdb, void *data,
			       size_t len);

/* Checks the sense data; @asc is ASC and ASCQ, key 0 is GOOD status. */
void expect_sense(const struct scsi_task *t, uint8_t key, uint16_t asc);

int clients_tests(void);
int commands_tests(void);
int control_tests(void);
int flush_tests(void);
int lba_status_tests(void);
int lines_tests(void);
int lun_tests(void);
int mode_tests(void);
int notify_tests(void);
int reserve_tests(void);
int sleep_tests(void);
int sockets_tests(void);
int space_tests(void);

#endif
