# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-target as a service: several clients, its configuration file and its log, which users may connect,
what it may do, and what a service manager gives it and hears from it."""

import contextlib
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import unittest

import rig
from vscsi_target import TargetTest

GET_FEATURES = struct.pack("III", 1, 1, 0)


class ServiceTest(TargetTest):
    def is_served(self, client):
        """Waits until the target answers this client."""
        client.sendall(GET_FEATURES)
        self.assertEqual(len(client.recv(64)), 20)

    def log(self, process):
        """What a target with stderr=PIPE prints until it ends."""
        process.send_signal(signal.SIGTERM)
        _, text = process.communicate(timeout=rig.LIMIT)
        self.assertEqual(process.returncode, 0)
        return text


class Clients(ServiceTest):
    """Several at once, at the same disk."""

    def stat(self):
        with self.connect("control") as control, control.makefile("rw") as file:
            print("stat", file=file, flush=True)
            return json.loads(file.readline())

    def test_many(self):
        image = self.image("disk.img")
        process = self.started(f"--lun=0:0,file={image}")
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.connect("v")) for _ in range(61)]
            for client in clients:
                self.is_served(client)
            copies = [subprocess.Popen([rig.program("copy"), self.address, "0:0",
                                        self.path(f"out{i}")], stderr=subprocess.DEVNULL)
                      for i in range(3)]
            for i, copy in enumerate(copies):
                self.assertEqual(copy.wait(rig.LIMIT), 0)
                self.assertEqual(self.read(f"out{i}"), self.read("disk.img"))
            for client in clients:
                self.is_served(client)
        self.stopped(process)

    def test_limit(self):
        """The others are refused, and told why, until there is room again."""
        process = self.started("--lun=0:0,ram=1M", "--clients=2", stderr=subprocess.PIPE, text=True)
        clients = [self.connect("v") for _ in range(2)]
        for client in clients:
            self.is_served(client)
        message = self.refused("info", self.address, status=1)
        self.assertIn("closed the connection without an answer", message)
        self.assertIn("has it reached its limit of clients", message)
        clients[0].close()
        self.assertEqual(len(self.info()), 1)
        self.is_served(clients[1])
        self.assertIn("a client was refused: 2 are served already, see --clients",
                      self.log(process))

    def test_one_by_one(self):
        """One that comes when another has just closed its connection is not refused."""
        process = self.started("--lun=0:0,ram=1M", "--clients=1")
        for _ in range(200):
            with self.connect("v") as client:
                self.is_served(client)
        self.stopped(process)

    def test_one_is_dropped(self):
        """What one does wrong is not the other's loss, even a truncated memory."""
        process = self.started("--lun=0:0,ram=1M")
        with self.connect("v") as client:
            self.is_served(client)
            self.warn()
            self.is_served(client)
        self.stopped(process)

    def test_resize(self):
        """Done while others are connected: an information of each sees the new size."""
        process = self.started("--lun=0:0,ram=1M", "--control=" + self.path("control"))
        with self.connect("v") as client, self.connect("control") as control:
            self.is_served(client)
            control.sendall(b"resize 0:0 2M\n")
            self.assertEqual(control.recv(16), b"ok\n")
            self.assertEqual(self.info()[0]["size"], 2 << 20)
        self.stopped(process)


