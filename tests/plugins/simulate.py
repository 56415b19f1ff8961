# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each policy lives through the histories of many hosts, and broken ones are found out.

simulate.py MPTCPD-SIMULATE PLUGIN-DIRECTORY BROKEN. PROPERTY_SEEDS=10000: so many hosts in all.
SIMULATE_SEED=N: the host of this number alone, in each case; its steps are in the remarks.
"""

import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap

SIMULATE, PLUGINS, BROKEN = sys.argv[1:]
del sys.argv[1:]
GUARDED = ["--forbid", "wwan0 -> 10.9.1.0/24", "--forbid", "10.0.1.0/24 -> 10.9.0.0/16"]
FORBID = "forbid=wwan0 -> 10.9.1.0/24, 10.0.1.0/24 -> 10.9.0.0/16"
# one word a case: the plugins, their settings, and what they promise
CASES = {
    "fullmesh": ["fullmesh"],
    "fullmesh-of-few": ["fullmesh", "max-subflows=2"],
    "one-to-one": ["fullmesh", "pairing=one-to-one"],
    "per-interface": ["fullmesh", "pairing=per-interface"],
    "none": ["--stall", "none", "none"],
    "ndiffports": ["--stall", "none", "ndiffports", "subflows=3"],
    "handover": ["--backup-hold", "10s", "handover"],
    "interactive": ["--priority-hold", "10s", "interactive"],
    "aggregate": ["--refresh", "30s", "aggregate"],
    "announce": ["--stall", "none", "announce"],
    "delayed-fullmesh": ["fullmesh,delayed"],
    "delayed-handover": ["--backup-hold", "10s", "handover,delayed"],
    "guarded-fullmesh": [*GUARDED, "fullmesh,guard", FORBID],
    "guarded-interactive": [*GUARDED, "interactive,guard", FORBID],
    "guarded-few": ["fullmesh,guard", "guard.max-subflows=2"],
}
HOSTS = max(20, int(os.environ.get("PROPERTY_SEEDS", 300)) // len(CASES))
# what is broken: how it is found out
FAULTS = {
    "nothing": (["how=nothing"], "it sends, has had no path for"),
    "priorities": (["--priority-hold", "10s", "how=priorities"], "priorities change"),
    "priorities-at-rest": (["how=priorities"], "SET_FLAGS of a subflow, while nothing happens"),
    "drops": (["how=drops"], "SUBFLOW_DESTROY of a subflow, while nothing happens"),
    "forbids": (["how=forbids"], "the only subflow that works is closed"),
    "replaces": (["--refresh", "4s", "how=drops"], "tried in vain, while nothing happens"),
    "commutes": (["--backup-hold", "10s", "how=commutes"], "a backup link is left"),
    "leaves": (["--forbid", "10.0.1.0/24 -> 10.9.0.0/16", "how=leaves"],
               "it has a forbidden subflow beside one that works"),
}


def simulate(*words, hosts=HOSTS):
    done = subprocess.run([SIMULATE, "--plugin-directory", PLUGINS, "--hosts", str(hosts), *words],
                          capture_output=True, text=True, timeout=3000, check=False)
    if done.returncode not in (0, 1):
        raise AssertionError(f"exit {done.returncode}: {done.stderr}")
    return done.returncode, done.stdout


def add(name, words):
    @tap.test(f"/simulate/{name}/does-no-harm")
    def judged():
        if seed := os.environ.get("SIMULATE_SEED"):
            tap.note(simulate("--seed", seed, *words)[1])
        code, text = simulate(*words)
        tap.equal(code, 0, text)


def add_broken(name, words, expected):
    @tap.test(f"/simulate/broken/{name}")
    def found_out():
        options = [word for word in words if "=" not in word]
        settings = [word for word in words if "=" in word]
        code, text = simulate(*options, BROKEN, *settings, hosts=40)
        tap.equal(code, 1, text)
        tap.true(expected in text, text)


for case, arguments in CASES.items():
    add(case, arguments)
for case, (arguments, words) in FAULTS.items():
    add_broken(case, arguments, words)


@tap.test("/simulate/broken/leak")
def leak():
    code, text = simulate(*GUARDED, "fullmesh", hosts=40)
    tap.equal(code, 1, text)
    tap.true("a subflow is made that is forbidden" in text, text)


@tap.test("/simulate/broken/backup-link-without-need")
def without_need():
    code, text = simulate("--backup-hold", "10s", "fullmesh", hosts=40)
    tap.equal(code, 1, text)
    tap.true("a backup link is joined, and a normal one works" in text, text)


@tap.test("/simulate/broken/backup-link-left-too-soon")
def left_too_soon():
    code, text = simulate("--backup-hold", "10s", "handover", "hold=3s", hosts=60)
    tap.equal(code, 1, text)
    tap.true("a backup link is left" in text, text)


@tap.test("/simulate/backup-link/is-not-left-when-it-is-unplugged")
def unplugged():
    code, text = simulate("--seed", "73", "--backup-hold", "10s", "handover")
    tap.equal(code, 0, text)
    tap.true("wwan0 is unplugged" in text, text)


@tap.test("/simulate/seed/repeats-the-fault")
def repeats():
    _, text = simulate(BROKEN, hosts=30)
    tap.equal(simulate(BROKEN, hosts=30)[1], text, "the same again")
    option, fault = text.splitlines()[0].split(": ", 1)
    code, steps = simulate(*option.split(), BROKEN)
    tap.equal(code, 1, steps)
    tap.true(fault in steps and "begins" in steps, steps)


@tap.test("/simulate/usage/is-told")
def usage():
    for words, code, expected in ((["nobody"], 78, "nobody.so"), ([], 2, "expected a plugin"),
                                  (["none", "x"], 2, "KEY=VALUE"),
                                  (["--stall", "soon", "none"], 2, "a time like 10s"),
                                  (["fullmesh", "max-subflows=0"], 78, "max-subflows")):
        done = subprocess.run([SIMULATE, "--plugin-directory", PLUGINS, *words],
                              capture_output=True, text=True, timeout=60, check=False)
        tap.equal(done.returncode, code, f"{words}: {done.stderr}")
        tap.true(expected in done.stderr, done.stderr)


if __name__ == "__main__":
    tap.main()
