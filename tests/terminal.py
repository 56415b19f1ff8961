# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in a terminal, as a person has them."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time


def environment(**more):
    """That of a person who reads UTF-8, and nothing of this test's."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "MPTCPD", "ASAN_OPTIONS",
                                                          "LSAN_OPTIONS", "UBSAN_OPTIONS")}
    return {"LANG": "C.UTF-8", "TERM": "xterm", **kept, **more}


@contextlib.contextmanager
def terminal(*argv, columns=80, lines=40, env=None, **more):
    """Start a program whose standard descriptors are a terminal; yields it and our end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    with subprocess.Popen(list(map(str, argv)), stdin=theirs, stdout=theirs,
                          stderr=more.pop("stderr", theirs), start_new_session=True,
                          env=env or environment(), **more) as child:
        os.close(theirs)
        try:
            yield child, ours
        finally:
            child.kill()
            os.close(ours)


def read_some(fd, seconds):
    """What comes next, "" at the end or if nothing does."""
    if not select.select([fd], [], [], seconds)[0]:
        return ""
    try:
        return os.read(fd, 65536).decode("utf-8", "replace")
    except OSError:  # nobody has the other end any more
        return ""


def read_until(fd, is_enough, seconds=20):
    """All that comes until it is enough, as a text; fails if that is not soon."""
    text, end = "", time.monotonic() + seconds
    while not is_enough(text):
        more = read_some(fd, max(0, end - time.monotonic()))
        assert more, f"no more than {text!r}"
        text += more
    return text


def run(*argv, columns=80, env=None):
    """Exit status, what was written to the terminal, and what to standard error beside it."""
    with terminal(*argv, columns=columns, env=env, stderr=subprocess.PIPE) as (child, fd):
        text = ""
        while more := read_some(fd, 20):
            text += more
        error = child.stderr.read().decode()
        return child.wait(20), text.replace("\r\n", "\n"), error
