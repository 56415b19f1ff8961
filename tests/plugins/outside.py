# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example is built, tested and taken where only what is installed is there.

outside.py BUILD-DIRECTORY SOURCE-DIRECTORY
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap

BUILD, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
del sys.argv[1:]


def run(*words, **environment):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=400,
                          env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def install(root):
    """As for a package; the directory of mptcpd-plugin.pc, which then says where it lies."""
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    file = next(root.rglob("mptcpd-plugin.pc"))
    text = file.read_text(encoding="utf-8")
    prefix = re.search(r"^prefix=(.*)$", text, re.M)[1]
    file.write_text(text.replace(f"prefix={prefix}", f"prefix={root}{prefix}", 1), encoding="utf-8")
    return file.parent


@tap.test("/outside/example/is-built-and-tested-with-installed-headers-only")
def example():
    with tempfile.TemporaryDirectory(prefix="mptcpd-outside-") as scratch:
        os.chmod(scratch, 0o755)
        root = pathlib.Path(scratch)
        pc = install(root / "root")
        shutil.copytree(SOURCE / "examples/plugin", root / "example")
        there = {"PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_LIBDIR": str(pc)}
        abi = run("pkg-config", "--variable=abi", "mptcpd-plugin", **there).strip()
        header = next((root / "root").rglob("include/mptcpd/plugin.h")).read_text(encoding="utf-8")
        tap.equal(abi, re.search(r"#define MPTCPD_PLUGIN_ABI (\d+)", header)[1], "abi")
        run("meson", "setup", root / "out", root / "example", "-Dwerror=true", **there)
        run("ninja", "-C", root / "out")
        tap.note(run("meson", "test", "-C", root / "out", "--print-errorlogs"))
        run("meson", "install", "-C", root / "out", "--quiet")
        plugins = run("pkg-config", "--variable=plugindir", "mptcpd-plugin", **there).strip()
        tap.true((pathlib.Path(plugins) / "spare.so").is_file(), f"in {plugins}")
        config = root / "mptcpd.conf"
        config.write_text("[core]\npath-manager = userspace\n[policy:p]\nplugin = spare, guard\n",
                          encoding="utf-8")
        run(next((root / "root").rglob("libexec/mptcpd")), "--check-config", "--config", config,
            "--plugin-directory", plugins)


if __name__ == "__main__":
    tap.main()
