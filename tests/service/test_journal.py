# SPDX-License-Identifier: LGPL-2.1-or-later
"""What mptcpd leaves in the journal of a real systemd: fields, ids, and nothing twice."""

import contextlib
import json
import os
import pathlib
import signal
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from rawbus import RawBus, connect
from service import (CONFIG, KERNEL, UNIT, USERSPACE, Connection, Journal, Links, Service, is_on_the_bus, main_pid,
                     properties, run, sysctl)

CRASHING = "[core]\npath-manager = userspace\n[policy:all]\nplugin = crash\nin = plan_paths\n"
BAD = "[core]\npath-manger = kernel\n"


def entries(service, *matches):
    """What the unit's journal has, by whomever it was written."""
    run("journalctl", "--sync")
    lines = run("journalctl", service.journal.since, "--output=json", "--quiet", f"--unit={UNIT}",
                *matches).splitlines()
    return [json.loads(line) for line in lines]


def said(service, words):
    return [entry for entry in entries(service) if words in str(entry["MESSAGE"])]


@tap.test("/service/journal/what-is-to-be-done-has-an-id-and-an-explanation", 60)
def catalog():
    run("journalctl", "--update-catalog")
    sysctl("net.mptcp.enabled", 0)
    try:
        with Service() as service:
            entry, = said(service, "MPTCP is switched off")
            tap.true(len(entry["MESSAGE_ID"]) == 32, f"{entry}")
            tap.true("CODE_FILE" not in entry, f"it names no file of its source: {entry}")
            text = run("journalctl", "-x", service.journal.since, f"--unit={UNIT}", "--no-pager")
            tap.true("Subject: MPTCP is switched off on this host" in text and
                     'Switch it on with "sysctl net.mptcp.enabled=1"' in text, text)
    finally:
        sysctl("net.mptcp.enabled", 1)
    listed = run("journalctl", "--list-catalog")
    tap.true(listed.count("mptcpd: ") >= 18, listed)


@tap.test("/service/journal/a-crash-is-told-once-with-policy-and-token", 60)
def crash():
    with Links(), Service(CRASHING, unit="RestartSec=100ms") as service:
        pid = main_pid()
        with Connection("10.1.0.1"):
            service.wait_replaced(pid)
            wait_until(lambda: len(said(service, "is set aside")) >= 2 and
                       properties("SubState") == ["running"], 10, "both sides are set aside",
                       lambda: [entry["MESSAGE"] for entry in entries(service)])
            tokens = sorted(Connection.tokens().values())
            found = [entry for entry in said(service, "is set aside") if "mptcpd died" in entry["MESSAGE"]]
            tap.equal(sorted(entry["MPTCP_TOKEN"] for entry in found), tokens, "tokens")
            tap.equal({entry["MPTCP_POLICY"] for entry in found}, {"all"}, "policy")
            for entry in found:
                tap.equal(len(entries(service, f"MPTCP_TOKEN={entry['MPTCP_TOKEN']}",
                                      f"_PID={entry['_PID']}")), 1, "messages of one life about it")


@tap.test("/service/journal/a-bad-reload-is-told-once", 30)
def reload():
    with Service() as service:
        CONFIG.write_text(BAD, encoding="utf-8")
        run("systemctl", "reload", UNIT, code=1)
        tap.equal(len(said(service, f"{CONFIG}:2: ")), 1, "how often the fault is told")
        entry, = said(service, "the old one stays")
        tap.true("MESSAGE_ID" in entry, f"{entry}")
        # a person who asks is told all the same
        tap.true(f"{CONFIG}:2: " in run("mptcpctl", "reload", code=1), "what mptcpctl says")


@tap.test("/service/journal/an-endpoint-of-somebody-else-is-one-line-however-often-its-link-returns", 60)
def foreign():
    def with_endpoint():
        run("ip", "mptcp", "endpoint", "add", "10.1.0.1", "dev", "left", "subflow")

    def listed():
        return [(each["address"], each["owner"]) for each in
                json.loads(run("mptcpctl", "--json", "endpoint"))["endpoints"]]

    with Links():
        with_endpoint()
        with Service(KERNEL) as service:
            run("ip", "mptcp", "endpoint", "flush")
            run("systemctl", "stop", UNIT)
            with_endpoint()
            service.journal = Journal()
            run("systemctl", "start", UNIT)
            wait_until(lambda: said(service, "somebody else's"), 10, "it is told", listed)
            for address in ("10.1.0.1", "10.1.0.7", "10.1.0.8"):
                # as who manages the link does: the lease ends, and comes anew
                run("ip", "mptcp", "endpoint", "flush")
                run("ip", "address", "flush", "dev", "left")
                wait_until(lambda: not any(owner == "other" for _, owner in listed()), 10, "none", listed)
                run("ip", "mptcp", "endpoint", "add", address, "dev", "left", "subflow")
                run("ip", "address", "add", f"{address}/24", "dev", "left")
                run("ip", "route", "replace", "default", "via", "10.1.0.2", "dev", "left", "metric", "1")
                wait_until(lambda: (address, "other") in listed(), 10, "its endpoint", listed)
            found = said(service, "somebody else's")
            tap.equal([entry["INTERFACE"] for entry in found], ["left"], f"{found}")
            run("ip", "mptcp", "endpoint", "flush")


@tap.test("/service/journal/that-no-descriptor-is-left-is-told", 60)
def exhausted():
    most = 192
    with Service(unit=f"LimitNOFILE={most}") as service, contextlib.ExitStack() as clients:
        wait_until(is_on_the_bus, 40, "it is on the system bus")
        pid = main_pid()
        while most - len(os.listdir(f"/proc/{pid}/fd")) >= 4:
            tap.equal(clients.enter_context(RawBus()).call("GetStatus").error, None, "GetStatus")
        # many at once, so that it takes what is left and wants one more
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(8):
                clients.enter_context(connect())
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: said(service, "control socket: Too many open files"), 10, "it is told",
                   service.journal.entries)
        clients.close()
        with RawBus() as bus:
            tap.equal(bus.call("GetStatus").error, None, "GetStatus when there are some again")


def policies(service, token):
    return {entry["MPTCP_POLICY"] for entry in entries(service, f"MPTCP_TOKEN={token}") if "MPTCP_POLICY" in entry}


@tap.test("/service/journal/what-is-seen-can-be-found-by-its-fields", 60)
def fields():
    with Links(), Service(USERSPACE, unit="ExecStart=\nExecStart=mptcpd --verbose") as service, \
            Connection("10.1.0.1"):
        for side, token in Connection.tokens().items():
            # known as soon as it is decided
            found = wait_until(lambda token=token: policies(service, token), 5, f"policy of the {side}'s")
            tap.equal(found, {"all"}, f"policy of the {side}'s")
        found = entries(service, "INTERFACE=left")
        tap.true(found and all("left" in entry["MESSAGE"] for entry in found), f"{found}")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
