"""One parameter of a DB cluster parameter group, as a family has it."""

from __future__ import annotations

from dataclasses import dataclass

from local_aurora.errors import invalid_value

STATIC, DYNAMIC = "static", "dynamic"


@dataclass(frozen=True)
class Parameter:
    """`server_setting`: what a real server calls it; empty for what only RDS knows, or what a local server may not.

    `allowed`: a range `0-100`, or values separated by commas; empty where any text is taken.
    """

    name: str
    apply_type: str
    data_type: str
    allowed: str = ""
    default: str | None = None
    is_modifiable: bool = True
    server_setting: str = ""

    def refuse_value(self, value: str) -> None:
        """Raises AwsError: InvalidParameterValue."""
        if not self._allows(value):
            raise invalid_value(
                f"Invalid parameter value: {value} for: {self.name} allowed values are: {self.allowed}"
            )

    def _allows(self, value: str) -> bool:
        if not self.allowed or value.startswith(("{", "GREATEST(", "LEAST(", "SUM(")):
            return True
        first, dash, last = self.allowed.partition("-")
        if dash and first.isdigit():
            return value.isdigit() and int(first) <= int(value) <= int(last)
        # `shared_preload_libraries` and its like are lists: each of their entries is one of the values.
        entries = value.split(",") if self.data_type == "list" else [value]
        return all(entry.strip() in self.allowed.split(",") for entry in entries if entry.strip())


SWITCH = "0,1"
