"""Keeps what ministack holds on disk, change by change; ministack itself writes its state only when it ends.

Before an answer leaves the gateway, what the request can have changed is in the journal. What changes without any
request (executions, metrics, logs of functions) is written when it happens, or before a client can read it.
"""

from __future__ import annotations

import logging
import operator
import pickle
import re
import threading
import types
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ministack import app as gateway
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import lambda_svc, stepfunctions

from local_aurora.journal import Journal

BACKGROUND_SECONDS = 1.0
BACKGROUND_SERVICES = ("stepfunctions", "cloudwatch_logs", "cloudwatch", "eventbridge", "sns", "sqs")
ATTEMPTS = 100

_LIVE = frozenset(
    {"dynamodb", "stepfunctions", "secretsmanager", "sns", "cloudwatch", "cloudwatch_logs", "eventbridge", "s3",
     "cloudformation"}
)  # fmt: skip
"""Services whose `get_state` copies everything and changes nothing: read without the copy, a hundred times faster."""

_OF_REQUEST: dict[str, tuple[str, ...]] = {
    "dynamodb": ("dynamodb",),
    "secretsmanager": ("secretsmanager",),
    "s3": ("s3",),
    "states": ("stepfunctions", "eventbridge"),
    "logs": ("cloudwatch_logs",),
    "monitoring": ("cloudwatch",),
    "sqs": ("sqs",),
    "sns": ("sns", "sqs"),
    "sts": (),
}
"""What a request to a service can have changed, or can have shown; one to any other service: everything."""

_READS = re.compile(r"(Get|Describe|List|Query|Scan|BatchGet|Head)")
_CHANGED_BY_REQUESTS_ALONE = frozenset({"dynamodb", "secretsmanager"})
_EXPORTS = ("DescribeExport", "ListExports", "DescribeImport", "ListImports")
"""Requests that show what was done since without any request: files of an export, items of an import."""

_CREDENTIAL = re.compile(rb"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")

_log = logging.getLogger(__name__)

_Path = tuple[Any, ...]
_Message = dict[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[Mapping[str, Any], Any, _Send], Awaitable[None]]


@dataclass
class _Appended:
    """What is written of a list that only grows: which list, its first entry, and how many entries."""

    entries: list[Any]
    first: Any
    count: int

    def goes_on_in(self, entries: list[Any]) -> bool:
        return (
            entries is self.entries
            and len(entries) >= self.count
            and (not self.count or entries[0] is self.first)
        )


class _Entry(NamedTuple):
    """A part of a service's state: where it is, and whether it is a list that only grows.

    `objects`: at every change of the part ministack replaces one of them; none where it changes the part in place.
    """

    path: _Path
    value: Any
    is_list: bool = False
    objects: tuple[Any, ...] = ()


