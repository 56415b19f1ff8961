# SPDX-License-Identifier: LGPL-2.1-or-later
"""mptcpize on the units of a real systemd: a drop-in of its own, and nothing else."""

import json
import os
import pathlib
import stat
import struct
import subprocess
import sys

sys.path[1:1] = [str(pathlib.Path(__file__).resolve().parents[1]),
                 str(pathlib.Path(__file__).resolve().parents[1] / "netns")]

import container
import tap
from hosts import wait_until
from later import UNIT, Later
from service import as_nobody, properties, run

UNITS = pathlib.Path("/etc/systemd/system")
VENDOR = pathlib.Path("/usr/lib/systemd/system")
NGINX = VENDOR / "nginx.service"
NAME = "50-mptcpize.conf"
SITE = pathlib.Path("/etc/nginx/sites-enabled/default")
FAILED, USAGE, NO_SYSTEMD, NOT_PERMITTED = 1, 2, 3, 4
# Prints what it was started with, and listens.
SERVER = """\
#!/usr/bin/python3
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(sys.argv[2:], os.environ.get("LD_PRELOAD"), os.environ.get("GODEBUG"),
      os.environ.get("OWN"), flush=True)
server.accept()
"""


def listeners(mptcp=True):
    """{port} of what listens, as ss has it."""
    said = run("ss", "-HnlM" if mptcp else "-Hnlt")
    return {int(line.split()[3].rpartition(":")[2])
            for line in said.splitlines()}


def tree(*tops):
    """{path: (mode, owner, what is in it)} of all below."""
    found = {}
    for top in tops:
        for directory, names, files in os.walk(top):
            for name in [*names, *files]:
                path = os.path.join(directory, name)
                is_ = os.lstat(path)
                content = (os.readlink(path) if stat.S_ISLNK(is_.st_mode)
                           else pathlib.Path(path).read_bytes() if stat.S_ISREG(is_.st_mode)
                           else None)
                found[path] = (is_.st_mode, is_.st_uid, content)
    return found


def drop_in(unit):
    return UNITS / f"{unit}.d" / NAME


def wait_listens(port, mptcp=True):
    wait_until(lambda: port in listeners(mptcp), 10, f"something listens on {port}")


class Files:
    """These files are there inside the `with`, and systemd has read them; the units end after it."""

    def __init__(self, **files):
        self.files = {pathlib.Path(path): text for path, text in files.pop("files").items()}

    def __enter__(self):
        self.made = []
        self.before = tree("/etc", VENDOR)
        for path, text in self.files.items():
            for parent in reversed(path.parents):
                if not parent.exists():
                    parent.mkdir()
                    self.made.append(parent)
            if isinstance(text, pathlib.Path):
                path.symlink_to(text)
            else:
                path.write_text(text, encoding="utf-8")
                path.chmod(0o755 if text.startswith("#!") else 0o644)
        run("systemctl", "daemon-reload")
        return self

    def __exit__(self, kind, _value, _trace):
        for path in self.files:
            if path.suffix in (".service", ".socket"):
                pattern = path.name.replace("@.", "@*.")
                if kind:
                    tap.note(subprocess.run(["systemctl", "status", "--no-pager", pattern],
                                            text=True, capture_output=True, check=False).stdout)
                subprocess.run(["systemctl", "stop", pattern], check=False, capture_output=True)
        for path in self.files:
            path.unlink()
        for path in reversed(self.made):
            path.rmdir()
        run("systemctl", "daemon-reload")
        if not kind:
            tap.equal(tree("/etc", VENDOR), self.before, "all files, before and after")


def unit(*lines, kind="Service"):
    return "\n".join([f"[{kind}]", *lines, ""])


def journal(name):
    run("journalctl", "--sync")
    return run("journalctl", "--output=cat", "--quiet", "--no-pager", f"_SYSTEMD_UNIT={name}")


