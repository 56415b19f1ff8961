#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The policy in the manual page is compiled as its reader would, and mptcpd takes it.

manual.py MANUAL INCLUDES MPTCPD PLUGIN…: the page's source, the directory of <mptcpd/plugin.h>, the
daemon, and the plugins that it comes with.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from installed import program

manual, includes, mptcpd, *shipped = sys.argv[1:]
count = 0


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=60, check=False)


def tell(good, name, text=""):
    global count
    count += 1
    print(f"{'' if good else 'not '}ok {count} - {name}")
    for line in text.splitlines() if not good else []:
        print(f"# {line}")


def check(directory, settings):
    file = directory / "mptcpd.conf"
    file.write_text(f"[policy:p]\nplugin = spread\n{settings}", encoding="utf-8")
    return run(mptcpd, "--check-config", "--config", file, "--plugin-directory", directory)


def main(directory):
    source = directory / "spread.c"
    source.write_text(program(pathlib.Path(manual)), encoding="utf-8")
    for compiler, flags in (("cc", []), ("cc", ["-std=c99", "-O2"]), ("clang", [])):
        done = run(compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Wno-unused-parameter",
                   "-Wpedantic", "-Werror", *flags, "-I", includes, "-o", directory / "spread.so",
                   source)
        tell(done.returncode == 0, " ".join([compiler, *flags]), done.stderr)
    for header in ("plugin.h", "view.h", "addr.h", "types.h"):
        for flags in (["-std=c99"], ["-x", "c++", "-std=c++11"]):
            source = directory / "alone.c"
            source.write_text(f"#include <mptcpd/{header}>\n", encoding="utf-8")
            done = run("cc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, "-I", includes,
                       source)
            tell(done.returncode == 0, f"{header} alone, {' '.join(flags)}", done.stderr)
    for plugin in shipped:
        shutil.copy(plugin, directory)
    for plugin in directory.glob("*.so"):
        plugin.chmod(0o644)
    done = check(directory, "except = 10.0.0.0/8\nmax-paths = 2\n")
    tell(done.returncode == 0, "mptcpd takes it", done.stderr)
    done = check(directory, "except = 0.0.0.0/0\n")
    expected = (f"{directory}/mptcpd.conf:3: plugin 'spread': value '0.0.0.0/0' of 'except' holds "
                "every peer, expected a smaller network")
    tell(done.returncode == 78 and expected in done.stderr + done.stdout, "its own fault is told",
         done.stderr)
    print(f"1..{count}")


with tempfile.TemporaryDirectory(prefix="mptcpd-manual-") as temporary:
    os.chmod(temporary, 0o755)
    main(pathlib.Path(temporary))
