# SPDX-License-Identifier: LGPL-2.1-or-later
"""What listing a connection costs at both ends, in counts, which are the same on a busy machine.

test_listing.py SERVER MPTCPCTL
"""

import contextlib
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap
from rawbus import RawBus

SERVER, MPTCPCTL = sys.argv[1:3]
# Of a connection with two subflows: what was reached, and a little room.
PAGE_INSTRUCTIONS = 18_000
JSON_INSTRUCTIONS = 30_000
TEXT_INSTRUCTIONS = 42_000
# So much more work may a page of 10,000 connections be than one of 100.
GROWTH = 1.2
PAGE = 50


def needs(*programs):
    for program in programs:
        if not shutil.which(program):
            raise tap.Skip(f"{program} is not installed")


def total(path):
    return int(re.search(r"^(?:totals|summary): (\d+)", path.read_text("ascii"), re.M)[1])


@contextlib.contextmanager
def server(n, *prefix):
    with subprocess.Popen([*prefix, SERVER, str(n)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as child:
        yield child, child.stdout.readline().strip()
        child.stdin.close()


def page_cost(n):
    """Instructions a connection of the last page but a few, where n are listed."""
    with tempfile.TemporaryDirectory() as directory:
        sums = pathlib.Path(directory, "sums")
        prefix = ("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no",
                  f"--callgrind-out-file={sums}")
        with server(n, *prefix) as (child, path), RawBus(path, seconds=30) as bus:

            def tell(*order):
                subprocess.run(["vgdb", f"--pid={child.pid}", *order], check=True,
                               capture_output=True)

            def ask():
                bus.call("ListConnectionsPacked", types="tu",
                         body=struct.pack("<QI", n - PAGE - 10, PAGE))

            ask()
            tell("instrumentation", "on")
            ask()
            tell("dump")
            ask()
            tell("dump")
            return total(pathlib.Path(f"{sums}.2")) / PAGE


def client_cost(path, *words):
    with tempfile.TemporaryDirectory() as directory:
        sums = pathlib.Path(directory, "sums")
        subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={sums}",
                        MPTCPCTL, "--socket", path, *words], check=True,
                       stdout=subprocess.DEVNULL)
        return total(sums)


def slope(*words):
    """Instructions of mptcpctl for each connection more."""
    few, many = 50, 350
    with server(few) as (_, one), server(many) as (_, other):
        return (client_cost(other, *words) - client_cost(one, *words)) / (many - few)


@tap.test("/listing/page/costs-as-much-among-ten-thousand-as-among-a-hundred")
def page():
    needs("valgrind", "vgdb")
    few, many = page_cost(100), page_cost(10_000)
    tap.note(f"{few:.0f} instructions a connection among 100, {many:.0f} among 10,000")
    tap.at_most(few, PAGE_INSTRUCTIONS, "instructions a connection")
    tap.at_most(many, GROWTH * few, "instructions a connection among 10,000")


@tap.test("/listing/client/json-and-text-are-cheap")
def client():
    needs("valgrind")
    json, text = slope("--json", "connection"), slope("connection")
    tap.note(f"{json:.0f} instructions a connection for JSON, {text:.0f} for text")
    tap.at_most(json, JSON_INSTRUCTIONS, "instructions of JSON a connection")
    tap.at_most(text, TEXT_INSTRUCTIONS, "instructions of text a connection")


@tap.test("/listing/client/much-is-written-at-once")
def pieces():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sizes = []
    with server(300) as (_, path), ours:
        with subprocess.Popen([MPTCPCTL, "--socket", path, "--json", "connection"], stdout=theirs):
            theirs.close()
            while data := ours.recv(1 << 20):
                sizes.append(len(data))
    tap.note(f"{sum(sizes)} bytes in {len(sizes)} pieces")
    tap.at_most(len(sizes), sum(sizes) / 32768 + 1, "pieces")


if __name__ == "__main__":
    del sys.argv[1:3]
    tap.main()