# Says what it is called and was told, and that it is ready, and listens: it takes no library.
STATIC = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), notify = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const char *place = getenv("NOTIFY_SOCKET");

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 5) < 0)
		return 1;
	for (int i = 0; i < argc; i++)
		printf("[%s]%s", argv[i], i + 1 == argc ? "\n" : "");
	fflush(stdout);
	if (place) {
		strncpy(to.sun_path, place, sizeof(to.sun_path) - 1);
		if (*to.sun_path == '@')
			*to.sun_path = 0;
		connect(notify, (struct sockaddr *)&to,
			offsetof(struct sockaddr_un, sun_path) + strlen(place));
		send(notify, "READY=1", 7, 0);
	}
	if (strcmp(argv[argc - 1], "once") == 0)
		return 3;
	pause();
}
"""


def build_static(path):
    done = subprocess.run(["gcc", "-include", "stddef.h", "-w", "-static", "-x", "c", "-", "-o", path],
                          input=STATIC, text=True, capture_output=True, check=False)
    tap.equal(done.returncode, 0, f"gcc: {done.stderr}")


# ---- a service of the distribution ----


class Nginx:
    """A site on a port of ours, and a line of an administrator's."""

    drop_in = UNITS / "nginx.service.d/admin.conf"

    def __enter__(self):
        if properties("LoadState", unit="nginx.service") != ["loaded"]:
            raise tap.Skip("nginx is not installed")
        self.site, self.vendor = SITE.read_text(encoding="utf-8"), NGINX.read_bytes()
        SITE.write_text("server { listen 127.0.0.1:8080; listen [::1]:8080; }\n", encoding="utf-8")
        self.drop_in.parent.mkdir()
        self.drop_in.write_text(unit('Environment="OWN=two words" OTHER=1'), encoding="utf-8")
        run("ip", "link", "set", "lo", "up")
        run("systemctl", "daemon-reload")
        run("systemctl", "start", "nginx")
        return self

    def __exit__(self, kind, _value, _trace):
        if kind:
            tap.note(run("journalctl", "--unit=nginx", "--lines=30", "--no-pager"))
            tap.note(subprocess.run(["systemctl", "cat", "nginx"], text=True, check=False,
                                    capture_output=True).stdout)
        run("systemctl", "stop", "nginx")
        SITE.write_text(self.site, encoding="utf-8")
        NGINX.write_bytes(self.vendor)
        self.drop_in.unlink()
        self.drop_in.parent.rmdir()
        run("systemctl", "daemon-reload")

    @staticmethod
    def environment():
        pid, = properties("MainPID", unit="nginx.service")
        # nginx writes its title over it, and hands it on to none of its workers
        return pathlib.Path(f"/proc/{pid}/environ").read_bytes()


@tap.test("/service/mptcpize/nginx/listens-with-mptcp-and-keeps-what-it-had", 60)
def nginx():
    with Nginx():
        before = tree("/etc", "/usr/lib/systemd")
        tap.equal(listeners() & {8080}, set(), "what listens with MPTCP before")
        said = run("mptcpize", "enable", "nginx")
        tap.true("systemctl restart nginx.service" in said, f"it says to restart: {said}")
        tap.equal(listeners() & {8080}, set(), "nothing is restarted unasked")
        tap.true("running without it" in run("mptcpize", "status", "nginx"), "its status then")
        tap.equal(stat.S_IMODE(drop_in("nginx.service").stat().st_mode), 0o644, "mode")
        run("systemctl", "restart", "nginx")
        tap.equal(listeners() & {8080}, {8080}, "what listens with MPTCP")
        tap.true("OWN=two words" in properties("Environment", unit="nginx.service")[0],
                 "its own environment")
        check = run("mptcpize", "check", "nginx").splitlines()
        tap.equal(sorted(check), ["mptcp 127.0.0.1:8080 -> *", "mptcp [::1]:8080 -> *"], "check")
        status = run("mptcpize", "status", "nginx.service")
        tap.true("running with it" in status and "mptcp [::1]:8080 -> *" in status, status)
        tap.equal(json.loads(run("mptcpize", "status", "--json"))["units"], [
            {"unit": "nginx.service", "enabled": True, "way": "environment",
             "file": str(drop_in("nginx.service")), "state": "current", "running-with-it": True}],
            "status as JSON")
        # Another time changes nothing, and is no reason to restart.
        written = drop_in("nginx.service").stat().st_mtime_ns
        run("mptcpize", "enable", "nginx.service")
        tap.equal(drop_in("nginx.service").stat().st_mtime_ns, written, "when it was written")
        run("mptcpize", "disable", "nginx")
        tap.equal(tree("/etc", "/usr/lib/systemd"), before, "all files")
        run("systemctl", "restart", "nginx")
        tap.equal(listeners() & {8080}, set(), "what listens with MPTCP after disable")


