# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program under `mptcpize run` is the process that was started: its pid, end, signals, terminal;
and what becomes of those for which there is no way, or none here."""

import contextlib
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from hosts import BUILD, wait_until

MPTCPIZE = BUILD / "mptcpize/mptcpize"
SOCKETS, SOCKETS_STATIC = BUILD / "tests/netns/sockets", BUILD / "tests/netns/sockets-static"
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
BACKENDS = ("preload", "seccomp")
CALL = ("call", 2, 1, 0)
# Of a build with sanitizers mptcpize itself may be started with a library preloaded.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
MPTCP, TCP = "block keep errno-kept mptcp", "block keep errno-kept tcp"


def under(backend, *argv):
    return list(map(str, (MPTCPIZE, "run", f"--backend={backend}", "--", *argv)))


def run(*argv, **options):
    return subprocess.run(list(map(str, argv)), text=True, capture_output=True, check=False, **options)


def expect(argv, out, code=0, words=()):
    """It says that, on stderr these words and otherwise nothing, and ends so."""
    done = run(*argv)
    tap.equal((done.returncode, done.stdout.strip()), (code, out), f"{argv}: {done.stderr}")
    tap.true(all(word in done.stderr for word in words), f"{argv}: {done.stderr}")
    tap.true(bool(words) or not done.stderr, f"{argv}: {done.stderr}")


def need_nobody():
    if run(*NOBODY, "true").returncode != 0:
        raise tap.Skip("there is no other user here")


def processes():
    """Name, state, parent and pid of each in this sandbox."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text("utf-8").rpartition(") ")
        except OSError:
            continue
        yield head.partition("(")[2], rest[0], int(rest.split()[1]), int(path.parent.name)


def supervisors():
    """Processes of the name of mptcpize, in this sandbox."""
    return [pid for name, state, _, pid in processes() if name == "mptcpize" and state != "Z"]


