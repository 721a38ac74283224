"""Who answers at an endpoint: the questions that come before a login, the same for every engine."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aurora_restore.database import tls
from aurora_restore.domain.errors import DatabaseBusy, DatabaseUnreachable
from aurora_restore.domain.observed import DatabaseEndpoint, EndpointAnswer, EndpointAnswerKind


def ask_who(
    endpoint: DatabaseEndpoint,
    ca_bundle_path: Path,
    ask_for_tls: tls.AskForTls,
    log_in_and_ask: Callable[[], EndpointAnswer],
) -> EndpointAnswer:
    """Resolve the host, look at the certificate, and only then log in and ask the database which instance it is.

    No password goes to a server whose certificate does not name the host.
    """
    try:
        socket.getaddrinfo(endpoint.host, endpoint.port)
    except socket.gaierror as error:
        return EndpointAnswer(
            EndpointAnswerKind.UNKNOWN_NAME, f"DNS does not know {endpoint.host}: {error.strerror}"
        )
    try:
        # Any host name will do here, so that the names can be reported where they are not the expected ones.
        names = tls.certificate_names(endpoint, tls.context_for_any_name(ca_bundle_path), ask_for_tls)
        if not tls.names_host(names, endpoint.host):
            reason = f"the certificate names {', '.join(names)}, not {endpoint.host}"
            return EndpointAnswer(EndpointAnswerKind.OTHER_CERTIFICATE, reason, None, names)
        return replace(log_in_and_ask(), certificate_names=names)
    except (DatabaseBusy, DatabaseUnreachable) as unreachable:
        return EndpointAnswer(EndpointAnswerKind.NO_ANSWER, unreachable.message)
