# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an ordinary user may try. A program of its own, so that it can be run as one:

    flood.py ATTACK...     makes them all, says "ready", holds on to all it has until told to end,
                           and then prints what came of each, one JSON object.
"""

import contextlib
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import readers as reading
from rawbus import (CONTROL, EXTERNAL, INTERACTIVE, NO_REPLY, RETURN, SYSTEM, RawBus, connect,
                    text)

MIB = 1 << 20
CLIENTS = 20  # more than there are places for one user
UNHEARD = 50000  # calls that nobody waits for, before it is "ready"
UNANSWERED = 100  # calls of one connection; the broker lets 128 wait
kept = []


def clients(kind=RawBus):
    """As many as get in, with their handshakes done."""
    for _ in range(CLIENTS):
        with contextlib.suppress(OSError):
            kept.append(kind())
            yield kept[-1]


def send_some(client, data):
    """As much of it as is taken without waiting; False if the other side has hung up."""
    client.settimeout(0.2)
    try:
        client.sendall(data)
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def half_open():
    """Handshakes that never end. How long until they are ended."""
    begin = time.monotonic()
    waiting = [connect() for _ in range(CLIENTS)]
    kept.extend(waiting)
    for client in waiting:
        send_some(client, EXTERNAL)

    def result():
        for client in waiting:
            with contextlib.suppress(ConnectionError):
                client.settimeout(10)
                while client.recv(4096):
                    pass
        return time.monotonic() - begin

    return result


def in_processes(work):
    """Two processes that do this until they are told to end."""
    children = []
    for _ in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            work()

    def result():
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    return result


def visit():
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            with contextlib.suppress(OSError):
                client.connect(CONTROL)
                client.send(EXTERNAL)


def visits():
    """Two processes that come and go as fast as they can."""
    return in_processes(visit)


def huge():
    """All but the last byte of 127 MiB each. How many of the connections were ended."""
    chunk = b"\0" * MIB
    ended = 0
    for bus in clients():
        raw = bus.make("GetStatus", types="ay", body_size=127 * MIB)
        alive = send_some(bus.socket, raw)
        for _ in range(127):
            alive = alive and send_some(bus.socket, chunk)
        ended += not alive
    return lambda: ended


def claims():
    """Headers that claim what cannot be."""
    ended = 0
    for size in (0x7fffffff, 0xffffffff, 128 * MIB, 64 * MIB, 8192):
        with contextlib.suppress(OSError), RawBus() as bus:
            raw = bytearray(bus.make("GetStatus", types="ay", body_size=size))
            send_some(bus.socket, raw)
            bus.wait_closed()
            ended += 1
    return lambda: ended


def unfinished():
    """All but the last byte of a message that would be allowed. How long until they are ended."""
    begin = time.monotonic()
    waiting = list(clients())
    for bus in waiting:
        send_some(bus.socket, bus.make("GetStatus")[:-1])

    def result():
        for bus in waiting:
            bus.socket.settimeout(10)
            bus.wait_closed()
        return time.monotonic() - begin

    return result


def byte_by_byte():
    """A call in as many pieces as it has bytes. Its error, null for none."""
    bus = next(clients())
    raw = bus.make("GetStatus")
    for i in range(len(raw)):
        bus.socket.sendall(raw[i:i + 1])
    error = bus.answer(bus.serial).error
    return lambda: error


def descriptors():
    """Pipes, four with each piece of a message that never ends. How many somebody still holds when
    the connections are gone.
    """
    readers = []
    for bus in clients():
        reader, writer = os.pipe()
        readers.append(reader)
        raw = bus.make("GetStatus", descriptors=40)[:-1]
        with contextlib.suppress(OSError):
            bus.call("GetStatus")  # the handshake is over at the other end, too
            for i in range(0, len(raw), 10):
                bus.send_descriptors(raw[i:i + 10], [writer] * 4)
        os.close(writer)

    def result():
        for bus in kept:
            bus.close()
        poll = select.poll()
        for reader in readers:
            poll.register(reader, select.POLLIN)
        deadline = time.monotonic() + 5
        held = len(readers)
        while held and time.monotonic() < deadline:
            held = len(readers) - len(poll.poll(100))
        return held

    return result


def readers():
    """Calls of all kinds, as fast as they are answered. How many answers came."""
    found, counts, is_over = [], [0], threading.Event()
    token = int(os.environ.get("TOKEN", "0"), 16)
    for reader, what in zip(clients(reading.Reader), itertools.cycle(reading.READS)):
        reader.start(what, token)
        found.append(reader)

    def on_tenth(answers):
        counts.append(answers)
        return not is_over.is_set()

    thread = threading.Thread(target=reading.flood, args=(found, on_tenth))
    thread.start()

    def result():
        is_over.set()
        thread.join()
        return {"places": len(found), "answers": counts[-1]}

    return result


def mute():
    """Monitors that never read. How many there were."""
    waiting = list(clients())
    for bus in waiting:
        bus.call("Subscribe")
    return lambda: len(waiting)


def system():
    bus = RawBus(SYSTEM, system=True, seconds=30)
    kept.append(bus)
    return bus


def bus_descriptors():
    """Over the system bus: the broker is to say no, and nobody to keep any."""
    bus = system()
    reader, writer = os.pipe()
    with contextlib.suppress(OSError):
        bus.send_descriptors(bus.make("GetStatus", descriptors=10), [writer] * 10)
    os.close(writer)
    bus.close()
    held = not select.select([reader], [], [], 5)[0]
    return lambda: held


def bus_subscribe():
    """Subscribe, and leave the bus."""
    for _ in range(20):
        with RawBus(SYSTEM, system=True) as bus:
            bus.call("Subscribe")
    return lambda: None


def bus_huge():
    """Large arguments, one after the other. The errors they got."""
    bus = system()
    body = text("x" * (8 * MIB))
    errors = {bus.call("Reload", types="s", body=body).error for _ in range(8)}
    return lambda: sorted(errors)


def bus_changes():
    """Changes that wait for a polkit that does not answer, some with large arguments. The errors
    of those that may not even wait: of all but eight.
    """
    buses = [system() for _ in range(20)]
    body = text("x" * 7000)
    for _ in range(20):
        for bus in buses:
            bus.send("Reload", flags=INTERACTIVE)
            bus.send("AddSubflow", types="s", body=body, flags=INTERACTIVE | NO_REPLY)
    errors = []
    while len(errors) < 20 * 20 - 8:
        ready, _, _ = select.select(buses, [], [], 10)
        for bus in ready:
            errors += [answer.error for answer in bus.receive_all() if answer.serial]
    return lambda: sorted(set(errors))


def bus_unheard():
    """Calls over the system bus whose answers nobody wants, as many as the broker takes."""
    done, tell = os.pipe()

    def call():
        bus = system()
        calls = bus.make("GetConfig", flags=NO_REPLY) * 500
        bus.socket.settimeout(None)
        while True:
            bus.socket.sendall(calls)
            os.write(tell, b".")

    result = in_processes(call)
    for _ in range(UNHEARD // 500):
        os.read(done, 1)
    return result


def bus_calls():
    """Calls over the system bus, as many as the broker lets wait on each of many connections. Ends when
    all are answered. How many answers came.
    """
    buses = [system() for _ in range(CLIENTS)]
    is_over = threading.Event()
    asked, answered = 0, 0

    def call(bus, n):
        nonlocal asked
        asked += n
        bus.socket.sendall(b"".join(bus.make("GetStatus") for _ in range(n)))

    def go_on():
        nonlocal answered
        while answered < asked:
            ready, _, _ = select.select(buses, [], [], 10)
            for bus in ready:
                n = sum(answer.kind == RETURN for answer in bus.receive_all())
                answered += n
                call(bus, 0 if is_over.is_set() else n)

    for bus in buses:
        call(bus, UNANSWERED)
    thread = threading.Thread(target=go_on)
    thread.start()

    def result():
        is_over.set()
        thread.join()
        return answered

    return result


def main():
    results = {name: globals()[name.replace("-", "_")]() for name in sys.argv[1:]}
    print("ready", flush=True)
    sys.stdin.read()
    print(json.dumps({name: result() for name, result in results.items()}), flush=True)


if __name__ == "__main__":
    main()
