"""What the server process is started with."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from local_stack.state_directory import StateDirectory


@dataclass(frozen=True)
class ServerSettings:
    """Ports of 0 are chosen, and then kept for the next start. `durations` change those that were kept."""

    account_id: str
    region: str
    source_region: str
    gateway_port: int = 0
    rds_port: int = 0
    control_port: int = 0
    durations: Mapping[str, float] = field(default_factory=dict)
    idle_worker_seconds: float = 10.0
    maximum_workers: int = 6

    @classmethod
    def load(cls, directory: StateDirectory) -> ServerSettings:
        return cls(**directory.settings())


def port_is_free(port: int) -> bool:
    """Whether a server can listen on 127.0.0.1 at this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do it: connections of an earlier run that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