def reap():
    """We are the first process here: daemons are left to us, and count until then before Linux 6.11."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def wait_for_no_supervisor():
    wait_until(lambda: reap() or not supervisors(), 10, "the supervisor ends")
    reap()


@tap.test("/mptcpize/life/pid-and-end-are-the-programs-own")
def ends():
    for backend in BACKENDS:
        tap.equal(run(*under(backend, "sh", "-c", "exit 37")).returncode, 37, backend)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
            done = run(*under(backend, "sh", "-c", f"kill -{int(number)} $$"))
            tap.equal(done.returncode, -number, f"{backend}: a death by signal")
        with subprocess.Popen(under(backend, "sh", "-c", "echo $$"), stdout=subprocess.PIPE) as child:
            tap.equal(int(child.stdout.read()), child.pid, f"{backend}: pid")
    wait_for_no_supervisor()


@tap.test("/mptcpize/life/what-cannot-be-executed-ends-as-with-a-shell")
def not_executed():
    for backend in (*BACKENDS, "auto"):
        expect(under(backend, "/no/such"), "", 127, ["/no/such", "No such file"])
        expect(under(backend, "no-such-program"), "", 127, ["no-such-program"])
        expect(under(backend, "/etc/passwd"), "", 126, ["Permission denied"])
        expect(under(backend, "/etc"), "", 126, ["directory"])
    with tempfile.TemporaryDirectory() as directory:
        script = pathlib.Path(directory) / "script"
        script.write_text("#!/no/interpreter\n", encoding="ascii")
        script.chmod(0o755)
        expect(under("auto", script), "", 126, ["/no/interpreter"])
        script.write_text("echo plain $1\n", encoding="ascii")
        expect(under("auto", script, "words"), "plain words")
    wait_for_no_supervisor()


@tap.test("/mptcpize/life/wrong-usage-ends-with-2")
def usage():
    rows = [((), "PROGRAM"), (("--",), "PROGRAM"), (("--backnd=auto", "true"), "--backnd"),
            (("--backend=prelaod", "true"), '"preload"'), (("--backend=", "true"), '""'),
            (("--backend", "seccomp", "true"), "--backend="), (("--name", "a", "true"), "--name="),
            (("--keepalive=0", "true"), '"0"'), (("--keepalive=1,", "true"), '"1,"'),
            (("--keepalive=", "true"), '""'), (("--keepaliv", "true"), "--keepaliv")]
    for words, said in rows:
        expect((MPTCPIZE, "run", *words), "", 2, [said])
    expect((MPTCPIZE, "rnu", "true"), "", 2, ['"run"'])
    expect((MPTCPIZE,), "", 2, ["command"])
    expect((MPTCPIZE, "run", "echo", "--backend=none", "--help"), "--backend=none --help")


@tap.test("/mptcpize/life/the-environment-is-added-to")
def environment():
    library = str(MPTCPIZE.with_name("libmptcpize-preload.so"))
    code = 'echo "$LD_PRELOAD|$GODEBUG|$MPTCPIZE_KEEPALIVE"'
    shell = under("preload", "sh", "-c", code)
    plain = {name: value for name, value in os.environ.items() if name != "GODEBUG"}
    tap.equal(run(*shell, env=plain).stdout, f"{library}|multipathtcp=1|\n", "from nothing")
    some = {**plain, "LD_PRELOAD": "libm.so.6", "GODEBUG": "http2debug=1,multipathtcp=0"}
    wanted = f"libm.so.6:{library}|http2debug=1,multipathtcp=0,multipathtcp=1|\n"
    tap.equal(run(*shell, env=some).stdout, wanted, "what was there stays")
    tap.equal(run(MPTCPIZE, "run", *shell, env=some).stdout, wanted, "twice is once")
    keep = (MPTCPIZE, "run", "--keepalive=9", "sh", "-c", code)
    tap.equal(run(*keep, env=plain).stdout.split("|")[2], "9,10,3\n", "keepalive")
    for argv in (under("seccomp", "sh", "-c", code), ("sh", "-c", code)):
        tap.equal(run(*argv, env=plain).stdout, "||\n", "seccomp needs none of it")


@tap.test("/mptcpize/life/daemons-keep-their-supervisor-and-nobody-waits-for-it")
def daemons():
    with tempfile.TemporaryDirectory() as directory:
        fifo = pathlib.Path(directory) / "fifo"
        os.mkfifo(fifo)
        with subprocess.Popen(under("seccomp", SOCKETS_STATIC, "daemon", fifo), text=True,
                              stdout=subprocess.PIPE) as child:
            tap.equal(child.wait(), 0, "the one in the foreground ends")
            tap.equal(len(supervisors()), 1, "a supervisor")
            fifo.write_text("x", encoding="ascii")
            # The end of the file comes although the supervisor may still be there.
            tap.equal(child.stdout.read(), "mptcp\n", "the daemon's socket")
        wait_for_no_supervisor()


@tap.test("/mptcpize/life/the-supervisor-outlives-all-signals-and-holds-nothing")
def supervisor():
    with open("/dev/null", "rb") as null:
        many = [os.dup(null.fileno()) for _ in range(800)]
    code = "read x; exec " + " ".join(map(str, (SOCKETS_STATIC, *CALL)))
    with subprocess.Popen(under("seccomp", "sh", "-c", code), text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, pass_fds=many) as child:
        pid = wait_until(lambda: set(supervisors()) - {child.pid}, 10, "a supervisor").pop()
        wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) < 8, 10, "few files are open there")
        tap.true(os.getsid(pid) == pid and os.getpgid(child.pid) == os.getpgid(0), "sessions")
        tap.equal(os.readlink(f"/proc/{pid}/cwd"), "/", "its directory")
        line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().strip(b"\0")
        tap.equal(line, str(MPTCPIZE).encode(), "its command line is not the program's")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
            os.kill(pid, number)
        out, _ = child.communicate("\n")
        tap.equal(out.strip(), MPTCP, "it still answers")
    for fd in many:
        os.close(fd)
    wait_for_no_supervisor()


@tap.test("/mptcpize/life/the-supervisor-outlives-its-time-on-the-processor")
def time_limit():
    # More than a second of its own, of which none of the programs has even a fifth.
    calls, programs = int(8000 / tap.SLOW), 10
    code = "; ".join([f"{SOCKETS_STATIC} threads 1 {calls}"] * programs)
    expect(("prlimit", "--cpu=1", *under("seccomp", "sh", "-c", code)), "\n".join([str(calls)] * programs))


@tap.test("/mptcpize/life/few-files-are-enough-or-it-is-tcp")
def few_files():
    for n in range(4, 14):
        done = run("prlimit", f"--nofile={n}", *under("auto", SOCKETS_STATIC, *CALL))
        tap.true(done.returncode == 0 and done.stdout.strip() in (MPTCP, TCP), f"{n} files: {done}")


@tap.test("/mptcpize/life/descriptors-that-cannot-be-handed-over")
def no_hand_over():
    need_nobody()
    # All that one user may have on the way between processes are on the way.
    script = ("import os, resource, socket, sys\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))\n"
              "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
              "try:\n    while True: socket.send_fds(a, [b'x'], [0] * 5)\n"
              "except OSError: pass\n"
              "os.set_inheritable(b.fileno(), True)\n"
              "os.execv(sys.argv[1], sys.argv[1:])\n")
    expect((*NOBODY, "/usr/bin/python3", "-c", script, *under("auto", SOCKETS_STATIC, *CALL)), TCP,
           words=("Too many references", "TCP"))


@tap.test("/mptcpize/life/the-terminal-reaches-the-program")
def terminal():
    for backend in BACKENDS:
        try:
            pid, master = pty.fork()
        except OSError as why:
            raise tap.Skip(f"no terminal here: {why}") from why
        if pid == 0:
            os.execv(MPTCPIZE, under(backend, "sh", "-c", "trap 'exit 9' INT; echo go; read x"))
        said = b""
        while b"go" not in said:
            said += os.read(master, 100)
        os.write(master, b"\x03")
        tap.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 9, f"{backend}: ^C")
        os.close(master)
    wait_for_no_supervisor()


@tap.test("/mptcpize/life/launchers-hand-it-on")
def launchers():
    for launcher in (("env", "A=b"), ("nice",), ("setsid", "-w"), ("nohup",), ("timeout", "9"),
                     ("sh", "-c", '"$@"; exit $?', "sh"), ("xargs", "-a", "/dev/null")):
        expect((*under("seccomp", *launcher), SOCKETS_STATIC, *CALL), MPTCP)
        expect((*under("preload", *launcher), SOCKETS, *CALL), MPTCP)


@tap.test("/mptcpize/life/closed-standard-files-stay-closed")
def closed():
    for backend in BACKENDS:
        program = under(backend, "sh", "-c", "[ -e /proc/$$/fd/0 ] || echo closed")
        expect(("sh", "-c", 'exec "$@" <&-', "sh", *program), "closed")


@tap.test("/mptcpize/life/one-inside-another-is-one")
def nested():
    for outer in BACKENDS:
        for inner in BACKENDS:
            program = SOCKETS if inner == "preload" else SOCKETS_STATIC
            expect(under(outer, *under(inner, program, *CALL)), MPTCP)
    expect((MPTCPIZE, "run", MPTCPIZE, "run", SOCKETS_STATIC, *CALL), MPTCP)


@tap.test("/mptcpize/life/a-supervisor-that-is-not-needed-leaves-nothing")
def not_needed():
    with subprocess.Popen(under("seccomp", *under("seccomp", "cat")), text=True, bufsize=1,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.write("here\n")
        tap.equal(child.stdout.readline(), "here\n", "the program runs")
        children = [pid for _, _, parent, pid in processes() if parent == child.pid]
        tap.equal(children, supervisors(), "its children: what supervises it, and nothing that ended")
        child.stdin.close()
    wait_for_no_supervisor()


@tap.test("/mptcpize/refused/where-others-supervise-or-filters-are-forbidden")
def not_here():
    for launcher, word in (("supervised", "supervised"), ("denied", "not permitted"),
                           ("deadly", "forbidden")):
        first = (SOCKETS, launcher)
        expect((*first, *under("seccomp", SOCKETS_STATIC, *CALL)), "", 125, [word])
        expect((*first, *under("auto", SOCKETS_STATIC, *CALL)), TCP, 0, [word, "runs with TCP"])
        expect((*first, *under("auto", SOCKETS, *CALL)), MPTCP)
    # Whose /proc is that of others.
    first = ("unshare", "--pid", "--fork")
    expect((*first, *under("seccomp", SOCKETS_STATIC, *CALL)), "", 125, ["/proc"])
    wait_for_no_supervisor()


@tap.test("/mptcpize/refused/a-backend-that-is-none-for-the-program")
def unfit():
    expect(under("preload", SOCKETS_STATIC, *CALL), "", 125, ["statically linked"])
    with tempfile.TemporaryDirectory() as directory:
        foreign = pathlib.Path(directory) / "foreign"
        data = bytearray(pathlib.Path(SOCKETS_STATIC).read_bytes()[:4096])
        data[4] = 1  # 32 bits
        foreign.write_bytes(data)
        foreign.chmod(0o755)
        for backend in BACKENDS:
            expect(under(backend, foreign), "", 125, ["another machine or word size"])


@tap.test("/mptcpize/refused/preload-where-the-library-is-not-there")
def no_library():
    installed = re.search(rb"/[^\0]*(?=/libmptcpize-preload\.so)", MPTCPIZE.read_bytes())[0].decode()
    is_hidden = os.path.isdir(installed) and run("mount", "-t", "tmpfs", "none", installed).returncode == 0
    try:
        with tempfile.TemporaryDirectory(dir="/run") as directory:
            alone = (shutil.copy(MPTCPIZE, directory), "run")
            expect((*alone, "--backend=preload", SOCKETS, *CALL), "", 125, ["is not there"])
            expect((*alone, SOCKETS, *CALL), MPTCP)
            expect((*alone, "--backend=seccomp", SOCKETS, *CALL), MPTCP)
    finally:
        if is_hidden:
            run("umount", installed)
    wait_for_no_supervisor()


def capability_bytes():
    """CAP_NET_RAW, permitted and effective, as the file system has it."""
    return struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0)


@tap.test("/mptcpize/refused/programs-that-are-to-gain-privileges")
def privileged():
    need_nobody()
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        os.chmod(directory, 0o755)
        files = {}
        for name in ("setuid", "setgid", "capable"):
            files[name] = pathlib.Path(directory) / name
            shutil.copy(SOCKETS_STATIC, files[name])
        files["setuid"].chmod(0o4755)
        files["setgid"].chmod(0o2755)
        os.setxattr(files["capable"], "security.capability", capability_bytes())
        script = pathlib.Path(directory) / "script"
        script.write_text(f"#!{files['setuid']} call\n", encoding="ascii")
        script.chmod(0o755)
        local = shutil.copytree(MPTCPIZE.parent, pathlib.Path(directory) / "here",
                                ignore=lambda _, names: [n for n in names if n.endswith(".p")])
        local = pathlib.Path(local) / "mptcpize"
        for name, path in (*files.items(), ("setuid", script)):
            for backend in (*BACKENDS, "auto"):
                argv = (*NOBODY, local, "run", f"--backend={backend}", path, *CALL)
                words = {"setuid": "setuid", "setgid": "setgid", "capable": "capabilities"}
                expect(argv, "", 125, [words[name] if backend == "auto" else "privilege"])
        # Root loses nothing.
        expect(under("seccomp", files["setuid"], *CALL), MPTCP)
        os.chown(files["setuid"], 65534, 65534)
        files["setuid"].chmod(0o4755)
        expect(under("auto", files["setuid"], *CALL), MPTCP)
        # Nor does who may not gain anything.
        expect((*NOBODY, "--no-new-privs", local, "run", files["capable"], *CALL), MPTCP)


@contextlib.contextmanager
def for_nobody():
    """A directory from which nobody, too, can run mptcpize and sockets-static."""
    need_nobody()
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        os.chmod(directory, 0o755)
        for path in (MPTCPIZE, SOCKETS_STATIC):
            shutil.copy(path, directory)
        yield directory


@tap.test("/mptcpize/unprivileged/seccomp-works-and-guesses-nothing")
def unprivileged():
    with for_nobody() as directory:
        program, first = f"{directory}/sockets-static", (*NOBODY, f"{directory}/mptcpize", "run")
        expect((*first, program, *CALL), MPTCP)
        expect((*first, program, "threads", 50, 20), "1000")
        # Its namespace cannot be entered: so it makes its own, for TCP.
        expect((*first, program, "unshare"), "here tcp")
        os.chmod(program, 0o711)  # cannot be read, nor looked at while it runs
        expect((*first, program, *CALL), TCP)


@tap.test("/mptcpize/unprivileged/privileges-are-not-given-up-for-nothing")
def given_up():
    with for_nobody() as directory:
        program = (*NOBODY, f"{directory}/mptcpize", "run", f"{directory}/sockets-static", "gains")
        expect(program, "never")
        expect((SOCKETS, "supervised", *program), "may", words=("supervised", "TCP"))


@tap.test("/mptcpize/cgroup/who-is-in-another-one-makes-its-own-sockets")
def cgroups():
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        done = run("mount", "-t", "cgroup2", "none", directory)
        if done.returncode != 0:
            raise tap.Skip("no cgroup 2 here")
        other = pathlib.Path(directory) / f"mptcpize-{os.getpid()}-test"
        try:
            other.mkdir()
            code = f'echo $$ >{other}/cgroup.procs && exec "$@"'
            expect(under("seccomp", "sh", "-c", code, "sh", SOCKETS_STATIC, *CALL), TCP)
        finally:
            wait_for_no_supervisor()
            other.rmdir()
            run("umount", directory)


if __name__ == "__main__":
    sandbox.run(tap.main)
