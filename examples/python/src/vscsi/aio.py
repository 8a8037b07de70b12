# SPDX-License-Identifier: BSD-3-Clause
"""Requests to be awaited: a queue in an event loop of asyncio."""

import asyncio
import collections
import errno
import os
import signal
import threading
import weakref

from vscsi._library import Error
from vscsi.queue import LIMIT_MS, Queue


class _Interrupts:
    """The open queues of the main thread, which are told of Ctrl-C before asyncio is."""

    def __init__(self):
        self._queues = weakref.WeakSet()
        self._next = None

    def add(self, queue):
        if threading.current_thread() is not threading.main_thread():
            return
        if not self._queues and callable(signal.getsignal(signal.SIGINT)):
            self._next = signal.signal(signal.SIGINT, self._handle)
        self._queues.add(queue)

    def remove(self, queue):
        self._queues.discard(queue)
        if not self._queues and signal.getsignal(signal.SIGINT) == self._handle:
            signal.signal(signal.SIGINT, self._next)

    def _handle(self, number, frame):
        for queue in self._queues:
            queue._interrupted()
        self._next(number, frame)


_interrupts = _Interrupts()


class _LoopQueue(Queue):
    """Its completions go to futures, also those that are collected when the device is closed."""

    def __init__(self, owner, device, shared=False, **options):
        super().__init__(device, shared, **options)
        self._owner = owner

    def _collect(self, name, *arguments):
        completions = super()._collect(name, *arguments)
        self._owner._deliver(completions)
        return completions

    def close(self):
        if not self.closed:
            self.drain()
            self._owner._detach()
        super().close()


class AsyncQueue:
    """A queue of a device in the running event loop, for any number of tasks.

        async with vscsi.AsyncQueue(device) as queue:
            await asyncio.gather(*(queue.read(lun, view, lba) for ...))

    The methods are those of Queue without tags. Each returns the completion, or raises an Error.
    Where the queue is full they wait. Requests of one iteration of the loop are submitted together.
    A task that is cancelled aborts its request, and ends when its memory is no longer in use.
    After Ctrl-C, which cancels tasks, requests in flight have a second to complete. Then the device
    is shut down, which ends them. Device.close() waits for requests in flight and completes them.
    """

    def __init__(self, device, **options):
        self._device = device
        self._loop = asyncio.get_running_loop()
        self._queue = device._add(_LoopQueue(self, device, **options))
        self._full = collections.deque()
        self._submitting = False
        # One device may have several queues here, and a loop has one reader for a descriptor.
        self._device_fd = os.dup(device.fileno())
        self._queue_fd = self._queue.fileno()
        self._loop.add_reader(self._queue_fd, self._progress)
        self._loop.add_reader(self._device_fd, self._advance)
        self._progress()
        _interrupts.add(self)

    def _interrupted(self):
        """In the handler of a signal."""
        if self._loop.is_closed():
            return
        before = set(self._queue._pending)
        self._loop.call_soon_threadsafe(self._loop.call_later, LIMIT_MS / 1000, self._end, before)

    def _end(self, before):
        if before & self._queue._pending.keys():
            self._device.shutdown()
            self._advance()

    @property
    def inflight(self):
        """How many requests have no completion yet."""
        return self._queue.inflight

    def read(self, lun, buffer, lba, flags=0):
        return self._request(self._queue.read, lun, buffer, lba, flags)

    def write(self, lun, buffer, lba, flags=0):
        return self._request(self._queue.write, lun, buffer, lba, flags)

    def flush(self, lun):
        return self._request(self._queue.flush, lun)

    def unmap(self, lun, lba, blocks):
        return self._request(self._queue.unmap, lun, lba, blocks)

    def write_zeroes(self, lun, lba, blocks, flags=0):
        return self._request(self._queue.write_zeroes, lun, lba, blocks, flags)

    def command(self, lun, cdb, data=None, answer=None, **options):
        return self._request(self._queue.command, lun, cdb, data, answer, **options)

    async def _request(self, prepare, *arguments, **options):
        future = self._loop.create_future()
        while True:
            try:
                number = prepare(*arguments, tag=future, **options)
                break
            except Error as error:
                # A LUN can be full because of other queues, whose completions don't show here.
                if error.errno != errno.EAGAIN or not self._queue.inflight:
                    raise
            room = self._loop.create_future()
            self._full.append(room)
            self._submit()
            await room
        if not self._submitting:
            self._submitting = True
            self._loop.call_soon(self._submit)
        try:
            return (await asyncio.shield(future)).check()
        except asyncio.CancelledError:
            if not future.done():
                self._abort(number)
                await asyncio.wait([future])
            raise

    def _abort(self, number):
        try:
            self._queue.abort(number)
        except Error:
            pass  # it has completed, or the device failed: its completion follows in any case

    def _submit(self):
        self._submitting = False
        if self._queue.closed:
            return  # with the device, after everything had completed
        try:
            self._queue.submit()
        except Error:
            self._progress()  # the device failed, and every request has a completion

    def _advance(self):
        try:
            self._device.advance()
        except Error:
            self._loop.remove_reader(self._device_fd)
        self._progress()

    def _progress(self):
        """Deliver completions until it is safe to sleep."""
        try:
            while True:
                self._queue.poll()
                if not self._queue.arm():
                    return
        except Error:
            self._failed()

    def _deliver(self, completions):
        if self._loop.is_closed():
            return
        for completion in completions:
            if not completion.tag.done():
                completion.tag.set_result(completion)
        if completions:
            while self._full:
                room = self._full.popleft()
                if not room.done():
                    room.set_result(None)

    def _failed(self):
        """The device failed: its descriptors say nothing more, but every request completes."""
        if self._queue.closed:
            return
        self._loop.remove_reader(self._queue_fd)
        try:
            self._queue.poll()
        except Error:
            return
        if self._queue.inflight:
            self._loop.call_later(0.01, self._failed)

    async def close(self):
        """Wait for the requests in flight and close the queue."""
        while self._queue.inflight:
            waiting = [entry[0] for entry in self._queue._pending.values()]
            await asyncio.wait(waiting)
        self._queue.close()

    def _detach(self):
        """Before the queue is closed."""
        _interrupts.remove(self)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._queue_fd)
            self._loop.remove_reader(self._device_fd)
        os.close(self._device_fd)

    async def __aenter__(self):
        self._queue.__enter__()
        return self

    async def __aexit__(self, *_):
        await self.close()
