/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends CDBs to a SCSI generic device and prints how each ended. The same program runs on the
 * devices of Linux and below vscsi-sg.
 *
 * usage: sweep DEVICE <LIST
 * A line of the list: NAME DIRECTION LENGTH CDB DATA. The direction is - (none), < (in) or > (out),
 * LENGTH is in bytes; the CDB and the first bytes of the data for the device, or -, are in hex. A
 * line of the output: NAME 00 TRANSFERRED, NAME STATUS/KEY/ASC/ASCQ, NAME hN for host status N, or
 * NAME eN if the device refused the header with errno N.
 */
#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LENGTH_MAX     (1 << 20)
#define TIMEOUT_MS     60000
#define ATTENTIONS     8
#define UNIT_ATTENTION 6

struct row {
	char name[64];
	char direction;
	unsigned length;
	uint8_t cdb[32];
	unsigned cdb_len;
};

/* Returns the number of bytes. */
static unsigned hex(const char *text, uint8_t *out, unsigned max)
{
	unsigned n;

	for (n = 0; n < max && text[2 * n] && sscanf(text + 2 * n, "%2hhx", &out[n]) == 1; n++)
		;
	return n;
}

/* Sense key and codes, of both formats (SPC-4, "Sense data"). */
static void decode(const uint8_t *sense, uint8_t *out)
{
	if ((sense[0] & 0x7f) >= 0x72)
		memcpy(out, (uint8_t[]){sense[1] & 0xf, sense[2], sense[3]}, 3);
	else
		memcpy(out, (uint8_t[]){sense[2] & 0xf, sense[12], sense[13]}, 3);
}

static void run(int fd, const struct row *row, uint8_t *data)
{
	uint8_t sense[64] = {0}, codes[3];
	struct sg_io_hdr h = {
		.interface_id = 'S',
		.dxfer_direction = row->direction == '<'   ? SG_DXFER_FROM_DEV
				   : row->direction == '>' ? SG_DXFER_TO_DEV
							   : SG_DXFER_NONE,
		.cmd_len = (unsigned char)row->cdb_len,
		.mx_sb_len = sizeof(sense),
		.dxfer_len = row->length,
		.dxferp = data,
		.cmdp = (unsigned char *)row->cdb,
		.sbp = sense,
		.timeout = TIMEOUT_MS,
	};
	unsigned i;

	/* What happened to the device before is reported once, to whatever comes next. */
	for (i = 0; i < ATTENTIONS; i++) {
		memset(codes, 0, sizeof(codes));
		if (ioctl(fd, SG_IO, &h)) {
			printf("%s e%d\n", row->name, errno);
			return;
		}
		if (h.sb_len_wr >= 14)
			decode(sense, codes);
		if (!h.status || codes[0] != UNIT_ATTENTION)
			break;
	}
	if (h.host_status)
		printf("%s h%u\n", row->name, h.host_status);
	else if (h.status)
		printf("%s %02x/%x/%02x/%02x\n", row->name, h.status, codes[0], codes[1], codes[2]);
	else
		printf("%s 00 %d\n", row->name, (int)h.dxfer_len - h.resid);
}

int main(int argc, char **argv)
{
	static uint8_t data[LENGTH_MAX];
	static char line[8192], cdb[128], bytes[4096];
	struct row row;
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;

	if (fd < 0) {
		perror(argc == 2 ? argv[1] : "usage: sweep DEVICE <LIST");
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%63s %c %u %127s %4095s", row.name, &row.direction, &row.length,
			   cdb, bytes) != 5 ||
		    row.length > sizeof(data)) {
			fprintf(stderr, "sweep: invalid line: %s", line);
			return 2;
		}
		row.cdb_len = hex(cdb, row.cdb, sizeof(row.cdb));
		memset(data, 0, row.length);
		hex(bytes, data, row.length);
		run(fd, &row, data);
	}
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
