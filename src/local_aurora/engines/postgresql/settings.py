"""How the servers and their data are set up, and where that differs between the major versions."""

from __future__ import annotations

from local_aurora.engines.process import HOST

# Small in memory and on disk; a power cut is the only thing that `fsync = off` does not survive. Statements that
# fail are not logged, because they can hold a password.
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "ssl": "on",
    "max_connections": "30",
    "shared_buffers": "16MB",
    # A killed server leaves nothing in /dev/shm, which is small in a container.
    "dynamic_shared_memory_type": "mmap",
    "max_wal_senders": "4",
    "max_worker_processes": "8",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "min_wal_size": "2MB",
    "max_wal_size": "32MB",
    "fsync": "off",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
}


def server_settings(major: int) -> dict[str, str]:
    """What each server is started with."""
    if major >= 18:
        # 18 reads through three processes of their own; its way of before needs none.
        return {**_SETTINGS, "io_method": "sync"}
    return dict(_SETTINGS)


def initdb_options(major: int) -> tuple[str, ...]:
    """Encoding and locale of new data, the same wherever the local stack runs."""
    common = ("--encoding=UTF8", "--no-locale", "--wal-segsize=1", "--no-sync", "--no-instructions")
    # Before 17 PostgreSQL has no locale of its own beside C, whose upper and lower case are those of ASCII.
    return (*common, "--locale-provider=builtin", "--builtin-locale=C.UTF-8") if major >= 17 else common
