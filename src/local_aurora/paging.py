"""Pages and filters, which all the Describe calls have in common."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from local_aurora.errors import invalid_value
from local_aurora.world import Call

MIN_RECORDS, MAX_RECORDS = 20, 100

_Entry = TypeVar("_Entry")


def page(
    call: Call,
    member: str,
    found: Iterable[_Entry],
    key: Callable[[_Entry], str],
    show: Callable[[_Entry], dict[str, Any]],
) -> dict[str, Any]:
    """One page of what was found, in the order of `key`, under `member`; with a Marker if more follow.

    The marker holds the last key shown, so a list that changes between two pages skips nothing that stayed.

    Raises:
        AwsError: InvalidParameterValue for MaxRecords outside 20..100 or a marker that is not one of ours.
    """
    size = call.params.get("MaxRecords") or MAX_RECORDS
    if not MIN_RECORDS <= size <= MAX_RECORDS:
        raise invalid_value(
            f"Invalid value {size} for MaxRecords. Must be between {MIN_RECORDS} and {MAX_RECORDS}"
        )
    # To clients the marker is opaque; one that was made up is refused as RDS does.
    after = None
    if marker := call.text("Marker"):
        try:
            after = base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise invalid_value("Invalid value for Marker: it was not returned by an earlier call") from error
    # In the order of the keys, since the marker is one of them.
    rest = [entry for entry in sorted(found, key=key) if after is None or key(entry) > after]
    shown = rest[:size]
    answer: dict[str, Any] = {member: [show(entry) for entry in shown]}
    if len(rest) > size:
        answer["Marker"] = base64.urlsafe_b64encode(key(shown[-1]).encode()).decode()
    return answer


def matching(
    call: Call,
    entries: Iterable[_Entry],
    filters: Mapping[str, Callable[[_Entry], Sequence[str]]],
) -> list[_Entry]:
    """The entries that pass the call's Filters: all filters, any value of each. `filters`: name → an entry's values.

    Raises:
        AwsError: InvalidParameterValue for a filter that the operation does not know.
    """
    kept = list(entries)
    for expected in call.params.get("Filters") or []:
        name, values = (
            expected.get("Name", ""),
            {str(value).lower() for value in expected.get("Values") or []},
        )
        if name not in filters:
            raise invalid_value(f"Unrecognized filter name: {name}")
        read = filters[name]
        kept = [entry for entry in kept if values & {value.lower() for value in read(entry)}]
    return kept