class Log(ServiceTest):
    def test_levels(self):
        """Each level has what those before it have."""
        count = []
        for level in "error", "warning", "info", "debug":
            process = self.started("--lun=0:0,ram=1M", "--log-level=" + level,
                                   stderr=subprocess.PIPE, text=True)
            with self.connect("v") as client:
                self.is_served(client)
            self.warn()
            text = self.log(process)
            self.assertEqual("dropped: message " in text, level != "error")
            self.assertEqual("client 2 disconnected: it closed the connection\n" in text,
                             level in ("info", "debug"))
            self.assertEqual("client 2: GET_FEATURES\n" in text, level == "debug")
            if level in ("info", "debug"):
                self.assertIn(f"vscsi-target: client 2 connected: process {os.getpid()} of user "
                              f"{os.getuid()}\n", text)
            count.append(len(text.splitlines()))
        self.assertEqual(count, sorted(set(count)))
        self.assertEqual(count[0], 0)
        self.assertIn("--log-level", self.not_started("--lun=0:0,ram=1M", "--log-level=all"))

    def test_a_client_gives_up(self):
        """It closes the connection without reading a reply: that is no fault of the client."""
        for stopped in True, False:
            with self.subTest(stopped):
                process = self.started("--lun=0:0,ram=1M", "--log-level=info",
                                       stderr=subprocess.PIPE, text=True)
                with self.connect("v") as client:
                    self.is_served(client)
                    if stopped:
                        process.send_signal(signal.SIGSTOP)
                        os.waitpid(process.pid, os.WUNTRACED)
                    client.sendall(GET_FEATURES)
                    if not stopped:
                        client.recv(1, socket.MSG_PEEK)
                process.send_signal(signal.SIGCONT)
                # It has been noticed when the next one is served.
                with self.connect("v") as client:
                    self.is_served(client)
                text = self.log(process)
                self.assertIn("client 2 disconnected: it closed the connection\n", text)
                self.assertNotIn("dropped", text)

    def test_end(self):
        process = self.started("--lun=0:0,ram=1M", "--log-level=info", stderr=subprocess.PIPE,
                               text=True)
        with self.connect("v") as client:
            self.is_served(client)
            self.assertIn("client 2 disconnected: the target ends\n", self.log(process))

    def test_journal(self):
        """A line begins with its level, if stderr is what the variable tells."""
        for is_journal in True, False:
            read_end, write_end = os.pipe()
            info = os.fstat(write_end)
            name = f"{info.st_dev}:{info.st_ino + (not is_journal)}"
            process = self.started("--lun=0:0,ram=1M", "--log-level=info", stderr=write_end,
                                   env=os.environ | {"JOURNAL_STREAM": name})
            os.close(write_end)
            self.warn()
            self.stopped(process)
            with open(read_end) as file:
                text = file.read()
            if is_journal:
                self.assertRegex(text, r"(?m)^<6>client \d+ connected")
                self.assertRegex(text, r"(?m)^<4>client \d+ dropped")
                self.assertNotIn("vscsi-target", text)
            else:
                self.assertNotIn("<", text)


class Config(ServiceTest):
    def config(self, text, *arguments):
        """What a target prints that must not start with this file."""
        path = self.write("t.conf", text)
        return path, self.refused("target", "--config=" + path, *arguments)

    def test_works(self):
        path = self.write("t.conf", f"""# a comment
   \t
socket = {self.path('other')}
lun=0:0,ram=1M,serial=first
  lun  =  0:1,ram=2M,serial=a b=c
in-order
queues = 2
queues = 1""")
        # Later ones win, wherever they are.
        for arguments, name in ((["--config=" + path], "other"),
                                (["--config=" + path, "--socket=" + self.path("last")], "last")):
            process = self.start(*arguments, "--lun=1:0,null=1M", name="first")
            self.connect(name, process).close()
            out, _ = self.run_tool("info", "--json", "vhost-user:" + self.path(name))
            info = json.loads(out)
            self.assertEqual([lun["serial"] for lun in info["luns"][:2]], ["first", "a b=c"])
            self.assertEqual(len(info["luns"]), 3)
            self.assertEqual(info["device"]["queues"], 1)
            self.stopped(process)

    def test_errors(self):
        lun = "lun = 0:0,ram=1M\n"
        for text, line, message in (
                (lun + "\nsokcet = /run/v\n", 3, "unknown key 'sokcet'"),
                (lun + "config = other\n", 2, "unknown key 'config'"),
                (lun + "help\n", 2, "unknown key 'help'"),
                ("queues\n" + lun, 1, "needs a value"),
                ("#\nqueues = 0\n" + lun, 2, "expected 1 to 254"),
                ("in-order = yes\n" + lun, 1, "has no value"),
                (lun + "lun = 0:1,file=/missing\n", 2, "/missing"),
                (lun + "lun = 0:0,ram=2M", 2, "already exists"),
                ("= 1\n", 1, "unknown key ''"),
                ("socket-mode = 999\n", 1, "octal"),
                ("socket-group = no such group\n", 1, "no group"),
                (lun + "user = nosuchuser\n", 2, "there is no user 'nosuchuser'"),
        ):
            with self.subTest(text):
                path, error = self.config(text, "--socket=" + self.path("w"))
                self.assertRegex(error, f"^vscsi-target: {re.escape(path)}:{line}: [^\n]*\n$")
                self.assertIn(message, error)

    def test_files(self):
        self.assertIn("cannot open", self.refused("target", "--config=" + self.path("none")))
        self.assertIn("cannot read", self.refused("target", "--config=" + self.folder))
        path, error = self.config("", "--config=" + self.path("t.conf"))
        self.assertIn("twice", error)
        self.assertIn("--lun", self.refused("target", "--config=" + path))


