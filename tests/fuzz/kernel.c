/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel in memory, see kernel.h: descriptors, time and files. Only what the library and
 * vscsi-target use of each call.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "kernel_parts.h"

struct kernel k;

/* -- objects and descriptors -- */

static void make_socket(struct object *object)
{
	if (!object->inbox)
		object->inbox = malloc(sizeof(*object->inbox));
	MUST(object->inbox);
	object->inbox->first = object->inbox->len = 0;
	object->inbox->nparcels = 0;
}

static void make_set(struct object *object)
{
	if (!object->set)
		object->set = malloc(sizeof(*object->set));
	MUST(object->set);
	object->set->count = 0;
}

struct object *kernel_object(enum kind kind)
{
	struct object *object;

	while (k.objects[k.lowest_object].kind)
		MUST(++k.lowest_object < OBJECTS);
	object = &k.objects[k.lowest_object];
	*object = (struct object){.kind = kind, .inbox = object->inbox, .set = object->set};
	if (kind == SOCKET)
		make_socket(object);
	if (kind == EPOLL)
		make_set(object);
	k.open++;
	return object;
}

int kernel_fd(struct object *object)
{
	while (k.fds[k.lowest_fd])
		MUST(++k.lowest_fd < FDS);
	k.fds[k.lowest_fd] = object;
	object->refs++;
	return FIRST + (int)k.lowest_fd;
}

void kernel_forget_member(struct set *set, unsigned i)
{
	set->members[i].object->watched--;
	set->members[i] = set->members[--set->count];
}

static void leave_sets(const struct object *object)
{
	struct object *set;
	unsigned i;

	for (set = k.objects; object->watched; set++) {
		for (i = set->kind == EPOLL ? set->set->count : 0; i-- > 0;) {
			if (set->set->members[i].object == object)
				kernel_forget_member(set->set, i);
		}
	}
}

static void drop_parcel(struct parcel *parcel)
{
	unsigned i;

	for (i = 0; i < parcel->count; i++)
		kernel_drop(parcel->objects[i]);
}

void kernel_drop(struct object *object)
{
	unsigned i;

	MUST(object->refs);
	if (--object->refs)
		return;
	leave_sets(object);
	for (i = 0; object->kind == SOCKET && i < object->inbox->nparcels; i++)
		drop_parcel(&object->inbox->parcels[i]);
	if (object->peer)
		object->peer->peer = NULL;
	while (object->kind == EPOLL && object->set->count)
		kernel_forget_member(object->set, 0);
	if (object->own)
		free(object->memory);
	object->kind = NONE;
	if (object - k.objects < k.lowest_object)
		k.lowest_object = (unsigned)(object - k.objects);
	k.open--;
}

void kernel_turn(void)
{
	if (k.turning || !k.hooks.turn)
		return;
	k.turning = true;
	k.hooks.turn();
	k.turning = false;
}

void kernel_begin(const struct kernel_hooks *hooks)
{
	k.hooks = *hooks;
	k.now_ns = UINT64_C(1000000000);
	k.on = true;
}

void kernel_end(void)
{
	MUST(!k.open);
	k.lowest_fd = k.lowest_object = 0;
	k.on = false;
}

int __wrap_close(int fd)
{
	struct object *object;

	if (!is_ours(fd))
		return __real_close(fd);
	object = object_of(fd);
	k.fds[fd - FIRST] = NULL;
	if ((unsigned)(fd - FIRST) < k.lowest_fd)
		k.lowest_fd = (unsigned)(fd - FIRST);
	kernel_drop(object);
	return 0;
}

int __wrap_dup(int fd)
{
	return is_ours(fd) ? kernel_fd(object_of(fd)) : __real_dup(fd);
}

int __wrap_fcntl64(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	if (!is_ours(fd))
		return __real_fcntl64(fd, command, arg);
	if (command == F_DUPFD_CLOEXEC)
		return kernel_fd(object_of(fd));
	return 0;
}

/* -- time -- */

void kernel_sleep_ms(unsigned ms)
{
	k.now_ns += ms * UINT64_C(1000000);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (!k.on)
		return __real_clock_gettime(clock, ts);
	k.now_ns += TICK_NS;
	*ts = (struct timespec){(time_t)(k.now_ns / 1000000000), (long)(k.now_ns % 1000000000)};
	return 0;
}

/* A caller that sleeps waits for something: advances the clock, so that its timeout expires. */
int __wrap_nanosleep(const struct timespec *wanted, struct timespec *left)
{
	if (!k.on)
		return __real_nanosleep(wanted, left);
	kernel_turn();
	kernel_sleep_ms(10);
	return 0;
}

int __wrap_sched_yield(void)
{
	if (!k.on)
		return __real_sched_yield();
	kernel_turn();
	kernel_sleep_ms(1);
	return 0;
}

/* -- files -- */

int kernel_file(void *memory, size_t len)
{
	struct object *object = kernel_object(FILE_);

	object->memory = memory;
	object->len = len;
	return kernel_fd(object);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	return k.on ? kernel_file(NULL, 0) : __real_memfd_create(name, flags);
}

static void fill(struct object *object, size_t len)
{
	object->len = len;
	object->memory = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);
	object->own = true;
	MUST(object->memory);
	memset(object->memory, 0, len);
}

/* Once, and not to sizes that would be another limit's business. */
int __wrap_ftruncate64(int fd, off_t len)
{
	struct object *object = object_of(fd);

	if (!is_ours(fd))
		return __real_ftruncate64(fd, len);
	if (object->kind != FILE_ || object->memory || len <= 0 || len > 16 << 20)
		return fail(EINVAL);
	fill(object, (size_t)len);
	return 0;
}

int __wrap_fstat64(int fd, struct stat *st)
{
	if (!is_ours(fd))
		return __real_fstat64(fd, st);
	memset(st, 0, sizeof(*st));
	st->st_mode = object_of(fd)->kind == FILE_ ? S_IFREG : 0;
	st->st_size = (off_t)object_of(fd)->len;
	return 0;
}

static void *anonymous(size_t len)
{
	struct object *object = kernel_object(FILE_);

	fill(object, len);
	object->refs++;
	return object->memory;
}

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct object *object = object_of(fd);

	if (k.on && flags & MAP_ANONYMOUS)
		return anonymous(len);
	if (!is_ours(fd))
		return __real_mmap64(addr, len, prot, flags, fd, offset);
	if (object->kind != FILE_ || offset < 0 || (size_t)offset > object->len || !len ||
	    len > ((object->len + 4095) & ~(size_t)4095) - (size_t)offset) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	object->refs++;
	return object->memory + offset;
}

int __wrap_munmap(void *addr, size_t len)
{
	unsigned i;

	for (i = 0; k.on && i < OBJECTS; i++) {
		struct object *object = &k.objects[i];

		if (object->kind == FILE_ && (uint8_t *)addr >= object->memory &&
		    (uint8_t *)addr < object->memory + object->len) {
			kernel_drop(object);
			return 0;
		}
	}
	return __real_munmap(addr, len);
}
