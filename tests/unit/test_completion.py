# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion in the shells themselves.

test_completion.py SERVER MPTCPCTL DIRECTORY MPTCPIZE [WORD...]
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap
import terminal

SERVER, MPTCPCTL, DIRECTORY, MPTCPIZE = map(os.path.abspath, sys.argv[1:5])
TAB = "\t"

# What is typed, what must be offered then, and what must not.
OFFERS = (
    ("conn", {"connection"}, {"status"}),
    ("", {"status", "connection", "help", "monitor"}, {"add", "show"}),
    ("endpoint ", {"add", "change", "delete", "flush", "id"}, {"status"}),
    ("endpoint id ", {"4", "17", "200"}, {"add"}),
    ("endpoint delete ", {"id", "10.0.0.1"}, {"add"}),
    ("connection ", {"f1aceb40", "1a2b3c", "dev", "to", "policy", "state"}, {"add"}),
    ("connection policy ", {"web", "rest"}, {"dev"}),
    ("connection state ", {"multi-path", "fallen-back", "established"}, {"dev"}),
    ("connection dev ", {"lo"}, {"state"}),
    ("subflow change f1aceb40 10.0.0.1:43210 10.9.0.1:443 ", {"backup", "nobackup"}, {"dev"}),
    ("limits set ", {"subflows", "add_addr_accepted"}, {"TOKEN"}),
    ("policy test 10.0.0.1 10.9.0.1:80 side ", {"client", "server"}, {"uid"}),
    ("help endpoint ", {"flush"}, {"status"}),
    ("--color ", {"auto", "always", "never"}, {"status"}),
    ("--js", {"--json"}, {"--watch"}),
    ("-", {"--json", "-N", "--peer"}, {"status"}),
    ("-N ", set(), {"status"}),
    ("-w 5 connection ", {"f1aceb40", "dev"}, {"status"}),
    ("--watch connection ", {"f1aceb40", "dev"}, {"status"}),
    ("doctor --peer 10.9.0.1 ", set(), {"status"}),
    ("-N nosuch connection ", {"dev", "state"}, {"status", "f1aceb40"}),
)


@contextlib.contextmanager
def scene():
    """A server, and what finds mptcpctl and asks there."""
    with subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child, tempfile.TemporaryDirectory() as home:
        path = child.stdout.readline().strip()
        if not path.startswith("/"):
            raise tap.Skip(path)
        os.symlink(MPTCPCTL, f"{home}/mptcpctl")
        try:
            yield terminal.environment(HOME=home, PATH=f"{home}:{os.environ['PATH']}",
                                       MPTCPCTL_SOCKET=path)
        finally:
            child.stdin.close()


def needs(shell):
    if not shutil.which(shell):
        raise tap.Skip(f"{shell} is not installed")


def judge(offered, alone=True):
    """`alone`: what is offered, and nothing else that a terminal shows."""
    for typed, wanted, unwanted in OFFERS:
        got = offered(f"mptcpctl {typed}")
        tap.true(wanted <= got and not (alone and unwanted & got), f"{typed!r}: {sorted(got)}")


