# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is for other systems than Debian, as far as Debian can judge it: the RPM, and musl."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(TREE / "tests"), str(TREE / "tests/netns")]

import sandbox
import tap

PLACE = TREE / "build/other"
SPEC = TREE / "packaging/rpm/mptcpd.spec"
# What the linter of Debian 12 cannot know.
RPMLINT = """\
Filters = [
    "invalid-url", # there is no network
    "no-buildroot-tag", "mklibname", # of other times, and another distribution
    "hardcoded-library-path", # of what systemd and mptcpd read in /usr/lib on every machine
]
"""
HEADERS = ("linux", "asm-generic", "ell", "libmnl", "systemd", "bpf", "uthash.h", "curses.h", "term.h",
           "ncurses_dll.h", "unctrl.h")
LOAD = """\
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char *argv[])
{
	for (int i = 1; i < argc; i++) {
		void *plugin = dlopen(argv[i], RTLD_NOW);

		if (!plugin || !dlsym(plugin, "mptcpd_plugin")) {
			fprintf(stderr, "%s: %s\\n", argv[i], dlerror());
			return 1;
		}
	}
	return 0;
}
"""


def run(*argv, **options):
    """stdout and stderr; it has to work."""
    done = subprocess.run(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}: {done.stdout[-4000:]}")
    return done.stdout


def fresh(name):
    path = PLACE / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def first(pattern, file):
    return re.search(pattern, (TREE / file).read_text(encoding="utf-8"), re.MULTILINE)[1]


@tap.test("/other/version/is-the-same-everywhere", 10)
def versions():
    wanted = first(r"version: '([0-9.]+)'", "meson.build")
    for pattern, file in ((r"^Version: +(\S+)", "packaging/rpm/mptcpd.spec"),
                          (r"^PKG_VERSION:=(\S+)", "packaging/openwrt/Makefile"),
                          (r"^mptcpd \(1:([0-9.]+)\)", "debian/changelog")):
        tap.equal(first(pattern, file), wanted, file)


@tap.test("/other/rpm/spec-has-no-fault", 60)
def lint():
    place = fresh("lint")
    (place / "config.toml").write_text(RPMLINT, encoding="utf-8")
    told = run("rpmlint", "--config", place / "config.toml", SPEC)
    tap.true("0 errors, 0 warnings" in told, told)
    names = run("rpmspec", "--query", "--queryformat=%{name}\\n", SPEC).split()
    tap.equal(names, ["mptcpd", "mptcpize", "libmptcpctl", "libmptcpctl-devel", "libmptcp", "libmptcp-devel",
                      "mptcpd-devel"], "packages")


@tap.test("/other/rpm/builds-and-leaves-no-file-out", 600)
def build():
    """rpmbuild fails where a file is in no package."""
    place = fresh("rpm")
    version = first(r"^Version: +(\S+)", "packaging/rpm/mptcpd.spec")
    (place / "SOURCES").mkdir()
    run("git", "-C", TREE, "archive", f"--prefix=mptcpd-{version}/", "-o",
        place / f"SOURCES/mptcpd-{version}.tar.gz", "HEAD")
    # Debian's rpm strips what is for the kernel's machine, too, and fails.
    run("rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {place}", "--define", "debug_package %{nil}",
        "--define", "__strip /bin/true", SPEC)
    built = {file.name.split("-1:")[0]: file for file in place.glob("RPMS/*/*.rpm")}
    tap.equal(len(built), 7, f"packages: {sorted(built)}")


# ---- musl ----


def make_musl():
    """Headers of what is no part of musl, and a directory to build in, configured.

    musl's ioctl() takes an int, for which some requests are too large, which does no harm.
    """
    place = fresh("musl")
    headers = place / "include"
    headers.mkdir()
    for name in HEADERS:
        (headers / name).symlink_to(pathlib.Path("/usr/include") / name)
    (headers / "asm").symlink_to(next(pathlib.Path("/usr/include").glob("*-linux-gnu/asm")))
    run("meson", "setup", "--wrap-mode=nofallback", "-Dwerror=true", "-Dtests=false", "-Dbpf=disabled", place / "build", TREE,
        env=os.environ | {"CC": "musl-gcc", "CFLAGS": f"-isystem {headers} -Wno-overflow"})
    return place


@tap.test("/other/musl/every-source-compiles-and-what-needs-libc-alone-runs", 600)
def musl():
    place = make_musl()
    targets = [line.split(":")[0] for line in
               run("ninja", "-C", place / "build", "-t", "targets", "all").splitlines()]
    objects = [target for target in targets if target.endswith(".o")]
    plugins = [target for target in targets if re.fullmatch(r"plugins/\w+\.so", target)]
    libraries = [target for target in targets if re.fullmatch(r"lib/mptcp/libmptcp\.so\.\d.*\d", target)]
    tap.true(len(objects) > 150 and len(plugins) >= 10, f"{len(objects)} sources, {len(plugins)} plugins")
    run("ninja", "-C", place / "build", *objects, *plugins, "lib/mptcp/libmptcp.a", *libraries,
        "mptcpize/libmptcpize-preload.so")
    (place / "load.c").write_text(LOAD, encoding="utf-8")
    run("musl-gcc", "-o", place / "load", place / "load.c")
    run(place / "load", *[place / "build" / plugin for plugin in plugins])
    for name in ("echo-server", "echo-client"):
        run("musl-gcc", "-static", "-D_GNU_SOURCE", f"-I{TREE / 'include'}", "-o", place / name, TREE / f"examples/{name}.c",
            TREE / "examples/show.c", place / "build/lib/mptcp/libmptcp.a")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with subprocess.Popen([place / "echo-server", "4711"], stdout=subprocess.PIPE, text=True) as server:
        try:
            tap.equal(server.stdout.readline(), "listening on port 4711\n", "what the server says")
            done = subprocess.run([place / "echo-client", "127.0.0.1", "4711"], input="hello\n", text=True,
                                  stdout=subprocess.PIPE, check=True, timeout=20)
        finally:
            server.kill()
    tap.equal(done.stdout.splitlines()[0], "connected: MPTCP", "what the client says")
    tap.true("hello" in done.stdout, done.stdout)


if __name__ == "__main__":
    if "--list" in sys.argv:
        tap.main()
    sandbox.run(tap.main)
