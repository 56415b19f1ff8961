# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each cause for which a path is not there, made on the real kernel, and what `explain` says of it."""

import contextlib
import pathlib
import re
import shutil
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import BUILD, FULLMESH, MPTCPCTL, stage_plugins
from hosts import NEEDS_ROUTES_BY_SOURCE, wait_until
from scene import KERNEL, MPTCP, PORT
from scene import Scene as Hosts
from uplinks import Site, server_config

PLAIN = 5001
# The words of man mptcpctl(1), of which a program may rely that there are no others.
WORDS = set("""not-established no-mptcp fallback blackhole set-aside deny-join-id0 withdrawn own-limit
policy held planned not-joined no-listener port-translated ipv4-only link-down no-carrier no-address
tentative temporary no-route wrong-link unbound rp-filter silent foreign-endpoint same-address no-place
endpoint-refused leaving unanswered refused unknown""".split())
KEYS = {"local", "remote", "interface", "backup", "wanted-by", "forbidden-by", "state", "error",
        "attempts", "next-try-ms", "reason", "text", "remedy"}


class Scene(Hosts):
    """Connections there, and what is explained of them."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.listeners = {}

    def listener(self, port, family, protocol):
        if port not in self.listeners:
            self.listeners[port] = self.listen(port, family, protocol)
        return self.listeners[port]

    def connect(self, target="10.0.1.2", says=True, port=PORT, protocol=MPTCP, source=None):
        """A connection to the server; the client `says` something. Returns its token."""
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        listener = self.listener(port, family, protocol)
        before = {c["token"] for c in self.daemon.connections()}
        client = self.open(self.client, family)
        if source:
            client.bind((source, 0))
        client.connect((target, port))
        server, _ = listener.accept()
        self.sockets.append(server)
        if says:
            client.send(b"hello")
            tap.equal(server.recv(10), b"hello", "received")
        self.ends = client, server
        return wait_until(lambda: {c["token"] for c in self.daemon.connections()} - before, 5,
                          "mptcpd knows it", self.daemon.connections).pop()

    def paths(self, token):
        return self.daemon.json("explain", token)["paths"]

    def path(self, token, link, remote=None):
        """The path by that link, and not the scout that is sent beside it."""
        found = [p for p in self.paths(token) if p["interface"] == link
                 and (not remote or p["remote"]["address"] == remote)
                 and not (p["text"] or "").startswith("sent to find out")]
        tap.equal(len(found), 1, f"paths by {link}: {found}")
        return found[0]

    def explained(self, token, link, reason, words, state=None, remedy=None, remote=None):
        """Wait until explain gives that reason for the path by that link; as text, too."""
        def is_said():
            path = self.path(token, link, remote)
            return path if path["reason"] == reason else None

        tap.true(reason in WORDS, reason)
        path = wait_until(is_said, 8, f"{reason} for {link}", lambda: self.paths(token))
        tap.true(set(path) >= KEYS, f"keys: {path}")
        tap.true(words in path["text"], f"{words!r} in {path}")
        if state:
            tap.equal(path["state"], state, f"state of {path}")
        if remedy:
            tap.true(remedy in (path["remedy"] or ""), f"{remedy!r} in {path}")
        text = self.daemon.ctl("explain", token)
        # what counts seconds may have counted on
        told = re.sub(r"\d+ s ago|since \d+ s", "…", f"{reason}: {path['text']}")
        tap.true(told in re.sub(r"\d+ s ago|since \d+ s", "…", text), f"{told} as text: {text}")
        if path["remedy"]:
            tap.true(f"remedy: {path['remedy']}" in text, text)
        return path

    def wide(self, columns, *words):
        """The lines of `explain`, so many columns wide."""
        return self.host.run("env", f"COLUMNS={columns}", MPTCPCTL, "--socket",
                             self.daemon.runtime / "control", "explain", *words).stdout.splitlines()

    def there(self, token, link):
        """The path by that link is there, and nothing is wrong with it."""
        path = wait_until(lambda: next((p for p in self.paths(token) if p["interface"] == link
                                        and p["state"] == "established"), None), 8,
                          f"a subflow by {link}", lambda: self.paths(token))
        tap.equal((path["reason"], path["text"], path["remedy"], path["error"]), (None,) * 4,
                  f"{path}")
        return path

    def nft(self, host, rules):
        host.run("nft", "-f", "-", stdin=rules)


def hook(where, rule):
    return f"table inet t {{\nchain {where} {{\ntype filter hook {where} priority 0\n{rule}\n}}\n}}\n"


MANAGERS = (("kernel", KERNEL), ("userspace", FULLMESH))


@tap.test("/explain/words-are-those-of-the-manual")
def manual():
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "man/mptcpctl.1.rst").read_text(encoding="utf-8")
    page = page.split("REASONS\n=======")[1].split("FINDINGS\n===")[0]
    listed = {word for line in page.splitlines() if line.startswith("*")
              for word in re.findall(r"\*([a-z0-9-]+)\*", line)}
    made = set(re.findall(r'"([a-z0-9-]+)"', (root / "core/engine/reason.c").read_text()))
    tap.equal(listed, WORDS, "the manual")
    tap.equal(made, WORDS, "the code")


# ---- of the connection ----


@tap.test("/explain/not-established-then-there")
def not_established():
    for _, config in MANAGERS:
        with Scene(config) as scene:
            token = scene.connect(says=False)
            scene.explained(token, "link2", "not-established", "something was sent", "waiting")
            scene.ends[1].send(b"greeting")
            scene.ends[0].recv(10)
            scene.there(token, "link1")
            scene.there(token, "link2")


@tap.test("/explain/no-mptcp-blackhole-and-fallback")
def fallback():
    with Scene() as scene:
        token = scene.connect(port=PLAIN, protocol=socket.IPPROTO_TCP)
        for link, state in (("link1", "established"), ("link2", "unwanted")):
            path = scene.explained(token, link, "no-mptcp", "MPCapableFallbackSYNACK 1", state,
                                   "mptcpize run")
        tap.equal(path["wanted-by"], None, f"{path}")
        # something on the way takes the options out, but for those of the first two packets
        scene.nft(scene.server, hook("input", "tcp flags & syn == 0 tcp option mptcp exists "
                                     "reset tcp option mptcp"))
        token = scene.connect()
        scene.explained(token, "link2", "fallback", "MPCapableDataFallback 1", "unwanted")
        # something on the way drops SYNs with MPTCP
        scene.server.run("nft", "flush", "ruleset")
        scene.nft(scene.server, hook("input", "tcp option mptcp exists tcp flags syn / syn,ack drop"))
        token = scene.connect()
        scene.explained(token, "link2", "blackhole", "MPCapableSYNTXDrop 1", "unwanted")
        sides = {c["side"] for c in scene.daemon.connections()}
        tap.equal(sides, {"client"}, "sides of those that fell back")


@tap.test("/explain/deny-join-id0")
def deny():
    for _, config in MANAGERS:
        with Scene(config) as scene:
            scene.server.sysctl("net.mptcp.allow_join_initial_addr_port", 0)
            token = scene.connect()
            scene.explained(token, "link2", "deny-join-id0", "C flag", "unwanted",
                            "allow_join_initial_addr_port=1")


# ---- of links and addresses ----


@tap.test("/explain/links-that-are-down-and-what-they-lack")
def links():
    for _, config in MANAGERS:
        with Scene(config, links=5) as scene:
            scene.client.ip("link set link3 down", "address flush dev link4",
                            "route del default dev link5")
            scene.net.down(2, scene.server)
            scene.server.ip("address add 10.0.9.2/32 dev lo")
            token = scene.connect("10.0.9.2")
            scene.there(token, "link1")
            scene.explained(token, "link2", "no-carrier", "link2 has no carrier", "waiting")
            scene.explained(token, "link3", "link-down", "link3 is down", "waiting",
                            "ip link set link3 up")
            path = scene.explained(token, "link4", "no-address", "link4 has no IPv4 address",
                                   "waiting")
            tap.equal(path["local"], None, f"{path}")
            scene.explained(token, "link5", "no-route", "no route", "waiting",
                            "ip route add default")
            # one that is lost while it carries the connection
            scene.net.down(1)
            scene.explained(token, "link1", "link-down", "link1 is down")
            summary = scene.daemon.json("explain")
            tap.equal(summary["reasons"], {"no-carrier": 1, "link-down": 2, "no-address": 1,
                                           "no-route": 1}, f"{summary}")
            tap.equal([c["token"] for c in summary["connections"]], [token], "connections")
            for words in ([], [token]):
                lines = scene.wide(80, *words)
                tap.true(max(map(len, lines)) <= 80, f"{lines}")
                tap.true(any("link-down: " in line for line in lines), f"{lines}")


@tap.test("/explain/addresses-that-are-not-used")
def addresses():
    left_out = "\n[interface:link2]\nuse = no\n[interface:link3]\nflags = signal\n"
    for _, config in MANAGERS:
        with Scene(config + left_out, links=4) as scene:
            scene.client.ip("address add 2001:db8:4::7/64 dev link4 nodad preferred_lft 0",
                            "address add fd00::7/64 dev link4 nodad")
            token = scene.connect()
            scene.explained(token, "link2", "policy", "use = no for link2, by [interface:link2]",
                            "unwanted", "use = yes in [interface:link2]")
            scene.explained(token, "link3", "policy", "link3 has the flags signal", "unwanted",
                            "flags = signal,subflow in [interface:link3]")
            token = scene.connect("2001:db8:1::2", port=PORT + 2)
            for address, reason, remedy in (
                    ("2001:db8:4::7", "temporary", "addresses = deprecated in [interface:link4]"),
                    ("fd00::7", "policy", "addresses = unique-local in [interface:link4]")):
                wait_until(lambda reason=reason, address=address, remedy=remedy: any(
                    (p["local"]["address"], p["reason"], p["remedy"]) == (address, reason, remedy)
                    for p in scene.paths(token)), 5, f"{address}", lambda: scene.paths(token))


@tap.test("/explain/packets-by-the-wrong-link-and-a-strict-filter")
def routing():
    for _, config in MANAGERS:
        with Scene(config, links=2) as scene:
            if NEEDS_ROUTES_BY_SOURCE:
                raise tap.Skip("this kernel needs routes by source, with which nothing strays")
            token = scene.connect(source="10.0.2.1")
            scene.explained(token, "link2", "wrong-link", "packets from 10.0.2.1 leave by link1",
                            "established", "source-routing = auto in [core]")
            scene.there(token, "link1")
            scene.client.sysctl("net.ipv4.conf.link2.rp_filter", 1)
            token = scene.connect()
            scene.explained(token, "link2", "rp-filter", "the best route to the peer is by link1",
                            remedy="rp-filter = loose in [interface:link2]")


@tap.test("/unbound/is-told-where-the-kernel-binds-no-subflow-alone")
def unbound():
    with Scene(FULLMESH, links=2, routes_by_source=False) as scene:
        token = scene.connect()
        if NEEDS_ROUTES_BY_SOURCE:
            scene.explained(token, "link2", "unbound", "packets from 10.0.2.1 leave by link1: this kernel binds no "
                            "subflow to its link, Linux 6.12 does", remedy="source-routing = auto in [core]")
        else:
            scene.there(token, "link2")
        scene.there(token, "link1")


# ---- what was decided ----


@tap.test("/explain/the-kernels-endpoints-and-limits")
def endpoints():
    def foreign(scene):
        scene.client.ip("mptcp endpoint add 10.0.3.1 dev link3 signal")

    with Scene(KERNEL, links=4, before=foreign) as scene:
        identity = next(e["id"] for e in scene.daemon.json("endpoint")["endpoints"]
                        if e["address"] == "10.0.4.1")
        scene.daemon.ctl("endpoint", "delete", "id", identity)
        scene.daemon.ctl("limits", "set", "subflows", 0)
        token = scene.connect()
        scene.explained(token, "link2", "own-limit", "0 more subflows", "unwanted",
                        "mptcpctl limits set subflows 1")
        scene.explained(token, "link3", "foreign-endpoint", "somebody else made it", "unwanted",
                        "mptcpctl endpoint delete id")
        scene.explained(token, "link4", "held", "somebody deleted its endpoint", "unwanted",
                        "mptcpctl endpoint add 10.0.4.1 dev link4 subflow")
        # the kernel looks at connections when it is told of an endpoint, not of a limit
        scene.daemon.ctl("limits", "set", "subflows", 8)
        scene.explained(token, "link2", "unknown", "does not say why", "unwanted")
        token = scene.connect()
        scene.there(token, "link2")
        # what is to go is kept while it is needed
        scene.daemon.config.write_text(KERNEL + "[interface:link1]\nuse = no\n")
        scene.daemon.ctl("reload")
        scene.explained(token, "link1", "leaving", "its endpoint is leaving")


@tap.test("/explain/no-place-in-the-kernels-table")
def no_place():
    def fill(scene):
        scene.client.ip(*(f"mptcp endpoint add 192.0.2.{i} subflow" for i in range(1, 8)))

    if not tap.kernel_before(7, 2):
        raise tap.Skip("this kernel's table has more places")
    with Scene(KERNEL, links=2, before=fill) as scene:
        token = scene.connect()
        scene.explained(token, "link2", "no-place", "the kernel's table has 8", "waiting")


@tap.test("/explain/which-plugin-and-which-setting")
def policies():
    def config(text):
        return f"[core]\npath-manager = userspace\n[policy:mine]\n{text}\n"

    with Scene(config("plugin = none")) as scene:
        for text, reason, words, remedy in (
                ("plugin = none", "policy", "not wanted by [policy:mine], plugin = none", None),
                ("plugin = fullmesh\nmax-subflows = 1", "own-limit",
                 "plugin fullmesh of [policy:mine]: max-subflows = 1", "[policy:mine]"),
                ("plugins = fullmesh, guard\nguard.forbid = 10.0.2.0/24 -> *", "policy",
                 "plugin guard of [policy:mine] forbids it", None),
                ("plugins = fullmesh, delayed\nage = 1min", "planned", "s for age, or for bytes", None),
                ("plugin = fullmesh\nmatch-remote-port = 7", "policy", "no [policy:…] group", None)):
            scene.daemon.config.write_text(config(text))
            scene.daemon.ctl("reload")
            token = scene.connect()
            scene.explained(token, "link2", reason, words, remedy=remedy)


@tap.test("/explain/what-a-person-deleted-stays-so")
def held():
    with Scene() as scene:
        token = scene.connect()
        path = scene.there(token, "link2")
        scene.daemon.ctl("subflow", "delete", token, f"10.0.2.1:{path['local']['port']}",
                         f"10.0.1.2:{PORT}")
        path = scene.explained(token, "link2", "held", "a person deleted it", "unwanted",
                               f"mptcpctl subflow add {token} 10.0.2.1 10.0.1.2:{PORT} dev link2")
        scene.daemon.ctl(*path["remedy"].split()[1:])
        scene.there(token, "link2")


# ---- how attempts went ----


@tap.test("/explain/unanswered-and-refused")
def attempts():
    for _, config in MANAGERS:
        # A link that is asked about would soon be silent, which says more.
        with Scene(config + "[interface:link2]\nhealth = off\n") as scene:
            scene.nft(scene.server, hook("input", "iifname link2 tcp flags syn / syn,ack drop"))
            token = scene.connect()
            scene.explained(token, "link2", "unanswered", "SYN sent", "pending")
            path = wait_until(lambda: next((p for p in scene.paths(token) if re.search(
                r"SYN sent [2-9] s ago", p["text"] or "")), None), 8, "it counts seconds")
            tap.equal(path["interface"], "link2", f"{path}")
            scene.server.run("nft", "flush", "ruleset")
            scene.nft(scene.server, hook("input", "iifname link2 tcp flags syn / syn,ack "
                                         "reject with tcp reset"))
            token = scene.connect()
            scene.explained(token, "link2", "refused", "refused by the peer", "refused", "at the peer")


@tap.test("/explain/a-peer-at-its-limit")
def turned_away():
    for _, config in MANAGERS:
        with Scene(config) as scene:
            scene.server.ip("mptcp limits set subflow 0 add_addr_accepted 0")
            token = scene.connect()
            scene.explained(token, "link2", "refused", "the peer closed it as soon as it was there",
                            "refused", "at the peer: ip mptcp limits set subflows 8")


@tap.test("/explain/addresses-that-the-peer-announced-and-took-back")
def announced():
    with Scene(KERNEL) as scene:
        scene.server.ip("mptcp endpoint add 10.0.2.2 dev link2 signal")
        scene.daemon.ctl("limits", "set", "add_addr_accepted", 0)
        token = scene.connect()
        scene.explained(token, "link2", "own-limit", "0 announced addresses are joined", "unwanted",
                        "mptcpctl limits set add_addr_accepted 1", remote="10.0.2.2")
        scene.daemon.ctl("limits", "set", "add_addr_accepted", 4)
        token = scene.connect()
        scene.explained(token, "link1", "policy", "only an endpoint with the flag fullmesh",
                        "unwanted", "flags = subflow,fullmesh in [interface:link1]", "10.0.2.2")
        scene.server.ip("mptcp endpoint delete id 0 10.0.1.2")
        scene.explained(token, "link1", "withdrawn", "took its initial address back", "unwanted",
                        remote="10.0.1.2")


@tap.test("/explain/a-silent-link")
def silent():
    config = (FULLMESH + "[interface:link2]\nprobe = tcp:10.0.2.2:9\nprobe-interval = 1s\n"
              "probe-timeout = 300ms\nprobe-failures = 1\n")
    with Scene(config) as scene:
        token = scene.connect()
        scene.there(token, "link2")
        scene.nft(scene.server, hook("input", "iifname link2 drop"))
        scene.explained(token, "link2", "silent", "link2 is silent since", "established")


@tap.test("/explain/a-policy-that-crashed")
def aside():
    config = "[core]\npath-manager = userspace\n[policy:mine]\nplugin = crash\n" \
             "in = plan_paths\n"

    def crash(scene):
        plugins = stage_plugins(scene.host.directory)
        for plugin in (BUILD / "tests/plugins").glob("crash*.so"):
            shutil.copy(plugin, plugins)

    with Scene(config, before=crash) as scene:
        runtime = scene.daemon.runtime
        with contextlib.suppress(AssertionError):
            scene.connect()  # who asks when it dies gets no answer
        scene.daemon.wait_exit()
        scene.start(runtime=runtime)
        token = scene.daemon.connections()[0]["token"]
        scene.explained(token, "link2", "set-aside", "crashed or hung", "unwanted",
                        "mptcpctl reload")


# ---- on the server's side ----


def by_kernel(config):
    return config.replace("userspace", "kernel").replace("plugin = fullmesh", "plugin = none")


@tap.test("/explain/server/announced-and-not-joined", waits=True)
def not_joined():
    for config in (server_config(), by_kernel(server_config())):
        with Site(config, accept=0) as site:
            def path():
                return next(p for p in site.explain()["paths"] if p["interface"] == "link2")

            site.traffic.transfer("upload", 1 << 16)
            wait_until(lambda: path()["reason"] == "planned", 5, "a while ago", path)
            tap.equal(path()["state"], "waiting", f"{path()}")
            found = wait_until(lambda: path() if path()["reason"] == "not-joined" else None, 15,
                               "not joined", path)
            tap.equal(found["state"], "unwanted", f"{found}")
            tap.true(re.search(r"announced 1\d s ago, and not joined: .* cannot be told apart",
                               found["text"]), f"{found}")
            tap.true("add_addr_accepted" in found["remedy"], f"{found}")
            tap.true(f"not-joined: {found['text'][:9]}" in site.daemon.ctl("explain", site.token()),
                     "as text")


@tap.test("/explain/server/what-is-not-announced")
def not_announced():
    # On a server, too, the kernel makes subflows from endpoints whose flags say so.
    for form, flags in ((str, "subflow"), (by_kernel, "backup")):
        config = form(server_config().replace("flags = signal", f"flags = {flags}"))
        with Site(config) as site:
            def path():
                return next(p for p in site.explain()["paths"] if p["interface"] == "link2")

            site.traffic.transfer("upload", 1 << 16)
            wait_until(lambda: path()["reason"] == "policy", 5, "policy", path)
            tap.equal((path()["state"], path()["remedy"]),
                      ("unwanted", f"flags = {flags},signal in [interface:link2]"), f"{path()}")
            site.server.ip("link set link2 down")
            wait_until(lambda: path()["reason"] == "link-down", 5, "link-down", path)


if __name__ == "__main__":
    sandbox.enter()
    tap.main()
