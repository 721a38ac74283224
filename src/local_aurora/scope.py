"""Which Region a request is for."""

from __future__ import annotations

import re
import urllib.parse

_CREDENTIAL = re.compile(r"Credential=[^/,\s]+/\d{8}/(?P<region>[a-z0-9-]+)/")
_HOST = re.compile(r"rds\.(?P<region>[a-z0-9-]+)\.amazonaws\.com")
DEFAULT_REGION = "us-east-1"


def region_of_request(authorization: str | bytes | None, url: str) -> str:
    """The Region that the request is signed for, else the one of its host, else us-east-1."""
    text = authorization.decode() if isinstance(authorization, bytes) else authorization or ""
    # The signature comes first: the host of a local endpoint says nothing of a Region.
    signed = _CREDENTIAL.search(text)
    if signed:
        return signed["region"]
    host = _HOST.search(urllib.parse.urlsplit(url).hostname or "")
    return host["region"] if host else DEFAULT_REGION