@tap.test("/service/mptcpize/nginx/an-upgrade-keeps-it", 60)
def upgrade():
    with Nginx():
        run("mptcpize", "enable", "nginx")
        # As dpkg does it: a new file in place of the old one, and the package's script.
        new = NGINX.with_suffix(".service.dpkg-new")
        new.write_text(NGINX.read_text(encoding="utf-8").replace(
            "ExecStart=/usr/sbin/nginx -g", "Environment=NEW=1\nExecStart=/usr/sbin/nginx -q -g"),
            encoding="utf-8")
        new.rename(NGINX)
        run("systemctl", "daemon-reload")
        run("systemctl", "restart", "nginx")
        tap.equal(listeners() & {8080}, {8080}, "what listens with MPTCP after the upgrade")
        tap.true("NEW=1" in properties("Environment", unit="nginx.service")[0], "what is new")
        tap.true("-q" in properties("ExecStart", unit="nginx.service")[0], "the new command")
        tap.equal(json.loads(run("mptcpize", "status", "--json", "nginx"))["units"][0]["state"],
                  "current", "state")
        run("mptcpize", "disable", "nginx")


def install(version, port):
    """A package with a service, as distributions make them: it is restarted when it is upgraded."""
    top = pathlib.Path("/tmp/package")
    for path, text in {
            "DEBIAN/control": f"Package: probe\nVersion: {version}\nArchitecture: all\n"
                              "Maintainer: nobody <nobody@example.org>\nDescription: a probe\n",
            "DEBIAN/postinst": "#!/bin/sh\nsystemctl daemon-reload && systemctl try-restart probe\n",
            "DEBIAN/prerm": '#!/bin/sh\n[ "$1" = upgrade ] || systemctl stop probe\n',
            "usr/bin/probe": SERVER,
            "usr/lib/systemd/system/probe.service": unit(f"Environment=OWN={version}",
                                                         f"ExecStart=/usr/bin/probe {port}")}.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text, encoding="utf-8")
        (top / path).chmod(0o755 if text.startswith("#!") else 0o644)
    run("dpkg-deb", "--build", top, "/tmp/probe.deb")
    run("dpkg", "--install", "/tmp/probe.deb")


@tap.test("/service/mptcpize/upgrade/of-a-package-by-dpkg-and-its-end", 60)
def package():
    install(1, 8101)
    before = tree("/etc")
    run("systemctl", "start", "probe")
    run("mptcpize", "enable", "probe")
    install(2, 8102)
    wait_listens(8102)
    tap.true(" 2" in journal("probe.service"), journal("probe.service"))
    tap.true("running with it" in run("mptcpize", "status", "probe"), "status")
    run("dpkg", "--purge", "probe")
    tap.true("no such unit" in run("mptcpize", "status"), "status when the package is gone")
    run("mptcpize", "disable", "probe")
    tap.equal(tree("/etc"), before, "all files")


# ---- what a unit may have of its own ----


