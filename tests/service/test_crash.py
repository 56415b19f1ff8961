# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plugin that crashes or hangs, under a real systemd: its watchdog, its restarts, its limits."""

import json
import pathlib
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from service import (CONFIG, UNIT, Connection, Links, Service, as_nobody, main_pid, path_manager,
                     properties, run)

ERROR = "3"


def crashing(*settings):
    return "\n".join(["[core]", "path-manager = userspace", "[policy:all]", "plugin = crash",
                      *settings, ""])


def asides():
    status = json.loads(run("mptcpctl", "--json", "status"))["status"]
    tap.equal(status["degraded"], bool(status["set-aside"]), "degraded")
    return [(aside["plugin"], aside["token"]) for aside in status["set-aside"]]


@tap.test("/service/crash/hang-that-the-watchdog-ends-sets-the-policy-aside", 60)
def hang():
    def verdicts():
        try:
            return asides()
        except AssertionError:
            return []  # it hangs, or is not there

    with Links(), Service(crashing("in = plan_paths", "how = hang"), unit="WatchdogSec=1500ms"):
        with Connection("10.1.0.1"):
            # both of its sides are connections of this host
            wait_until(lambda: len(verdicts()) == 2, 20, "two verdicts", verdicts)
            tap.equal({plugin for plugin, _ in asides()}, {"crash"}, "set aside")
            tap.equal({token for _, token in asides()}, set(Connection.tokens().values()), "tokens")
            tap.equal(properties("NRestarts"), ["2"], "restarts")
            tap.equal(path_manager(), "userspace", "path manager")


@tap.test("/service/crash/three-crashes-do-not-end-in-a-start-limit", 60)
def crash_loop():
    # with the limits of the unit as it is installed
    with Links(), Service(crashing("in = plan_paths"), limits="") as service:
        pid, held = main_pid(), []
        while len(held) < 4 and asides() != [("crash", None)]:
            held.append(Connection("10.1.0.1"))
            pid = service.wait_replaced(pid)
            wait_until(lambda: properties("SubState") == ["running"] and asides(), 10, "a verdict")
        tap.equal(asides(), [("crash", None)], "set aside")
        tap.at_most(int(properties("NRestarts")[0]), 4, "restarts")
        pid = main_pid()
        held.append(Connection("10.1.0.1"))
        tap.equal(properties("Result", "MainPID"), ["success", str(pid)], "in the end")
        for connection in held:
            connection.__exit__()


@tap.test("/service/crash/reload-that-meets-a-crash-fails-and-changes-nothing", 30)
def reload_crash():
    with Service() as service:
        pid = main_pid()
        CONFIG.write_text(crashing("in = start"), encoding="utf-8")
        run("systemctl", "reload", UNIT, code=1)
        said = run("mptcpctl", "config", "check", code=1)
        tap.true(f"{CONFIG}:4: plugin 'crash' crashes in start" in said, said)
        as_nobody("mptcpctl", "config", "check", code=4)
        tap.equal(main_pid(), pid, "process")
        tap.true("all" in run("mptcpctl", "policy"), "the old policy is there")
        tap.equal(service.journal.find("the old one stays"), ERROR, "priority of the conclusion")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
