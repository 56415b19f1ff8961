# SPDX-License-Identifier: LGPL-2.1-or-later
"""The init script for procd, with the words of rc.common and procd as they are on OpenWrt, on a host of
the test network."""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import FULLMESH, MPTCPCTL, MPTCPD, stage_plugins
from hosts import Network, wait_until

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "packaging/openwrt/mptcpd.init"
RC = """\
procd_open_instance() { limits= command=; }
procd_set_param() {
    name=$1
    shift
    case $name in
    command) command="$*" ;;
    respawn) [ $# = 3 ] ;;
    term_timeout | limits | stderr) [ $# = 1 ] ;;
    *) echo "procd has no parameter $name" >&2; exit 1 ;;
    esac
}
procd_close_instance() { exec $command; }
. SCRIPT
DIRECTORY=RUNTIME
"$1_service"
"""


class Script:
    """The script, and what stands in for the installed programs, in a directory of the host."""

    def __init__(self, host):
        self.host = host
        place = host.directory
        self.config, self.runtime = place / "mptcpd.conf", place / "run"
        for program, words in ((MPTCPD, f"--config {self.config} --plugin-directory {stage_plugins(place)}"),
                               (MPTCPCTL, "")):
            wrapper = place / program.name
            wrapper.write_text(f'#!/bin/sh\nexec {program} {words} "$@"\n', encoding="utf-8")
            wrapper.chmod(0o755)
        self.text = RC.replace("SCRIPT", str(SCRIPT)).replace("RUNTIME", str(self.runtime))
        self.argv = ("env", f"PATH={place}:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-eu", "-c", self.text, "sh")

    def run(self, verb):
        return self.host.run(*self.argv, verb, check=False)

    def is_up(self):
        return self.host.run(MPTCPCTL, "--socket", self.runtime / "control", "status", check=False).returncode == 0


@tap.test("/procd/start-and-reload/good-files-are-used-and-bad-ones-refused", 30)
def procd():
    with Network(links=1, note=tap.note) as net:
        script = Script(net.client)
        script.config.write_text("[core]\npath-manger = kernel\n", encoding="utf-8")
        refused = script.run("start")
        tap.true(refused.returncode != 0 and "mptcpd.conf:2: " in refused.stderr, "a bad file, at the start")
        script.config.write_text("[core]\npath-manager = kernel\n", encoding="utf-8")
        child = net.client.start(*script.argv, "start", stdin=subprocess.DEVNULL)
        wait_until(script.is_up, 10, "it answers")
        script.config.write_text(FULLMESH, encoding="utf-8")
        tap.equal(script.run("reload").returncode, 0, "exit of a reload")
        tap.equal(net.client.sysctl("net.mptcp.path_manager"), "userspace", "path manager after it")
        script.config.write_text("[core]\npath-manger = kernel\n", encoding="utf-8")
        refused = script.run("reload")
        tap.true(refused.returncode != 0 and "mptcpd.conf:2: " in refused.stderr, "a bad file, at a reload")
        tap.true(script.is_up(), "what ran goes on")
        child.terminate()
        tap.equal(child.wait(), 0, "exit after SIGTERM")
        tap.equal(net.client.sysctl("net.mptcp.path_manager"), "kernel", "path manager at the end")


if __name__ == "__main__":
    sandbox.run(tap.main)
