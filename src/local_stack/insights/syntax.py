"""Reads a query into its commands. Keywords and functions are read in any case, as AWS reads them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MAX_QUERY_CHARACTERS = 10_000
MAX_ROWS = 10_000
"""What a query returns that has no limit; `limit` may ask for ten times as many (CWL_QuerySyntax-Limit)."""
MAX_LIMIT = 100_000

AGGREGATIONS = frozenset(
    {"avg", "count", "countdistinct", "earliest", "latest", "max", "min", "pct", "stddev", "sum"}
)
# How many arguments each of the other functions takes.
FUNCTIONS: dict[str, tuple[int, int]] = {
    "abs": (1, 1), "ceil": (1, 1), "floor": (1, 1), "greatest": (1, 99), "least": (1, 99), "sqrt": (1, 1),
    "round": (1, 2), "bin": (1, 1), "tomillis": (1, 1), "frommillis": (1, 1), "now": (0, 0),
    "ispresent": (1, 1), "coalesce": (1, 99), "isempty": (1, 1), "isblank": (1, 1), "concat": (1, 99),
    "trim": (1, 1), "strlen": (1, 1), "toupper": (1, 1), "tolower": (1, 1), "strcontains": (2, 2),
    "substr": (2, 3), "replace": (3, 3),
}  # fmt: skip
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">=", "=~"})
_PERIOD = re.compile(r"(\d+)\s*([a-zA-Z]+)$")
_SECONDS = {
    0.001: ("ms", "msec", "millisecond"), 1: ("s", "sec", "second"), 60: ("m", "min", "minute"),
    3600: ("h", "hr", "hour"), 86_400: ("d", "day"), 604_800: ("w", "week"),
}  # fmt: skip
# "CloudWatch Logs caps your request according to the time unit": `bin(300s)` is `bin(60s)`.
_MOST_OF_A_UNIT = {0.001: 1000, 1: 60, 60: 60, 3600: 24}

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<quoted>`[^`]+`)
    |(?P<period>\d+(?:ms|msecs?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)\b)
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<name>@{0,2}[A-Za-z_][\w@]*(?:\.[\w@]+)*)
    |(?P<sign>=~|!=|<=|>=|[=<>+\-*/%^(),|\[\]])""",
    re.VERBOSE,
)
_REGEX = re.compile(r"/((?:\\.|[^/\\\n])+)/")


