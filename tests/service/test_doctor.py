# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpctl doctor under a real systemd: units that were asked to speak MPTCP, and mptcpd's own."""

import json
import pathlib
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from service import UNIT, Links, Service, properties, run

UNITS = pathlib.Path("/etc/systemd/system")
SERVER = pathlib.Path("/run/server.py")
LISTENS = """\
import os, socket
server = socket.create_server(("127.0.0.1", 8087))
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1))
server.accept()
"""


def doctor(**user):
    done = subprocess.run(["mptcpctl", "--json", "doctor"], text=True, capture_output=True,
                          check=False, **user)
    findings = json.loads(done.stdout)["findings"]
    faults = any(finding["severity"] == "fault" for finding in findings)
    tap.equal(done.returncode, int(faults), f"exit ({done.stderr}): {findings}")
    return findings


def found(reason, severity="fault"):
    return [f for f in doctor() if (f["severity"], f["reason"]) == (severity, reason)]


def mended(reason, severity="fault"):
    """Do what the one finding says; it is not said any more."""
    finding, = found(reason, severity)
    run("sh", "-c", finding["remedy"])
    wait_until(lambda: not found(reason, severity), 10, f"gone: {finding}", doctor)
    return finding


@tap.test("/service/doctor/units-that-were-asked-and-not-restarted", 60)
def units():
    SERVER.write_text(LISTENS, encoding="utf-8")
    (UNITS / "plain@.service").write_text(
        "[Service]\nType=notify\nExecStart=/usr/bin/python3 /run/server.py\n", encoding="utf-8")
    with Links(), Service():
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "plain@one")
        note, = found("tcp-listener", "note")
        tap.equal(note["remedy"], "mptcpize enable plain@one.service", f"{note}")
        run("sh", "-c", note["remedy"])
        finding = mended("plain-listener")
        tap.equal(finding["remedy"], "systemctl restart plain@one.service", f"{finding}")
        tap.true("plain@one.service was asked to speak MPTCP" in finding["text"], f"{finding}")
        findings = doctor(user="nobody", group="nogroup", extra_groups=[])
        tap.true("not-permitted" in {f["reason"] for f in findings}, f"{findings}")
        run("mptcpize", "disable", "plain@one")
        run("systemctl", "stop", "plain@one")
    (UNITS / "plain@.service").unlink()


@tap.test("/service/doctor/an-mptcpd-that-does-not-run", 60)
def absent():
    with Links(), Service():
        run("systemctl", "stop", UNIT)
        finding = mended("no-daemon", "warning")
        tap.equal(finding["remedy"], "systemctl enable --now mptcpd", f"{finding}")
        tap.equal(properties("ActiveState"), ["active"], "state")
        run("systemctl", "disable", UNIT)


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
