# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpd@NS.service under a real systemd: an mptcpd of each network namespace, beside that of the host."""

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
from service import (KERNEL, USERSPACE, Service, as_nobody, is_on_the_bus, path_manager, properties,
                     run)

NAMES = ("blue", "red-1")


def unit(name):
    return f"mptcpd@{name}.service"


def inside(name, *words, **options):
    return run("ip", "netns", "exec", name, *words, **options)


def path_manager_in(name):
    return inside(name, "cat", "/proc/sys/net/mptcp/path_manager").strip()


def status_of(name):
    return json.loads(run("mptcpctl", "-N", name, "--json", "status"))["status"]


@contextlib.contextmanager
def instance(name, config=USERSPACE):
    """It runs inside the `with`, in a namespace of that name with a link to a server."""
    directory = pathlib.Path("/etc/mptcpd") / name
    (directory / "mptcpd.conf.d").mkdir(parents=True)
    (directory / "mptcpd.conf").write_text(config, encoding="utf-8")
    run("ip", "netns", "add", name)
    with contextlib.ExitStack() as undo:
        undo.callback(run, "rm", "-r", directory)
        undo.callback(run, "ip", "netns", "delete", name)
        inside(name, "ip", "link", "set", "lo", "up")
        undo.callback(run, "systemctl", "stop", unit(name))
        run("systemctl", "start", unit(name))
        yield directory


@tap.test("/service/instance/each-has-its-namespace-files-and-socket", 60)
def apart():
    with Service(KERNEL), contextlib.ExitStack() as undo:
        directories = [undo.enter_context(instance(name)) for name in NAMES]
        tap.equal(path_manager(), "kernel", "path manager of the host")
        for name, directory in zip(NAMES, directories):
            tap.equal(path_manager_in(name), "userspace", f"path manager of {name}")
            status = status_of(name)
            tap.equal(status["config"], [str(directory / "mptcpd.conf")], "files")
            tap.equal(json.loads(as_nobody("mptcpctl", "-N", name, "--json", "status"))["status"]["path-manager"],
                      "userspace", "everybody may look")
            as_nobody("mptcpctl", "-N", name, "reload", code=4)
        tap.equal(json.loads(run("mptcpctl", "--json", "status"))["status"]["path-manager"], "kernel",
                  "who answers without -N")
        offered = run("mptcpctl", "--complete", "-N", "").splitlines()
        tap.true({f"{name}\tnetwork namespace" for name in NAMES} <= set(offered), f"completion of -N: {offered}")
        # a drop-in of one, and a fault in it
        drop_in = directories[0] / "mptcpd.conf.d/more.conf"
        drop_in.write_text("[core]\npath-manager = kernel\n", encoding="utf-8")
        run("systemctl", "reload", unit(NAMES[0]))
        tap.equal([path_manager_in(name) for name in NAMES], ["kernel", "userspace"], "path managers")
        drop_in.write_text("[core]\npath-manger = kernel\n", encoding="utf-8")
        run("systemctl", "reload", unit(NAMES[0]), code=1)
        tap.true(f"{drop_in}:2: " in run("mptcpctl", "-N", NAMES[0], "config", "check", code=1), "the fault")
        run("mptcpctl", "-N", NAMES[1], "config", "check")


@tap.test("/service/instance/the-name-on-the-bus-is-the-hosts", 60)
def on_the_bus():
    run("systemctl", "stop", "mptcpd.service")
    with instance("blue"):
        tap.true(not is_on_the_bus(), "an instance does not take the name")
    with Service(KERNEL), instance("blue"):
        wait_until(is_on_the_bus, 40, "the host's does")


@tap.test("/service/instance/dies-alone", 60)
def dies():
    drop_in = pathlib.Path("/run/systemd/system/mptcpd@.service.d/test.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nRestartSec=1h\n", encoding="utf-8")
    run("systemctl", "daemon-reload")
    with Service(USERSPACE), instance("blue"):
        pid, = properties("MainPID", unit=unit("blue"))
        os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda: properties("SubState", unit=unit("blue")) == ["auto-restart"], 10, "it died")
        tap.equal((path_manager_in("blue"), path_manager()), ("kernel", "userspace"), "path managers")
    drop_in.unlink()
    run("systemctl", "daemon-reload")


@tap.test("/service/instance/without-it-mptcpctl-asks-the-namespaces-kernel", 60)
def lone():
    with instance("blue"):
        run("systemctl", "stop", unit("blue"))
        run("mptcpctl", "-N", "blue", "endpoint", "add", "127.0.0.5", "subflow")
        tap.true("127.0.0.5" in run("mptcpctl", "-N", "blue", "endpoint"), "an endpoint there")
        tap.true("127.0.0.5" in inside("blue", "ip", "mptcp", "endpoint"), "as ip shows it")
        tap.true("127.0.0.5" not in run("ip", "mptcp", "endpoint"), "and not here")
        run("mptcpctl", "-N", "blue", "reload", code=3)
        said = as_nobody("mptcpctl", "-N", "blue", "endpoint", code=4)
        tap.true("cannot be entered" in said, said)
    tap.true("no network namespace" in run("mptcpctl", "-N", "blue", "endpoint", code=1), "it is gone")
    run("systemctl", "start", unit("blue"), code=1)


@tap.test("/service/instance/wrong-names-are-wrong-usage", 30)
def names():
    for name in ("", "../run", "a/b", ".x"):
        tap.true("is called" in run("mptcpctl", "-N", name, "status", code=2), name)
        tap.true("is called" in run("mptcpd", "--instance", name, "--check-config", code=2), name)
    # its files would be the host's
    run("mptcpd", "--instance", "mptcpd.conf.d", "--check-config", code=2)
    run("mptcpctl", "-N", "blue", "--socket", "/x", "status", code=2)
    run("mptcpctl", "status", "-N", code=2)


@tap.test("/service/instance/is-as-locked-up-as-the-hosts", 30)
def exposure():
    words = run("systemd-analyze", "security", unit("blue"), "--no-pager").splitlines()[-1]
    tap.note(words)
    tap.at_most(float(words.split(": ")[1].split()[0]), 1.7, "exposure level")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
