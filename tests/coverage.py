# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which lines of the program the tests run: `covered/total percent file`, the least covered last.

coverage.py [WORD…]: the tests in unit, plugins and netns, or those whose name contains a word. What
is killed (the tests of crashes do that) has counted nothing.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import run

DIRECTORY = "build-coverage"
LEFT_OUT = {"layers", "service", "vm", "cost"}


def objects():
    """What was compiled of the program itself."""
    return [path for path in (run.ROOT / DIRECTORY).rglob("*.gcno")
            if path.relative_to(run.ROOT / DIRECTORY).parts[0] != "tests"]


def count(path):
    """What gcov has to say of one object: one JSON document."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", path], cwd=run.ROOT / DIRECTORY,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return json.loads(done.stdout)


def source(document, file):
    """Where it is below the root; None: elsewhere, or no source of the program."""
    path = pathlib.Path(document["current_working_directory"], file).resolve()
    if not path.is_relative_to(run.ROOT):
        return None
    path = path.relative_to(run.ROOT)
    return None if path.parts[0] == "tests" or path.parts[0].startswith("build") else path


def lines():
    """{file: {line: how often}}; a file may be in several objects, and a header is in many."""
    seen = collections.defaultdict(collections.Counter)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for document in pool.map(count, objects()):
            for file in document["files"]:
                name = source(document, file["file"])
                for line in file["lines"] if name else []:
                    seen[name][line["line_number"]] += line["count"]
    return seen


def row(counts, name):
    covered, total = sum(n > 0 for n in counts), len(counts)
    return f"{covered:6}/{total:<6} {100 * covered / total:5.1f} %  {name}"


def report(seen):
    """The rows, and their sum."""
    files = [(name, list(counter.values())) for name, counter in seen.items()]
    files.sort(key=lambda file: (-sum(n > 0 for n in file[1]) / len(file[1]), file[0]))
    everything = [n for _, counts in files for n in counts]
    return [row(counts, name) for name, counts in files] + [row(everything, "all")]


def main():
    total = run.build(DIRECTORY)
    if not total.failed:
        for path in (run.ROOT / DIRECTORY).rglob("*.gcda"):
            path.unlink()
        total.add(run.run_tests(DIRECTORY, sys.argv[1:], leave_out=LEFT_OUT))
        run.say("\n".join(["", *report(lines())]))
    run.say()
    run.say(total)
    sys.exit(1 if total.failed else 0)


if __name__ == "__main__":
    main()
