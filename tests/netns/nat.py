# SPDX-License-Identifier: LGPL-2.1-or-later
"""Address translation as a home router does it, asked of the kernel: nobody need have `nft`.

nat.py, run inside a network namespace: what leaves gets the address of the link it leaves by.
nat.py FROM TO: what comes for the IPv4 address FROM goes to TO.
"""

import socket
import struct
import sys

NETLINK_NETFILTER = 12
NFTABLES = 10  # the subsystem
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEW_TABLE, NEW_CHAIN, NEW_RULE = (NFTABLES << 8 | n for n in (0, 3, 6))
PRE_ROUTING, POST_ROUTING = 0, 4
REQUEST, ACK, CREATE, NESTED = 1, 4, 0x400, 0x8000


def attribute(kind, value):
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack(">i", value)
    elif isinstance(value, list):
        kind, value = kind | NESTED, b"".join(value)
    padding = -len(value) % 4
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(padding)


def message(kind, flags, sequence, family, resource, *attributes):
    body = struct.pack(">BBH", family, 0, resource) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, sequence, 0) + body


def expression(name, *attributes):
    return attribute(1, [attribute(1, name), attribute(2, list(attributes))])


def masquerade(family):
    return translate(family, POST_ROUTING, 100, [expression("masq")])


def redirect(public, home):
    """1:1 NAT, the half of it that connections from outside need."""
    public, home = socket.inet_aton(public), socket.inet_aton(home)
    return translate(2, PRE_ROUTING, -100, [
        # the 4 bytes at 16 of the network header are what it is for
        expression("payload", *(attribute(kind, value) for kind, value in
                                ((1, 1), (2, 1), (3, 16), (4, 4)))),
        expression("cmp", attribute(1, 1), attribute(2, 0), attribute(3, [attribute(1, public)])),
        expression("immediate", attribute(1, 1), attribute(2, [attribute(1, home)])),
        expression("nat", *(attribute(kind, value) for kind, value in ((1, 1), (2, 2), (3, 1)))),
    ])


def translate(family, hook, priority, expressions):
    """One table with one chain with one rule; returns the errno of each, 0 for none."""
    hook = attribute(4, [attribute(1, hook), attribute(2, priority)])
    batch = [
        message(BATCH_BEGIN, 0, 0, 0, NFTABLES),
        message(NEW_TABLE, CREATE | ACK, 1, family, 0, attribute(1, "nat")),
        message(NEW_CHAIN, CREATE | ACK, 2, family, 0, attribute(1, "nat"), attribute(3, "chain"),
                hook, attribute(7, "nat")),
        message(NEW_RULE, CREATE | ACK, 3, family, 0, attribute(1, "nat"), attribute(2, "chain"),
                attribute(4, expressions)),
        message(BATCH_END, 0, 4, 0, NFTABLES),
    ]
    errors = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.settimeout(10)
        netlink.send(b"".join(batch))
        while len(errors) < 3:
            data = netlink.recv(65536)
            while len(data) >= 20:
                size, kind = struct.unpack_from("=IH", data)
                if kind == 2:  # NLMSG_ERROR, also of what went well
                    errors.append(-struct.unpack_from("=i", data, 16)[0])
                data = data[(size + 3) & ~3:]
    return errors


if __name__ == "__main__":
    if sys.argv[1:]:
        raise SystemExit(any(redirect(*sys.argv[1:])))
    for number in (2, 10):  # NFPROTO_IPV4, NFPROTO_IPV6
        if any(masquerade(number)):
            raise SystemExit(f"no address translation: errno {masquerade(number)}")
