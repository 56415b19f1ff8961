# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may use what: the arrows of ARCHITECTURE.md, checked in sources and in built objects.

layers.py BUILD-DIRECTORY prints TAP. A rule names what is allowed; all else is an error.
"""

import functools
import pathlib
import re
import subprocess
import sys
import tempfile

import tap

ROOT = pathlib.Path(__file__).resolve().parents[1]
PURE_LIBC = set(
    "arpa/inet.h assert.h ctype.h endian.h errno.h fnmatch.h inttypes.h limits.h netinet/in.h"
    " stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h sys/socket.h".split()
)
PLUGIN_API = {"mptcpd/addr.h", "mptcpd/plugin.h", "mptcpd/types.h", "mptcpd/view.h"}
# The core is told the time.
PURE_BASE = {"base/addr.h", "base/checksum.h", "base/clean.h", "base/hot.h", "base/shell.h",
             "base/word.h"}
CORE = {"base/", "core/", "core/model/", "core/engine/"}
SEAM = {"base/", "core/event.h", "core/ops.h"}
# Only kernel/ speaks netlink.
NETLINK = re.compile(
    r"libmnl/|linux/(netlink|genetlink|rtnetlink|if_link|if_addr|sock_diag|inet_diag|mptcp\w*)\.h"
)
FOREIGN = re.compile(r"(ell|libmnl|systemd|uthash|jansson|glib|mptcpd|mptcpctl|mptcp|linux)[/.]")


def is_pure(header):
    return header in PURE_LIBC | PLUGIN_API | {"uthash.h"}


def is_for_daemon(header):
    return not NETLINK.match(header) and not re.match(r"(jansson|glib|mptcpctl)[/.]", header)


# room: (own sources, project headers by path or room, system headers as a predicate)
ROOMS = {
    "base": (set(), lambda h: is_pure(h) or h in ("fcntl.h", "sys/stat.h", "sys/syscall.h", "time.h", "unistd.h")),
    "core": (PURE_BASE, is_pure),
    "core/model": (PURE_BASE | {"core/"}, is_pure),
    "core/engine": (PURE_BASE | {"core/", "core/model/"}, is_pure),
    "kernel": (SEAM, lambda h: not re.match(r"(ell|systemd|jansson|glib|uthash|mptcpctl)[/.]", h)),
    "plugins": (set(), lambda h: h in PLUGIN_API or not FOREIGN.match(h)),
    "lib": ({"base/"}, lambda h: not FOREIGN.match(h) or re.match(r"(systemd|mptcpctl)/", h)),
    "lib/mptcp": (set(), lambda h: not FOREIGN.match(h) or h == "mptcp/socket.h"),
    "cli": ({"base/"}, lambda h: not FOREIGN.match(h)),
    "ctl": ({"base/", "cli/", "lib/"},
            lambda h: not NETLINK.match(h) and not re.match(r"(ell|glib|uthash)[/.]", h)),
    "mptcpize": (SEAM | {"cli/", "kernel/kernel.h", "kernel/sockets.h", "lib/"}, lambda h: not NETLINK.match(h)),
    "daemon": (CORE | {"daemon/bus/", "daemon/config/", "daemon/probe/", "daemon/state/", "kernel/kernel.h",
                       "lib/events.h", "kernel/listener.h", "kernel/netdev.h",
                       "kernel/netstat.h", "kernel/sockets.h", "kernel/sysctl.h"}, is_for_daemon),
    "daemon/bus": (CORE | {"lib/wait.h", "daemon/auto.h", "daemon/loop.h", "lib/events.h", "lib/wire.h", "lib/writer.h"},
                   is_for_daemon),
    "daemon/config": (CORE | {"daemon/auto.h", "daemon/loop.h"}, is_for_daemon),
    "daemon/probe": ({"base/", "core/", "daemon/auto.h", "daemon/loop.h"}, is_for_daemon),
    "daemon/state": (CORE | {"daemon/auto.h", "kernel/kernel.h", "kernel/listener.h"}, is_for_daemon),
    "tests/fake": (CORE, lambda h: is_pure(h) or h == "glib.h"),
    "simulate": (CORE | {"daemon/config/config.h", "daemon/config/calls.h", "daemon/config/ini.h",
                         "daemon/state/state.h", "tests/fake/"},
                 lambda h: not NETLINK.match(h) and not re.match(r"(jansson|mptcpctl)[/.]", h)),
    "include/mptcpd": (set(), lambda h: h in PURE_LIBC | PLUGIN_API),
    "include/mptcpctl": (set(), lambda h: not FOREIGN.match(h) or re.match(r"mptcpctl/", h)),
    "include/mptcp": (set(), lambda h: not FOREIGN.match(h)),
}

LINES_MAX = 500  # of a file: CODING_STYLE.md

# All that the core may ask of libc: memory, text, numbers, and giving up.
CORE_SYMBOLS = re.compile(
    r"(mem(cpy|move|set|cmp|chr)|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str|dup|ndup|spn|"
    r"cspn|pbrk|tol|tou?ll?|toull?|toul)|__isoc23_strto(u?ll?|ul)|stpcpy|(__)?v?snprintf(_chk)?|"
    r"__(mem|str|stp)n?(cpy|move|set|cat)_chk|malloc|calloc|realloc|reallocarray|free|abort|"
    r"__assert_fail|qsort|bsearch|fnmatch|inet_(pton|ntop)|__ctype_b_loc|__errno_location|"
    r"__stack_chk_fail|strerror|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|gcov|llvm)_\w+)"
)


def room_of(path):
    """The room a file of the tree lies in, the innermost one."""
    inside = [room for room in ROOMS if path.startswith(room + "/")]
    return max(inside, key=len, default=None)


@functools.cache
def sources(root):
    """All C of a tree, without what was built or unpacked there, which may be very much."""
    return sorted(path for top in root.glob("[a-z]*/") if not top.name.startswith("build")
                  for path in top.rglob("*.[ch]"))


def find_project_header(root, source, name):
    """Where a quoted include leads, as a path below root; None: nowhere unique."""
    beside = source.parent / name
    if beside.is_file():
        return beside.resolve().relative_to(root).as_posix()
    def is_lent(path):
        """Of the tests the fakes alone lend headers; those of plugins are included by <>."""
        return path.startswith("tests/fake/") or not path.startswith(("tests/", "include/mptcpd/"))

    found = [p for p in sources(root)
             if p.as_posix().endswith("/" + name) and is_lent(p.relative_to(root).as_posix())]
    return found[0].relative_to(root).as_posix() if len(found) == 1 else None


def include_errors(root):
    """Every include that its room may not have; and how many were read."""
    errors, count = [], 0
    for source in sources(root):
        path = source.relative_to(root).as_posix()
        room = room_of(path)
        if room is None:
            continue
        project, system = ROOMS[room]
        for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            if not match:
                continue
            count += 1
            where, name = f"{path}:{number}", match[2]
            if match[1] == "<":
                if not system(name):
                    errors.append(f"{where}: {room} must not include <{name}>")
                continue
            target = find_project_header(root, source, name)
            if target is None:
                errors.append(f'{where}: "{name}" is no header of this tree')
            elif room_of(target) != room and not any(
                target == allowed or room_of(target) + "/" == allowed
                for allowed in project
            ):
                errors.append(f"{where}: {room} must not include {target}")
    return errors, count


def symbols(path, *options):
    """{(name, kind)} as nm prints them."""
    text = subprocess.run(["nm", *options, str(path)], check=True, text=True,
                          capture_output=True).stdout
    return {(m[2].partition("@")[0], m[1]) for m in re.finditer(r" ([A-Za-z]) (\S+)$", text, re.M)}


def undefined(path, *options):
    found = symbols(path, *options)
    return {name for name, kind in found if kind == "U"} - {
        name for name, kind in found if kind not in "Uwv"}


def defined(archive):
    return {name for name, kind in symbols(archive) if kind in "TDRB"}


def core_errors(archive, below=frozenset()):
    return [f"{archive.name} needs {name}" for name in sorted(undefined(archive) - below)
            if not CORE_SYMBOLS.fullmatch(name)]


def plugin_errors(plugin, ours):
    """A plugin exports its one symbol and needs none of this project."""
    exported = {name for name, kind in symbols(plugin, "-D", "--defined-only")}
    errors = [f"{plugin.name} needs {name}" for name in sorted(undefined(plugin, "-D") & ours)]
    if exported != {"mptcpd_plugin"}:
        errors.append(f"{plugin.name} exports {sorted(exported)}")
    return errors


def needed(library):
    text = subprocess.run(["readelf", "-d", str(library)], check=True, text=True,
                          capture_output=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[([^]]+)\]", text))


def fail_on(errors):
    tap.true(not errors, "\n".join(errors))


def project_symbols(build):
    archives = [build / f"{room}/lib{room}.a" for room in ("base", "core", "kernel")]
    return {name for archive in archives for name in defined(archive)}


@tap.test("/layers/includes/each-room-includes-what-it-may")
def includes():
    errors, count = include_errors(ROOT)
    tap.true(count > 100, f"only {count} includes found")
    fail_on(errors)


@tap.test("/layers/core/asks-libc-for-memory-and-text-only")
def core():
    base, archive = BUILD / "base/libbase.a", BUILD / "core/libcore.a"
    tap.true(len(symbols(base)) > 20, f"{base} holds nothing")
    tap.true(len(symbols(archive)) > 20, f"{archive} holds nothing")
    fail_on(core_errors(base) + core_errors(archive, defined(base)))


@tap.test("/layers/kernel/needs-no-code-of-the-core")
def kernel():
    wants = undefined(BUILD / "kernel/libkernel.a") & defined(BUILD / "core/libcore.a")
    fail_on([f"libkernel.a needs {name}" for name in sorted(wants)])


@tap.test("/layers/ctl/needs-no-code-of-the-daemon")
def ctl():
    wants = {name for path in (BUILD / "ctl/mptcpctl.p").glob("*.o") for name in undefined(path)}
    tap.true("addr_parse" in wants, "mptcpctl was not found")
    theirs = defined(BUILD / "core/libcore.a") | defined(BUILD / "kernel/libkernel.a")
    fail_on([f"mptcpctl needs {name}" for name in sorted(wants & theirs)])


@tap.test("/layers/plugins/need-no-symbol-of-ours-and-export-one")
def plugins():
    found = sorted((BUILD / "plugins").glob("*.so"))
    tap.true(found, "no plugin was built")
    ours = project_symbols(BUILD)
    fail_on([error for plugin in found for error in plugin_errors(plugin, ours)])


@tap.test("/layers/lib/links-what-it-may")
def libraries():
    libc = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libgcc_s.so.1"}
    allowed = {"mptcpctl": libc | {"libsystemd.so.0"}, "mptcp": libc}
    maps = sorted((ROOT / "lib").glob("**/*.sym"))
    tap.equal(len(maps), len(allowed), "symbol maps")
    errors = []
    for map_file in maps:
        name = map_file.stem.removeprefix("lib")
        library = BUILD / map_file.relative_to(ROOT).with_suffix(".so")
        errors += [f"{library.name} links {extra}"
                   for extra in sorted(needed(library) - allowed[name])]
        listed = set(re.findall(r"\b(\w+);", map_file.read_text(encoding="utf-8")))
        exported = {name for name, kind in symbols(library, "-D", "--defined-only") if kind != "A"}
        errors += [f"{library.name}: {name} is in its map or exported, not both"
                   for name in sorted(exported ^ listed)]
    fail_on(errors)


@tap.test("/layers/lib/a-static-library-takes-no-name-that-is-not-its-own")
def static_names():
    names = defined(BUILD / "lib/mptcp/libmptcp.a")
    tap.true("mptcp_dial" in names, "the library was not found")
    fail_on([f"libmptcp.a defines {name}" for name in sorted(names) if not name.startswith("mptcp_")])


@tap.test("/layers/mptcpize/its-library-wraps-socket-and-needs-no-memory")
def preloaded():
    library = BUILD / "mptcpize/libmptcpize-preload.so"
    tap.equal({name for name, _ in symbols(library, "-D", "--defined-only")}, {"socket"}, "exports")
    asked = {name for name, kind in symbols(library, "-D") if kind == "U"}
    wanted = {"__errno_location", "getenv", "setsockopt", "syscall"}
    tap.equal(asked - {"__stack_chk_fail"}, wanted, "what it asks libc for")


@tap.test("/layers/mptcpize/its-hook-is-the-same-wherever-it-is-built")
def hook():
    """It is installed with what it has for debuggers, where directories would be named."""
    path = BUILD / "mptcpize/hook.bpf.o"
    if not path.exists():
        raise tap.Skip("no libbpf, or no clang")
    content = path.read_bytes()
    for directory in (BUILD, ROOT):
        tap.equal(content.count(str(directory).encode()), 0, f"times {directory} is named")


def calls(directory):
    """{file: {files whose functions or data it uses}} of the objects of one library or program."""
    paths = sorted(directory.glob("*.o"))
    objects = {path.name.removesuffix(".c.o"): set() for path in paths}
    text = subprocess.run(["nm", "-A", *paths], check=True, text=True, capture_output=True).stdout
    for m in re.finditer(r"([^/\n]*)\.c\.o:[0-9a-f ]* ([A-Za-z]) (\S+)$", text, re.M):
        objects[m[1]].add((m[3], m[2]))
    owner = {name: file for file, found in objects.items() for name, kind in found if kind in "TDRBC"}
    return {file: {owner[name] for name, kind in found if kind == "U" and name in owner}
            for file, found in objects.items()}


def circles(graph):
    """The files that reach themselves, those of one circle together."""
    reach = {file: set(found) for file, found in graph.items()}
    for by in graph:
        for found in reach.values():
            if by in found:
                found |= reach[by]
    return sorted({tuple(sorted(other for other in reach[file] if file in reach[other]))
                   for file in graph if file in reach[file]})


@tap.test("/layers/circles/no-file-calls-back-up")
def no_circles():
    # Not all that is below: whole systems may be.
    tops = ("base", "cli", "core", "ctl", "daemon", "kernel", "lib", "mptcpize", "plugins")
    rooms = sorted({path.parent for top in tops for path in (BUILD / top).glob("**/*.p/*.o")})
    tap.true(len(rooms) > 8, f"only {rooms} found")
    fail_on([f"{room.relative_to(BUILD)}: {' '.join(circle)} call each other"
             for room in rooms for circle in circles(calls(room))])


@tap.test("/layers/core/the-model-needs-nothing-of-the-engine")
def floors():
    order = ["", "model", "engine"]
    graph = calls(BUILD / "core/libcore.a.p")
    tap.true(len(graph) > 20, "the core was not found")

    def floor(file):
        return order.index(file.partition("_")[0] if "_" in file else "")

    fail_on([f"{file} calls {other}" for file in graph for other in graph[file]
             if floor(file) < floor(other)])


def size_errors(root):
    return [f"{path.relative_to(root)}: {n} lines, and {LINES_MAX} are allowed" for path in sources(root)
            if (n := len(path.read_text(encoding="utf-8").splitlines())) > LINES_MAX]


@tap.test("/layers/size/no-file-of-c-is-longer-than-500-lines")
def sizes():
    tap.true(len(sources(ROOT)) > 100, "the sources were not found")
    fail_on(size_errors(ROOT))
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "tests/unit/a.c"
        path.parent.mkdir(parents=True)
        for lines, errors in ((LINES_MAX, 0), (LINES_MAX + 1, 1)):
            path.write_text("\n" * lines, encoding="utf-8")
            tap.equal(len(size_errors(pathlib.Path(directory))), errors, f"errors of {lines} lines")


# What comes from outside reaches a terminal only as cli/print.c lets it.
PRINTS = re.compile(r"\b(v?f?printf|f?puts|put(c|char|s)|fputc|fwrite|json_dumpf|perror)\(")


def print_errors(root):
    return [f"{path.relative_to(root)}:{number}: only print.c prints"
            for room in ("cli", "ctl", "mptcpize")
            for path in sorted((root / room).glob("*.c")) if path.name != "print.c"
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if PRINTS.search(line)]


@tap.test("/layers/cli/one-place-prints")
def one_place_prints():
    fail_on(print_errors(ROOT))
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "ctl/a.c"
        path.parent.mkdir()
        for line in ('printf("x");', "fputs(x, stdout);", "vfprintf(stderr, x, y);"):
            path.write_text(line, encoding="utf-8")
            tap.equal(len(print_errors(pathlib.Path(directory))), 1, line)


# The rules themselves: each must fail on a tree that breaks it.


def tree_error(files):
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        for name, text in {"core/model/model.h": "", "core/event.h": "",
                           "daemon/config.h": "", "kernel/kernel.h": "", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return include_errors(root)[0]


@tap.test("/layers/selftest/forbidden-includes-are-found")
def selftest_includes():
    good = {"core/engine/a.c": '#include "model.h"\n#include <string.h>\n',
            "kernel/a.c": '#include "event.h"\n#include <libmnl/libmnl.h>\n',
            "daemon/a.c": '#include "model.h"\n#include "kernel.h"\n#include <ell/ell.h>\n',
            "plugins/a.c": "#include <mptcpd/plugin.h>\n#include <string.h>\n"}
    tap.equal(tree_error(good), [], "a good tree")
    bad = {"core/a.c": ['#include "kernel.h"', "#include <ell/ell.h>", "#include <time.h>",
                               '#include "config.h"', "#include <unistd.h>", '#include "no.h"'],
           "core/model/a.c": ['#include "kernel.h"'],
           "daemon/bus/a.c": ['#include "kernel.h"', '#include "config.h"'],
           "kernel/a.c": ['#include "model.h"', "#include <systemd/sd-bus.h>"],
           "daemon/a.c": ["#include <libmnl/libmnl.h>", " # include <linux/netlink.h>"],
           "plugins/a.c": ['#include "model.h"', "#include <ell/ell.h>"],
           "base/a.c": ['#include "event.h"', "#include <ell/ell.h>"],
           "cli/a.c": ['#include "event.h"', "#include <systemd/sd-bus.h>"],
           "mptcpize/a.c": ['#include "model.h"', "#include <libmnl/libmnl.h>"],
           "ctl/a.c": ['#include "config.h"', '#include "kernel.h"', '#include "event.h"',
                       "#include <libmnl/libmnl.h>"],
           "lib/a.c": ['#include "event.h"', "#include <ell/ell.h>", "#include <mptcp/socket.h>"],
           "lib/mptcp/a.c": ["#include <systemd/sd-bus.h>", "#include <linux/mptcp.h>"],
           "include/mptcpd/a.h": ["#include <systemd/sd-bus.h>"]}
    for path, lines in bad.items():
        for line in lines:
            tap.equal(len(tree_error({path: line + "\n"})), 1, f"{path} with {line}")


@tap.test("/layers/selftest/circles-are-found")
def selftest_circles():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "b"}, "e": set()}
    tap.equal(circles(graph), [("b", "c")], "circles")
    tap.equal(circles({"a": {"b"}, "b": set()}), [], "circles of what goes one way")


def compiled(directory, source, *options):
    path = pathlib.Path(directory) / "a.c"
    path.write_text(source, encoding="utf-8")
    output = path.with_suffix(".o")
    subprocess.run(["cc", "-fPIC", *options, "-o", output, path], check=True)
    return output


@tap.test("/layers/selftest/forbidden-symbols-are-found")
def selftest_symbols():
    with tempfile.TemporaryDirectory() as directory:
        for call in ("printf", "puts", "socket", "clock_gettime", "time", "open", "read", "l_debug",
                     "mnl_socket_open", "engine_forgotten", "fprintf", "poll"):
            output = compiled(directory, f"int {call}(); int f(void) {{ return {call}(1); }}",
                              "-c", "-fno-builtin", "-w")
            tap.equal(core_errors(output), [f"a.o needs {call}"], call)
        for call in ("memcpy", "snprintf", "qsort", "strtoul"):
            output = compiled(directory, f"int {call}(); int f(void) {{ return {call}(1); }}",
                              "-c", "-fno-builtin", "-w")
            tap.equal(core_errors(output), [], call)
        plugin = compiled(directory, "int model_find(); int f(void) { return model_find(); }",
                          "-shared", "-w")
        tap.equal(plugin_errors(plugin, {"model_find"}),
                  ["a.o needs model_find", "a.o exports ['f']"], "a plugin")


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
    tap.main()
