#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes small wrong changes to the library, one at a time, and sees whether a test notices.

run.py [--sample N] [--seed N] [--minutes N] [--only TEXT] [--jobs N] [--timeout SECONDS]
       [--root DIR] [LIST...]
run.py --check [LIST...]    only sees whether each change still applies

A LIST (default: all *.txt in this folder) has blocks separated by empty lines; lines that begin
with # are comments:

    file src/ring/split.c       file of the change
    - ring->mask = size - 1;    text that occurs once in it; may be several lines
    + ring->mask = size;        text in its place; how much white space there is doesn't matter
    test unit-ring              meson test that has to fail; may be repeated
    build sanitized             or plain, which is the default
    why the last entry ...      what goes wrong

The sources are copied below build/mutants and changed there. A change is killed when one of its tests
fails or takes many times as long as without it, and survives when all of them pass. One that survives,
doesn't apply or doesn't build is an error: exit status 1. With --sample, seed and time limit choose which
changes are tried, and the seed is printed.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = ("src", "include", "examples", "tests", "meson.build", "meson_options.txt", "README.md", "LICENSE",
       ".clang-format")
BUILDS = {
    "plain": ["-Dbuildtype=plain", "-Doptimization=0", "-Ddebug=false", "-Db_ndebug=false"],
    "sanitized": ["-Dbuildtype=debug", "-Doptimization=1", "-Db_sanitize=address,undefined"],
}
# A test that passes without the change in T seconds has --timeout and so many times T with it.
TIMES = 10
FAILED_CASE = re.compile(r"\[ +FAILED +\] (\S+)")
BUILD_LIMIT = 1200
SKIPPED = 77


# Process groups of tests that run.
RUNNING = set()


class Broken(Exception):
    """What keeps a change from being tried."""


@dataclasses.dataclass
class Mutant:
    where: str
    file: str = ""
    old: list = dataclasses.field(default_factory=list)
    new: list = dataclasses.field(default_factory=list)
    tests: list = dataclasses.field(default_factory=list)
    build: str = "plain"
    why: str = ""

    def __str__(self):
        return f"{self.file}: {self.why} ({self.where})"

    def apply(self, text):
        """The text of its file with the change made."""
        pattern = r"\s+".join(re.escape(word) for word in " ".join(self.old).split())
        found = re.findall(pattern, text)
        if len(found) != 1:
            raise Broken(f"its text occurs {len(found)} times")
        return re.sub(pattern, lambda _: "\n".join(self.new), text)


def parse(path):
    """The mutants of a list."""
    found, current = [], None
    for number, line in enumerate(path.read_text().splitlines() + [""], 1):
        key, _, rest = line.partition(" ")
        rest = rest.strip()
        if line.startswith("#"):
            continue
        if not line.strip():
            if current and not (current.file and current.old and current.tests and current.why and
                                current.build in BUILDS):
                sys.exit(f"{current.where}: needs file, -, test and why")
            current = None
            continue
        if not current:
            current = Mutant(f"{path.name}:{number}")
            found.append(current)
        if key in ("-", "+", "test"):
            {"-": current.old, "+": current.new, "test": current.tests}[key].append(rest)
        elif key in ("file", "build", "why"):
            setattr(current, key, rest)
        else:
            sys.exit(f"{path.name}:{number}: unknown word {key}")
    return found


def check(root, mutants):
    """Whether each change applies, and each folder of src has some."""
    errors = 0
    for mutant in mutants:
        try:
            mutant.apply((root / mutant.file).read_text())
        except (Broken, OSError) as error:
            errors += 1
            print(f"does not apply {mutant}: {error}")
    folders = {path.parent.relative_to(root).as_posix() for path in (root / "src").rglob("*.c")}
    for folder in sorted(folders - {str(pathlib.PurePath(mutant.file).parent) for mutant in mutants}):
        errors += 1
        print(f"no change in {folder}")
    print(f"{len(mutants)} changes, {errors} errors")
    return errors == 0


def copy_tree(root, to):
    """Brings a copy up to date; what is the same keeps its time, so that little is compiled."""
    wanted = set()
    for top in TOP:
        whole = root / top
        for path in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
            if not path.is_file():
                continue
            copy = to / path.relative_to(root)
            wanted.add(copy)
            if not copy.is_file() or copy.read_bytes() != path.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
                shutil.copymode(path, copy)
    for copy in [path for path in to.rglob("*") if path.is_file() and path not in wanted]:
        copy.unlink()


