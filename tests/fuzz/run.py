# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run one libFuzzer target: run.py TARGET CORPUS [SECONDS].

Without SECONDS, a fixed number of inputs from a fixed seed, so that a run can be repeated. With it,
what is found is kept: new inputs in build-clang/corpus/, one that fails in build-clang/.
"""

import pathlib
import subprocess
import sys
import tempfile

RUNS = 20000
SEED = 1


def main():
    target, corpus, *seconds = sys.argv[1:]
    if not any(pathlib.Path(corpus).iterdir()):
        sys.exit(f"{corpus} is empty")
    options = ["-print_final_stats=1", "-verbosity=0", "-timeout=10", "-rss_limit_mb=1024"]
    if seconds:
        build = pathlib.Path(target).resolve().parents[2]
        found = build / "corpus" / pathlib.Path(corpus).name
        found.mkdir(parents=True, exist_ok=True)
        options += [f"-max_total_time={seconds[0]}", f"-artifact_prefix={build}/", found, corpus]
        sys.exit(subprocess.run([target, *options], check=False).returncode)
    with tempfile.TemporaryDirectory() as found:
        options += [f"-runs={RUNS}", f"-seed={SEED}", f"-artifact_prefix={found}/", found, corpus]
        done = subprocess.run([target, *options], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            print(done.stdout)
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