@tap.test("/service/mptcpize/enable/a-unit-keeps-its-own-preload-and-settings", 60)
def own_preload():
    library, = pathlib.Path("/lib").glob("*/libdl.so.2")
    text = unit(f"Environment=LD_PRELOAD={library} 'OWN=%n has \"all\"' GODEBUG=madvdontneed=1",
                "User=nobody", "ExecStart=/opt/server 8081 %n $OWN")
    with Files(files={"/opt/server": SERVER, UNITS / "own.service": text}):
        run("mptcpize", "enable", "own")
        run("systemctl", "start", "own")
        wait_listens(8081)
        said = journal("own.service")
        tap.true(f"{library}:" in said and "libmptcpize" in said, f"LD_PRELOAD in {said}")
        tap.true("madvdontneed=1,multipathtcp=1" in said, f"GODEBUG in {said}")
        tap.true("own.service has \"all\"" in said, f"its own in {said}")
        run("mptcpize", "disable", "own")


@tap.test("/service/mptcpize/enable/hardened-units-work-as-before", 60)
def hardened():
    build_static("/usr/local/bin/static")
    locks = ("DynamicUser=yes", "MemoryDenyWriteExecute=yes", "NoNewPrivileges=yes",
             "ProtectSystem=strict", "RestrictAddressFamilies=AF_INET AF_UNIX", "PrivateTmp=yes",
             "CapabilityBoundingSet=", "SystemCallArchitectures=native", "ProtectProc=invisible")
    with Files(files={"/opt/server": SERVER,
                      UNITS / "hard.service": unit(*locks, "SystemCallFilter=@system-service",
                                                   "ExecStart=/opt/server 8086"),
                      UNITS / "rock.service": unit(*locks, "Type=notify", "TimeoutStartSec=20",
                                                   "SystemCallFilter=@system-service seccomp",
                                                   "ExecStart=static 8087")}):
        tap.true("by environment" in run("mptcpize", "enable", "hard"), "the way")
        tap.true("by run" in run("mptcpize", "enable", "rock"), "the other way")
        run("systemctl", "start", "hard", "rock")
        wait_listens(8086)
        wait_listens(8087)
        run("mptcpize", "disable", "hard")
        run("mptcpize", "disable", "rock")
    pathlib.Path("/usr/local/bin/static").unlink()


@tap.test("/service/mptcpize/enable/aliases-templates-and-instances", 60)
def names():
    server = "ExecStart=/opt/server %i"
    with Files(files={"/opt/server": SERVER, UNITS / "real.service": unit(server),
                      UNITS / "alias.service": UNITS / "real.service",
                      UNITS / "many@.service": unit(server)}):
        said = run("mptcpize", "enable", "alias")
        tap.true(drop_in("real.service").exists() and "real.service" in said, said)
        tap.true(not drop_in("alias.service").parent.exists(), "nothing beside the alias")
        run("mptcpize", "disable", "alias")
        tap.true(not drop_in("real.service").exists(), "disabled by its alias")
        run("mptcpize", "enable", "many@8082")
        tap.true(drop_in("many@8082.service").exists(), "that of an instance")
        run("systemctl", "start", "many@8082", "many@8083")
        wait_listens(8082)
        wait_listens(8083, mptcp=False)
        tap.true(8083 not in listeners(), "another instance")
        run("mptcpize", "enable", "many@.service")
        tap.true(drop_in("many@.service").exists(), "that of the template")
        run("systemctl", "restart", "many@8083")
        wait_listens(8083)
        tap.equal([each["unit"] for each in
                   json.loads(run("mptcpize", "status", "--json"))["units"]],
                  ["many@.service", "many@8082.service"], "those enabled")
        for name in ("many@.service", "many@8082"):
            run("mptcpize", "disable", name)


