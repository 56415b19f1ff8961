# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody has who writes a policy: what is installed, and the manual."""

import os
import re
import subprocess


def run(*words, **environment):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=400,
                          env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def install(build, root):
    """As for a package; the directory of mptcpd-plugin.pc, which then says where it lies."""
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
    file = next(root.rglob("mptcpd-plugin.pc"))
    text = file.read_text(encoding="utf-8")
    prefix = re.search(r"^prefix=(.*)$", text, re.M)[1]
    file.write_text(text.replace(f"prefix={prefix}", f"prefix={root}{prefix}", 1), encoding="utf-8")
    return file.parent


def program(manual):
    """The indented block of the page that defines the plugin."""
    text = manual.read_text(encoding="utf-8")
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", text)
    found = [block for block in blocks if ".plan_paths = plan_paths" in block]
    assert len(found) == 1, f"{len(found)} programs in {manual}"
    return re.sub(r"^    ", "", found[0], flags=re.MULTILINE)


def command(manual, name):
    """The words after that name, where the page shows how to run it."""
    found = re.findall(rf"^    {name} (.*)$", manual.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(found) == 1, f"{len(found)} of {name} in {manual}"
    return found[0].split()