@tap.test("/completion/bash/offers-what-there-is")
def bash():
    needs("bash")
    script = ('source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; _mptcpctl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    with scene() as env:
        def offered(line):
            return set(subprocess.run(
                ["bash", "--noprofile", "--norc", "-c", script, "-", f"{DIRECTORY}/mptcpctl", line],
                check=True, text=True, capture_output=True, env=env).stdout.splitlines())

        judge(offered)
        # Readline knows the part behind the last colon alone.
        tap.equal(offered("mptcpctl subflow delete f1aceb40 10.0.0.1:"), {"43210"}, "a port")
        tap.equal(offered("mptcpctl nosuch "), {""}, "no verb")


@tap.test("/completion/bash/in-a-terminal")
def bash_typed():
    needs("bash")
    with scene() as env, terminal.terminal("bash", "--noprofile", "--norc", "-i", env=env,
                                           columns=200) as (_, fd):
        os.write(fd, f"PS1='> '; source {DIRECTORY}/mptcpctl; echo rea''dy\n".encode())
        terminal.read_until(fd, lambda t: "\rready" in t or "\nready" in t)
        os.write(fd, f"mptcpctl subflow delete f1aceb40 10.0.0.1{TAB} 10.9.0{TAB}".encode())
        terminal.read_until(fd, lambda t: "10.0.0.1:43210" in t and "10.9.0.1:443" in t)
        os.write(b"\x15" and fd, f"\x15mptcpctl conn{TAB}f1{TAB}".encode())
        terminal.read_until(fd, lambda t: "mptcpctl connection f1aceb40 " in t)


# What the root of a container may call a link of his, without blanks, colons and slashes.
HOSTILE = ("$(echo>evil)", "`echo>evil`", "a;echo>evil", "a&echo>evil", "x'y", "<evil", "a*")


def hostile(shell, options, source):
    needs(shell)
    for name in HOSTILE:
        with tempfile.TemporaryDirectory() as home:
            program = pathlib.Path(home) / "mptcpctl"
            program.write_text('#!/bin/sh\n[ "$1" = --complete ] || exec printf "got <%s>" "$3"\n'
                               f"cat <<'END'\n{name}\tinterface\nEND\n", encoding="ascii")
            program.chmod(0o755)
            env = terminal.environment(HOME=home, PATH=f"{home}:{os.environ['PATH']}")
            with terminal.terminal(shell, *options, "-i", env=env) as (_, fd):
                os.write(fd, f"PS1='> '; cd; {source}; echo rea''dy\n".encode())
                terminal.read_until(fd, lambda t: "\rready" in t or "\nready" in t)
                os.write(fd, f"mptcpctl connection dev {TAB}".encode())
                terminal.read_until(fd, lambda t, n=name: n[-1] in t.rpartition("dev")[2])
                os.write(fd, b"\n")
                terminal.read_until(fd, lambda t, n=name: f"got <{n}>" in t)
            tap.equal(os.listdir(home), ["mptcpctl"], f"files after {name}")


@tap.test("/completion/bash/what-a-name-says-is-not-done")
def bash_hostile():
    hostile("bash", ("--noprofile", "--norc"), f"source {DIRECTORY}/mptcpctl")


@tap.test("/completion/zsh/what-a-name-says-is-not-done")
def zsh_hostile():
    hostile("zsh", ("-f",), f"fpath=({DIRECTORY} $fpath); autoload -U compinit; compinit -u -D")


@tap.test("/completion/zsh/in-a-terminal")
def zsh():
    needs("zsh")
    with scene() as env, terminal.terminal("zsh", "-f", "-i", env=env, columns=200) as (_, fd):
        os.write(fd, (f"PS1='> '; fpath=({DIRECTORY} $fpath); autoload -U compinit; "
                      "compinit -u -D; zstyle ':completion:*' list-prompt ''; LISTMAX=9999; "
                      "setopt no_list_beep no_beep; echo rea''dy\n").encode())
        terminal.read_until(fd, lambda t: "\rready" in t or "\nready" in t)

        def offered(line):
            """The first word of each line that comes below the one that is typed."""
            os.write(fd, f"\x15{line}{TAB}".encode())
            typed = OFFERS_BY_LINE[line]
            text = terminal.read_until(
                fd, lambda t: all(re.search(rf"(^|[\s\x07]){re.escape(w)}\b", plain(t))
                                  for w in typed))
            return set(re.split(r"\s+", plain(text)))

        judge(offered, alone=False)


OFFERS_BY_LINE = {f"mptcpctl {typed}": wanted for typed, wanted, _ in OFFERS}


def plain(text):
    return re.sub("\033\\[[0-9;?]*[A-Za-z]", " ", text).replace("\x08", "")


@tap.test("/completion/fish/offers-what-there-is")
def fish():
    needs("fish")
    with scene() as env:
        def offered(line):
            told = subprocess.run(
                ["fish", "--no-config", "-c", f'source {DIRECTORY}/mptcpctl.fish; '
                 f'complete -C "{line}"'], check=True, text=True, capture_output=True,
                env=env).stdout
            return {row.split("\t")[0] for row in told.splitlines()}

        judge(offered)


@tap.test("/completion/mptcpize/offers-verbs-options-and-programs")
def mptcpize():
    def offered(line):
        told = subprocess.run([MPTCPIZE, "--complete", *line.split(" ")], check=True, text=True,
                              capture_output=True).stdout
        return {row.split("\t")[0] for row in told.splitlines()}

    tap.equal(offered(""), {"run", "enable", "disable", "status", "check"}, "verbs")
    tap.equal(offered("en"), {"enable"}, "a verb")
    tap.equal(offered("run "), {":commands"}, "a program")
    tap.equal(offered("run --verbose cat "), {":files"}, "its arguments")
    tap.true({"--backend=auto", "--backend=bpf", "--keepalive", "--name", "--verbose"}
             <= offered("run --"), f"options: {offered('run --')}")
    tap.true({"--user", "--json"} <= offered("check --"), f"options: {offered('check --')}")
    needs("bash")
    script = ('source "$1"; COMP_LINE="$2 run ca"; COMP_POINT=${#COMP_LINE}; _mptcpize; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    told = subprocess.run(["bash", "--noprofile", "--norc", "-c", script, "-",
                           f"{DIRECTORY}/mptcpize", MPTCPIZE], check=True, text=True,
                          capture_output=True).stdout
    tap.true("cat" in told.splitlines(), f"commands: {told!r}")


@tap.test("/completion/each-verb-completes-without-a-daemon")
def alone():
    env = terminal.environment(MPTCPCTL_SOCKET="/nonexistent/control")
    for line in ("", "connection ", "endpoint id ", "subflow add ", "withdraw 1 id ", "explain "):
        done = subprocess.run([MPTCPCTL, "--complete", *line.split(" ")], text=True, env=env,
                              capture_output=True, check=False)
        tap.equal(done.returncode, 0, f"exit of {line!r}")


if __name__ == "__main__":
    del sys.argv[1:5]
    tap.main()
