# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test programs in Python: name a behaviour, print TAP, judge by exceptions."""

import os
import platform
import signal
import sys
import time
import traceback

TESTS = []
SLOW = float(os.environ.get("MPTCPD_SLOW", 1))  # so many times longer may anything take here


class Skip(Exception):
    """This machine cannot run the test; the text says what it lacks."""


class Late(Exception):
    """The test took longer than it may."""


def test(name, seconds=60):
    """Decorator: the function is the test `name`, and ends within `seconds`."""

    def register(function):
        TESTS.append((name, seconds, function))
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


def _on_alarm(_number, _frame):
    raise Late("took too long")


def _run(number, name, seconds, function):
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(int(seconds * SLOW))
    begin = time.monotonic()
    try:
        function()
    except Skip as reason:
        result = f"ok {number} {name} # SKIP {reason}"
        good = True
    except Exception:  # any failure of any test is a result, not an end
        note(traceback.format_exc())
        result = f"not ok {number} {name}"
        good = False
    else:
        result = f"ok {number} {name}"
        good = True
    finally:
        signal.alarm(0)
    note(f"{name}: {time.monotonic() - begin:.2f} s")
    print(result, flush=True)
    return good


def main():
    """Run the tests whose names contain one of the arguments (all without); `--list` names them."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if "--list" in sys.argv[1:]:
        print("\n".join(name for name, _, _ in TESTS))
        sys.exit(0)
    chosen = [t for t in TESTS if not words or any(word in t[0] for word in words)]
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    results = [_run(number, *chosen_test) for number, chosen_test in enumerate(chosen, 1)]
    sys.exit(0 if results and all(results) else 1)
