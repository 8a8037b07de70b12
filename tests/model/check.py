#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Has spin explore every order of steps of a model: as it is, where none may fail, and with each
of the mistakes that its first comment names, which have to be found. What is made lies in a folder
under the current one and is removed. Usage: check.py SPIN CC MODEL; exit status 77: no spin."""

import pathlib
import re
import subprocess
import sys
import tempfile

# What a model can be asked for besides its plain form.
FORMS = {"sleep": [[], ["FLAGS"]], "share": [[]]}


def mistakes(model):
    """The names in capitals after "Mistakes to be found"."""
    text = model.read_text().split("Mistakes to be found:")[1].split("*/")[0]
    return re.findall(r"\b[A-Z]+_[A-Z_]+\b", text)


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def explore(spin, cc, model, defines):
    """Returns whether all orders end well."""
    with tempfile.TemporaryDirectory(dir=".", prefix="model-") as folder:
        run([spin, "-a", *(f"-D{name}" for name in defines), str(model)], folder)
        run([cc, "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], folder)
        said = run(["./pan", "-m1000000"], folder)
    found = re.search(r"errors: (\d+)", said)
    if not found or "max search depth too small" in said:
        sys.exit(f"the model could not be explored to its end:\n{said}")
    if found[1] != "0" and "invalid end state" not in said:
        sys.exit(f"an error that is not a lost wake-up:\n{said}")
    return found[1] == "0"


def main():
    spin, cc, name = sys.argv[1:]
    model = pathlib.Path(name).resolve()
    if not spin:
        print("spin is not installed")
        return 77
    failed = 0
    for form in FORMS[model.stem]:
        for mistake in [None, *mistakes(model)]:
            defines = form + ([mistake] if mistake else [])
            good = explore(spin, cc, model, defines)
            print(f"{' '.join([model.stem, *defines])}: {'no' if good else 'a'} wake-up is lost")
            failed += good == bool(mistake)
    return 1 if failed else 0


sys.exit(main())
