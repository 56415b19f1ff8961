# SPDX-License-Identifier: LGPL-2.1-or-later
"""Build with each compiler, run every test, and end with the sum.

run.py [WORD…]: only suites whose name contains a word, and only the plain build. The last line is
`N passed, N failed, N skipped`, counting single test cases; exits 1 if one failed, or none ran.
With CI=true a kernel test that skips counts as failed: there the kernel must be testable.

A case on the real kernel that fails is run once more, with nothing beside it, and counts by that:
it may have failed by what ran beside it. The first failure is told where it happens, and its name
once more above the sum: one that is seen there again and again is a fault.
"""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
KERNEL_SUITES = {"netns", "service", "vm", "cost"}
RUN_AGAIN = {"netns", "service"}  # and no others: what counts or computes needs no quiet machine
MOST_AGAIN = 3  # cases of one program; where more fail it is not the machine
BUILT_ONCE = {"layers"}  # says nothing new about a build with sanitizers
AT_ONCE = max(2, os.cpu_count())  # so many tests, of those that may run beside others
CI = os.environ.get("CI", "") not in ("", "0", "false")

# directory: (compiler, what it is for, meson options)
BUILDS = {
    "build": ("gcc", "gcc, warnings are errors", []),
    "build-clang": ("clang", "clang, warnings are errors", []),
    "build-bare": ("gcc", "gcc, as it is released, warnings are errors",
                   ["-Dbuildtype=release", "-Dtests=false"]),
    "build-san": ("gcc", "gcc, address and undefined-behaviour sanitizers",
                  ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
    "build-coverage": ("gcc", "gcc, counting what runs", ["-Db_coverage=true"]),
}
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1:print_stacktrace=1",
}


