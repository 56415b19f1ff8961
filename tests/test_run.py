# SPDX-License-Identifier: LGPL-2.1-or-later
"""The runner must not be fooled into a better result than there was."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import run
import tap
from run import Result, count_exit, count_tap


def counts(text, code, passed=0, failed=0, skipped=0):
    tap.equal(count_tap(text, code)[0], Result(passed, failed, skipped), f"{text!r}, exit {code}")


@tap.test("/run/tap/each-case-is-counted")
def cases():
    counts("TAP version 13\n1..3\nok 1 /a\n# note\nok 2 /b # SKIP no root\nok 3\n", 0, 2, 0, 1)
    counts("ok 1 a\nnot ok 2 b\n1..2\n", 1, 1, 1)
    counts("1..1\n    ok 1 inner\n    not ok 2 inner\nok 1 - outer\n", 0, 1)


@tap.test("/run/tap/a-crash-is-a-failure")
def crash():
    counts("1..2\nok 1 a\n", -11, 1, 1)
    counts("1..2\nok 1 a\nok 2 b\n", 1, 2, 1)
    counts("", 0, 0, 1)
    counts("1..2\nok 1 a\n", 0, 1, 1)
    counts("ok 1 a\n", 0, 1, 1)
    counts("1..0\n", 1, 0, 1, 1)


@tap.test("/run/tap/nothing-to-run-is-a-skip")
def nothing():
    counts("TAP version 13\n1..0 # SKIP no namespaces\n", 0, 0, 0, 1)


@tap.test("/run/exit/code-77-is-a-skip")
def exit_codes():
    tap.equal([count_exit(code)[0] for code in (0, 77, 1, -9)],
              [Result(1), Result(0, 0, 1), Result(0, 1), Result(0, 1)], "exit codes")


@tap.test("/run/ci/a-kernel-test-that-skips-has-failed")
def skips_in_ci():
    test = {"suite": ["mptcpd:netns"], "name": "x", "protocol": "tap", "workdir": None, "env": {},
            "timeout": 10, "cmd": ["echo", "1..0 # SKIP no namespaces"]}
    was = run.CI, run.say
    try:
        run.say = lambda _text="": None
        for ci, suite, wanted in ((True, "netns", Result(0, 1, 0)), (False, "netns", Result(0, 0, 1)),
                                  (True, "unit", Result(0, 0, 1))):
            run.CI = ci
            result = run.run_suite_member({**test, "suite": [f"mptcpd:{suite}"]}, {})
            tap.equal(result, wanted, f"CI {ci}, suite {suite}")
    finally:
        run.CI, run.say = was


AGAIN = """
import pathlib
import tap

def fails(times, path):
    with pathlib.Path(path).open("a+") as tries:
        tries.seek(0)
        done = len(tries.read())
        tries.write("x")
    tap.true(done >= times, "too early")

