# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every listing as it is shown, in terminals of 80 and 140 columns, in a pipe, and as JSON.

test_text.py SERVER MPTCPCTL SCHEMA [WORD...]
With GOLDEN=write in the environment the files in golden/ are written, to be looked at by a person.
"""

import contextlib
import functools
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap
import terminal

SERVER, MPTCPCTL, SCHEMA = map(os.path.abspath, sys.argv[1:4])
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
SOURCES = pathlib.Path(__file__).resolve().parents[2]
# Of these libmptcpctl tells, and no listing.
NO_JSON = {f"mptcpctl_{name}" for name in ("listener", "link", "top", "sample", "metric")}
ESCAPE = re.compile("\033\\[[0-9;]*[A-Za-z]")

LISTINGS = {
    "status": "status", "status-verbose": "status --verbose", "connection": "connection",
    "connection-one": "connection f1aceb40", "subflow": "subflow", "endpoint": "endpoint",
    "limits": "limits", "interface": "interface", "interface-one": "interface eth2",
    "policy": "policy", "policy-test": "policy test 10.0.1.1 10.9.0.1:80 uid 7",
    "explain": "explain", "explain-one": "explain f1aceb40", "config": "config show",
}


@contextlib.contextmanager
def server(*words):
    with subprocess.Popen([SERVER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        path = child.stdout.readline().strip()
        if not path.startswith("/"):
            raise tap.Skip(path)
        try:
            yield path
        finally:
            child.stdin.close()


def steady(text):
    """What differs from run to run is said to do so, and takes as much room."""
    text = re.sub(r", up \d+ .*", ", up 0 s", text)
    text = re.sub(r"since \d+ s", "since 184 s", text)
    text = re.sub(r"another (1 h 0|59) min", "another 1 h 0 min", text)
    return re.sub(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "since 2026-01-01 00:00:00", text)


def golden(name, text):
    path = GOLDEN / name
    GOLDEN.mkdir(exist_ok=True)
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    tap.equal(text, path.read_text(encoding="utf-8"), name)


def shown(path, words, columns):
    code, text, error = terminal.run(MPTCPCTL, "--socket", path, *words.split(), columns=columns)
    tap.equal((code, error), (0, ""), f"{words}: exit and what is said")
    return text


def piped(path, *words, **env):
    return subprocess.run([MPTCPCTL, "--socket", path, *words], check=True, text=True,
                          capture_output=True, env=terminal.environment(**env)).stdout


def compare(columns):
    with server() as path:
        for name, words in LISTINGS.items():
            text = shown(path, words, columns)
            plain = steady(ESCAPE.sub("", text))
            for line in plain.splitlines():
                tap.at_most(len(line), columns, f"columns of {line!r}")
                tap.equal(line, line.rstrip(), "no blanks at the end")
            golden(f"{name}.{columns}", plain)


@tap.test("/text/terminal/80-columns")
def narrow():
    compare(80)


@tap.test("/text/terminal/140-columns")
def wide():
    compare(140)


@tap.test("/text/terminal/any-width-and-nothing-of-an-address-is-lost-where-there-is-room")
def any_width():
    with server() as path:
        for columns in (72, 100, 250):
            for words in ("connection", "subflow", "interface", "status", "explain", "endpoint"):
                text = ESCAPE.sub("", shown(path, words, columns))
                widest = max(map(len, text.splitlines()))
                tap.true(widest <= columns, f"{widest} columns of {columns}: {text}")
        tap.true("[2001:db8:1234:5678:abcd:ef01:2345:6789]:54321" in shown(path, "subflow", 250),
                 "an address in full")


@tap.test("/text/pipe/as-it-is-and-headers-where-they-are-asked-for")
def pipe():
    with server() as path:
        for name, words in LISTINGS.items():
            text = piped(path, *words.split())
            tap.true("\033" not in text, "no colour")
            golden(f"{name}.pipe", steady(text))
        plain, headed = piped(path, "endpoint"), piped(path, "--headers", "endpoint")
        tap.equal(headed.splitlines()[0].split(),
                  ["ID", "ADDRESS", "INTERFACE", "FLAGS", "OWNER", "STATE"], "headers")
        tap.equal(len(headed.splitlines()), len(plain.splitlines()) + 1, "lines")


@tap.test("/text/colour/auto-always-never-and-NO_COLOR")
def colour():
    def colours(text):
        return bool(ESCAPE.search(text))

    with server() as path:
        tap.equal([colours(piped(path, f"--color={w}", "connection"))
                   for w in ("auto", "always", "never")], [False, True, False], "in a pipe")
        tap.true(colours(piped(path, "--color", "always", "connection", NO_COLOR="1")),
                 "always is always")
        tap.equal([colours(shown(path, f"--color {w} connection", 80))
                   for w in ("auto", "always", "never")], [True, True, False], "in a terminal")
        _, text, _ = terminal.run(MPTCPCTL, "--socket", path, "connection",
                                  env=terminal.environment(NO_COLOR="1"))
        tap.true(not colours(text), "NO_COLOR")


@tap.test("/text/ascii/where-the-locale-is-not-utf-8")
def ascii_only():
    with server() as path:
        _, text, _ = terminal.run(MPTCPCTL, "--socket", path, "connection",
                                  env=terminal.environment(LANG="C"))
        tap.true(text.isascii(), text)
        tap.true("|-eth1" in text and "`-" in text, text)


@tap.test("/text/none/a-person-is-told-and-a-pipe-gets-nothing")
def none():
    with server("empty") as path:
        for words, name in (("connection", "connections"), ("subflow", "subflows"),
                            ("connection state closing", "connections")):
            tap.equal(terminal.run(MPTCPCTL, "--socket", path, *words.split()),
                      (0, "", f"mptcpctl: no {name}\n"), words)
            done = subprocess.run([MPTCPCTL, "--socket", path, *words.split()], check=True,
                                  capture_output=True, text=True)
            tap.equal((done.stdout, done.stderr), ("", ""), f"{words} in a pipe")


@tap.test("/text/filter/each-selects-what-it-says")
def filters():
    with server() as path:
        def tokens(*words):
            told = json.loads(piped(path, "--json", "connection", *words))
            return [c["token"] for c in told["connections"]]

        everything = ["f1aceb40", "1a2b3c", "77"]
        for words, wanted in (
                ("", everything), ("dev eth2", everything[:2]), ("dev nosuch", []),
                ("to 10.9.0.0/16", ["f1aceb40", "77"]), ("to 10.9.7.7", ["77"]),
                ("to 10.9.7.7:80", ["77"]), ("to 10.9.7.7:81", []), ("to 2001:db8::/32", ["1a2b3c"]),
                ("to [2001:db8:9:2::1]:8443", ["1a2b3c"]), ("policy web", ["77"]),
                ("policy rest", ["f1aceb40", "1a2b3c"]), ("state established", everything),
                ("state created", []), ("state multi-path", everything[:2]),
                ("state single-path", []), ("state fallen-back", ["77"]),
                ("state unhealthy", everything[:2]), ("dev eth1 state fallen-back", ["77"]),
                ("f1aceb40 dev eth2", ["f1aceb40"]), ("show dev eth2", everything[:2])):
            tap.equal(tokens(*words.split()), wanted, f"connection {words}")
        lines = piped(path, "subflow", "dev", "eth2").splitlines()
        tap.equal(len(lines), 2, f"subflows of eth2: {lines}")
        lines = piped(path, "subflow", "to", "10.9.7.7").splitlines()
        tap.equal(len(lines), 1, f"subflows to an address: {lines}")


@tap.test("/text/watch/lists-again-until-its-reader-goes")
def watch():
    with server() as path:
        with terminal.terminal(MPTCPCTL, "--socket", path, "-w", "0.2", "connection") as (_, fd):
            text = terminal.read_until(fd, lambda t: t.count("f1aceb40") >= 3)
            tap.true(text.count("\033[H\033[2J") >= 3, "each look begins a screen")
        with subprocess.Popen([MPTCPCTL, "--socket", path, "--watch=0.1", "limits"],
                              stdout=subprocess.PIPE, text=True) as child:
            lines = [child.stdout.readline() for _ in range(3)]
            tap.equal(lines, ["subflows 2 add_addr_accepted 4\n", "\n",
                              "subflows 2 add_addr_accepted 4\n"], "in a pipe")
            child.stdout.close()
            tap.equal(child.wait(10), 1, "it ends with its reader")
        with subprocess.Popen([MPTCPCTL, "--socket", path, "--watch=0.1", "--json", "limits"],
                              stdout=subprocess.PIPE, text=True) as child:
            for _ in range(3):
                json.loads(child.stdout.readline())
            child.stdout.close()


def looks(path, *words, **options):
    """The text of a look, of the second of two, on a screen of its own."""
    begin = "\033[H\033[2J"
    with terminal.terminal(MPTCPCTL, "--socket", path, "-w", "0.1", *words, **options) as (_, fd):
        text = terminal.read_until(fd, lambda t: t.count(begin) >= 3)
    return ESCAPE.sub("", text.split(begin)[2]).replace("\r\n", "\n")


@tap.test("/text/watch/says-how-many-lines-a-screen-has-no-room-for")
def short_screen():
    with server() as path:
        whole = looks(path, "subflow")
        tap.true(whole.endswith("\n"), f"all of it: {whole!r}")
        n = whole.count("\n")
        for room in (2, n - 1, n):
            shown, left = looks(path, "subflow", lines=room), n - room + 1
            tap.equal(shown.split("\n"), whole.split("\n")[:room - 1] + [f"… {left} more line{'s' * (left > 1)}"],
                      f"of {n} lines on {room}")
        tap.equal(looks(path, "subflow", lines=n + 1), whole, "one that has room")
    with server("empty") as path:
        tap.equal(looks(path, "connection"), "mptcpctl: no connections\n", "of nothing")


@tap.test("/text/top/says-why-it-cannot-draw")
def no_screen():
    other = "mptcpctl connection lists the same\n"
    done = subprocess.run([MPTCPCTL, "top"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False)
    if "without ncurses" in done.stderr:
        raise tap.Skip("built without ncurses")
    tap.equal((done.returncode, done.stdout, done.stderr),
              (1, "", f"mptcpctl: top draws on a terminal, and this is none: {other}"), "in a pipe")
    for name, why in (("dumb", "cannot be drawn on"), ("no-such", "is not known here"),
                      ("", "is not known here")):
        tap.equal(terminal.run(MPTCPCTL, "top", env=terminal.environment(TERM=name)),
                  (1, "", f'mptcpctl: the terminal "{name}" {why} (TERM): {other}'), f"TERM={name}")
    absent = [MPTCPCTL, "--socket", "/nonexistent", "top"]
    done = subprocess.run(absent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    for how, (code, shown, error) in (("on a terminal", terminal.run(*absent)),
                                      ("in a pipe", (done.returncode, done.stdout, done.stderr))):
        tap.equal((code, shown), (3, ""), f"without mptcpd, {how}")
        tap.true(error.startswith("mptcpctl: no mptcpd"), error)


# ---- JSON ----

def without_clocks(value):
    """With what depends on when it was asked set to 0."""
    if isinstance(value, dict):
        return {k: 0 if k in ("age-ms", "uptime-ms", "since-ms", "health-since-ms",
                              "blackhole-since-ms", "blackhole-until-ms") and v is not None
                else without_clocks(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_clocks(v) for v in value]
    return value


def strict(schema):
    """The schema, with no key allowed that it does not name."""
    if isinstance(schema, dict):
        made = {k: strict(v) for k, v in schema.items()}
        if "properties" in made and "additionalProperties" not in made:
            made["additionalProperties"] = False
        return made
    return [strict(v) for v in schema] if isinstance(schema, list) else schema


@functools.cache
def read_schema():
    try:
        import jsonschema
    except ImportError as error:
        raise tap.Skip("python3-jsonschema is not installed") from error
    schema = strict(json.loads(pathlib.Path(SCHEMA).read_text(encoding="utf-8")))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator, schema


def validator(name):
    kind, schema = read_schema()
    tap.true(f"output-{name}" in schema["$defs"], name)
    return kind({"$ref": f"#/$defs/output-{name}", "$defs": schema["$defs"]})


@tap.test("/json/listings/are-as-the-schema-says-and-as-they-were")
def outputs():
    with server() as path:
        for name, words in LISTINGS.items():
            told = json.loads(piped(path, "--json", *words.split()))
            verb = re.sub("-(verbose|one)$", "", name).replace("config", "config-show")
            validator(verb).validate(told)
            text = json.dumps(without_clocks(told), indent=1, sort_keys=True)
            golden(f"{name}.json", steady(text) + "\n")
        told = json.loads(piped(path, "--json", "limits"))
        validator("limits").validate(told)


@tap.test("/json/monitor/is-as-the-schema-says")
def monitor():
    check = validator("monitor")
    with server() as path, subprocess.Popen(
            [MPTCPCTL, "--socket", path, "--json", "monitor"], stdout=subprocess.PIPE) as child:
        seen = set()
        for line in child.stdout:
            event = json.loads(line)
            check.validate(event)
            seen.add(event["event"])
            if event["event"] == "synchronized":
                break
        child.kill()
        tap.true(len(seen) >= 6, f"{seen}")


@tap.test("/json/schema/names-every-member-there-is")
def complete():
    tables = (SOURCES / "lib/schema.c").read_text(encoding="utf-8").split("#define M(name) AT(")
    tables = "".join(t for t in tables if t.split(",")[0] not in NO_JSON)
    names = set(re.findall(r'^\t(?:\{|.*\{)"([a-z0-9-]+)", FIELD_(?!.*FIELD_WIRE)', tables, re.M))
    schema = pathlib.Path(SCHEMA).read_text(encoding="utf-8")
    tap.true(len(names) > 80, f"{len(names)} members")
    tap.equal([n for n in sorted(names) if f'"{n}":' not in schema
               and n != "mptcp-enabled"], [], "not in the schema")


if __name__ == "__main__":
    del sys.argv[1:4]
    tap.main()
