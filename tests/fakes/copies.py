"""What came along in a cluster that is restored in memory, and what of it can be taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aurora_restore.domain.came_along import CameAlong, Finding, Kind
from aurora_restore.domain.defusing import Fuse, Refusal, Survey


@dataclass
class FakeCopy:
    """`refused`: names of fuses that cannot be taken out, and why. `taken`: names of those that were."""

    came_along: CameAlong = field(default_factory=CameAlong)
    fuses: list[Fuse] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)

    def survey(self) -> Survey:
        return Survey(self.came_along, tuple(self.fuses))

    def take_out(self, fuses: Sequence[Fuse]) -> tuple[Refusal, ...]:
        refusals = tuple(
            Refusal(fuse, self.refused[fuse.name]) for fuse in fuses if fuse.name in self.refused
        )
        gone = {fuse.key for fuse in fuses} - {refusal.fuse.key for refusal in refusals}
        self.taken += [fuse.name for fuse in self.fuses if fuse.key in gone]
        self.fuses = [fuse for fuse in self.fuses if fuse.key not in gone]
        return refusals


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


def user_mapping(name: str = "PUBLIC at ledger") -> Fuse:
    """A stored login as a survey finds it."""
    return Fuse(
        Kind.USER_MAPPING,
        "shop",
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