def kill_group(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def interrupted(_number, _frame):
    for pid in list(RUNNING):
        kill_group(pid)
    os._exit(1)


def run_test(test, folder, limit):
    """Whether a test passes, and what it said of the first case that fails."""
    said = []
    process = subprocess.Popen(test["cmd"], cwd=test["workdir"] or folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace",
                               env=dict(os.environ, **test["env"]), start_new_session=True)

    RUNNING.add(process.pid)

    def end():
        kill_group(process.pid)

    timer = threading.Timer(limit, lambda: (said.append(f"took longer than {limit:.0f} s"), end()))
    timer.start()
    for line in process.stdout:
        case = FAILED_CASE.search(line)
        if case:
            said.append(case.group(1))
            break
    end()
    process.wait()
    RUNNING.discard(process.pid)
    timer.cancel()
    passed = not said and process.returncode in (0, SKIPPED)
    return passed, said[0] if said else f"exit status {process.returncode}"


class Worker:
    """A copy of the sources with its builds."""

    def __init__(self, root, scratch, timeout):
        self.scratch, self.timeout, self.dirs, self.limits = scratch, timeout, {}, {}
        self.source = scratch / "source"
        self.source.mkdir(parents=True, exist_ok=True)
        copy_tree(root, self.source)

    def setup(self, build):
        """Configures a build, once; returns its folder and what meson knows of its tests."""
        if build in self.dirs:
            return self.dirs[build]
        folder = self.scratch / build
        again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
        subprocess.run(["meson", "setup", *again, folder, self.source, "-Dwerror=false", *BUILDS[build]],
                       check=True, stdout=subprocess.DEVNULL, timeout=BUILD_LIMIT)

        def introspect(what):
            return json.loads(subprocess.run(["meson", "introspect", folder, what], check=True, timeout=120,
                                             stdout=subprocess.PIPE).stdout)
        outputs = {target["id"]: target["filename"] for target in introspect("--targets")}
        tests = {test["name"]: test for test in introspect("--tests")}
        for test in tests.values():
            test["outputs"] = [os.path.relpath(name, folder)
                               for target in test["depends"] for name in outputs[target]]
        self.dirs[build] = folder, tests
        return self.dirs[build]

    def compile(self, build, names):
        folder, tests = self.setup(build)
        unknown = [name for name in names if name not in tests]
        if unknown:
            raise Broken(f"there is no test {unknown[0]}")
        targets = [output for name in names for output in tests[name]["outputs"]]
        ninja = subprocess.run(["ninja", "-C", folder, *targets], timeout=BUILD_LIMIT, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if ninja.returncode:
            raise Broken("does not build:\n" + ninja.stdout[-2000:])

    def limit(self, build, name):
        """The time that a test may take: it has to pass without any change first."""
        if (build, name) not in self.limits:
            self.compile(build, [name])
            test = self.dirs[build][1][name]
            start = time.monotonic()
            passed, why = run_test(test, self.dirs[build][0], test["timeout"] * 10)
            if not passed:
                raise Broken(f"{name} fails without any change: {why}")
            self.limits[build, name] = self.timeout + TIMES * (time.monotonic() - start)
        return self.limits[build, name]

    def try_mutant(self, mutant):
        """What becomes of a change, and why."""
        path = self.source / mutant.file
        try:
            text = path.read_text()
            changed = mutant.apply(text)
        except (Broken, OSError) as error:
            return "does not apply", str(error)
        try:
            limits = {name: self.limit(mutant.build, name) for name in mutant.tests}
            path.write_text(changed)
            self.compile(mutant.build, mutant.tests)
            for name, limit in limits.items():
                folder, tests = self.dirs[mutant.build]
                passed, why = run_test(tests[name], folder, limit)
                if not passed:
                    return "killed", f"{name}: {why}"
            return "SURVIVED", "passed: " + ", ".join(mutant.tests)
        except Broken as error:
            return "BROKEN", str(error)
        finally:
            path.write_text(text)


def work(worker, todo, verdicts, end):
    while time.monotonic() < end:
        try:
            mutant = todo.get_nowait()
        except queue.Empty:
            return
        start = time.monotonic()
        verdict, why = worker.try_mutant(mutant)
        verdicts.append(verdict)
        print(f"{verdict:9} {mutant}: {why}, {time.monotonic() - start:.0f} s", flush=True)


def choose(mutants, options):
    """Those to try, in an order that compiles little: all of them by file, or some at random."""
    mutants = [mutant for mutant in mutants if options.only in f"{mutant} {mutant.tests}"]
    if not options.sample:
        return sorted(mutants, key=lambda mutant: (mutant.build, mutant.file))
    print(f"seed {options.seed}")
    random.Random(options.seed).shuffle(mutants)
    return mutants[:options.sample]


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=24 * 60)
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--timeout", type=float, default=30, help="seconds")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=pathlib.Path, default=HERE.parent.parent)
    parser.add_argument("lists", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    root = options.root.resolve()
    mutants = [mutant for path in options.lists or sorted(HERE.glob("*.txt")) for mutant in parse(path)]
    if options.check:
        return 0 if check(root, mutants) else 1
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    end = time.monotonic() + 60 * options.minutes
    chosen, verdicts, todo = choose(mutants, options), [], queue.Queue()
    for mutant in chosen:
        todo.put(mutant)
    workers = [Worker(root, root / "build/mutants" / str(i), options.timeout) for i in range(options.jobs)]
    threads = [threading.Thread(target=work, args=(worker, todo, verdicts, end)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    killed = verdicts.count("killed")
    print(f"{killed} of {len(verdicts)} killed, {len(chosen) - len(verdicts)} not tried for lack of time")
    return 0 if killed == len(verdicts) and killed else 1


if __name__ == "__main__":
    sys.exit(main())
