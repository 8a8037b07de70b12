# SPDX-License-Identifier: BSD-3-Clause
"""The Python module: what programs do with it, and what they must not be able to break.

Started by Meson, this installs the module by pip, with the headers that Meson installs, and runs
itself again with it.
"""

import asyncio
import errno
import gc
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

import python_module
from rig import LIMIT, ToolTest

try:
    import vscsi
except ImportError:
    vscsi = None

SOURCE = os.environ["VSCSI_PYTHON"]
MIB = 1 << 20
DEPTH = 32
BLOCK = 4096


# Programs that print a line, and after the reply do what is interrupted; nothing else ends that.
FOREVER = "?recovery_ms=4294967295&io_timeout_ms=4294967295&timeout_ms=3600000"
OPEN = """
import asyncio, sys, vscsi
def lost():
    print(flush=True)
    sys.stdin.readline()
    print(flush=True)
"""
WITH = OPEN + """
with vscsi.Device(sys.argv[1]) as device:
    lun, view = device.lun(0, 0), device.memory.alloc(4096)
"""
WITHOUT = OPEN + """
device = vscsi.Device(sys.argv[1])
lun, view = device.lun(0, 0), device.memory.alloc(4096)
"""
INTERRUPTED = {
    "idle": WITH + """
    lost()
    while True:
        pass
""",
    "pread": WITH + """
    lost()
    lun.pread(4096, 0)
""",
    "pread without with": WITHOUT + """
lost()
lun.pread(4096, 0)
""",
    "queue": WITH + """
    with device.queue() as queue:
        lost()
        queue.read(lun, view, 0)
        queue.submit()
        queue.wait()
""",
    "asyncio": WITH + """
    async def read(queue, lba):
        await queue.read(lun, view, lba)
    async def work():
        async with vscsi.AsyncQueue(device) as queue, vscsi.AsyncQueue(device) as second:
            lost()
            await asyncio.gather(read(queue, 0), read(queue, 8), read(second, 16))
    asyncio.run(work())
""",
}


def pattern(size, seed=1):
    return random.Random(seed).randbytes(size)