tap.test("/good")(lambda: fails(0, "good"))
tap.test("/once")(lambda: fails(1, "once"))
tap.test("/twice")(lambda: fails(2, "twice"))
tap.main()
"""


@tap.test("/run/again/what-fails-on-the-real-kernel-is-run-once-more-alone")
def again():
    was, said = run.say, []
    run.say = said.append
    try:
        for suite, most, wanted, tries in (("netns", 3, Result(2, 1), {"good": 1, "once": 2, "twice": 2}),
                                           ("netns", 1, Result(1, 2), {"good": 1, "once": 1, "twice": 1}),
                                           ("unit", 3, Result(1, 2), {"good": 1, "once": 1, "twice": 1})):
            with tempfile.TemporaryDirectory() as directory:
                script = pathlib.Path(directory, "script.py")
                script.write_text(AGAIN, encoding="ascii")
                run.MOST_AGAIN = most
                got = run.run_suite_member(
                    {"suite": [f"mptcpd:{suite}"], "name": "x", "protocol": "tap", "timeout": 10,
                     "workdir": directory, "env": {"PYTHONPATH": pathlib.Path(__file__).parent},
                     "cmd": [sys.executable, str(script)]}, {})
                tap.equal((got, got.again), (wanted, ["/once"] if tries["once"] == 2 else []), suite)
                tap.equal({path.name: len(path.read_text()) for path in pathlib.Path(directory).iterdir()
                           if path != script}, tries, "how often each was run")
    finally:
        run.say, run.MOST_AGAIN = was, 3
    tap.true("1 passed, 2 failed" in said[0] and "again, alone: /once" in said[0], said[0])


@tap.test("/run/missing-program-is-a-failure")
def missing():
    test = {"workdir": None, "env": {}, "timeout": 10, "cmd": ["/nonexistent/program"]}
    code, out, _ = run.run_test(test, {})
    counts(out, code, 0, 1)


def run_scripts(directory, scripts, is_parallel):
    """Run one test a shell script, as if meson had told of them; how many passed and failed."""
    tests = [{"suite": ["mptcpd:unit"], "name": str(number), "protocol": "exitcode", "env": {},
              "workdir": directory, "timeout": 10, "is_parallel": is_parallel,
              "cmd": ["sh", "-c", script]} for number, script in enumerate(scripts)]
    was = run.command, run.say
    try:
        run.say = lambda _text="": None
        run.command = lambda argv: (0, json.dumps(tests))
        return run.run_tests(directory, [])
    finally:
        run.command, run.say = was


@tap.test("/run/parallel/two-at-a-time-unless-they-want-to-be-alone")
def at_once():
    with tempfile.TemporaryDirectory() as directory:
        meet = "touch {}; until [ -e {} ]; do :; done"
        tap.equal(run_scripts(directory, [meet.format("a", "b"), meet.format("b", "a")], True),
                  Result(2), "two that wait for each other")
        alone = "mkdir alone && seq 100000 | tail -n 1 && rmdir alone"
        tap.equal(run_scripts(directory, [alone] * 4, False), Result(4), "four that are alone")


@tap.test("/run/limit/is-longer-while-the-machine-is-busy")
def busy():
    was, seconds = tap.starved, 0
    try:
        tap.starved = lambda: seconds
        limit, clock = tap.Limit(100), tap.Limit(100, by_the_clock=True)
        begin = limit.left(), clock.left()
        seconds = 50
        tap.equal([round(limit.left() - begin[0]), round(clock.left() - begin[1])], [50, 0],
                  "seconds more")
        seconds = 1e6
        tap.equal(round(limit.left() - begin[0]), round(1000 * tap.SLOW), "seconds more at most")
    finally:
        tap.starved = was
    tap.true(tap.starved() >= 0, "what the kernel says")


WAITING = """
import os, sys, pathlib
import tap

def meet(mine, other):
    pathlib.Path(mine).touch()
    while not pathlib.Path(other).exists():
        pass

tap.AT_ONCE = 4
tap.test("/a", 10, waits=True)(lambda: meet("a", "b"))
tap.test("/b", 10, waits=True)(lambda: meet("b", "a"))
tap.test("/ab", 10, waits=True)(lambda: tap.equal(1, 2, "one"))
tap.test("/died", 10, waits=True)(lambda: os._exit(0))
tap.test("/alone", 10)(lambda: tap.note("here"))
tap.main()
"""


@tap.test("/run/waiting/runs-at-once-and-each-is-counted")
def waiting():
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory, "script.py")
        script.write_text(WAITING, encoding="ascii")
        done = subprocess.run([sys.executable, script], cwd=directory, text=True, check=False,
                              stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": pathlib.Path(__file__).parent})
        counts(done.stdout, done.returncode, 3, 2)
        lines = [line.split(" /") for line in done.stdout.splitlines() if "ok " in line]
        tap.equal([kind.split()[-1] for kind, _ in lines], list("12345"), "numbers, in order")
        tap.equal({name: kind.rpartition(" ")[0] for kind, name in lines},
                  {"a": "ok", "b": "ok", "ab": "not ok", "died": "not ok", "alone": "ok"},
                  "results")


if __name__ == "__main__":
    tap.main()
