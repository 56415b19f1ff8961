#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each plugin given needs nothing but libc, and shows nothing but its one symbol."""
import ctypes
import ctypes.util
import subprocess
import sys

libc = ctypes.CDLL(ctypes.util.find_library('c'))


def symbols(path, option):
    out = subprocess.run(['nm', '-D', option, '--format=posix', path],
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        name, kind = line.split()[:2]
        yield name.split('@')[0], kind


def check(number, name, wrong):
    print(f"{'not ' if wrong else ''}ok {number} - {name}")
    for symbol in wrong:
        print(f'# {symbol}')
    return not wrong


plugins = sys.argv[1:]
print(f'1..{2 * len(plugins)}')
good = len(plugins) > 0
for i, path in enumerate(plugins):
    plugin = path.rsplit('/', 1)[-1]
    # weak ones (w, v) may stay without a definition
    needed = [s for s, kind in symbols(path, '--undefined-only') if kind == 'U']
    shown = [s for s, kind in symbols(path, '--defined-only')]
    good &= check(2 * i + 1, f'/symbols/{plugin}/needs-libc-only',
                  [s for s in needed if not hasattr(libc, s)])
    good &= check(2 * i + 2, f'/symbols/{plugin}/shows-one-symbol',
                  [] if shown == ['mptcpd_plugin'] else shown or ['none at all'])
sys.exit(0 if good else 1)