@dataclasses.dataclass
class Result:
    """Of one test program, or of several."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    again: list = dataclasses.field(default_factory=list, compare=False)  # names: failed, then passed

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.again += other.again

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_tap(text, code):
    """The Result of a TAP stream and its exit code, and the lines that explain what is not well.

    Only lines at the margin count: indented ones are subtests, whose parent is counted.
    """
    result, remarks, plan, seen = Result(), [], None, 0
    for line in text.splitlines():
        if match := re.match(r"1\.\.(\d+)(.*)", line):
            plan = int(match[1])
            if plan == 0:
                result.skipped += 1
                remarks.append("skipped: " + match[2].strip(" #"))
        elif match := re.match(r"(not )?ok\b(.*)", line):
            seen += 1
            directive = re.search(r"#\s*(SKIP|TODO)\b.*", match[2], re.I)
            if directive:
                result.skipped += 1
                remarks.append(line)
            elif match[1]:
                result.failed += 1
                remarks.append(line)
            else:
                result.passed += 1
        elif line.startswith("Bail out!"):
            remarks.append(line)
    if plan is None or plan != seen or (code != 0 and not result.failed):
        result.failed += 1
        remarks.append(f"exit {code}, {seen} results of {plan or 0} planned")
    return result, remarks


def count_exit(code):
    """The Result of a test that has only an exit code."""
    if code == 77:
        return Result(skipped=1), ["skipped"]
    return (Result(passed=1), []) if code == 0 else (Result(failed=1), [f"exit {code}"])


def say(text=""):
    print(text, flush=True)


def command(argv, **options):
    """Run it; (exit code, output)."""
    done = subprocess.run(argv, cwd=ROOT, text=True, stdout=subprocess.PIPE, errors="replace",
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, **options)
    return done.returncode, done.stdout


def build(directory):
    """Configure if need be, and compile: one test case."""
    compiler, what, options = BUILDS[directory]
    say(f"build  {directory}: {what}")
    begin = time.monotonic()
    path = ROOT / directory
    verb = ["configure"] if (path / "build.ninja").exists() else ["setup"]
    code, text = command(["meson", *verb, directory, "-Dwerror=true", "-Dtests=true", *options],
                         env={**os.environ, "CC": compiler})
    if code == 0:
        code, text = command(["ninja", "-C", directory, "-k", "0"])
    if code != 0:
        lines = [line for line in text.splitlines() if not re.match(r"\[\d+/\d+\] ", line)]
        say("\n".join(lines[-100:]))
    say(f"       {'ok' if code == 0 else 'FAILED'} ({time.monotonic() - begin:.0f} s)")
    return count_exit(min(code, 1))[0]


def run_test(test, environment):
    """Run one test program of meson's list; (code, stdout, stderr)."""
    options = {"cwd": test["workdir"], "env": {**os.environ, **test["env"], **environment},
               "text": True, "errors": "replace", "start_new_session": True}
    try:
        child = subprocess.Popen(test["cmd"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, **options)
    except OSError as error:  # it was not built
        return 127, "", f"{error}\n"
    try:
        out, err = child.communicate(timeout=test["timeout"] or None)
        return child.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        return -signal.SIGKILL, out, err + f"\nstopped after {test['timeout']} s\n"


def suites_of(test):
    return {suite.rpartition(":")[2] for suite in test["suite"]}


def test_name(test):
    return "/".join(sorted(suites_of(test)) + [test["name"]])


def run_again(test, environment, failed):
    """Run alone each of the failed cases of a test program: the names of those that then passed."""
    good = []
    for name in failed:
        code, out, _ = run_test({**test, "cmd": [*test["cmd"], "--exactly", name]}, environment)
        if count_tap(out, code)[0] == Result(passed=1):
            good.append(name)
    return good


def failed_cases(test, out):
    """The names of the cases that failed and may be run again, from what the program said."""
    failed = re.findall(r"^not ok \d+ (/\S+)$", out, re.M)
    may = suites_of(test) & RUN_AGAIN and test["protocol"] == "tap" and test["cmd"][-1].endswith(".py")
    return failed if may and len(failed) <= MOST_AGAIN else []


def run_suite_member(test, environment):
    """Run it and say how it went, in one piece: others may be running."""
    begin = time.monotonic()
    code, out, err = run_test(test, environment)
    result, remarks = count_tap(out, code) if test["protocol"] == "tap" else count_exit(code)
    if CI and suites_of(test) & KERNEL_SUITES and result.skipped:
        remarks.append("a kernel test must not skip in CI")
        result = Result(result.passed, result.failed + result.skipped, 0)
    good = run_again(test, environment, failed_cases(test, out))
    lines = [f"test   {test_name(test)}: {result} ({time.monotonic() - begin:.1f} s)"]
    lines += [f"       {remark}" for remark in remarks]
    lines += [f"       passed when run again, alone: {name}" for name in good]
    if result.failed:
        lines += [f"       | {line}" for line in (out + err).splitlines()[-200:]]
    say("\n".join(lines))
    return Result(result.passed + len(good), result.failed - len(good), result.skipped, good)


def run_tests(directory, words, environment=None, leave_out=frozenset()):
    """All tests of a build but some suites: a few at a time, then those that want to be alone."""
    total = Result()
    code, text = command(["meson", "introspect", "--tests", directory])
    if code != 0:
        say(text)
        return Result(failed=1)
    chosen = []
    for test in json.loads(text[text.index("["):]):
        name = test_name(test)
        test["workdir"] = test["workdir"] or ROOT / directory  # as `meson test` does
        if not suites_of(test) & leave_out and (not words or any(word in name for word in words)):
            chosen.append(test)
    for alone in (False, True):
        with concurrent.futures.ThreadPoolExecutor(1 if alone else AT_ONCE) as pool:
            for result in pool.map(lambda test: run_suite_member(test, environment or {}),
                                   [test for test in chosen if test["is_parallel"] != alone]):
                total.add(result)
    return total


def main():
    words = sys.argv[1:]
    total = build("build")
    tests = run_tests("build", words)
    if tests == Result():
        say("no test was run")
        tests.failed = 1
    total.add(tests)
    if not words:
        clang = build("build-clang")
        total.add(clang)
        if not clang.failed:
            total.add(run_tests("build-clang", ["fuzz/"]))
        total.add(build("build-bare"))
        sanitized = build("build-san")
        total.add(sanitized)
        if not sanitized.failed:
            total.add(run_tests("build-san", words, SANITIZER_ENVIRONMENT,
                                KERNEL_SUITES | BUILT_ONCE))
    say()
    for name in total.again:
        say(f"failed, and passed when run again, alone: {name}")
    say(total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
