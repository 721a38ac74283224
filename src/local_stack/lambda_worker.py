"""What a Lambda worker process runs: the deployed zip under AWS's own runtime client, and nothing else.

Started by `lambda_runtime` with `python -I -S`, so that neither this project nor its site-packages are there:
the modules come from the zip, then from the directory that replaces Lambda's own `/var/runtime` (boto3,
awslambdaric), then from the standard library. This file imports nothing of ours for that reason.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _know_local_names(rds_url: str) -> None:
    """Resolve `*.localhost` as the VPC of a function would the names of endpoints: as DNS knows them by now.

    The local Aurora is asked, since after a rename a name is known late there. All of them lead to the loopback.
    """
    import functools  # noqa: PLC0415 - these are loaded by the runtime client anyway
    import json  # noqa: PLC0415
    import socket  # noqa: PLC0415
    from collections.abc import Callable  # noqa: PLC0415
    from typing import Any  # noqa: PLC0415

    system: Callable[..., Any] = socket.getaddrinfo

    @functools.wraps(system)
    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(host, str) or not host.endswith(".localhost"):
            return system(host, *arguments, **options)
        import http.client  # noqa: PLC0415

        asked = http.client.HTTPConnection(rds_url.removeprefix("http://"), timeout=5)
        try:
            asked.request("POST", "/_aurora/resolve", json.dumps({"host": host}))
            addresses = json.loads(asked.getresponse().read())["addresses"]
        finally:
            asked.close()
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return system(addresses[0], *arguments, **options)

    socket.getaddrinfo = resolve


def main(task_root: str, runtime_directory: str, parent: str) -> None:
    # Linux can end this process when its parent ends; elsewhere it ends when the Runtime API is gone.
    if sys.platform.startswith("linux"):
        import ctypes  # noqa: PLC0415 - only Linux needs it

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != int(parent):  # the parent ended before the request was made
            os._exit(1)
    sys.path[0:0] = [task_root, runtime_directory]
    if rds_url := os.environ.get("AWS_ENDPOINT_URL_RDS"):
        _know_local_names(rds_url.rstrip("/"))
    from awslambdaric.__main__ import main as run_lambda  # noqa: PLC0415 - found on the path set just now

    run_lambda(["awslambdaric", os.environ["_HANDLER"]])


if __name__ == "__main__":
    main(*sys.argv[1:])