@tap.test("/service/mptcpize/enable/what-cannot-be-is-said-and-nothing-written", 60)
def refused():
    with Files(files={UNITS / "masked.service": pathlib.Path("/dev/null"),
                      UNITS / "broken.service": unit("Type=nonsense"),
                      UNITS / "none.service": unit("ExecStop=/bin/true", "RemainAfterExit=yes"),
                      UNITS / "quote.service": unit("ExecStart=/bin/true \"a"),
                      UNITS / "jail.service": unit("ExecStart=/bin/true", "RootDirectory=/var"),
                      UNITS / "in.socket": unit("ListenStream=127.0.0.1:8084", kind="Socket"),
                      UNITS / "in.service": unit("ExecStart=/bin/true")}):
        before = tree("/etc")
        run("systemd-run", "--unit=passing", "sleep", "infinity")
        for name, words in {"masked": "masked", "broken": "cannot load", "none": "ExecStart",
                            "quote": "", "jail": "root directory", "passing": "transient",
                            "in.socket": "257", "nothing-like-it": "there is no"}.items():
            said = run("mptcpize", "enable", name, code=FAILED)
            tap.true(words in said, f"{name}: {said}")
        run("systemctl", "stop", "passing")
        tap.equal(tree("/etc"), before, "all files")
        # A service that gets its sockets from systemd has only its own made MPTCP.
        run("systemctl", "start", "in.socket")
        tap.true("in.socket" in run("mptcpize", "enable", "in"), "the socket is named")
        run("mptcpize", "disable", "in")
        as_nobody("mptcpize", "enable", "in", code=NOT_PERMITTED)


@tap.test("/service/mptcpize/run/a-static-program-keeps-its-prefixes-name-and-words", 60)
def static():
    build_static("/tmp/static")
    vendor = VENDOR / "fixed.service"
    lines = ("Type=notify", "TimeoutStartSec=20", "User=nobody", "Environment='W=a b' N=8091",
             "ExecStart=@/tmp/static 'my name' $N \"%%n %n\" ${W} \\\n  # no\n  ';'")
    once = "ExecStart=-/tmp/static 8092 once ; :/tmp/static 8093 ${W}x once"
    with Files(files={vendor: unit(*lines),
                      VENDOR / "once.service": unit("Type=oneshot", once)}):
        said = run("mptcpize", "enable", "fixed")
        tap.true("enabled by run" in said, said)
        run("systemctl", "start", "fixed")
        tap.true(8091 in listeners(), "it listens with MPTCP")
        tap.true("[my name][8091][%n fixed.service][a b][;]" in journal("fixed.service"),
                 journal("fixed.service"))
        tap.equal(run("mptcpize", "check", "fixed"), "mptcp 127.0.0.1:8091 -> *\n", "check")
        status = json.loads(run("mptcpize", "status", "--json", "fixed"))["units"][0]
        tap.equal((status["way"], status["state"], status["running-with-it"]),
                  ("run", "current", True), "status")
        # The next version of the package has another command: the old one goes on, and is told.
        vendor.write_text(unit(*lines[:4], "ExecStart=/tmp/static 8094 new"), encoding="utf-8")
        run("systemctl", "daemon-reload")
        tap.true("writes it anew" in run("mptcpize", "status", "fixed"), "status when it is stale")
        run("mptcpize", "enable", "fixed")
        run("systemctl", "restart", "fixed")
        tap.true(8094 in listeners(), "the new one listens with MPTCP")
        run("mptcpize", "disable", "fixed")
        # Of several commands each, and which may fail.
        run("mptcpize", "enable", "once")
        run("systemctl", "start", "once", code=1)
        said = journal("once.service")
        tap.true("8092][once]" in said and "[8093][${W}x][once]" in said, said)
        run("mptcpize", "disable", "once")
        run("systemctl", "stop", "fixed")
    pathlib.Path("/tmp/static").unlink()


