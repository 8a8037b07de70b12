/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages of vfio-user: what each of them does, and the good answer. */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_user/message.h"

static uint32_t word(const struct exchange *x, unsigned at)
{
	uint32_t v;

	memcpy(&v, x->m.body + at, sizeof(v));
	return le32toh(v);
}

static uint64_t quad(const struct exchange *x, unsigned at)
{
	return word(x, at) | (uint64_t)word(x, at + 4) << 32;
}

static void put(struct exchange *x, unsigned at, uint32_t value)
{
	uint32_t v = htole32(value);

	memcpy(x->m.body + at, &v, sizeof(v));
	if (x->len < at + 4)
		x->len = at + 4;
}

static void version(struct server *s, struct exchange *x)
{
	if (x->len < 5 || x->m.body[x->len - 1])
		server_broken(s, "version data without a NUL");
	if (word(x, 0) & 0xffff)
		server_broken(s, "another major version");
	put(x, 0, (uint32_t)s->minor << 16);
	x->len = 4;
	if (s->max_fds)
		x->len += 1u + (unsigned)snprintf((char *)x->m.body + 4, MAX_BODY - 4,
						  "{\"capabilities\": {\"max_msg_fds\": %u, "
						  "\"max_data_xfer_size\": 1048576}}",
						  s->max_fds);
}

static int dma_map(struct server *s, struct exchange *x)
{
	struct server_map *m = s->maps;
	uint64_t iova = quad(x, 16);
	uint64_t len = quad(x, 24);
	unsigned i;

	if (x->len != 32 || word(x, 0) != 32 || word(x, 4) != 3)
		server_broken(s, "DMA_MAP of another form");
	if (x->nfds != 1)
		server_broken(s, "DMA_MAP without a file");
	if ((iova | len | quad(x, 8)) & 4095)
		server_broken(s, "DMA_MAP of no whole pages");
	for (i = 0; i < SERVER_MAPS; i++) {
		if (s->maps[i].at && iova < s->maps[i].iova + s->maps[i].len &&
		    s->maps[i].iova < iova + len)
			return EEXIST;
	}
	while (m < s->maps + SERVER_MAPS && m->at)
		m++;
	if (m == s->maps + SERVER_MAPS)
		return ENOSPC;
	m->at = x->nfds ? mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, x->fds[0],
			       (off_t)quad(x, 8))
			: MAP_FAILED;
	if (m->at == MAP_FAILED) {
		m->at = NULL;
		return EINVAL;
	}
	m->iova = iova;
	m->len = len;
	x->len = 0;
	return 0;
}

static int dma_unmap(struct server *s, struct exchange *x)
{
	unsigned i;

	for (i = 0; i < SERVER_MAPS; i++) {
		struct server_map *m = &s->maps[i];

		if (!m->at || m->iova != quad(x, 8) || m->len != quad(x, 16))
			continue;
		munmap(m->at, m->len);
		m->at = NULL;
		return 0;
	}
	server_broken(s, "DMA_UNMAP of what is not mapped");
	return ENOENT;
}

static void region_info(struct server *s, struct exchange *x)
{
	unsigned index = word(x, 8);
	uint64_t size = index == 4 ? 0x4000 : index == 7 ? s->config_size : 0;
	bool mappable = index == 4 && s->habits & SERVER_MAPPABLE;
	unsigned argsz = word(x, 0);

	put(x, 0, mappable ? 64 : 32);
	put(x, 4, (size ? 3 : 0) | (mappable ? 4 : 0));
	put(x, 16, (uint32_t)size);
	put(x, 20, 0);
	x->len = 32;
	if (!mappable || argsz < 64)
		return;
	/* One area, the notifications, and the file. */
	s->asked_fds++;
	put(x, 4, 15);
	put(x, 12, 32);
	put(x, 32, 1 | 1 << 16);
	put(x, 36, 0);
	put(x, 40, 1);
	put(x, 44, 0);
	put(x, 48, 0x3000);
	put(x, 52, 0);
	put(x, 56, 0x1000);
	put(x, 60, 0);
	x->fds[x->nfds++] = memfd_create("bar", MFD_CLOEXEC);
}

