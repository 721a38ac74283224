"""What came along in a cluster that is restored in memory, and what of it can be taken out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aurora_restore.domain.came_along import OF_THE_CLUSTER, CameAlong, Finding, Kind, bounded
from aurora_restore.domain.defusing import Fuse, Outcome, Refusal, Survey, SurveyProgress, is_enough
from aurora_restore.domain.user_progress import always


@dataclass
class FakeCopy:
    """`refused`: names of fuses that cannot be taken out, and why. `taken`: names of those that were.

    `rooms`: its databases; what is in none of them is seen in each call, as what belongs to the cluster is.
    `rooms_a_call`, `fuses_a_call`: how many one call sees to, whatever time it has. `looked_into`: which were, in turn.
    """

    came_along: CameAlong = field(default_factory=CameAlong)
    fuses: list[Fuse] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    rooms: tuple[str, ...] = ("shop",)
    rooms_a_call: int = 1000
    fuses_a_call: int = 1000
    looked_into: list[str] = field(default_factory=list)

    def survey(
        self,
        begun: SurveyProgress | None = None,
        has_time: Callable[[], bool] = always,
        is_wanted: Callable[[Fuse], bool] | None = None,
    ) -> Survey:
        begun = begun or SurveyProgress()
        wanted = is_wanted or (lambda _: False)
        fuses, found = self._of(None)
        clean: list[str] = []
        left = self.rooms[begun.done :]
        for number, room in enumerate(left):
            is_late = number > 0 and (number >= self.rooms_a_call or not has_time())
            if is_late or is_enough(list(filter(wanted, fuses))):
                break
            self.looked_into.append(room)
            more_fuses, more_found = self._of(room)
            fuses += more_fuses
            # What was seen from the first one on that has work is seen again, and reported then.
            if not any(map(wanted, (fuse for fuse in fuses if self._room(fuse)))):
                clean.append(room)
                found += more_found
        survey = Survey(self._listed(begun, found), tuple(fuses), begun)
        if len(clean) == len(left) and not any(map(wanted, fuses)):
            return survey
        in_rooms = replace(survey, fuses=tuple(fuse for fuse in fuses if self._room(fuse) in clean))
        done = begun.done + len(clean)
        reported = survey.came_along.in_databases
        counts = (in_rooms.acting, in_rooms.logins, in_rooms.login_names)
        return replace(survey, unfinished=SurveyProgress(done, done, len(self.rooms), reported, *counts))

    def _listed(self, begun: SurveyProgress, found: list[Finding]) -> CameAlong:
        known = begun.came_along
        unnamed = (known if begun.done else self.came_along).more or {}
        unseen = self.came_along.not_looked_into
        return bounded([*known.found, *found], unnamed, unseen, unseen_more=known.unseen_more)

    def _room(self, thing: Fuse | Finding) -> str | None:
        return thing.database if thing.kind not in OF_THE_CLUSTER and thing.database in self.rooms else None

    def _of(self, room: str | None) -> tuple[list[Fuse], list[Finding]]:
        fuses = [fuse for fuse in self.fuses if self._room(fuse) == room]
        return fuses, [each for each in self.came_along.found if self._room(each) == room]

    def take_out(self, fuses: Sequence[Fuse], has_time: Callable[[], bool] = always) -> Outcome:
        now, left = fuses[: self.fuses_a_call], fuses[self.fuses_a_call :]
        refusals = tuple(Refusal(fuse, self.refused[fuse.name]) for fuse in now if fuse.name in self.refused)
        gone = {fuse.key for fuse in now} - {refusal.fuse.key for refusal in refusals}
        self.taken += [fuse.name for fuse in self.fuses if fuse.key in gone]
        self.fuses = [fuse for fuse in self.fuses if fuse.key not in gone]
        return Outcome(refusals, tuple(left))


def subscription(name: str = "from_production", *, enabled: bool = True) -> Fuse:
    """A subscription as a survey finds it."""
    take_back = [f"ALTER SUBSCRIPTION \"{name}\" SET (slot_name = '{name}_slot');"]
    return Fuse(
        Kind.SUBSCRIPTION,
        "shop",
        name,
        before={"enabled": enabled, "slot_name": f"{name}_slot"},
        statements=(f'ALTER SUBSCRIPTION "{name}" DISABLE',),
        take_back=(*take_back, *([f'ALTER SUBSCRIPTION "{name}" ENABLE;'] if enabled else [])),
        connect_to="shop",
        acts=enabled,
    )


def event(name: str = "cancel_what_is_not_paid") -> Fuse:
    """An enabled event of MySQL as a survey finds it."""
    turn = f"ALTER DEFINER = `admin`@`%` EVENT `shop`.`{name}`"
    return Fuse(
        Kind.EVENT,
        "shop",
        name,
        before={"status": "ENABLED", "definer": "admin@%"},
        statements=(f"{turn} DISABLE",),
        take_back=(f"{turn} ENABLE;",),
        acts=True,
    )


def user_mapping(name: str = "PUBLIC at ledger", database: str = "shop") -> Fuse:
    """A stored login as a survey finds it."""
    return Fuse(
        Kind.USER_MAPPING,
        database,
        name,
        before={"options": ["user", "password"], "user": "shop_app"},
        statements=('DROP USER MAPPING IF EXISTS FOR PUBLIC SERVER "ledger"',),
        take_back=(
            "CREATE USER MAPPING FOR PUBLIC SERVER \"ledger\" OPTIONS (user 'shop_app', password '...');",
        ),
        connect_to="shop",
    )


def found(*fuses: Fuse) -> CameAlong:
    """The list that names these fuses."""
    return CameAlong(tuple(Finding(fuse.kind, fuse.database, fuse.name, "DROP …;") for fuse in fuses))
