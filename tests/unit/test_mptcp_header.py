# SPDX-License-Identifier: LGPL-2.1-or-later
"""The public header of libmptcp, as others include it.

test_mptcp_header.py INCLUDE-DIRECTORY LIBRARY…: the shared one and the static one.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import tap

INCLUDES, SHARED, STATIC = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
del sys.argv[1:4]
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", INCLUDES)


def compiled(source, *options, compiler="cc", libraries=()):
    """The program."""
    path = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH.name)) / "a"
    (path.parent / "a.c").write_text(source, encoding="utf-8")
    done = subprocess.run([compiler, *STRICT, *options, "-o", path, path.parent / "a.c", "-x", "none",
                           *libraries], text=True, capture_output=True, check=False)
    tap.equal(done.returncode, 0, f"{compiler} {options}: {done.stderr}")
    return path


@tap.test("/mptcp/header/is-strict-c-and-cplusplus")
def header():
    source = "#include <mptcp/socket.h>\n"
    beside = "#include <linux/mptcp.h>\n#include <netinet/tcp.h>\n"
    for compiler in ("cc", "clang"):
        for options in (["-std=c11"], ["-std=c99"], ["-x", "c++", "-std=c++11"]):
            for text in (source, beside + source, source + beside):
                compiled(text, *options, "-fsyntax-only", compiler=compiler)


CALLS = """#include <mptcp/socket.h>
#include <string.h>
static void nothing(int fd) { (void)fd; }
int main(void)
{
	struct mptcp_dial_options options;
	struct mptcp_listen_options listening;
	struct mptcp_dialer *dialer = NULL;
	struct mptcp_socket_info *info = NULL;
	int i = 0;

	memset(&options, 0, sizeof(options));
	memset(&listening, 0, sizeof(listening));
	options.size = sizeof(options);
	listening.size = sizeof(listening);
	nothing(mptcp_supported() + mptcp_supported_again() + mptcp_features());
	nothing(mptcp_unsupported_reason() != NULL);
	i |= mptcp_socket(-1, 0) < 0 ? 0 : 1;
	i |= mptcp_dial("", "", &options) < 0 ? 0 : 2;
	i |= mptcp_listen("", "", &listening) < 0 ? 0 : 4;
	i |= mptcp_dial_start("", "", &options, &dialer) < 0 ? 0 : 8;
	i |= mptcp_dial_start_addresses(NULL, NULL, &dialer) < 0 ? 0 : 16;
	i |= mptcp_is_requested(-1) < 0 && mptcp_is_used(-1) < 0 ? 0 : 32;
	i |= mptcp_has_fallen_back(-1) < 0 && mptcp_get_info(-1, &info) < 0 ? 0 : 64;
	if (dialer)
		nothing(mptcp_dial_fd(dialer) + mptcp_dial_continue(dialer));
	mptcp_dial_free(dialer);
	mptcp_info_free(info);
	return i | !*mptcp_error_text(-1);
}
"""


@tap.test("/mptcp/header/every-function-can-be-called-from-c-and-cplusplus")
def calls():
    for library in (SHARED, STATIC):
        there = [library, f"-Wl,-rpath,{library.parent}"]
        for options in (["-std=c11", "-D_POSIX_C_SOURCE=200809L"], ["-x", "c++"]):
            program = compiled(CALLS, *options, libraries=there)
            tap.equal(subprocess.run([program], check=False).returncode, 0, f"{library} {options}")


@tap.test("/mptcp/header/no-name-of-the-library-is-in-the-way-of-a-program")
def names():
    taken = "int copy_options(void); int open_socket(void); int close_fd(void); int look(void);\n"
    bodies = taken.replace("(void);", "(void) { return 0; }")
    compiled(taken + bodies + CALLS, "-std=c11", libraries=[STATIC])


@tap.test("/mptcp/library/another-c-library-is-fine")
def musl():
    """Static, as on small systems; and it runs."""
    if not shutil.which("musl-gcc"):
        raise tap.Skip("no musl-gcc")
    sources = sorted((INCLUDES.parent / "lib/mptcp").glob("*.c"))
    program = compiled(CALLS, "-D_GNU_SOURCE", "-static", compiler="musl-gcc", libraries=sources)
    tap.equal(subprocess.run([program], check=False).returncode, 0, "exit")


@tap.test("/mptcp/library/stays-loaded-for-lookups-that-nobody-waits-for")
def stays():
    text = subprocess.run(["readelf", "-d", SHARED], text=True, check=True, capture_output=True).stdout
    tap.true("NODELETE" in text and "[libmptcp.so.0]" in text, text)


@tap.test("/mptcp/manual/has-each-function-and-its-examples-compile")
def manual():
    page = (INCLUDES.parent / "man/libmptcp.3.rst").read_text(encoding="utf-8")
    listed = (INCLUDES.parent / "lib/mptcp/libmptcp.sym").read_text(encoding="utf-8")
    names = re.findall(r"(mptcp_\w+);", listed)
    for name in names:
        tap.true(f"{name}(" in page and f"{name}(" in CALLS, f"{name} in the manual, and called here")
    synopsis = "".join(re.findall(r"^    ((?:int|void|const char) .*?;)$",
                                  page[:page.index("\nDESCRIPTION\n")], re.M | re.S))
    tap.equal(sorted(re.findall(r"(mptcp_\w+)\(", synopsis)), sorted(names), "functions of the synopsis")
    includes = "".join(f"#include <{name}.h>\n" for name in ("errno", "mptcp/socket", "poll", "stdio"))
    bodies = re.findall(r"::\n\n((?:    .*\n|\n)+)", page[page.index("\nEXAMPLE\n"):])
    tap.equal(len(bodies), 2, "examples")
    compiled(includes + synopsis + "".join(f"int f{i}(void)\n{{\n{body}return fd; }}\n"
                                           for i, body in enumerate(bodies)), "-fsyntax-only")


if __name__ == "__main__":
    SCRATCH = tempfile.TemporaryDirectory(prefix="mptcp-header-")
    with SCRATCH:
        tap.main()
