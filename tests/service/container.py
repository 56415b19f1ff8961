# SPDX-License-Identifier: LGPL-2.1-or-later
"""This machine's own system in a container, or a minimal one, with mptcpd installed and its systemd
booted.

The root is an overlay in memory over the real one, in namespaces of ours: nothing of what happens
inside is left behind, however it ends, and the host's mptcpd, if there is one, is not met.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import minimal
import sandbox
import tap

TESTS = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("MPTCPD_BUILD", TESTS.parent / "build"))
CGROUPS = pathlib.Path("/sys/fs/cgroup")
CGROUP_PREFIX = "mptcpd-service-"
PLACE = pathlib.Path("/run/machine")  # the sandbox's own /run, a tmpfs
SECONDS = 1500 if minimal.CHOSEN else 280

# What the test needs and no more: the services of the host stay off.
TARGET = """\
[Unit]
Requires=basic.target
Wants=mptcpd.service mptcpd-test.service
AllowIsolate=yes
"""
# Ends the container with the exit status of the test.
TEST = """\
[Unit]
After=basic.target mptcpd.service
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{tools} MPTCPD_MINIMAL={minimal}
ExecStart={python} /mptcpd-tests/{program} --inside {arguments}
StandardOutput=file:/mptcpd-test.out
StandardError=inherit
"""
# As cloud-init has it: the network is up before sysinit.target is reached.
NETWORK = """\
[Unit]
DefaultDependencies=no
After=network-pre.target
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
"""


def run(*argv):
    """Run a command that must work; its output matters only if it does not."""
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]}: exit {done.returncode}: {done.stdout.strip()}")


# ---- control groups: systemd inside wants one that it shares with nobody ----


def remove_cgroup(path):
    for directory, _, _ in os.walk(path, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def make_cgroups():
    """One in each hierarchy of systemd. Those of a test that was killed are removed."""
    made = []
    for line in pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "name=systemd":
            hierarchy = CGROUPS / "systemd"
        elif controllers == "":
            hierarchy = CGROUPS / "unified" if (CGROUPS / "unified").exists() else CGROUPS
        else:
            continue
        parent = hierarchy / path.lstrip("/")
        for old in parent.glob(CGROUP_PREFIX + "*"):
            if not os.path.exists("/proc/" + old.name.removeprefix(CGROUP_PREFIX)):
                remove_cgroup(old)
        made.append(parent / f"{CGROUP_PREFIX}{os.getpid()}")
        made[-1].mkdir()
    return made


def join(cgroups):
    for cgroup in cgroups:
        (cgroup / "cgroup.procs").write_text("0", encoding="ascii")


def kill_inside(cgroup):
    for file in cgroup.glob("**/cgroup.procs"):
        with contextlib.suppress(OSError):
            for pid in map(int, file.read_text(encoding="ascii").split()):
                if pid > 0:  # 0: a process that we cannot see
                    os.kill(pid, signal.SIGKILL)


def leave(cgroups):
    """End what runs in them, and remove them."""
    deadline = time.monotonic() + 5
    while any(cgroup.exists() for cgroup in cgroups) and time.monotonic() < deadline:
        for cgroup in cgroups:
            kill_inside(cgroup)
            remove_cgroup(cgroup)
        time.sleep(0.005)


# ---- the root ----


def make_root():
    """An overlay over that system, with no mptcpd and none of its files."""
    lower = minimal.ROOT if minimal.CHOSEN else "/"
    for name in ("upper", "work", "root"):
        (PLACE / name).mkdir(parents=True)
    root = PLACE / "root"
    run("mount", "-t", "overlay", "overlay", root,
        "-o", f"lowerdir={lower},upperdir={PLACE / 'upper'},workdir={PLACE / 'work'}")
    shutil.rmtree(root / "etc/mptcpd", ignore_errors=True)
    if minimal.CHOSEN:
        minimal.borrow(root)
    return root


def add_crash(root):
    """A plugin that crashes, beside those that do not."""
    for below in ("lib/*", "local/lib/*", "local/lib"):
        for plugin in root.glob(f"usr/{below}/mptcpd/fullmesh.so"):
            shutil.copy(BUILD / "tests/plugins/crash.so", plugin.parent)


def install_packages(root):
    """Install the packages as apt does where nothing is running."""
    minimal.add_repository(root)
    for words in (("update",), ("-y", "install", "mptcpd", "mptcpize")):
        run("chroot", root, "apt-get", "-qq", *words)
    add_crash(root)


def install_build(root):
    """Install what was built, and enable it."""
    (PLACE / "stage").mkdir()
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", PLACE / "stage")
    run("tar", "-C", PLACE / "stage", "-cf", PLACE / "stage.tar", ".")
    # /lib may be a symbolic link, which is to stay one
    run("tar", "-C", root, "-xf", PLACE / "stage.tar", "--keep-directory-symlink")
    run("ldconfig", "-r", root)
    run("systemd-sysusers", f"--root={root}")
    run("systemctl", f"--root={root}", "enable", "mptcpd.service")
    add_crash(root)


def add_units(root, program, arguments):
    units = root / "etc/systemd/system"
    (units / "mptcpd-test.target").write_text(TARGET, encoding="utf-8")
    (units / "mptcpd-test.service").write_text(
        TEST.format(program=program.relative_to(TESTS), arguments=" ".join(arguments),
                    python=" ".join(minimal.python()),
                    tools=minimal.TOOLS, minimal="yes" if minimal.CHOSEN else "no"),
        encoding="utf-8")
    (units / "network-fake.service").write_text(NETWORK, encoding="utf-8")
    wants = units / "sysinit.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "network-fake.service").symlink_to("../network-fake.service")


def boot(root, cgroups):
    """Run it to its end; its exit status."""
    command = [
        "systemd-nspawn", "--quiet", "--boot", f"--directory={root}", "--register=no",
        "--keep-unit", "--private-network", "--link-journal=no", "--console=pipe",
        f"--bind-ro={TESTS}:/mptcpd-tests", *(minimal.binds() if minimal.CHOSEN else []),
        "systemd.unit=mptcpd-test.target", "systemd.show_status=no", "systemd.log_target=journal",
        "systemd.firstboot=no",
    ]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          preexec_fn=lambda: join(cgroups)) as child:
        try:
            said, _ = child.communicate(timeout=SECONDS * tap.SLOW)
        except BaseException:
            child.kill()
            raise
    if child.returncode != 0:
        tap.note(f"systemd-nspawn: exit {child.returncode}\n{said}")
    return child.returncode


def lacking():
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "not root"
    for program in ("systemd-nspawn", "systemd-sysusers", "ldconfig"):
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return f"no {program}"
    return None


def skip(reason):
    print(f"TAP version 13\n1..0 # SKIP {reason}")
    sys.exit(0)


def test(program, arguments, install=install_packages if minimal.CHOSEN else install_build):
    """Run a test program, given as the path of its source, inside, where `install` has put mptcpd.

    Does not return."""
    if reason := lacking():
        skip(reason)
    cgroups = make_cgroups()
    output = PLACE / "root/mptcpd-test.out"
    code = 1
    try:
        sandbox.enter()
        root = make_root()
        install(root)
        add_units(root, program, arguments)
        code = boot(root, cgroups)
    except sandbox.Unavailable as reason:
        skip(reason)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        tap.note(error)
    finally:
        # Whoever interrupts twice has to wait for this.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        leave(cgroups)
    if output.exists():
        print(output.read_text(encoding="utf-8", errors="replace"), end="", flush=True)
    else:
        print("Bail out! the container did not come so far", flush=True)
    sys.exit(code)
