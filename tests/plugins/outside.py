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
from installed import install, run

BUILD, SOURCE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
del sys.argv[1:]


@tap.test("/outside/example/is-built-and-tested-with-installed-headers-only")
def example():
    with tempfile.TemporaryDirectory(prefix="mptcpd-outside-") as scratch:
        os.chmod(scratch, 0o755)
        root = pathlib.Path(scratch)
        pc = install(BUILD, root / "root")
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
        run(next((root / "root").rglob("sbin/mptcpd")), "--check-config", "--config", config,
            "--plugin-directory", plugins)


@tap.test("/outside/libmptcp/its-examples-are-installed-and-compile-with-what-is-installed-only")
def libmptcp():
    with tempfile.TemporaryDirectory(prefix="mptcpd-outside-") as scratch:
        root = pathlib.Path(scratch) / "root"
        install(BUILD, root)
        there = {"PKG_CONFIG_SYSROOT_DIR": str(root), "PKG_CONFIG_LIBDIR": str(next(root.rglob("pkgconfig")))}
        sources = next(root.rglob("doc/libmptcp-dev/examples"))
        library = next(root.rglob("libmptcp.so.0")).parent
        for side in ("client", "server"):
            for kind in ([], ["--static"]):
                flags = run("pkg-config", *kind, "--cflags", "--libs", "libmptcp", **there).split()
                program = pathlib.Path(scratch) / f"echo-{side}"
                only = ["-Wl,-Bstatic", *flags, "-Wl,-Bdynamic"] if kind else flags
                run("cc", "-Wall", "-Wextra", "-Werror", "-o", program, sources / f"echo-{side}.c",
                    sources / "show.c", *only)
                done = subprocess.run([program], env={"LD_LIBRARY_PATH": "" if kind else str(library)},
                                      capture_output=True, text=True, check=False)
                tap.equal((done.returncode, done.stderr[:11]), (2, "Usage: echo"), f"{side} {kind}")
        page = next(root.rglob("man3/mptcp_dial.3")).read_text(encoding="ascii")
        tap.equal(page, ".so man3/libmptcp.3\n", "the manual of a function")


if __name__ == "__main__":
    tap.main()
