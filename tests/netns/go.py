# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in Go, built with the Go 1.23 that `./dev test` unpacks, or the host's own of that age."""

import os
import pathlib
import re
import shutil
import subprocess

import tap

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tool():
    """The path of a `go` whose net package knows MPTCP (1.21); Skip where there is none."""
    for path in (os.environ.get("MPTCPD_GO"), ROOT / "build/go1.23/usr/lib/go-1.23/bin/go",
                 shutil.which("go")):
        if path and pathlib.Path(path).exists():
            said = subprocess.run([path, "version"], text=True, capture_output=True, check=False)
            version = re.search(r"go(\d+)\.(\d+)", said.stdout)
            if version and (int(version[1]), int(version[2])) >= (1, 21):
                return path
    raise tap.Skip("no Go 1.21 or later: `./dev test` unpacks one")


def build(source, program):
    """Compile one file that needs the standard library alone, into a static program."""
    cache = ROOT / "build/go-cache"
    environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": "",
                   "GOTOOLCHAIN": "local", "GOCACHE": str(cache), "GOPATH": str(cache / "path")}
    done = subprocess.run([tool(), "build", "-o", program, source], text=True, check=False,
                          capture_output=True, env=environment)
    tap.equal(done.returncode, 0, f"go build {source}: {done.stderr}")
    return program