@tap.test("/service/mptcpize/run/where-it-could-not-run-it-is-refused", 60)
def filtered():
    build_static("/tmp/static")
    files = {name: unit(line, "ExecStart=/tmp/static 8095") for name, line in {
        "tight": "SystemCallFilter=@basic-io @process @network-io @file-system",
        "without": "SystemCallFilter=~seccomp @debug", "jail": "RootDirectory=/var"}.items()}
    files["gains"] = unit("User=nobody", "ExecStart=/opt/sleep 1")
    files["gained"] = unit("ExecStart=/opt/sleep 1")
    files["forks"] = unit("Type=forking", "ExecStart=/tmp/static 8095")
    with Files(files={UNITS / f"{name}.service": text for name, text in files.items()}):
        for mode, capable in ((0o4755, False), (0o2755, False), (0o755, True)):
            pathlib.Path("/opt/sleep").write_bytes(pathlib.Path("/bin/sleep").read_bytes())
            pathlib.Path("/opt/sleep").chmod(mode)
            if capable:  # cap_net_bind_service, as xattrs have it
                os.setxattr("/opt/sleep", "security.capability",
                            struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
            said = run("mptcpize", "enable", "gains", code=FAILED)
            tap.true("setuid" in said, f"{mode:o}: {said}")
            said = run("mptcpize", "enable", "gained")
            tap.true(f"by {'run' if mode == 0o2755 else 'environment'}" in said, f"{mode:o}: {said}")
            run("mptcpize", "disable", "gained")
        pathlib.Path("/opt/sleep").unlink()
        tap.true("PIDFile" in run("mptcpize", "enable", "forks"), "what systemd will not know")
        run("mptcpize", "disable", "forks")
        for name, words in {"tight": "SystemCallFilter", "without": "SystemCallFilter",
                            "jail": "root directory"}.items():
            said = run("mptcpize", "enable", name, code=FAILED)
            tap.true(words in said, f"{name}: {said}")
    pathlib.Path("/tmp/static").unlink()


@tap.test("/service/mptcpize/run/where-the-environment-would-be-overridden", 60)
def overridden():
    text = unit("EnvironmentFile=-/etc/som*.env", "ExecStart=/opt/server 8096")
    later = UNITS / "some.service.d/90-later.conf"
    with Files(files={"/opt/server": SERVER, "/etc/some.env": "A=1\nLD_PRELOAD=libdl.so.2\n",
                      UNITS / "some.service": text}):
        tap.true("enabled by run" in run("mptcpize", "enable", "some"), "the way")
        run("systemctl", "start", "some")
        wait_listens(8096)
        tap.true("libdl.so.2:" in journal("some.service"), journal("some.service"))
        later.write_text(unit("ExecStart=", "ExecStart=/opt/server 8097"), encoding="utf-8")
        run("systemctl", "daemon-reload")
        tap.equal(json.loads(run("mptcpize", "status", "--json", "some"))["units"][0]["state"],
                  "stale", "state when something comes later")
        later.unlink()
        run("mptcpize", "disable", "some")


@tap.test("/service/mptcpize/socket/of-a-later-systemd-gets-its-protocol", 60)
def later():
    path = pathlib.Path("/run/later")
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={path}"}
    before = tree("/etc")
    with Later(path, drop_in(UNIT)):
        said = run("mptcpize", "enable", UNIT, env=environment)
        tap.true("enabled by socket" in said and "overrides" not in said, said)
        tap.true("[Socket]\nSocketProtocol=mptcp\n" in drop_in(UNIT).read_text(encoding="utf-8"),
                 "the drop-in")
        status = json.loads(run("mptcpize", "status", "--json", UNIT, env=environment))
        tap.equal((status["units"][0]["way"], status["units"][0]["state"],
                   status["units"][0]["running-with-it"]), ("socket", "current", False), "status")
        run("mptcpize", "disable", UNIT, env=environment)
    for options, words in (({"version": "256.9"}, "256"),
                           ({"listens": (("Stream", "80"), ("Stream", "/run/x"))}, "not all"),
                           ({"listens": (("Datagram", "[::]:80"),)}, "not all")):
        with Later(path, drop_in(UNIT), **options):
            said = run("mptcpize", "enable", UNIT, env=environment, code=FAILED)
            tap.true(words in said, said)
    run("mptcpize", "enable", UNIT, env=environment, code=NO_SYSTEMD)
    tap.equal(tree("/etc"), before, "all files")


@tap.test("/service/mptcpize/check/of-units-with-a-network-of-their-own-and-children-that-end", 60)
def check_units():
    churn = "#!/bin/sh\n/opt/server 8088 &\nwhile :; do /bin/true; done\n"
    with Files(files={"/opt/server": SERVER, "/opt/churn": churn,
                      UNITS / "apart.service": unit("PrivateNetwork=yes", "ExecStart=/opt/churn")}):
        run("mptcpize", "enable", "apart")
        run("systemctl", "start", "apart")
        wait_until(lambda: run("mptcpize", "check", "apart") == "mptcp 127.0.0.1:8088 -> *\n", 10,
                   "its socket is told", lambda: run("mptcpize", "check", "apart"))
        tap.true(8088 not in listeners(), "it is in another namespace")
        for _ in range(20):
            tap.equal(run("mptcpize", "check", "apart"), "mptcp 127.0.0.1:8088 -> *\n", "check")
        tap.true("mptcp 127.0.0.1:8088" in run("mptcpize", "status", "apart"), "status")
        tap.true("running with it" in as_nobody("mptcpize", "status", "apart"), "for anybody")
        as_nobody("mptcpize", "check", "apart", code=NOT_PERMITTED)
        tap.equal(run("mptcpize", "check", "in.socket", code=FAILED)[:9], "mptcpize:", "no such unit")
        run("mptcpize", "disable", "apart")


@tap.test("/service/mptcpize/check/of-a-socket-unit-what-systemd-has-open-for-it", 60)
def check_sockets():
    serves = unit("ExecStart=/bin/true")
    listens = {"web": unit("ListenStream=127.0.0.1:8084", "ListenStream=[::1]:8085",
                           "ListenDatagram=127.0.0.1:8086", kind="Socket"),
               "other": unit("ListenStream=127.0.0.1:8086", "ListenDatagram=127.0.0.1:8084",
                             kind="Socket")}
    with Files(files={**{UNITS / f"{name}.socket": text for name, text in listens.items()},
                      **{UNITS / f"{name}.service": serves for name in listens}}):
        run("systemctl", "start", "web.socket", "other.socket")
        tap.equal(run("mptcpize", "check", "web.socket"),
                  "tcp 127.0.0.1:8084 -> *\ntcp [::1]:8085 -> *\n", "of one")
        tap.equal(run("mptcpize", "check", "other.socket"), "tcp 127.0.0.1:8086 -> *\n",
                  "of the other")
        as_nobody("mptcpize", "check", "web.socket", code=NOT_PERMITTED)
        run("systemctl", "stop", "web.socket", "other.socket")
        tap.equal(run("mptcpize", "check", "web.socket"), "", "of one that is stopped")


@tap.test("/service/mptcpize/user/units-of-a-user", 60)
def users():
    environment = {**os.environ, "XDG_RUNTIME_DIR": "/run/user/0", "HOME": "/root"}
    environment.pop("XDG_CONFIG_HOME", None)
    mine = pathlib.Path("/root/.config/systemd/user")

    def as_user(*argv, code=0):
        return run(*argv, code=code, env=environment)

    tap.true("--user works" in as_user("mptcpize", "enable", "--user", "some", code=NO_SYSTEMD),
             "where no systemd of the user runs")
    run("systemctl", "start", "user@0.service")
    try:
        mine.mkdir(parents=True, exist_ok=True)
        before = tree(mine)
        (mine / "own.service").write_text(unit("ExecStart=/opt/server 8098"), encoding="utf-8")
        pathlib.Path("/opt/server").write_text(SERVER, encoding="utf-8")
        pathlib.Path("/opt/server").chmod(0o755)
        as_user("systemctl", "--user", "daemon-reload")
        said = as_user("mptcpize", "enable", "--user", "own")
        tap.true((mine / "own.service.d" / NAME).exists(), said)
        as_user("systemctl", "--user", "start", "own")
        wait_listens(8098)
        tap.true("running with it" in as_user("mptcpize", "status", "--user", "own"), "status")
        tap.equal(as_user("mptcpize", "check", "--user", "own"), "mptcp 127.0.0.1:8098 -> *\n",
                  "check")
        run("mptcpize", "status", "own", code=FAILED)
        as_user("mptcpize", "disable", "--user", "own")
        (mine / "own.service").unlink()
        tap.equal(tree(mine), before, "all files")
    finally:
        run("systemctl", "stop", "user@0.service")


@tap.test("/service/mptcpize/files/of-many-at-once-each-is-whole", 60)
def at_once():
    with Files(files={UNITS / "some.service": unit("ExecStart=/bin/sleep 1000")}):
        children = [subprocess.Popen(["mptcpize", "enable", "some"], stdout=subprocess.DEVNULL)
                    for _ in range(8)]
        tap.equal([child.wait() for child in children], [0] * 8, "exits")
        tap.equal([path.name for path in drop_in("some.service").parent.iterdir()], [NAME], "files")
        run("mptcpize", "disable", "some")


HOSTILE = ["a;touch ran.service", "../x", "../../x.service", "$(touch ran).service", "`touch ran`",
           "x/../nginx.service", "/etc/passwd", "", ".", "@.service", ".service", "a b",
           "a\nb.service", "a\tb", "é.service", "a" * 300, "x.service.d/../../x", "*.service",
           "%n.service", "a|b", "a&b", "a>ran.service", "nginx.timer", "nginx.target"]


@tap.test("/service/mptcpize/names/hostile-ones-run-and-write-nothing", 60)
def hostile():
    before = tree("/etc", "/run/systemd/system", VENDOR)
    for verb in ("enable", "disable", "status", "check"):
        for name in HOSTILE:
            run("mptcpize", verb, "--", name, code=USAGE, cwd="/tmp")
        for name in ("no-such.service", "..", "a\\x2fb.service", "-.service", "no@such.service"):
            if verb != "disable":
                run("mptcpize", verb, "--", name, code=FAILED, cwd="/tmp")
    tap.equal(tree("/etc", "/run/systemd/system", VENDOR), before, "all files")
    tap.true(not pathlib.Path("/tmp/ran").exists(), "nothing was run")


@tap.test("/service/mptcpize/files/those-of-others-stay", 60)
def foreign():
    text = unit("Environment=A=1")
    with Files(files={UNITS / "some.service": unit("ExecStart=/bin/true"),
                      drop_in("some.service"): text}):
        for verb in ("enable", "disable"):
            said = run("mptcpize", verb, "some", code=FAILED)
            tap.true("not of mptcpize" in said, said)
        tap.equal(drop_in("some.service").read_text(encoding="utf-8"), text, "it")
        tap.true("not enabled" in run("mptcpize", "status", "some"), "status")
        drop_in("some.service").unlink()
        for target in ("/etc/shadow", "/nowhere"):
            drop_in("some.service").symlink_to(target)
            run("mptcpize", "enable", "some", code=FAILED)
            tap.true(drop_in("some.service").is_symlink(), "the link")
            drop_in("some.service").unlink()
        drop_in("some.service").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if "--inside" in sys.argv:
        sys.argv.remove("--inside")
    elif "--list" not in sys.argv:
        container.test(pathlib.Path(__file__).resolve(), sys.argv[1:])
    tap.main()
