/* SPDX-License-Identifier: BSD-3-Clause */
/* What the transport's tests share. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fixture.h"
#include "transport/vhost_user/session.h"
#include "transport/vhost_user/vhost_user.h"

#define RING_SPACE 8192 /* of one ring in area 0 */
#define TEST_LIMIT 170  /* seconds that one test may take */

struct fx fx_new(void)
{
	return (struct fx){
		.ropts = rig_defaults(),
		.topts = {.timeout_ms = 60000},
	};
}

static void make_area(struct dma_region *area, unsigned i)
{
	void *addr;
	int fd = memfd_create("area", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, FX_AREA), 0);
	addr = mmap(NULL, FX_AREA, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	*area = (struct dma_region){
		.addr = (uint64_t)(uintptr_t)addr, .len = FX_AREA, .fd = fd, .bit = i};
}

void fx_up(struct fx *fx)
{
	/* A test that hangs ends the program; each restarts the clock. */
	alarm(TEST_LIMIT);
	while (fx->nareas < FX_AREAS) {
		make_area(&fx->areas[fx->nareas], fx->nareas);
		fx->nareas++;
	}
	fx->rig = rig_start(&fx->ropts);
}

int fx_open(struct fx *fx)
{
	int ret = vhost_user_ops.open(rig_address(fx->rig), &fx->topts, &fx->t);

	if (ret == 0 && !fx->ropts.path)
		rig_taken(fx->rig);
	return ret;
}

void fx_connect(struct fx *fx)
{
	fx_up(fx);
	assert_int_equal(fx_open(fx), 0);
}

void fx_hurry(struct fx *fx)
{
	vu_of(fx->t)->timeout_ms = 50;
}

int fx_map(struct fx *fx, unsigned i)
{
	return fx->t->ops->mem_map(fx->t, &fx->areas[i], &fx->iova[i]);
}

int fx_prepare(struct fx *fx)
{
	uint64_t offered;
	int ret;

	ret = fx->t->ops->get_features(fx->t, &offered);
	if (ret)
		return ret;
	ret = fx->t->ops->set_features(fx->t, offered & FX_WANT);
	return ret ? ret : fx_map(fx, 0);
}

int fx_start(struct fx *fx, unsigned index)
{
	char *at = (char *)(uintptr_t)fx->areas[0].addr + index * RING_SPACE;
	struct transport_queue queue = {
		.index = index,
		.size = FX_SIZE,
		.desc = at,
		.driver = at + FX_SIZE * 16,
		.device = at + RING_SPACE / 2,
	};

	return fx->t->ops->queue_start(fx->t, &queue);
}

void fx_run(struct fx *fx, unsigned rings)
{
	unsigned i;

	fx_connect(fx);
	assert_int_equal(fx_prepare(fx), 0);
	for (i = 0; i < rings; i++)
		assert_int_equal(fx_start(fx, i), 0);
}

static void hang_up(struct fx *fx)
{
	if (fx->t)
		fx->t->ops->close(fx->t);
	fx->t = NULL;
}

void fx_down(struct fx *fx)
{
	hang_up(fx);
	while (fx->nareas) {
		struct dma_region *area = &fx->areas[--fx->nareas];

		munmap((void *)(uintptr_t)area->addr, area->len);
		close(area->fd);
	}
	rig_stop(fx->rig);
	alarm(0);
}

static int begin(struct fx *fx)
{
	uint32_t value = 200;
	char config[36];
	unsigned i;
	int ret;

	ret = fx->t->ops->set_status(fx->t, 0);
	if (ret)
		return ret;
	ret = fx_prepare(fx);
	if (ret)
		return ret;
	ret = fx->t->ops->read_config(fx->t, 0, config, sizeof(config));
	if (ret)
		return ret;
	ret = fx->t->ops->write_config(fx->t, 20, &value, sizeof(value));
	for (i = 0; i < 3 && ret == 0; i++)
		ret = fx_start(fx, i);
	return ret ? ret : fx->t->ops->set_status(fx->t, 15);
}

static int end(struct fx *fx)
{
	unsigned what;
	uint32_t base;
	int ret;

	ret = fx->t->ops->get_status(fx->t);
	if (ret < 0)
		return ret;
	ret = fx->t->ops->check(fx->t, &what);
	if (ret)
		return ret;
	ret = fx->t->ops->queue_stop(fx->t, 2, &base);
	if (ret)
		return ret;
	ret = fx->t->ops->set_status(fx->t, 0);
	return ret ? ret : fx->t->ops->mem_unmap(fx->t, &fx->areas[0], fx->iova[0]);
}

int fx_life(struct fx *fx)
{
	int ret = fx_open(fx);

	if (ret)
		return ret;
	ret = begin(fx);
	if (ret == 0)
		ret = end(fx);
	hang_up(fx);
	return ret;
}

unsigned fx_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int c;

	assert_non_null(file);
	while ((c = fgetc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}