class MinistackKeeper:
    """The journal of what ministack holds. Safe from any thread; after `close` it writes nothing more."""

    def __init__(self, file: Path) -> None:
        self._journal = Journal(file)
        self._lock = threading.RLock()
        self._seen: dict[str, dict[_Path, bytes]] = {}
        self._lists: dict[str, dict[_Path, _Appended]] = {}
        # The objects themselves and not their ids, which another object may get once they are gone.
        self._replaced: dict[str, dict[_Path, tuple[Any, ...]]] = {}
        self._stopped = threading.Event()
        # It removes code that the journal may still name, should the process end before the next write.
        lambda_svc._prune_orphan_code_blobs = lambda _referenced: None
        self._loaded: dict[str, list[tuple[_Path, int | None, Any]]] = {}
        self._before: dict[str, set[str]] = {}
        for name, content in self._journal.read().items():
            path, number, value = pickle.loads(content)  # noqa: S301 - written by us, in a directory of our own
            self._loaded.setdefault(path[0], []).append((path, number, value))
            self._before.setdefault(path[0], set()).add(name)

    @property
    def has_kept(self) -> bool:
        """Whether an earlier process kept anything here."""
        return bool(self._before)

    @property
    def is_closed(self) -> bool:
        return self._stopped.is_set()

    def load(self, service: str) -> dict[str, Any] | None:
        """What was kept of a service, as its `load_persisted_state` takes it; None where there is nothing."""
        if service not in self._loaded:
            return None
        state: dict[str, Any] = {}
        # Outer parts before what is within them, and the entries of a list in their order.
        entries = sorted(self._loaded.pop(service), key=lambda entry: (len(entry[0]), entry[1] or 0))
        for path, number, value in entries:
            if len(path) == 2:
                state[path[1]] = value
                continue
            place = state[path[1]]._data
            for key in path[2:-1]:
                place = place.setdefault(key, {})
            if number is None:
                place[path[-1]] = value
            else:
                place[path[-1]].append(value)
        return state

    def keep(self, services: Iterable[str]) -> bool:
        """Write what is not as it was written last; False where nothing is kept any more."""
        with self._lock:
            if self.is_closed:
                return False
            changes: dict[str, bytes | None] = {}
            for service in services:
                changes.update(self._changes_of(service))
            self._journal.write(changes)
        return True

    def keep_all(self) -> bool:
        return self.keep(tuple(gateway._build_persistence_save_dict()))

    def keep_after_cloudformation(self) -> bool:
        """A stack makes things in every service; where nothing of the stacks changed, it made none."""
        # To look for changes in every service takes long, and most requests only ask for the state of a stack.
        with self._lock:
            before = self._seen.get("cloudformation")
            kept = self.keep(("cloudformation",))
            return kept and (self._seen.get("cloudformation") == before or self.keep_all())

    def keep_events_of_executions(self) -> None:
        """Write each event of an execution at once, so that nothing it did is done again. Once a process."""
        add = stepfunctions._add_event

        def add_and_keep(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
            event = add(execution, event_type, details)
            self.keep(("stepfunctions",))
            return event

        stepfunctions._add_event = add_and_keep

    def keep_in_background(self) -> None:
        """Write from time to time what changes without a request, and that no client has asked for yet."""

        def run() -> None:
            while not self._stopped.wait(BACKGROUND_SECONDS):
                self.keep(BACKGROUND_SERVICES)

        threading.Thread(target=run, name="ministack-keeper", daemon=True).start()

    def close(self) -> None:
        """From here on the state on disk stays as it is: what the end of the stack breaks is not kept."""
        with self._lock:
            self._stopped.set()
            self._journal.close()

    def _changes_of(self, service: str) -> dict[str, bytes | None]:
        for _ in range(ATTEMPTS):
            try:
                return self._changes_now(service)
            except RuntimeError:  # another thread changed a mapping while it was read
                continue
        raise RuntimeError(
            f"The state of {service} never held still in {ATTEMPTS} attempts to write it down."
        )

    def _changes_now(self, service: str) -> dict[str, bytes | None]:
        state = _current_state(service)
        seen = self._seen.get(service, {})
        lists = self._lists.get(service, {})
        replaced = self._replaced.get(service, {})
        found: dict[_Path, bytes] = {}
        found_lists: dict[_Path, _Appended] = {}
        found_replaced: dict[_Path, tuple[Any, ...]] = {}
        changes: dict[str, bytes | None] = {}
        for path, value, is_list, objects in _entries(service, state or {}):
            # Of a list that only grows just the new entries are written, or all where it was made anew.
            if is_list:
                known = lists.get(path)
                count = known.count if known and known.goes_on_in(value) else 0
                held = value[:]
                for number in range(count, len(held)):
                    changes[f"{path!r}#{number}"] = pickle.dumps((path, number, held[number]))
                if known:
                    changes.update({f"{path!r}#{number}": None for number in range(len(held), known.count)})
                found_lists[path] = _Appended(value, held[0] if held else None, len(held))
                continue
            if objects:
                found_replaced[path] = objects
                # To write all items down for each that changes would take longer the more there are.
                if path in seen and _are_same(replaced.get(path, ()), objects):
                    found[path] = seen[path]
                    continue
            found[path] = content = pickle.dumps((path, None, value))
            if seen.get(path) != content:
                changes[repr(path)] = content
        changes.update({repr(path): None for path in seen.keys() - found.keys()})
        for path in lists.keys() - found_lists.keys():
            changes.update({f"{path!r}#{number}": None for number in range(lists[path].count)})
        # After a load nothing counts as written: what the process before kept and is not there now is removed.
        changes.update(dict.fromkeys(self._before.pop(service, set()) - changes.keys()))
        self._seen[service], self._lists[service] = found, found_lists
        self._replaced[service] = found_replaced
        return changes


def answering_what_is_kept(app: _App, keeper: MinistackKeeper) -> _App:
    """The gateway, whose answers leave only when what they say is on disk; a stack that ends answers nothing more."""

    async def kept(scope: Mapping[str, Any], receive: Any, send: _Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        keep = _keeping_of(scope, keeper)
        is_refused = False

        async def send_kept(message: _Message) -> None:
            nonlocal is_refused
            if message["type"] == "http.response.start":
                is_refused = not keep()
                # The stack is ending: a client that gets no answer tries again, and finds what was kept.
                if is_refused:
                    await send({"type": "http.response.start", "status": 503, "headers": []})
                    await send({"type": "http.response.body", "body": b""})
            if not is_refused:
                await send(message)

        await app(scope, receive, send_kept)

    return kept


def _keeping_of(scope: Mapping[str, Any], keeper: MinistackKeeper) -> Callable[[], bool]:
    """What has to be kept before a request is answered."""
    headers = dict(scope.get("headers", ()))
    action = headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]
    signed = _CREDENTIAL.search(headers.get(b"authorization", b""))
    service = signed[1].decode() if signed else ""
    # What the function itself changed was kept when its own requests were answered.
    if service == "lambda" and scope["path"].endswith("/invocations"):
        return lambda: keeper.keep(("cloudwatch_logs",))
    if service == "cloudformation":
        return keeper.keep_after_cloudformation
    touched = _OF_REQUEST.get(service)
    if touched is None:
        return keeper.keep_all
    if service == "dynamodb" and action in _EXPORTS:
        return lambda: keeper.keep(("dynamodb", "s3"))
    # Even then `keep` is asked: a stack that ends answers nothing more.
    if _CHANGED_BY_REQUESTS_ALONE.issuperset(touched) and _READS.match(action):
        return lambda: keeper.keep(())
    return lambda: keeper.keep(touched)


def _current_state(service: str) -> dict[str, Any] | None:
    get_state = gateway._build_persistence_save_dict().get(service)
    if get_state is None:
        return None
    if service in _LIVE:
        # The same function, for which `copy.deepcopy` gives back what it is given.
        get_state = types.FunctionType(get_state.__code__, {**get_state.__globals__, "copy": _NoCopy})
    state: dict[str, Any] | None = _functions.state(get_state) if service == "lambda" else get_state()
    return state


class _FunctionsState:
    """Lambda's state, made anew only where a function changed: ministack hashes the code of all of them for it."""

    def __init__(self) -> None:
        self._fingerprint: bytes = b""
        self._codes: list[Any] = []
        self._state: dict[str, Any] = {}

    def state(self, get_state: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        codes: list[Any] = []
        fingerprint = pickle.dumps([
            (key, _without_code(function, codes), [_without_code(each, codes) for each in versions.values()])
            for key, function in list(lambda_svc._functions._data.items())
            for versions in (function.get("versions") or {},)
        ])  # fmt: skip
        # The zips are compared by identity: to pickle or to hash them takes long.
        if not (_are_same(tuple(self._codes), tuple(codes)) and fingerprint == self._fingerprint):
            self._state = get_state()
            self._fingerprint, self._codes = fingerprint, codes
        return self._state


_functions = _FunctionsState()


def _without_code(function: Mapping[str, Any], codes: list[Any]) -> dict[str, Any]:
    codes.append(function.get("code_zip"))
    return {name: value for name, value in function.items() if name not in ("code_zip", "versions")}


class _NoCopy:
    @staticmethod
    def deepcopy(value: Any) -> Any:
        return value


def _are_same(before: tuple[Any, ...], after: tuple[Any, ...]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before, after))


def _entries(service: str, state: Mapping[str, Any]) -> Iterator[_Entry]:
    """The parts of a service's state."""
    for store, held in state.items():
        if not isinstance(held, AccountScopedDict | AccountRegionScopedDict):
            yield _Entry((service, store), held)
            continue
        # The empty mapping comes first, so that its entries have a place when they are put together again.
        yield _Entry((service, store), type(held)())
        for key, value in list(held._data.items()):
            yield from _parts((service, store, key), value)


def _parts(path: _Path, value: Any) -> Iterator[_Entry]:
    """A value in pieces, where one of many changes at a time: items of a table, events of an execution or a log."""
    match path[:2]:
        case ("dynamodb", "tables"):
            yield _Entry(path, {**value, "items": {}})
            for partition, sorted_items in list(value["items"].items()):
                for sort_key, item in list(sorted_items.items()):
                    # Every write stores another object (`_set_item`), also that of one attribute.
                    yield _Entry((*path, "items", partition, sort_key), item, objects=(item,))
        case ("stepfunctions", "executions"):
            # A redrive gives an execution that has ended another status, and with it another object.
            has_ended = value["status"] != "RUNNING"
            fields = tuple(field for name, field in value.items() if name != "events")
            yield _Entry(path, {**value, "events": []}, objects=fields if has_ended else ())
            yield _Entry((*path, "events"), value["events"], is_list=True)
        case ("cloudwatch_logs", "log_groups"):
            yield _Entry(path, {**value, "streams": {}})
            for name, stream in list(value["streams"].items()):
                yield _Entry((*path, "streams", name), {**stream, "events": []})
                yield _Entry((*path, "streams", name, "events"), stream["events"], is_list=True)
        case _:
            yield _Entry(path, value)
