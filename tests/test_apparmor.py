# SPDX-License-Identifier: LGPL-2.1-or-later
"""The AppArmor profile that is installed, as the parser of Debian 12 reads it."""

import os
import pathlib
import shutil
import subprocess

import tap

PROFILE = pathlib.Path(os.environ.get("MPTCPD_BUILD", "build")) / "etc/mptcpd"
PARSER = shutil.which("apparmor_parser", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@tap.test("/apparmor/profile-has-no-fault")
def parse():
    if not PARSER:
        raise tap.Skip("no apparmor_parser")
    # as for a kernel that enforces all of it
    features = [f"--{whose}-features=/etc/apparmor.d/abi/3.0" for whose in ("policy", "kernel")]
    done = subprocess.run([PARSER, "--skip-kernel-load", "--skip-cache", "--warn=all", "--Werror", *features,
                           str(PROFILE)],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    tap.equal((done.returncode, done.stdout), (0, ""), "what the parser says")
    done = subprocess.run([PARSER, "--names", str(PROFILE)], text=True, capture_output=True, check=True)
    tap.equal(done.stdout, "mptcpd\n", "profiles, by the name that the units say")


if __name__ == "__main__":
    tap.main()
