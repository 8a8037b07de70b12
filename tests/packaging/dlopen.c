/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads the library in a thread, uses it, and unloads it, several times, as a plugin host does.
 * Nothing may remain that makes a later thread crash. Argument: the library's file.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vscsi_dev;

typedef const char *text_fn(void);
typedef int open_fn(const char *address, const void *opts, struct vscsi_dev **out);

static const char *file;

/* A function by name; POSIX lets a data pointer carry one, ISO C has no conversion for it. */
static void *function(void *handle, const char *name)
{
	void *found = dlsym(handle, name);

	if (!found) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	return found;
}

static void use(void *handle)
{
	text_fn *version = (text_fn *)(uintptr_t)function(handle, "vscsi_version");
	text_fn *last_error = (text_fn *)(uintptr_t)function(handle, "vscsi_last_error");
	open_fn *dev_open = (open_fn *)(uintptr_t)function(handle, "vscsi_dev_open");
	struct vscsi_dev *dev = NULL;

	if (!*version() || *last_error()) {
		fprintf(stderr, "no version, or an error before the first failure\n");
		exit(1);
	}
	if (dev_open("nowhere:/", NULL, &dev) >= 0 || !strstr(last_error(), "vscsi_dev_open")) {
		fprintf(stderr, "an unknown scheme opened, or failed without a message\n");
		exit(1);
	}
}

static void *load_use_unload(void *arg)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	(void)arg;
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(1);
	}
	use(handle);
	dlclose(handle);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	if (argc != 2) {
		fprintf(stderr, "usage: dlopen LIBRARY\n");
		return 2;
	}
	file = argv[1];
	for (int i = 0; i < 8; i++) {
		if (pthread_create(&thread, NULL, load_use_unload, NULL) != 0 ||
		    pthread_join(thread, NULL) != 0)
			return 1;
	}
	return 0;
}
