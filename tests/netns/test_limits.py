# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of the kernel's path manager that a person sets: mptcpd keeps to them."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sandbox
import tap
from daemon import Daemon
from hosts import Network, wait_until
from judge import limits

KERNEL = "[core]\npath-manager = kernel\n"


class Scene:
    """A host with six addresses, and mptcpd, which has raised the limits for them."""

    def __enter__(self):
        self.net = Network(note=tap.note).__enter__()
        try:
            self.client = self.net.client
            self.client.ip("mptcp limits set subflow 2 add_addr_accepted 0")
            self.start()
            self.await_limits(6, 6)
        except BaseException:
            self.net.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception):
        return self.net.__exit__(*exception)

    def start(self, runtime=None):
        daemon = self.daemon = Daemon(self.client, KERNEL, runtime=runtime)
        self.net.on_failure[:] = [lambda: "mptcpd's log:\n" + daemon.text()[-4000:]]

    def there(self):
        """(subflows, add_addr_accepted), as `ip` says."""
        return limits(self.client)[::-1]

    def await_limits(self, subflows, accepted):
        wait_until(lambda: self.there() == (subflows, accepted), 3, f"limits {subflows} {accepted}",
                   self.there)

    def add_address(self, n):
        """Another one, until it is an endpoint: the limits are set behind that."""
        address = f"10.0.3.{70 + n}"
        self.client.ip(f"address add {address}/24 dev link3")
        self.await_endpoint(address)

    def await_endpoint(self, address):
        def is_there():
            return any(e["address"] == address and e["id"]
                       for e in self.daemon.json("endpoint")["endpoints"])

        wait_until(is_there, 3, f"an endpoint for {address}",
                   lambda: self.daemon.json("endpoint"))

    def reload(self, config):
        self.daemon.config.write_text(config)
        self.daemon.ctl("reload")


@tap.test("/limits/by-hand/no-address-and-no-reload-raises-them")
def stays():
    with Scene() as scene:
        scene.daemon.ctl("limits", "set", "subflows", "1", "add_addr_accepted", "0")
        scene.add_address(1)
        tap.equal(scene.there(), (1, 0), "after a new address")
        scene.net.down(2)
        wait_until(lambda: scene.daemon.json("status")["status"]["endpoints"] == 5, 3, "two less")
        scene.net.up(2, scene.client)
        scene.await_endpoint("10.0.2.1")
        tap.equal(scene.there(), (1, 0), "after a link was away")
        scene.reload(KERNEL)
        scene.add_address(2)
        tap.equal(scene.there(), (1, 0), "after a reload")


@tap.test("/limits/by-hand/the-other-one-is-raised")
def other():
    with Scene() as scene:
        scene.daemon.ctl("limits", "set", "add_addr_accepted", "2")
        scene.add_address(1)
        scene.await_limits(7, 2)
        scene.daemon.ctl("limits", "set", "subflows", "3")
        scene.daemon.ctl("limits", "set", "add_addr_accepted", "1")
        scene.add_address(2)
        tap.equal(scene.there(), (3, 1), "both")


@tap.test("/limits/by-hand/also-over-a-restart")
def restart():
    for signal in (15, 9):
        with Scene() as scene:
            scene.daemon.ctl("limits", "set", "subflows", "1")
            scene.daemon.end(signal)
            tap.equal(scene.there(), (1, 6 if signal == 9 else 0), "without mptcpd")
            scene.start(scene.daemon.runtime)
            scene.await_limits(1, 6)
            scene.add_address(1)
            scene.await_limits(1, 7)


@tap.test("/limits/by-hand/until-the-configuration-says-otherwise")
def configured():
    with Scene() as scene:
        scene.daemon.ctl("limits", "set", "subflows", "1", "add_addr_accepted", "0")
        scene.reload(KERNEL + "[endpoints]\nsubflows = 7\n")
        scene.await_limits(7, 7)


@tap.test("/limits/by-hand/refused-ones-change-nothing")
def refused():
    with Scene() as scene:
        scene.daemon.ctl("limits", "set", "subflows", "60000", code=1)
        scene.add_address(1)
        scene.await_limits(7, 7)


if __name__ == "__main__":
    sandbox.run(tap.main)
