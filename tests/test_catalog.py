# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal's catalog says something of every message that has an id, and of no other."""

import pathlib
import re

import tap

ROOT = pathlib.Path(__file__).resolve().parents[1]
FIELDS = {"MPTCP_TOKEN", "MPTCP_POLICY", "INTERFACE"}


def entries():
    """{id: (header, text)}"""
    text = (ROOT / "systemd/mptcpd.catalog").read_text(encoding="utf-8")
    parts = re.split(r"^-- ([0-9a-f]{32})$", text, flags=re.M)[1:]
    return {name: part.strip().split("\n\n", 1) for name, part in zip(parts[::2], parts[1::2])}


def ids():
    """{id: name}"""
    text = (ROOT / "daemon/messages.h").read_text(encoding="utf-8")
    return {name: word for word, name in re.findall(r'#define (MESSAGE_\w+)[\s\\\\]+"([0-9a-f]{32})"', text)}


@tap.test("/catalog/has-every-message-once-and-no-other")
def complete():
    names = re.findall(r"#define MESSAGE_\w+", (ROOT / "daemon/messages.h").read_text(encoding="utf-8"))
    tap.equal(len(names), len(ids()), "ids that are different and well formed")
    tap.equal(sorted(entries()), sorted(ids()), "ids in the catalog")
    text = (ROOT / "systemd/mptcpd.catalog").read_text(encoding="utf-8")
    tap.equal(text.count("\n-- "), len(ids()), "entries")


@tap.test("/catalog/says-what-each-means-and-which-manual-has-more")
def words():
    for name, (header, text) in entries().items():
        keys = dict(line.split(": ", 1) for line in header.splitlines())
        tap.equal(list(keys), ["Subject", "Defined-By", "Documentation"], f"header of {ids()[name]}")
        for page, section in re.findall(r"man:([\w.-]+)\((\d)\)", keys["Documentation"]):
            tap.true((ROOT / f"man/{page}.{section}.rst").exists(), f"manual {page}({section})")
        tap.equal(set(re.findall(r"@(\w+)@", text)) - FIELDS, set(), f"fields in {ids()[name]}")
        tap.true(len(text) > 60 and max(map(len, text.splitlines())) <= 90, f"text of {ids()[name]}")


@tap.test("/catalog/every-message-is-used")
def used():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "daemon").rglob("*.c"))
    tap.equal([name for name in ids().values() if name not in sources], [], "ids that nobody logs")


if __name__ == "__main__":
    tap.main()
