# SPDX-License-Identifier: LGPL-2.1-or-later
"""The file system of a guest: files of this machine at their own places, as an initramfs."""

import lzma
import os
import pathlib
import re
import stat
import subprocess

LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
COMMANDS = ("bash", "cat", "echo", "env", "false", "ip", "mount", "nft", "nice", "nohup", "prlimit", "readlink",
            "setpriv", "setsid", "sh", "sort", "ss", "stat", "sysctl", "tc", "timeout", "touch", "true", "umount",
            "unshare", "wg", "wg-quick", "xargs")
UNUSED = {"config-*", "distutils", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test",
          "tkinter", "turtledemo"}  # of Python's library


class Lacking(Exception):
    """This machine has not what a guest needs."""


def libraries(path):
    """The shared objects that a program or library needs, as the loader of this machine says."""
    done = subprocess.run(["ldd", path], text=True, capture_output=True, check=False)
    if "not found" in done.stdout:
        raise Lacking(f"{path}: {done.stdout.strip()}")
    return re.findall(r"(/\S+) \(0x", done.stdout)


def real_place(place):
    """Where it is in the archive: without the first slash, and with LINKS followed."""
    first, _, rest = os.path.normpath(place).lstrip("/").partition("/")
    return f"{LINKS.get(first, first)}/{rest}" if rest else first


class Image:
    """What was added, by place; write() makes an archive of it."""

    def __init__(self):
        self.entries = {}  # real place: (mode, content)
        for name, target in LINKS.items():
            self.link(f"/{name}", target)
        for name in ("dev", "proc", "root", "run", "sys", "tmp"):
            self.entries[name] = (stat.S_IFDIR | 0o755, b"")

    def _put(self, place, mode, content):
        place = real_place(place)
        self.entries[place] = (mode, content)
        for parent in list(pathlib.PurePath(place).parents)[:-1]:
            self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b""))

    def link(self, place, target):
        self._put(place, stat.S_IFLNK | 0o777, target.encode())

    def data(self, place, content, mode=0o644):
        self._put(place, stat.S_IFREG | mode, content)

    def file(self, path, place=None):
        """A file as it is here, with the libraries it needs if it is a program or a library."""
        content = pathlib.Path(path).read_bytes()
        self.data(place or path, content, stat.S_IMODE(os.stat(path).st_mode))
        if content.startswith(b"\x7fELF"):
            for library in libraries(path):
                if real_place(library) not in self.entries:
                    self.file(library)

    def tree(self, top, patterns=("*",), without=frozenset()):
        """The files below a directory whose names match; none below what `without` names."""
        for path in sorted(pathlib.Path(top).rglob("*")):
            parts = path.relative_to(top).parts
            unwanted = any(pathlib.PurePath(p).match(w) for p in parts[:1] for w in without)
            if path.is_file() and not unwanted and any(path.match(p) for p in patterns):
                self.file(path)

    def command(self, name):
        for directory in ("/usr/bin", "/usr/sbin"):
            if os.access(f"{directory}/{name}", os.X_OK):
                return self.file(os.path.realpath(f"{directory}/{name}"), f"{directory}/{name}")
        raise Lacking(f"no command {name}")

    def python(self):
        """/usr/bin/python3 with the library it came with."""
        real = os.path.realpath("/usr/bin/python3")
        self.file(real)
        self.link("/usr/bin/python3", os.path.basename(real))
        self.tree(f"/usr/lib/{os.path.basename(real)}", without=UNUSED)
        for path in pathlib.Path("/usr/lib").glob("*/libgcc_s.so.1"):
            self.file(path)  # which threads load when they end

    def write(self, path):
        """As cpio's newc, which the kernel unpacks; it is not compressed, which would be slower."""
        with open(path, "wb") as file:
            for number, place in enumerate(sorted(self.entries), 1):
                file.write(member(number, place, *self.entries[place]))
            file.write(member(0, "TRAILER!!!", 0, b""))


def member(number, place, mode, content):
    name = place.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


class Modules:
    """The modules of an unpacked kernel package, which has no modules.dep yet."""

    def __init__(self, directory):
        self.paths = {}
        for path in pathlib.Path(directory).rglob("*.ko*"):
            self.paths[path.name.partition(".")[0].replace("-", "_")] = path

    def content(self, name):
        path = self.paths[name]
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def with_needed(self, names):
        """{name: content} of modules and of all they need, in the order of loading."""
        found = {}

        def visit(name):
            if name in found or name not in self.paths:  # what is no module is built in
                return
            content = self.content(name)
            needed = re.search(rb"\0depends=([^\0]*)\0", content)
            for other in filter(None, needed[1].decode().split(",") if needed else []):
                visit(other.replace("-", "_"))
            found[name] = content

        for name in names:
            visit(name)
        return found
