/* SPDX-License-Identifier: BSD-3-Clause */
/* The smallest program: reads the first 4096 bytes of a disk and prints the first 16. */
#include <stdio.h>
#include <vscsi/vscsi.h>

int main(int argc, char **argv)
{
	static unsigned char buf[4096];
	struct vscsi_dev *dev = NULL;
	struct vscsi_lun *lun = NULL;
	int i, ret = vscsi_dev_open(argc > 1 ? argv[1] : "vhost-user:vscsi.sock", NULL, &dev);

	if (!ret)
		ret = vscsi_lun_open(dev, 0, 0, NULL, &lun);
	if (!ret)
		ret = vscsi_pread(lun, buf, sizeof(buf), 0);
	if (ret)
		fprintf(stderr, "%s\n", vscsi_last_error());
	for (i = 0; !ret && i < 16; i++)
		printf("%02x%c", buf[i], i < 15 ? ' ' : '\n');
	vscsi_lun_close(lun);
	vscsi_dev_close(dev);
	return ret ? 1 : 0;
}
