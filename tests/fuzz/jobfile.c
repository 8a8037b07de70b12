/* SPDX-License-Identifier: BSD-3-Clause */
/* Job files of vscsi-perf. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "perf/options.h"

static void check_job(const struct job_options *job)
{
	MUST(memchr(job->name, 0, sizeof(job->name)));
	MUST(memchr(job->address, 0, sizeof(job->address)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	int fd = memfd_create("job", MFD_CLOEXEC);
	char path[64];
	unsigned i;

	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options_init(&settings);
	if (!jobfile_read(&settings, path)) {
		MUST(settings.count > 0 && settings.count <= MAX_JOBS);
		for (i = 0; i < settings.count; i++)
			check_job(&settings.jobs[i]);
		settings_check(&settings);
	}
	close(fd);
	return 0;
}