class MalformedQuery(ValueError):
    """The query cannot be read. `at` is the place in its text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Field:
    name: str


@dataclass(frozen=True)
class Call:
    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Not:
    inner: Expression


Expression = Literal | Field | Call | Binary | Not


@dataclass(frozen=True)
class Named:
    """An expression and the name of its column: its alias, else its text as it was written."""

    name: str
    expression: Expression


@dataclass(frozen=True)
class Fields:
    columns: tuple[Named, ...]


@dataclass(frozen=True)
class Display:
    columns: tuple[Named, ...]


@dataclass(frozen=True)
class Filter:
    condition: Expression


@dataclass(frozen=True)
class Parse:
    source: Expression
    pattern: re.Pattern[str]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Stats:
    columns: tuple[Named, ...]
    by: tuple[Named, ...]


@dataclass(frozen=True)
class Sort:
    keys: tuple[tuple[Expression, bool], ...]
    """Each with whether it goes down."""


@dataclass(frozen=True)
class Dedup:
    fields: tuple[Expression, ...]


@dataclass(frozen=True)
class Limit:
    rows: int


Command = Fields | Display | Filter | Parse | Stats | Sort | Dedup | Limit


@dataclass(frozen=True)
class Query:
    commands: tuple[Command, ...]
    text: str = field(default="", compare=False)


def read_query(text: str) -> Query:
    """Raises MalformedQuery."""
    if len(text) > MAX_QUERY_CHARACTERS:
        raise MalformedQuery(f"a query has at most {MAX_QUERY_CHARACTERS} characters", MAX_QUERY_CHARACTERS)
    return _Reader(text).query()


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while at < len(text):
        # A slash begins a regular expression where one is expected, else it divides.
        before = found[-1].text.lower() if found else ""
        is_pattern = before in ("like", "=~") or (len(found) > 1 and _begins_parse(found))
        matched = (_REGEX.match(text, at) if is_pattern else None) or _TOKEN.match(text, at)
        if matched is None:
            raise MalformedQuery(f"unexpected character {text[at]!r}", at)
        kind = "regex" if matched.re is _REGEX else str(matched.lastgroup)
        if kind != "space":
            found.append(Token(kind, matched[1] if kind == "regex" else matched[0], at, matched.end()))
        at = matched.end()
    return found


def _begins_parse(found: list[Token]) -> bool:
    return found[-2].text.lower() == "parse" or found[-1].text.lower() == "parse"


class _Reader:
    """Goes through the tokens once, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._all = _tokens(text)
        self._at = 0

    def query(self) -> Query:
        commands = [self._command()]
        while self._takes("|"):
            commands.append(self._command())
        if self._at < len(self._all):
            raise self._unexpected()
        return Query(tuple(commands), self._text)

    # -- tokens

    def _peek(self, ahead: int = 0) -> Token:
        place = self._at + ahead
        return (
            self._all[place] if place < len(self._all) else Token("end", "", len(self._text), len(self._text))
        )

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _is(self, word: str, ahead: int = 0) -> bool:
        token = self._peek(ahead)
        return token.kind in ("sign", "name") and token.text.lower() == word

    def _takes(self, word: str) -> bool:
        if self._is(word):
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise self._unexpected(f"{word!r} expected")

    def _unexpected(self, why: str = "") -> MalformedQuery:
        token = self._peek()
        shown = repr(token.text) if token.kind != "end" else "the end of the query"
        return MalformedQuery(f"unexpected {shown}" + (f": {why}" if why else ""), token.start)

    # -- commands

    def _command(self) -> Command:
        name = self._next()
        readers: dict[str, Callable[[], Command]] = {
            "fields": lambda: Fields(self._columns()),
            "display": lambda: Display(self._columns()),
            "filter": lambda: Filter(self._expression()),
            "where": lambda: Filter(self._expression()),
            "parse": self._parse,
            "stats": self._stats,
            "sort": self._sort,
            "dedup": lambda: Dedup(tuple(each.expression for each in self._columns())),
            "limit": self._limit,
        }
        reader = readers.get(name.text.lower()) if name.kind == "name" else None
        if reader is None:
            raise MalformedQuery(f"unknown command {name.text!r}", name.start)
        return reader()

    def _columns(self) -> tuple[Named, ...]:
        columns = [self._column()]
        while self._takes(","):
            columns.append(self._column())
        return tuple(columns)

    def _column(self) -> Named:
        start = self._peek().start
        expression = self._expression()
        written = self._text[start : self._all[self._at - 1].end]
        if self._takes("as"):
            return Named(self._name(), expression)
        return Named(expression.name if isinstance(expression, Field) else written, expression)

    def _name(self) -> str:
        token = self._next()
        if token.kind not in ("name", "quoted"):
            raise MalformedQuery(f"a name expected, and not {token.text!r}", token.start)
        return token.text.strip("`")

    def _parse(self) -> Parse:
        source: Expression = Field("@message")
        if self._peek().kind in ("name", "quoted"):
            source = Field(self._name())
        token = self._next()
        if token.kind == "regex":
            pattern = _regular_expression(token)
            return Parse(source, pattern, tuple(pattern.groupindex))
        if token.kind != "text":
            raise MalformedQuery(f"a pattern expected, and not {token.text!r}", token.start)
        glob = _unquoted(token.text)
        self._expect("as")
        names = [self._name()]
        while self._takes(","):
            names.append(self._name())
        if glob.count("*") != len(names):
            raise MalformedQuery("the number of wildcards is not that of the names", token.start)
        return Parse(source, _glob(glob), tuple(names))

    def _stats(self) -> Stats:
        columns = self._columns()
        by = self._columns() if self._takes("by") else ()
        return Stats(columns, by)

    def _sort(self) -> Sort:
        keys = [self._sort_key()]
        while self._takes(","):
            keys.append(self._sort_key())
        return Sort(tuple(keys))

    def _sort_key(self) -> tuple[Expression, bool]:
        # A column of the command before may be named as it was written: `sort max(duration) desc`.
        start = self._peek().start
        expression = self._expression()
        if isinstance(expression, Call):
            expression = Field(self._text[start : self._all[self._at - 1].end])
        if self._takes("desc"):
            return expression, True
        self._takes("asc")
        return expression, False

    def _limit(self) -> Limit:
        token = self._next()
        if token.kind != "number" or not token.text.isdecimal() or not 1 <= int(token.text) <= MAX_LIMIT:
            raise MalformedQuery(f"limit takes a whole number from 1 to {MAX_LIMIT}", token.start)
        return Limit(int(token.text))

    # -- expressions, from the loosest to the tightest

    def _expression(self) -> Expression:
        left = self._conjunction()
        while self._takes("or"):
            left = Binary("or", left, self._conjunction())
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self._takes("and"):
            left = Binary("and", left, self._negation())
        return left

    def _negation(self) -> Expression:
        return Not(self._negation()) if self._takes("not") else self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        if self._is("not") and (self._is("like", 1) or self._is("in", 1)):
            self._next()
            return Not(self._membership(left))
        if self._is("like") or self._is("in"):
            return self._membership(left)
        token = self._peek()
        if token.kind == "sign" and token.text in _COMPARISONS:
            self._next()
            if token.text == "=~":
                return Binary("like", left, self._pattern())
            return Binary(token.text, left, self._sum())
        return left

    def _membership(self, left: Expression) -> Expression:
        if self._takes("like"):
            return Binary("like", left, self._pattern())
        self._expect("in")
        self._expect("[")
        found: Expression = Binary("=", left, self._sum())
        while self._takes(","):
            found = Binary("or", found, Binary("=", left, self._sum()))
        self._expect("]")
        return found

    def _pattern(self) -> Expression:
        token = self._next()
        if token.kind == "regex":
            return Literal(_regular_expression(token))
        if token.kind == "text":
            # A text matches as it stands, anywhere.
            return Literal(re.compile(re.escape(_unquoted(token.text))))
        raise MalformedQuery(f"a text or a pattern expected, and not {token.text!r}", token.start)

    def _sum(self) -> Expression:
        left = self._product()
        while self._is("+") or self._is("-"):
            left = Binary(self._next().text, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._power()
        while self._is("*") or self._is("/") or self._is("%"):
            left = Binary(self._next().text, left, self._power())
        return left

    def _power(self) -> Expression:
        left = self._operand()
        return Binary("^", left, self._power()) if self._takes("^") else left

    def _operand(self) -> Expression:
        token = self._next()
        if token.kind == "sign" and token.text == "(":
            inner = self._expression()
            self._expect(")")
            return inner
        if token.kind == "sign" and token.text == "-":
            return Binary("-", Literal(0), self._operand())
        if token.kind == "number":
            return Literal(float(token.text) if "." in token.text else int(token.text))
        if token.kind == "text":
            return Literal(_unquoted(token.text))
        if token.kind == "quoted":
            return Field(token.text.strip("`"))
        if token.kind == "name":
            return self._call(token) if self._is("(") else Field(token.text)
        self._at -= 1
        raise self._unexpected("a value expected")

    def _call(self, name: Token) -> Expression:
        function = name.text.lower()
        self._expect("(")
        if function == "bin":
            arguments: tuple[Expression, ...] = (Literal(self._period()),)
        elif (function == "count" and self._takes("*")) or self._is(")"):
            arguments = ()
        else:
            arguments = self._list()
        self._expect(")")
        least, most = (0, 2) if function in AGGREGATIONS else FUNCTIONS.get(function, (-1, -1))
        if most < 0:
            raise MalformedQuery(f"unknown function {name.text!r}", name.start)
        if not least <= len(arguments) <= most:
            raise MalformedQuery(f"{name.text} does not take {len(arguments)} argument(s)", name.start)
        return Call(function, arguments)

    def _list(self) -> tuple[Expression, ...]:
        arguments = [self._expression()]
        while self._takes(","):
            arguments.append(self._expression())
        return tuple(arguments)

    def _period(self) -> float:
        """In seconds."""
        token = self._next()
        read = _PERIOD.match(token.text) if token.kind == "period" else None
        if read is None:
            raise MalformedQuery(f"a period such as 5m expected, and not {token.text!r}", token.start)
        unit = read[2].lower()
        seconds = next(each for each, names in _SECONDS.items() if unit in names or unit.rstrip("s") in names)
        return seconds * min(int(read[1]), _MOST_OF_A_UNIT.get(seconds, int(read[1])))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _regular_expression(token: Token) -> re.Pattern[str]:
    try:
        return re.compile(token.text.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!"))
    except re.error as error:
        raise MalformedQuery(f"invalid regular expression: {error}", token.start) from error


def _glob(glob: str) -> re.Pattern[str]:
    """Each wildcard is as little as possible; one at the end is all that is left."""
    pattern = re.escape(glob).replace(r"\*", "(.*?)")
    if glob.endswith("*"):
        pattern = pattern.removesuffix("(.*?)") + "(.*)"
    return re.compile(pattern, re.DOTALL)