class Rights(ServiceTest):
    def socket_file(self, *arguments):
        process = self.started("--lun=0:0,ram=1M", *arguments)
        info = os.stat(self.path("v"))
        self.stopped(process)
        return stat.S_IMODE(info.st_mode), info.st_gid

    def test_socket(self):
        mask = os.umask(0o022)
        self.addCleanup(os.umask, mask)
        self.assertEqual(self.socket_file(), (0o755, os.getegid()))
        self.assertEqual(self.socket_file("--socket-mode=606"), (0o606, os.getegid()))
        name = grp.getgrgid(os.getegid()).gr_name
        self.assertEqual(self.socket_file("--socket-mode=0660", "--socket-group=" + name),
                         (0o660, os.getegid()))
        # A socket that is replaced too.
        process = self.started("--lun=0:0,ram=1M")
        process.kill()
        process.wait(rig.LIMIT)
        self.assertEqual(self.socket_file("--socket-mode=640"), (0o640, os.getegid()))
        for mode in "0", "1000", "8", "u+w", "-1", "00660", "":
            message = self.not_started("--lun=0:0,ram=1M", "--socket-mode=" + mode)
            self.assertIn("octal", message)

    def test_group(self):
        if os.geteuid():
            self.skipTest("only root can give a file to any group")
        group = grp.getgrnam("nogroup")
        self.assertEqual(self.socket_file("--socket-group=nogroup")[1], group.gr_gid)

    def status(self, process):
        with open(f"/proc/{process.pid}/status") as file:
            return dict(line.split(":\t", 1) for line in file.read().splitlines())

    def test_user(self):
        if os.geteuid():
            self.skipTest("only root can become another user")
        image = self.image("disk.img")
        os.chmod(image, 0o600)
        other = self.image("other.img")
        os.chmod(other, 0o600)
        user = pwd.getpwnam("daemon")
        process = self.started(f"--lun=0:0,file={image}", "--user=daemon",
                               "--control=" + self.path("control"))
        self.assertEqual(self.info()[0]["size"], 1 << 20)
        status = self.status(process)
        self.assertEqual(set(status["Uid"].split()), {str(user.pw_uid)})
        self.assertEqual(set(status["Gid"].split()), {str(user.pw_gid)})
        self.assertEqual(set(status["Groups"].split()), {str(user.pw_gid)})
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")
        with self.connect("control") as control:
            control.sendall(f"add 0:1,file={other}\n".encode())
            self.assertIn(b"Permission denied", control.recv(4096))
        self.stopped(process)
        # The socket is still there, and replaced.
        self.stopped(self.started("--lun=0:0,ram=1M"))

    def test_no_user(self):
        process = self.started("--lun=0:0,ram=1M")
        self.assertEqual(self.status(process)["NoNewPrivs"], "1")
        self.stopped(process)
        message = self.not_started("--lun=0:0,ram=1M", "--user=no-such-user")
        self.assertIn("no user 'no-such-user'", message)
        self.assertFalse(os.path.exists(self.path("w")))


