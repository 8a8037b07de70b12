// SPDX-License-Identifier: BSD-3-Clause
// The library from C++: each handle in a class whose destructor closes it, whatever is in flight. The
// back-end is stopped while reads are in flight, so they can't complete; an exception then unwinds the
// stack. Prints how many completions the destructors collected.
//
// usage: raii ADDRESS PID-OF-THE-BACK-END
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <vscsi/vscsi.h>

static const unsigned reads = 4;
static unsigned completed;

static void check(int ret)
{
	if (ret < 0)
		throw std::runtime_error(vscsi_last_error());
}

class Device {
public:
	explicit Device(const char *address) : dev(nullptr)
	{
		check(vscsi_dev_open(address, nullptr, &dev));
	}
	~Device()
	{
		vscsi_dev_close(dev);
	}
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;
	vscsi_dev *dev;
};

class Lun {
public:
	explicit Lun(Device &device) : lun(nullptr)
	{
		check(vscsi_lun_open(device.dev, 0, 0, nullptr, &lun));
	}
	~Lun()
	{
		if (vscsi_lun_close(lun))
			std::abort();
	}
	Lun(const Lun &) = delete;
	Lun &operator=(const Lun &) = delete;
	vscsi_lun *lun;
};

class Queue {
public:
	explicit Queue(Device &device) : owner(device), queue(nullptr)
	{
		check(vscsi_queue_open(device.dev, nullptr, &queue));
	}
	// Whatever the back-end does: first it has a fair chance, then its device is shut down.
	~Queue()
	{
		vscsi_completion done[2];
		int count;

		while ((count = vscsi_queue_drain(queue, done, 2, 10)) != 0) {
			if (count < 0)
				vscsi_dev_shutdown(owner.dev);
			else
				completed += static_cast<unsigned>(count);
		}
		if (vscsi_queue_close(queue))
			std::abort();
	}
	Queue(const Queue &) = delete;
	Queue &operator=(const Queue &) = delete;
	Device &owner;
	vscsi_queue *queue;
};

static void work(const char *address, pid_t backend)
{
	Device device(address);
	Lun lun(device);
	Queue queue(device);
	vscsi_lun_info info = {};
	unsigned i;
	void *buf;

	info.size = sizeof(info);
	check(vscsi_lun_get_info(lun.lun, &info));
	buf = vscsi_mem_alloc(vscsi_dev_mem(device.dev), info.block_size, 0);
	if (!buf)
		throw std::runtime_error(vscsi_last_error());
	kill(backend, SIGSTOP);
	for (i = 0; i < reads; i++)
		check(vscsi_read(queue.queue, lun.lun, buf, 0, 1, 0, i));
	check(vscsi_submit(queue.queue));
	throw std::domain_error("unwind");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	try {
		work(argv[1], static_cast<pid_t>(std::atoi(argv[2])));
	} catch (const std::domain_error &) {
		std::printf("%u\n", completed);
		return completed == reads ? 0 : 1;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "%s\n", e.what());
	}
	return 1;
}