static int set_irqs(struct server *s, struct exchange *x)
{
	uint32_t flags = word(x, 4);
	uint32_t start = word(x, 12);
	uint32_t count = word(x, 16);
	unsigned i;

	if (x->len != 20 || word(x, 0) != 20 || word(x, 8) != 2)
		server_broken(s, "SET_IRQS of another form");
	x->len = 0;
	if (flags == (1 | 16)) {
		s->unmasked = true;
		return s->habits & SERVER_NEEDS_UNMASK ? 0 : EINVAL;
	}
	if (flags == (1 | 32) && !start && !count) {
		for (i = 0; i < SERVER_VECTORS; i++) {
			if (s->irqs[i] >= 0)
				close(s->irqs[i]);
			s->irqs[i] = -1;
		}
		return 0;
	}
	if (flags != (4 | 32) || count != x->nfds || start + count > s->vectors ||
	    count > (s->max_fds ? s->max_fds : 1)) {
		server_broken(s, "SET_IRQS that no server takes");
		return EINVAL;
	}
	for (i = 0; i < count; i++) {
		if (s->irqs[start + i] >= 0)
			close(s->irqs[start + i]);
		s->irqs[start + i] = x->fds[i];
	}
	x->nfds = 0;
	return 0;
}

/* Return: false: it isn't answered. */
static bool access_region(struct server *s, struct exchange *x, bool write)
{
	uint32_t width = word(x, 12);
	uint8_t data[4] = {0};
	bool answered;

	if (width > 4 || (write && x->len != 16 + width) || (!write && x->len != 16)) {
		server_broken(s, "an access of another form");
		return false;
	}
	if (write)
		memcpy(data, x->m.body + 16, width);
	answered = server_access(s, write, word(x, 8), quad(x, 0), width, data);
	x->len = 16;
	if (!write) {
		memcpy(x->m.body + 16, data, width);
		x->len += width;
	}
	return answered;
}

static int reset(struct server *s, struct exchange *x)
{
	x->len = 0;
	if (s->habits & SERVER_NO_RESET)
		return ENOTSUP;
	s->resets++;
	/* It waits for what is in flight. */
	server_finish_held(s);
	server_reset_function(s, s->habits & SERVER_FORGETS);
	return 0;
}

static void device_info(const struct server *s, struct exchange *x)
{
	put(x, 4, s->habits & SERVER_NO_RESET ? 2 : 3);
	put(x, 8, 9);
	put(x, 12, 5);
	x->len = 16;
}

static void irq_info(const struct server *s, struct exchange *x)
{
	put(x, 4, 1);
	put(x, 12, word(x, 8) == 2 ? s->vectors : 0);
	x->len = 16;
}

bool server_handle(struct server *s, struct exchange *x, int *error)
{
	if (!s->versioned && x->m.command != SERVER_VERSION)
		server_broken(s, "a message before VERSION");
	s->versioned = true;
	/* What waits for all requests in flight. */
	if (x->m.command == SERVER_DMA_MAP || x->m.command == SERVER_DMA_UNMAP)
		server_finish_held(s);
	switch (x->m.command) {
	case SERVER_VERSION:
		version(s, x);
		return true;
	case SERVER_DMA_MAP:
		*error = dma_map(s, x);
		return true;
	case SERVER_DMA_UNMAP:
		*error = dma_unmap(s, x);
		return true;
	case SERVER_INFO:
		device_info(s, x);
		return true;
	case SERVER_REGION_INFO:
		region_info(s, x);
		return true;
	case SERVER_IRQ_INFO:
		irq_info(s, x);
		return true;
	case SERVER_SET_IRQS:
		*error = set_irqs(s, x);
		return true;
	case SERVER_READ:
		return access_region(s, x, false);
	case SERVER_WRITE:
		return access_region(s, x, true);
	case SERVER_RESET:
		*error = reset(s, x);
		return true;
	}
	server_broken(s, "an unknown message");
	*error = ENOSYS;
	return true;
}

void server_forget(struct server *s)
{
	unsigned i;

	server_stop_rings(s);
	for (i = 0; i < SERVER_MAPS; i++) {
		if (s->maps[i].at)
			munmap(s->maps[i].at, s->maps[i].len);
		s->maps[i].at = NULL;
	}
	for (i = 0; i < SERVER_VECTORS; i++) {
		if (s->irqs[i] >= 0)
			close(s->irqs[i]);
		s->irqs[i] = -1;
	}
}
