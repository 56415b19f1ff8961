# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a connection costs mptcpd, counted: the same on a busy machine as on a quiet one.

`./dev count [--links N] [N]`: the lives of N connections (10), one after another, each with a join on
every link but the first (of 2). Counts the release build, or what MPTCPD_BUILD names.
"""

import collections
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("MPTCPD_BUILD", str(HERE.parents[1] / "build-release"))
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "netns")]

import sandbox
import work
from daemon import Daemon
from hosts import Network, Storm, wait_until
from work import LINE, PAGE, median

TOP = 30


def table(counts, top=None, form="10.1f"):
    for name, count in list(counts.items())[:top]:
        print(f"  {count:{form}}  {name}")


def part(title, code, parts):
    """One step, or the way to the command: what is usual."""
    def usual(function):
        return median(map(function, parts))

    print(f"\n{title}: {usual(lambda p: p.instructions().total()):.0f} instructions, "
          f"{usual(lambda p: len(p.touched(LINE))):.0f} cache lines, "
          f"{usual(lambda p: len(p.touched(PAGE))):.0f} pages, "
          f"{usual(lambda p: work.allocations(code, p)):.0f} allocations, "
          f"{usual(lambda p: len(p.calls)):.0f} system calls")


def touched(code, way):
    """Where the cache lines are that a way touches."""
    places = collections.Counter(code.place(line * LINE) for line in way.touched(LINE))
    print("  of the last one, cache lines by place:")
    table(dict(places.most_common()), form="10d")
    functions = collections.Counter()
    for line in {at // LINE for at in way.instructions()}:
        at = min(at for at in way.instructions() if at // LINE == line)
        functions[code.function(at)] += 1
    print("  … and of those with code, by function:")
    table(dict(functions.most_common()), TOP, "10d")
    print("  … and its instructions, by function:")
    table(work.mean_instructions(code, [{"way": way}]), TOP, "10.0f")


def stepwise(n, links):
    code, commands, lives = work.lives(n, links)
    calls = work.mean_calls(lives)
    print(f"One step at a time, {n} connections, {links - 1} joins each: "
          f"{sum(calls.values()):.1f} system calls a connection")
    table(calls)
    functions = work.mean_instructions(code, lives)
    print(f"\n{sum(functions.values()):.0f} instructions a connection")
    table(functions, TOP, "10.0f")
    for step in work.STEPS:
        part(f"after it is {step}", code, [life[step] for life in lives])
    ways = work.ways(lives, commands)
    if ways:
        part("from the wake-up to the first command", code, ways)
        touched(code, ways[-1])
    else:
        print("no command was sent")


class Watch:
    """Counts the system calls of a process; perf, where it is, disturbs it less than strace."""

    def __init__(self, host, pid):
        self.path = host.directory / "counts"
        if shutil.which("perf"):
            control, answer = host.directory / "control", host.directory / "answer"
            os.mkfifo(control)
            os.mkfifo(answer)
            self.child = host.start("perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_*", "-D",
                                    -1, "--control", f"fifo:{control},{answer}", "-o", self.path,
                                    "-p", pid, stderr=subprocess.DEVNULL)
            control.write_text("enable\n", "ascii")
            with open(answer, encoding="ascii") as file:
                file.readline()
        else:
            self.child = host.start("strace", "-c", "-f", "-o", self.path, "-p", pid,
                                    stderr=subprocess.PIPE)
            self.child.stderr.readline()  # "attached"

    def end(self):
        """{system call: how many}, most first."""
        self.child.send_signal(signal.SIGINT)
        self.child.wait()
        found = {}
        for line in self.path.read_text("utf-8").splitlines():
            words = line.replace(",", " ").split()
            if len(words) > 1 and words[1].startswith("syscalls:"):
                found[words[1].removeprefix("syscalls:sys_enter_")] = int(words[0])
            elif len(words) > 4 and words[3].isdigit() and words[-1] != "total":
                found[words[-1]] = int(words[3])
        return {name: n for name, n in sorted(found.items(), key=lambda i: -i[1]) if n}


def native(n, links, title, live):
    """System calls where the round trip takes no time and nothing holds mptcpd up."""
    with Network(links=links) as net:
        Storm(net.server, "server", "0.0.0.0", 5000)
        daemon = Daemon(net.client, verbose=False)
        storm = Storm(net.client, "client", "10.0.1.2", 5000)
        counter = Watch(net.client, daemon.child.pid)
        live(net, storm, n)
        found = counter.end()
    print(f"\n{title}, {n} connections: {sum(found.values()) / n:.1f} system calls a connection")
    table({name: count / n for name, count in found.items()}, form="10.2f")


def one_by_one(net, storm, n):
    for i in range(n):
        storm.say("open 1")
        wait_until(lambda i=i: net.client.nstat()["MPJoinSynAckRx"] > i, 5, "a join")
        storm.say("close")
        time.sleep(0.02)  # until its end was heard of


def at_once(net, storm, n):
    storm.say(f"open {n}")
    wait_until(lambda: net.client.nstat()["MPJoinSynAckRx"] >= n, 20, "all joins")
    storm.say("close")
    wait_until(lambda: not net.client.connections(), 20, "no connection is left")


def main():
    words = sys.argv[1:]
    links = int(words.pop(words.index("--links") + 1)) if "--links" in words else 2
    numbers = [int(word) for word in words if word.isdigit()]
    stepwise(numbers[0] if numbers else 10, links)
    native(100, links, "Without a round trip, one by one", one_by_one)
    native(1000, links, "Without a round trip, as fast as they come", at_once)


if __name__ == "__main__":
    sandbox.run(main)
