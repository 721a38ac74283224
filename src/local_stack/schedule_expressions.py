"""The expressions of EventBridge Scheduler: at which times a schedule is due.

Source: scheduler/latest/UserGuide/schedule-types: cron with six fields in a time zone, rate, at. A time that daylight
saving leaves out is skipped, one that comes twice counts once, and a rate goes by elapsed time. Without a start date
a rate is due at once.
"""

from __future__ import annotations

import calendar
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PRECISION_SECONDS = 60
"""A target is called within the minute for which it is planned, or as much later: never promised to the second."""
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MINUTE = timedelta(minutes=1)
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
DayRule = Callable[[date], bool]


@dataclass(frozen=True)
class At:
    """Once."""

    time: datetime

    def due(self, after: datetime, until: datetime, created: datetime) -> Iterator[datetime]:  # noqa: ARG002
        if after < self.time <= until:
            yield self.time


@dataclass(frozen=True)
class Rate:
    """At its creation, and after each interval."""

    interval: timedelta

    def due(self, after: datetime, until: datetime, created: datetime) -> Iterator[datetime]:
        passed = max(0, (after - created) // self.interval)
        time = created + passed * self.interval
        while time <= until:
            if time > after:
                yield time
            time += self.interval


@dataclass(frozen=True)
class Cron:
    """Each minute of the time zone that fits all fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day_of_month: DayRule
    day_of_week: DayRule
    zone: ZoneInfo

    def due(self, after: datetime, until: datetime, created: datetime) -> Iterator[datetime]:  # noqa: ARG002
        time = after.replace(second=0, microsecond=0) + _MINUTE
        while time <= until:
            if self._fits(time.astimezone(self.zone)):
                yield time
            time += _MINUTE

    def _fits(self, local: datetime) -> bool:
        # The second of two hours with the same name: the schedule has been due in the first.
        if local.fold or local.minute not in self.minutes or local.hour not in self.hours:
            return False
        day = local.date()
        is_in_month = day.month in self.months and day.year in self.years
        return is_in_month and self.day_of_month(day) and self.day_of_week(day)


Expression = At | Rate | Cron


def parse_expression(text: str, timezone: str) -> Expression:
    """Raises ValueError for what Scheduler does not take."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"Invalid Time Zone {timezone}") from error
    found = re.fullmatch(r"(at|rate|cron)\((.*)\)", text.strip())
    if found is None:
        raise ValueError(f"Invalid Schedule Expression {text}: it is none of at(…), rate(…), cron(…)")
    try:
        kind, inner = found.groups()
        if kind == "at":
            # No seconds of a second, and no offset: the time zone is given beside it.
            return At(datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).astimezone(UTC))
        return _rate(inner) if kind == "rate" else _cron(inner, zone)
    except ValueError as error:
        raise ValueError(f"Invalid Schedule Expression {text}: {error}") from error


def delay_seconds(schedule_arn: str, time: datetime) -> int:
    """By how much later than planned this schedule is delivered at this time: another number each time, 0 to 59."""
    return zlib.crc32(f"{schedule_arn} {time.isoformat()}".encode()) % PRECISION_SECONDS


def _rate(inner: str) -> Rate:
    found = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", inner)
    if found is None:
        raise ValueError("a rate is a positive number and minutes, hours or days")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _cron(inner: str, zone: ZoneInfo) -> Cron:
    parts = inner.split()
    if len(parts) != 6:
        raise ValueError("a cron expression has six fields")
    minutes, hours, days, months, weekdays, years = parts
    if (days == "?") == (weekdays == "?"):
        raise ValueError("one of the day of the month and the day of the week is `?`")
    return Cron(
        minutes=_values(minutes, 0, 59),
        hours=_values(hours, 0, 23),
        months=_values(months, 1, 12, MONTHS),
        years=_values(years, 1970, 2199),
        day_of_month=_day_of_month(days),
        day_of_week=_day_of_week(weekdays),
        zone=zone,
    )


def _values(text: str, least: int, most: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """What `*`, `1,3`, `1-5`, `0/15` and names stand for."""
    found: set[int] = set()
    for part in text.upper().split(","):
        span, has_step, step = part.partition("/")
        first, has_end, last = span.partition("-")
        if has_step and not re.fullmatch(r"[1-9]\d*", step):
            raise ValueError(f"`{part}` has no valid step")
        if span == "*":
            begin, end = least, most
        else:
            begin = _number(first, names)
            # A number with a step goes on to the end; one without is alone.
            end = _number(last, names) if has_end else most if has_step else begin
        if not least <= begin <= end <= most:
            raise ValueError(f"`{part}` is not within {least} to {most}")
        found |= set(range(begin, end + 1, int(step) if has_step else 1))
    return frozenset(found)


def _number(text: str, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + 1
    if not re.fullmatch(r"\d+", text):
        raise ValueError(f"`{text}` is not a number")
    return int(text)


def _day_of_month(text: str) -> DayRule:
    if text == "?":
        return lambda _day: True
    if text.upper() == "L":
        return lambda day: day.day == _last_of(day)
    if found := re.fullmatch(r"([1-9]|[12]\d|3[01])W", text.upper()):
        return lambda day: day.day == _nearest_weekday(day, int(found[1]))
    values = _values(text, 1, 31)
    return lambda day: day.day in values


def _day_of_week(text: str) -> DayRule:
    """1 is Sunday. `6L`: the last Friday of the month; `3#2`: the second Tuesday."""
    if text == "?":
        return lambda _day: True
    upper = text.upper()
    if upper == "L":
        return lambda day: _weekday(day) == 7
    if found := re.fullmatch(r"([1-7]|[A-Z]{3})L", upper):
        last = _number(found[1], DAYS)
        return lambda day: _weekday(day) == last and day.day + 7 > _last_of(day)
    if found := re.fullmatch(r"([1-7]|[A-Z]{3})#([1-5])", upper):
        nth, number = _number(found[1], DAYS), int(found[2])
        return lambda day: _weekday(day) == nth and (day.day - 1) // 7 + 1 == number
    values = _values(text, 1, 7, DAYS)
    return lambda day: _weekday(day) in values


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _last_of(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> int:
    """The weekday that is nearest to a day of the month, within it; 0 where the month has no such day."""
    last = _last_of(day)
    if wanted > last:
        return 0
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted
