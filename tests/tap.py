# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test programs in Python: name a behaviour, print TAP, judge by exceptions."""

import concurrent.futures
import itertools
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

TESTS = []
SLOW = float(os.environ.get("MPTCPD_SLOW", 1))  # so many times longer may anything take here


def starved():
    """The seconds so far in which somebody had to wait for a processor, as far as the kernel says.

    What takes so much longer is no fault of what is tested; where nothing else runs it is next to
    nothing.
    """
    try:
        with open("/proc/pressure/cpu", encoding="ascii") as file:
            return int(re.search(r"^some .*total=(\d+)", file.read())[1]) / 1e6
    except OSError:
        return 0


class Limit:
    """So many seconds from now, and those in which the machine was busy, up to ten times as many.

    `by_the_clock`: those are not added.
    """

    def __init__(self, seconds, by_the_clock=False):
        self.seconds = seconds * SLOW
        self.most = 0 if by_the_clock else 10 * self.seconds
        self.begin, self.starved = time.monotonic(), starved()

    def left(self):
        busy = min(starved() - self.starved, self.most)
        return self.begin + self.seconds + busy - time.monotonic()


class Skip(Exception):
    """This machine cannot run the test; the text says what it lacks."""


class Late(Exception):
    """The test took longer than it may."""


# So many that wait may run at once; where everything is slow they would not only wait.
AT_ONCE = 1 if SLOW > 1 else 2 * os.cpu_count()
WAITING = set()


def test(name, seconds=60, waits=False):
    """Decorator: the function is the test `name`, and ends within `seconds`.

    `waits`: that is how it spends most of them, so that others of the kind may run meanwhile. It
    then runs in a process of its own, and judges nothing by how fast this machine is.
    """

    def register(function):
        TESTS.append((name, seconds, function))
        if waits:
            WAITING.add(name)
        return function

    return register


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, wanted {wanted!r}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


def at_most(got, limit, what):
    if got > limit:
        raise AssertionError(f"{what}: got {got!r}, wanted at most {limit!r}")


def kernel_before(major, minor):
    """Is the running kernel older than that version?"""
    found = platform.release().split("-")[0].split(".")
    return (int(found[0]), int(found[1])) < (major, minor)


def needs_kernel(major, minor, why):
    """Skip where the kernel is older: it cannot do what the test is about."""
    if kernel_before(major, minor):
        raise Skip(f"Linux {platform.release()}: {why}")


def note(text):
    """A line of diagnostics that is not a result."""
    for line in str(text).splitlines():
        print(f"# {line}", flush=True)


def _try(seconds, function):
    """Run it in its time; why it is skipped, or None. It raises what makes it fail."""
    limit = Limit(seconds)

    def on_alarm(_number, _frame):
        if limit.left() <= 0:
            raise Late("took too long")
        signal.alarm(int(limit.left()) + 1)

    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(int(seconds * SLOW))
    try:
        function()
    except Skip as reason:
        return reason
    finally:
        signal.alarm(0)
    return None


def _run(number, name, seconds, function):
    begin = time.monotonic()
    result, good = f"not ok {number} {name}", False
    try:
        reason = _try(seconds, function)
        result, good = f"ok {number} {name}" + (f" # SKIP {reason}" if reason else ""), True
    except Exception:  # any failure of any test is a result, not an end
        note(traceback.format_exc())
    note(f"{name}: {time.monotonic() - begin:.2f} s")
    print(result, flush=True)
    return good


_numbers = itertools.count(1)  # in the order in which tests end,
_saying = threading.Lock()  # and are told


def _run_apart(name):
    """Run a test in a process of its own and say what it said."""
    child = subprocess.run([sys.executable, sys.argv[0], "--exactly", name], text=True, check=False,
                           stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, errors="replace")
    lines = child.stdout.splitlines()
    with _saying:
        number = next(_numbers)
        result = [re.sub("ok 1", f"ok {number}", line, count=1)
                  for line in lines if re.match("(not )?ok 1 ", line)]
        if len(result) != 1 or (child.returncode == 0) != result[0].startswith("ok"):
            result = [f"# exit {child.returncode}", f"not ok {number} {name}"]
        print("\n".join([line for line in lines if line.startswith("#")] + result), flush=True)
    return child.returncode == 0 and result[0].startswith("ok")


def _run_all(chosen):
    """Those that wait first, a few at a time, the long ones before others; were all good?"""
    apart = [t for t in chosen if t[0] in WAITING] if AT_ONCE > 1 and len(chosen) > 1 else []
    apart.sort(key=lambda t: -t[1])
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(_run_apart, [t[0] for t in apart]))
    return results + [_run(next(_numbers), *t) for t in chosen if t not in apart]


def main():
    """Run the tests whose names contain one of the arguments (all without); `--list` names them.

    `--exactly NAME`: that one, here.
    """
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if "--list" in sys.argv[1:]:
        print("\n".join(name for name, _, _ in TESTS))
        sys.exit(0)
    if "--exactly" in sys.argv[1:]:
        chosen = [t for t in TESTS if t[0] in words]
    else:
        chosen = [t for t in TESTS if not words or any(word in t[0] for word in words)]
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    results = _run_all(chosen)
    sys.exit(0 if results and all(results) else 1)
