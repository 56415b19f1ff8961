# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VPN that takes all traffic, from the client of a Town to its world.

The kernel's WireGuard as the real wg-quick(8) sets it up; where the kernel has none, or the tools are
not there, a tun device with a program that carries packets in marked UDP, and rules like those.
"""

import pathlib
import shutil
import subprocess

import tap
from town import FAR

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "man/mptcpd.conf.5.rst"
NAME = "wg0"
PORT = MARK = TABLE = 51820
INSIDE = {4: "10.99.0.1", 6: "2001:db8:77::1"}  # the client's addresses in the tunnel
LENGTH = {4: 32, 6: 128}
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}

# Two ends, the client's first. What the device of one says goes by UDP to the other; the world lets
# in only what has an address of INSIDE, as WireGuard does. It ends with the first device.
PROGRAM = """
import contextlib, ctypes, fcntl, os, select, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
far, port, *allowed = sys.argv[1:]
ends, peers = [], [(far, int(port)), None]
for namespace in ("client", "server"):
    if libc.setns(os.open("/run/netns/" + namespace, os.O_RDONLY), 0x40000000) != 0:
        sys.exit(f"setns: {os.strerror(ctypes.get_errno())}")
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454ca, struct.pack("16sH", b"wg0", 0x1001))
    carrier = socket.socket(socket.AF_INET6 if ":" in far else socket.AF_INET, socket.SOCK_DGRAM)
    carrier.setsockopt(socket.SOL_SOCKET, 36, int(port))
    carrier.bind((far if namespace == "server" else "", int(port)))
    ends.append((device, carrier))
print("held", flush=True)

def source(packet):
    if packet[0] >> 4 == 4:
        return socket.inet_ntop(socket.AF_INET, packet[12:16])
    return socket.inet_ntop(socket.AF_INET6, packet[8:24])

while True:
    ready = select.select([each for end in ends for each in end], [], [])[0]
    for i, (device, carrier) in enumerate(ends):
        if device in ready:
            try:
                packet = os.read(device, 65536)
            except OSError:
                sys.exit()
            with contextlib.suppress(OSError):
                if peers[i]:
                    carrier.sendto(packet, peers[i])
        if carrier in ready:
            with contextlib.suppress(OSError):
                packet, sender = carrier.recvfrom(65536)
                if i == 0 or source(packet) in allowed:
                    peers[i] = sender
                    os.write(device, packet)
"""

# The kernel judges answers to what is marked by their mark, where it filters by the way back.
ANSWERS = f"""
add table inet vpn
add chain inet vpn out {{ type filter hook postrouting priority -150; }}
add chain inet vpn in {{ type filter hook prerouting priority -150; }}
add rule inet vpn out meta l4proto udp meta mark {MARK} ct mark set meta mark
add rule inet vpn in meta l4proto udp meta mark set ct mark
"""


def manual():
    """What man mptcpd.conf(5) has for the file of a VPN, for both families as it says."""
    lines = [line.strip() for line in MANUAL.read_text(encoding="utf-8").splitlines()]
    first = lines.index("[Interface]") + 1
    own = lines[first:lines.index("", first)]
    return "\n".join([*own, *(line.replace("ip rule", "ip -6 rule") for line in own[-3:]), ""])


def has_wireguard(host):
    """Can that host have the real one?"""
    made = host.run("ip", "link", "add", "trial", "type", "wireguard", check=False).returncode == 0
    if made:
        host.ip("link del trial")
    return made and bool(shutil.which("wg-quick"))


class Tunnel:
    """It goes to the world's address of one family. What is in it goes there, and may be of both.

    `named`: its rules have the priorities that man mptcpd.conf(5) names for them.
    """

    def __init__(self, town, family=4, named=False):
        self.client, self.server, self.far, self.named = town.client, town.server, FAR[family], named
        self.is_real = has_wireguard(town.client)
        self.file = town.directory / f"{NAME}.conf"
        tap.note("a tunnel of " + ("WireGuard" if self.is_real else "a program: no WireGuard here"))

    def up(self):
        if self.is_real:
            self._serve()
            self.client.run("wg-quick", "up", self.file)
        else:
            self._hold()
        self.server.ip(f"link set {NAME} up", *(f"route add {INSIDE[f]}/{LENGTH[f]} dev {NAME}"
                                                for f in INSIDE))

    def down(self):
        if self.is_real:
            self.client.run("wg-quick", "down", self.file)
            self.server.ip(f"link del {NAME}")
            return
        for option in ("-4", "-6"):
            if self.named:
                self.client.run("ip", option, "rule", "del", "priority", 32000)
                self.client.run("ip", option, "rule", "del", "priority", 32001)
                continue
            self._delete(option, f"lookup {TABLE}", "table", TABLE)
            self._delete(option, "from all lookup main suppress_prefixlength 0",
                         "table", "main", "suppress_prefixlength", 0)
        self.client.ip(f"link del {NAME}")
        if not self.named:
            self.client.run("nft", "delete table inet vpn")

    def _delete(self, option, shown, *words):
        """As wg-quick does: until none is shown. The kernel takes the first that has these words."""
        while shown in self.client.run("ip", option, "rule", "show").stdout:
            self.client.run("ip", option, "rule", "delete", *words)

    def _serve(self):
        """The other end, and the client's file."""
        def keys():
            private = self.server.run("wg", "genkey").stdout.strip()
            return private, self.server.run("wg", "pubkey", stdin=private).stdout.strip()

        (ours, our_name), (theirs, their_name) = keys(), keys()
        inside = ", ".join(f"{INSIDE[f]}/{LENGTH[f]}" for f in INSIDE)
        end = f"[{self.far}]" if ":" in self.far else self.far
        self.file.write_text(f"[Interface]\nPrivateKey = {ours}\nAddress = {inside}\n"
                             f"{manual() if self.named else ''}"
                             f"[Peer]\nPublicKey = {their_name}\nEndpoint = {end}:{PORT}\n"
                             f"AllowedIPs = {', '.join(EVERYTHING.values())}\n")
        far_file = self.file.with_suffix(".far")
        far_file.write_text(f"[Interface]\nPrivateKey = {theirs}\nListenPort = {PORT}\n"
                            f"[Peer]\nPublicKey = {our_name}\nAllowedIPs = {inside}\n")
        self.server.ip(f"link add {NAME} type wireguard")
        self.server.run("wg", "setconf", NAME, far_file)

    def _hold(self):
        child = self.client.start("/usr/bin/python3", "-c", PROGRAM, self.far, PORT,
                                  *INSIDE.values(), stdout=subprocess.PIPE)
        tap.equal(child.stdout.readline(), "held\n", "the tunnel")
        self.client.ip(*(f"address add {INSIDE[f]}/{LENGTH[f]} dev {NAME}" for f in INSIDE),
                       f"link set {NAME} mtu 1420 up")
        for f, all_of_them in EVERYTHING.items():
            for words in (f"route add {all_of_them} dev {NAME} table {TABLE}",
                          f"rule add not fwmark {MARK} table {TABLE}" + " priority 32001" * self.named,
                          "rule add table main suppress_prefixlength 0" + " priority 32000" * self.named):
                self.client.run("ip", f"-{f}", *words.split())
        if not self.named:
            self.client.sysctl("net.ipv4.conf.all.src_valid_mark", 1)
            self.client.run("nft", "-f", "-", stdin=ANSWERS)
