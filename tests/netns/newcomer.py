# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that opens connections, and asks mptcpd for each as soon as it has it.

    newcomer.py LIBRARY SOCKET ADDRESS PORT N

Says how many of them mptcpd did not know.
"""

import ctypes
import errno
import socket
import struct
import sys

SOL_MPTCP, MPTCP_INFO, TOKEN_AT = 284, 1, 12
ON_CONNECTION = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def call(function, *arguments, expected=(0,)):
    r = function(*arguments)
    if r not in expected:
        raise OSError(-r, function.__name__)
    return r


def main(library, path, address, port, n):
    library = ctypes.CDLL(library)
    ctl = ctypes.c_void_p()
    on_connection = ON_CONNECTION(lambda data, connection: 0)
    unknown = 0
    call(library.mptcpctl_new, ctypes.byref(ctl))
    call(library.mptcpctl_connect, ctl, path.encode())
    for _ in range(int(n)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP) as own:
            own.connect((address, int(port)))
            own.send(b"x")
            own.recv(1)
            info = own.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)
            (token,) = struct.unpack_from("I", info, TOKEN_AT)
            unknown += call(library.mptcpctl_get_connection, ctl, ctypes.c_uint32(token),
                            on_connection, None, expected=(0, -errno.ENOENT)) != 0
    print(unknown)


if __name__ == "__main__":
    main(*sys.argv[1:])