class Python(ToolTest):
    luns = ["0:0,ram=4M,thin,serial=first", "0:1,file={folder}/sparse,thin"]

    def setUp(self):
        super().setUp()
        os.truncate(self.write("sparse", ""), MIB)
        self.serve("--control=" + self.path("c"))

    def open(self, **options):
        """A device and its first LUN."""
        device = vscsi.Device(self.address, **options)
        self.addCleanup(device.close)
        return device, device.lun(0, 0)

    def script(self, code, *arguments):
        """Runs a program that must end by itself, with nothing on stderr."""
        done = subprocess.run([sys.executable, "-c", code, self.address, *arguments],
                              timeout=LIMIT, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def test_ten_lines(self):
        """The program of the README: the LUNs, and a block of each."""
        with vscsi.Device(self.address) as device:
            device.lun(0, 1).pwrite(bytes(range(256)) * 2, 0)
        with open(SOURCE + "/list_and_read.py", encoding="utf-8") as file:
            program = file.read()
        with open(SOURCE + "/../../README.md", encoding="utf-8") as file:
            shown = re.search(r"^```python\n(.*?)^```$", file.read(), re.M | re.S).group(1)
        self.assertEqual(program[program.index("import"):], shown)
        lines = self.script(program).splitlines()
        self.assertEqual([line.split()[:2] for line in lines[::2]],
                         [["0:0", "4194304"], ["0:1", "1048576"]])
        self.assertEqual(lines[1::2], [bytes(16).hex(" "), bytes(range(16)).hex(" ")])

    def test_sync(self):
        device, lun = self.open()
        data = pattern(64 * BLOCK)
        lun.pwrite(data, MIB, vscsi.IO_FUA)
        lun.flush()
        self.assertEqual(lun.pread(len(data), MIB), data)
        into = bytearray(BLOCK)
        lun.pread_into(memoryview(into), MIB + BLOCK)
        self.assertEqual(into, data[BLOCK:2 * BLOCK])
        lun.compare_and_write(data[:512], data[512:1024], MIB)
        self.assertEqual(lun.pread(512, MIB), data[512:1024])
        lun.write_zeroes(BLOCK, MIB)
        self.assertFalse(any(lun.pread(BLOCK, MIB)))
        lun.unmap(len(data), MIB)
        self.assertFalse(any(lun.pread(len(data), MIB)))
        self.assertEqual(device.info.transport, "vhost-user")

    def test_extents(self):
        device, _ = self.open()
        lun = device.lun(0, 1)
        lun.pwrite(pattern(2 * BLOCK), 512 << 10)
        lun.unmap(BLOCK, (512 << 10) + BLOCK)
        extents = list(lun.extents(MIB, 0))
        self.assertEqual(sum(extent.bytes for extent in extents), MIB)
        self.assertEqual([extent.state for extent in extents],
                         [vscsi.EXTENT_UNMAPPED, vscsi.EXTENT_DATA, vscsi.EXTENT_UNMAPPED])

    def test_identity(self):
        device, lun = self.open()
        info = lun.info
        self.assertEqual((info.block_size, info.blocks, info.serial), (512, 8192, "first"))
        self.assertIn("serial.first", lun.ids)
        self.assertIn(info.wwid, lun.ids)
        self.assertEqual(device.lun_by_id("serial.first").info.wwid, info.wwid)

    def test_raw_command(self):
        _, lun = self.open()
        inquiry = lun.command([0x12, 0, 0, 0, 255, 0], in_size=255)
        self.assertEqual((len(inquiry), inquiry[8:13]), (96, b"VSCSI"))
        with self.assertRaisesRegex(vscsi.Error, "ILLEGAL REQUEST") as caught:
            lun.command([0xff] * 6)
        completion = caught.exception.completion
        self.assertEqual((completion.status, completion.sense_key, completion.asc), (2, 5, 0x20))
        with self.assertRaises(ValueError):
            lun.command(bytes(33))

    def test_errors(self):
        """They have the text of the library."""
        with self.assertRaisesRegex(vscsi.Error, self.path("absent")) as caught:
            vscsi.Device("vhost-user:" + self.path("absent"))
        self.assertEqual(caught.exception.errno, errno.ENOENT)
        self.assertIsInstance(caught.exception, OSError)
        device, lun = self.open()
        with self.assertRaisesRegex(vscsi.Error, "there is no LUN 0:7"):
            device.lun(0, 7)
        with self.assertRaises(vscsi.Error) as caught:
            lun.pread(512, 4 * MIB)
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        with self.assertRaisesRegex(vscsi.Error, "flags 0xff: unknown bits"):
            lun.pwrite(bytes(512), 0, 0xff)
        with self.assertRaisesRegex(TypeError, "'depth'"):
            vscsi.Device(self.address, depth=1)
        with device.queue() as queue:
            with self.assertRaisesRegex(vscsi.Error, "Memory.alloc"):
                queue.read(lun, bytearray(512), 0)
            self.assertEqual((queue.inflight, queue.drain()), (0, []))
            thread_errors = []

            def other():
                try:
                    queue.flush(lun)
                except vscsi.Error as error:
                    thread_errors.append(error.errno)
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            self.assertEqual(thread_errors, [errno.EPERM])

    def test_arguments(self):
        """What C would take for something else, or say nothing of."""
        device, lun = self.open()
        view, queue = device.memory.alloc(BLOCK), device.queue()
        other, _ = self.open()
        with self.assertRaisesRegex(ValueError, "another device"):
            queue.write(other.lun(0, 0), view, 0)
        for call in (lambda: lun.unmap(-BLOCK, 2 * BLOCK), lambda: lun.unmap(0, -BLOCK),
                     lambda: list(lun.extents(-BLOCK, BLOCK)), lambda: list(lun.extents(0, -BLOCK)),
                     lambda: lun.write_zeroes(-BLOCK, 2 * BLOCK), lambda: lun.pread(BLOCK, -BLOCK),
                     lambda: queue.unmap(lun, 0, -1), lambda: device.memory.alloc(-1)):
            with self.assertRaises(OverflowError):
                call()
        for call in (lambda: vscsi.Device(self.address + "\0?queues=999"),
                     lambda: device.lun_by_id("serial.first\0")):
            with self.assertRaisesRegex(ValueError, "null character"):
                call()
        for call, number in ((lambda: device.memory.alloc(0), errno.EINVAL),
                             (lambda: device.memory.alloc(BLOCK, 3), errno.EINVAL),
                             (lambda: device.memory.alloc(1 << 50), errno.ENOMEM)):
            with self.assertRaises(vscsi.Error) as caught:
                call()
            self.assertEqual(caught.exception.errno, number)
        self.assertEqual(queue.inflight, 0)
        self.assertEqual(self.script("""
import os, vscsi
memory = vscsi.Memory()
if os.fork():
    os._exit(os.wait()[1])
try:
    memory.alloc(1)
except vscsi.Error as error:
    print(error.errno)
"""), f"{errno.ECHILD}\n")

    def test_queue(self):
        device, lun = self.open()
        data = pattern(DEPTH * BLOCK)
        view = device.memory.alloc(len(data))
        view[:] = data
        with device.queue() as queue:
            for i in range(DEPTH):
                queue.write(lun, view[i * BLOCK:(i + 1) * BLOCK], i * 8, tag=i)
            queue.submit()
            done = []
            while len(done) < DEPTH:
                queue.wait()
                done += queue.poll()
            self.assertEqual(sorted(completion.check().tag for completion in done),
                             list(range(DEPTH)))
            view[:] = bytes(len(view))
            queue.read(lun, view, 0)
            queue.flush(lun)
            queue.command(lun, [0] * 6, tag="ready")
            self.assertEqual([completion.text for completion in queue.drain()], ["ok"] * 3)
            self.assertEqual(view, data)
            queue.read(lun, view[:512], 1 << 40)
            completion, = queue.drain()
            with self.assertRaisesRegex(vscsi.Error, "ILLEGAL REQUEST"):
                completion.check()

    def test_full_queue(self):
        device, lun = self.open(queue_size=4)
        with device.queue() as queue:
            with self.assertRaises(vscsi.Error) as caught:
                for _ in range(1000):
                    queue.flush(lun)
            self.assertEqual(caught.exception.errno, errno.EAGAIN)

    def test_asyncio(self):
        """More requests than the queue takes, in batches of 32."""
        device, lun = self.open(queue_size=16)
        data = pattern(DEPTH * BLOCK)
        lun.pwrite(data, 0)
        views = [device.memory.alloc(BLOCK) for _ in range(DEPTH)]

        async def work():
            async with vscsi.AsyncQueue(device) as queue, vscsi.AsyncQueue(device) as second:
                for _ in range(5):
                    for view in views:
                        view[:] = bytes(BLOCK)
                    await asyncio.gather(*((second if i % 4 == 3 else queue).read(lun, view, i * 8)
                                           for i, view in enumerate(views)))
                    self.assertEqual(b"".join(views), data)
                await queue.write(lun, views[1], 0)
                await queue.flush(lun)
                with self.assertRaisesRegex(vscsi.Error, "ILLEGAL REQUEST"):
                    await queue.write_zeroes(lun, 1 << 40, 1)
        asyncio.run(asyncio.wait_for(work(), LIMIT))
        self.assertEqual(lun.pread(BLOCK, 0), data[BLOCK:2 * BLOCK])

    def test_asyncio_cancel(self):
        """A cancelled task ends when the device no longer has its memory."""
        device, lun = self.open()
        view = device.memory.alloc(BLOCK)

        async def work():
            async with vscsi.AsyncQueue(device) as queue:
                self.target.send_signal(signal.SIGSTOP)
                task = asyncio.ensure_future(queue.read(lun, view, 0))
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.sleep(0)
                self.assertFalse(task.done())
                self.target.send_signal(signal.SIGCONT)
                with self.assertRaises(asyncio.CancelledError):
                    await task
                await queue.read(lun, view, 0)
        asyncio.run(asyncio.wait_for(work(), LIMIT))

    def test_asyncio_device_closed(self):
        """Device.close() completes what tasks wait for, and later calls raise."""
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        device, lun = self.open(queue_size=16)
        view = device.memory.alloc(BLOCK)
        faults = []

        async def work():
            asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
            queue = vscsi.AsyncQueue(device)
            tasks = [asyncio.ensure_future(queue.read(lun, view, 0)) for _ in range(2 * DEPTH)]
            await asyncio.sleep(0)
            inflight = queue.inflight
            device.close()
            tasks[0].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            self.assertIsInstance(ended[0], asyncio.CancelledError)
            self.assertEqual({completion.result for completion in ended[1:inflight]}, {0})
            self.assertEqual({str(error) for error in ended[inflight:]}, {"the Lun is closed"})
            with self.assertRaisesRegex(ValueError, "is closed"):
                await queue.read(lun, view, 0)
            await queue.close()
            with self.assertRaisesRegex(ValueError, "is closed"):
                async with queue:
                    pass
        asyncio.run(asyncio.wait_for(work(), LIMIT))
        self.assertEqual(faults, [])
        self.assertEqual(len(os.listdir("/proc/self/fd")), before + 1)  # that of view

    def test_asyncio_loop_closed(self):
        """A device can be closed after the loop of its queue, even with tasks left."""
        device, lun = self.open()
        loop = asyncio.new_event_loop()

        async def work():
            queue = vscsi.AsyncQueue(device)
            return asyncio.ensure_future(queue.read(lun, device.memory.alloc(BLOCK), 0))
        task = loop.run_until_complete(work())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        device.close()
        self.assertFalse(task.done())
        task._log_destroy_pending = False

    def test_restart(self):
        """The target is killed with reads in flight and started again: all of them complete."""
        self.luns = [f"0:0,file={self.write('disk', pattern(MIB))},serial=first"]
        self.stop()
        self.serve()
        device, lun = self.open()
        views = [device.memory.alloc(BLOCK) for _ in range(DEPTH)]

        async def work():
            async with vscsi.AsyncQueue(device) as queue:
                for _ in range(3):
                    self.target.send_signal(signal.SIGSTOP)
                    reads = asyncio.gather(*(queue.read(lun, view, i * 8)
                                             for i, view in enumerate(views)))
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                    self.assertEqual(queue.inflight, DEPTH)
                    self.target.kill()
                    self.stop()
                    self.serve()
                    await reads
                    self.assertEqual(b"".join(views), pattern(MIB)[:DEPTH * BLOCK])
        asyncio.run(asyncio.wait_for(work(), LIMIT))
        kinds = [event.type for event in device.events()]
        self.assertIn(vscsi.EVENT_LOST, kinds)
        self.assertIn(vscsi.EVENT_BACK, kinds)

    def test_failed_device(self):
        """Each request of a device that is lost permanently raises an error."""
        device, lun = self.open(recovery=vscsi.RECOVERY_OFF)
        views = [device.memory.alloc(BLOCK) for _ in range(DEPTH)]

        async def work():
            async with vscsi.AsyncQueue(device) as queue:
                self.target.send_signal(signal.SIGSTOP)
                reads = asyncio.gather(*(queue.read(lun, view, 0) for view in views),
                                       return_exceptions=True)
                await asyncio.sleep(0)
                self.target.kill()
                self.assertEqual({error.errno for error in await reads}, {errno.ENOTCONN})
                with self.assertRaises(vscsi.Error):
                    await queue.flush(lun)
        asyncio.run(asyncio.wait_for(work(), LIMIT))

    def test_closed_objects(self):
        memory = vscsi.Memory()
        device, lun = self.open(memory=memory)
        view, queue = memory.alloc(BLOCK), device.queue()
        queue.read(lun, view, 0)
        device.close()
        for call in (lambda: lun.pread(512, 0), lambda: lun.info, queue.submit, queue.poll,
                     device.scan, device.events, device.fileno, lambda: device.lun(0, 0),
                     lambda: queue.read(lun, view, 0), lambda: queue.abort(1)):
            with self.assertRaisesRegex(ValueError, "is closed"):
                call()
        memory.close()
        with self.assertRaisesRegex(ValueError, "the Memory is closed"):
            memory.alloc(1)
        view[:] = b"x" * BLOCK
        for thing in queue, lun, device, memory:
            with self.assertRaisesRegex(ValueError, "is closed"), thing:
                pass
            thing.close()

    def test_any_order(self):
        """Objects are dropped in every order, with a request in flight."""
        before = len(os.listdir("/proc/self/fd"))
        for seed in range(24):
            memory = vscsi.Memory()
            device = vscsi.Device(self.address, memory)
            lun, queue, view = device.lun(0, 0), device.queue(), memory.alloc(BLOCK)
            queue.read(lun, view[512:], 0)
            queue.submit()
            things = [memory, device, lun, queue, view]
            del memory, device, lun, queue, view
            random.Random(seed).shuffle(things)
            if seed % 3 == 0:  # the collector ends all at once, in the order that it likes
                things.append(things)
                del things
                gc.collect()
                continue
            while things:
                thing = things.pop()
                if seed % 2 and not isinstance(thing, memoryview):
                    thing.close()
                del thing
                gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        device, lun = self.open()
        view, queue = device.memory.alloc(512), device.queue()
        used = device.memory.stats.used
        queue.read(lun, view, 0)
        view.release()
        self.assertEqual(device.memory.stats.used, used)
        queue.drain()
        self.assertLess(device.memory.stats.used, used)

    def test_cycles(self):
        """The collector ends errors that are in a cycle with the memory that was passed."""
        self.script("""
import gc, sys, vscsi
device = vscsi.Device(sys.argv[1])
lun, queue = device.lun(0, 0), device.queue()
def fail(call):
    cycle, view = [], device.memory.alloc(4096)
    try:
        call(view)
    except (vscsi.Error, OverflowError) as error:
        cycle += cycle, view, error
    assert cycle
used = device.memory.stats.used
for call in (lambda view: queue.read(lun, view, -1), lambda view: queue.write(lun, view, -1),
             lambda view: queue.command(lun, [0x12] * 6, view, view, flags=0xff),
             lambda view: lun.pread_into(view, 1 << 40), lambda view: lun.pwrite(view, 1 << 40),
             lambda view: lun.compare_and_write(view, view, 1 << 40),
             lambda view: lun.command([0xff] * 6, view, 4096)):
    fail(call)
    gc.collect()
    assert device.memory.stats.used == used
device.close()
""")

    def test_close_while_another_thread_reads(self):
        device, lun = self.open()
        outcome = []

        def work():
            try:
                while True:
                    lun.pread(MIB, 0)
            except ValueError as error:
                outcome.append(str(error))
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        lun.pread(MIB, 0)
        device.close()
        for thread in threads:
            thread.join(LIMIT)
        self.assertEqual(outcome, ["the Lun is closed"] * 3)

    def sleeps(self, pid):
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "S"

    def interrupted(self, lose):
        """Ctrl-C in each of the programs, all at once."""
        self.serve()
        running = {}
        for name, code in INTERRUPTED.items():
            program = subprocess.Popen([sys.executable, "-c", code, self.address + FOREVER],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            self.addCleanup(program.communicate)
            self.addCleanup(program.kill)
            running[name] = program
        for name, program in running.items():
            self.assertEqual(program.stdout.readline(), "\n", name)
        lose()
        for program in running.values():
            program.stdin.write("\n")
            program.stdin.flush()
        for name, program in running.items():
            self.assertEqual(program.stdout.readline(), "\n", name)
            # A handler that asyncio has doesn't raise, so it may run anywhere.
            while name not in ("idle", "asyncio") and not self.sleeps(program.pid):
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
        for name, program in running.items():
            with self.subTest(name):
                _, err = program.communicate(timeout=LIMIT)
                self.assertEqual(program.returncode, -signal.SIGINT, err)
                self.assertRegex(err, "(^|\n)KeyboardInterrupt\n$")
        self.target.kill()
        self.stop()

    def test_interrupted(self):
        self.stop()
        self.interrupted(lambda: self.target.send_signal(signal.SIGSTOP))
        self.interrupted(lambda: self.target.kill())

    def test_interrupted_call(self):
        """It may be executed later, but what was passed stays as it is, and the rest works."""
        device, lun = self.open()
        data, into = pattern(BLOCK), bytearray(BLOCK)
        lun.pwrite(data, 0)
        self.target.send_signal(signal.SIGSTOP)
        signal.signal(signal.SIGUSR1, lambda *_: self.fail("interrupted"))
        with self.assertRaisesRegex(AssertionError, "interrupted"):
            threading.Timer(0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            lun.pread_into(into, 0)
        self.target.send_signal(signal.SIGCONT)
        self.assertEqual(lun.pread(BLOCK, 0), data)
        device.close()

    def test_exit_without_closing(self):
        self.script("""
import sys, vscsi
device = vscsi.Device(sys.argv[1])
lun, queue, view = device.lun(0, 0), device.queue(), device.memory.alloc(4096)
queue.read(lun, view, 0)
queue.submit()
""")


if __name__ == "__main__":
    if "VSCSI_PYTHON_INSTALLED" in os.environ:
        unittest.main(verbosity=2)
    python_module.run_installed(__file__)
