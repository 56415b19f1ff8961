# SPDX-License-Identifier: LGPL-2.1-or-later
"""The text formats of Prometheus, read strictly: what promtool and a server would refuse fails here."""

import collections
import math
import re
import shutil
import subprocess

TYPES = {"counter", "gauge", "histogram", "unknown"}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\\\|\\"|\\n|[^"\\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (\S+)$")

Family = collections.namedtuple("Family", "type help samples")  # {(name, labels): value}


def need(condition, what):
    if not condition:
        raise AssertionError(what)


def unescape(text):
    return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)


def owner(name, families, openmetrics):
    """The family that a sample of this name belongs to."""
    for family, (kind, _, _) in families.items():
        suffixes = {"histogram": ("_bucket", "_sum", "_count"),
                    "counter": ("_total",) if openmetrics else ("",)}.get(kind, ("",))
        if name in [family + suffix for suffix in suffixes]:
            return family
    raise AssertionError(f"{name} belongs to no family that was named before")


def check_histogram(name, samples):
    buckets = [(dict(labels)["le"], value) for (full, labels), value in samples.items()
               if full == f"{name}_bucket"]
    bounds = [float(le) for le, _ in buckets]
    need(bounds == sorted(set(bounds)) and bounds[-1] == math.inf, f"{name}: bounds {bounds}")
    counts = [value for _, value in buckets]
    need(counts == sorted(counts), f"{name}: {counts} do not add up")
    need(samples[f"{name}_count", ()] == counts[-1], f"{name}: count")
    need(samples[f"{name}_sum", ()] >= 0, f"{name}: sum")


def parse(text, openmetrics=False):
    """{family: Family}"""
    need(text.endswith("# EOF\n" if openmetrics else "\n"), "the end")
    families, last, lines = {}, None, text.splitlines()
    for line in lines[:-1] if openmetrics else lines:
        match = re.match(rf"# (HELP|TYPE) ({NAME}) (.+)$", line)
        if match and match[1] == "HELP":
            need(match[2] not in families, f"{match[2]} twice")
            families[match[2]] = Family(None, match[3], {})
        elif match:
            need(match[2] in families and families[match[2]].type is None, line)
            need(match[3] in TYPES, line)
            families[match[2]] = Family(match[3], families[match[2]].help, {})
            last = match[2]
        else:
            match = SAMPLE.match(line)
            need(match, f"no sample: {line!r}")
            labels = tuple((k, unescape(v)) for k, v in re.findall(LABEL, match[2] or ""))
            family = owner(match[1], families, openmetrics)
            need(family == last, f"{line!r} stands in {last}")
            need(len(dict(labels)) == len(labels), f"a label twice: {line!r}")
            need((match[1], labels) not in families[family].samples, f"twice: {line!r}")
            families[family].samples[match[1], labels] = float(match[len(match.groups())])
    for name, family in families.items():
        need(family.type, f"{name} has no type")
        if family.type == "histogram":
            check_histogram(name, family.samples)
        if not openmetrics:
            need(name.endswith("_total") == (family.type == "counter"), f"the name of {name}")
    return families


def values(families, name, **labels):
    """The values of the samples that have these labels."""
    found = []
    for family in families.values():
        found += [value for (full, have), value in family.samples.items()
                  if full == name and labels.items() <= dict(have).items()]
    return found


def total(families, name, **labels):
    return sum(values(families, name, **labels))


def names(families):
    """Those of the samples."""
    return {name for family in families.values() for name, _ in family.samples}


def promtool(*argv, text=None):
    """Have Debian's own look at it; None: it is not installed."""
    if not shutil.which("promtool"):
        return None
    done = subprocess.run(["promtool", *map(str, argv)], input=text, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    need(done.returncode == 0, f"promtool: {done.stdout}")
    return done.stdout