class Manager(ServiceTest):
    """A service manager that starts the target."""

    def setUp(self):
        super().setUp()
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notices.close)
        self.notices.bind(self.path("notify"))
        self.notices.settimeout(rig.LIMIT)
        self.environment = os.environ | {"NOTIFY_SOCKET": os.path.abspath(self.path("notify"))}

    def listening(self, kind=socket.SOCK_STREAM, listen=True):
        server = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(server.close)
        server.bind(self.path("v"))
        if listen:
            server.listen()
        return server

    def activate(self, server, *arguments, count=1, pid="$$"):
        """Starts a target with this socket, as the process that it is meant for."""
        script = f'LISTEN_PID={pid} LISTEN_FDS={count} exec "$@"'
        process = subprocess.Popen(
            ["sh", "-c", script, "sh", rig.program("target"), *arguments],
            preexec_fn=lambda: os.dup2(server.fileno(), 3), pass_fds=[3], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        self.addCleanup(process.stderr.close)
        return process

    def not_activated(self, *arguments):
        process = self.activate(*arguments[:1], "--lun=0:0,ram=1M", *arguments[1:])
        return self.failed(process)

    def failed(self, process):
        _, text = process.communicate(timeout=rig.LIMIT)
        self.assertEqual(process.returncode, 2)
        return text

    def test_notices(self):
        process = self.start("--lun=0:0,ram=1M", env=self.environment)
        self.assertEqual(self.notices.recv(64), b"READY=1")
        # It listens by then.
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path("v"))
        self.stopped(process)
        self.assertEqual(self.notices.recv(64), b"STOPPING=1")

    def test_abstract_notices(self):
        name = f"vscsi-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind("\0" + name)
            notices.settimeout(rig.LIMIT)
            process = self.start("--lun=0:0,ram=1M",
                                 env=self.environment | {"NOTIFY_SOCKET": "@" + name})
            self.assertEqual(notices.recv(64), b"READY=1")
            self.stopped(process)

    def test_no_manager_listens(self):
        self.notices.close()
        self.stopped(self.started("--lun=0:0,ram=1M", env=self.environment))

    def test_activation(self):
        """Clients that connect before it is started are served; the socket outlives it."""
        server = self.listening()
        clients = []
        for _ in range(2):
            clients.append(self.connect("v"))
            process = self.activate(server, "--lun=0:0,null=1M")
            self.assertEqual(self.notices.recv(64), b"READY=1")
            self.is_served(clients[-1])
            serials = self.info()[0]["serial"]
            process.terminate()
            _, text = process.communicate(timeout=rig.LIMIT)
            self.assertEqual((process.returncode, text), (0, ""))
            self.assertEqual(self.notices.recv(64), b"STOPPING=1")
            self.assertTrue(os.path.exists(self.path("v")))
        # A disk without contents is the same one as with --socket.
        server.close()
        process = self.started("--lun=0:0,null=1M")
        self.assertEqual(self.info()[0]["serial"], serials)
        self.stopped(process)

    def test_not_for_this_process(self):
        server = self.listening()
        process = self.activate(server, "--lun=0:0,ram=1M", pid="1")
        self.assertIn("--socket", self.failed(process))

    def test_wrong_sockets(self):
        server = self.listening()
        for count in 0, 2, "x":
            process = self.activate(server, "--lun=0:0,ram=1M", count=count)
            self.assertIn("one socket", self.failed(process))
        for more in "--socket=" + self.path("w"), "--fd=3":
            self.assertIn("has passed a socket", self.not_activated(server, more))
        for option in "--socket-mode=600", "--socket-group=" + grp.getgrgid(os.getgid()).gr_name:
            self.assertIn("SocketMode= and SocketGroup= in its .socket unit",
                          self.not_activated(server, option))
        server.close()
        for kind, listen in (socket.SOCK_STREAM, False), (socket.SOCK_DGRAM, False), \
                            (socket.SOCK_SEQPACKET, True):
            os.unlink(self.path("v"))
            self.assertIn("listening unix stream socket",
                          self.not_activated(self.listening(kind, listen)))


class Units(ServiceTest):
    def test_verify(self):
        """systemd finds nothing to complain about."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        folder = os.path.abspath(self.folder)
        for path in os.environ["VSCSI_UNITS"].split(":"):
            with open(path) as file:
                text = re.sub("(?m)^ExecStart=[^ ]*/vscsi-target ",
                              f"ExecStart={rig.program('target')} ", file.read())
            self.assertIn("[Install]", text)
            for name in "", "disk":
                self.write(os.path.basename(path).replace("@.", f"@{name}."), text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", f"{folder}/vscsi-target@disk.socket",
             f"{folder}/vscsi-target@disk.service"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=rig.LIMIT)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("vscsi-target", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
