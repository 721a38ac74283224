"""What Aurora offers: engine versions, their parameter group families, instance classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_aurora.errors import invalid_combination, invalid_value

POSTGRESQL, MYSQL = "aurora-postgresql", "aurora-mysql"
_VERSIONS = {
    POSTGRESQL: (
        "12.22", "13.12", "13.18", "13.21", "14.9", "14.15", "14.18", "15.4", "15.10", "15.13",
        "16.1", "16.6", "16.9", "17.4", "17.5", "17.7", "18.3",
    ),
    MYSQL: (
        "5.7.mysql_aurora.2.11.4", "5.7.mysql_aurora.2.12.5", "5.7.mysql_aurora.2.12.6",
        "8.0.mysql_aurora.3.04.4", "8.0.mysql_aurora.3.08.2", "8.0.mysql_aurora.3.10.1",
        "8.0.mysql_aurora.3.12.0", "8.4.mysql_aurora.8.4.7", "8.4.mysql_aurora.8.4.8",
    ),
}  # fmt: skip
_DEFAULT_VERSION = {POSTGRESQL: "17.4", MYSQL: "8.0.mysql_aurora.3.08.2"}
_LOG_TYPES = {
    POSTGRESQL: ("instance", "postgresql"),
    MYSQL: ("audit", "error", "general", "instance", "slowquery"),
}
_FAMILIES_OF_CLASSES = {
    "db.r5": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge"),
    "db.r6g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
    "db.r6i": (
        "large",
        "xlarge",
        "2xlarge",
        "4xlarge",
        "8xlarge",
        "12xlarge",
        "16xlarge",
        "24xlarge",
        "32xlarge",
    ),
    "db.r7g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
    "db.r8g": (
        "large",
        "xlarge",
        "2xlarge",
        "4xlarge",
        "8xlarge",
        "12xlarge",
        "16xlarge",
        "24xlarge",
        "48xlarge",
    ),
    "db.t3": ("medium", "large"),
    "db.t4g": ("medium", "large"),
    "db.x2g": ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"),
}
_NEWEST_ONLY = ("db.r8g",)
_OLD_VERSIONS = ("5.7.", "12.", "13.")


@dataclass(frozen=True)
class EngineVersion:
    engine: str
    version: str
    family: str
    is_default: bool

    @property
    def major(self) -> str:
        return self.family.removeprefix(self.engine)


def license_model(engine: str) -> str:
    return "postgresql-license" if engine == POSTGRESQL else "general-public-license"


def family_of(engine: str, version: str) -> str:
    """`aurora-postgresql15`, `aurora-mysql8.0`: what a parameter group must belong to."""
    parts = version.split(".")
    return f"{engine}{parts[0]}" if engine == POSTGRESQL else f"{engine}{parts[0]}.{parts[1]}"


def database_major(version: str) -> int:
    """The major version of the database that a cluster is: 17 of 17.4, 8 of 8.0.mysql_aurora.3.08.2."""
    return int(version.split(".", maxsplit=1)[0])


def engine_versions(engine: str | None = None) -> list[EngineVersion]:
    return [
        EngineVersion(name, version, family_of(name, version), version == _DEFAULT_VERSION[name])
        for name in _VERSIONS
        if engine in (None, name)
        for version in _VERSIONS[name]
    ]


def checked_engine(engine: str) -> str:
    if engine not in _VERSIONS:
        raise invalid_value(f"Invalid DB engine: {engine}. Engines here: {', '.join(_VERSIONS)}.")
    return engine


def checked_version(engine: str, version: str | None) -> str:
    """The full version for what was asked: nothing means the default, a major version its newest minor one."""
    known = _VERSIONS[checked_engine(engine)]
    if version is None:
        return _DEFAULT_VERSION[engine]
    if version in known:
        return version
    matching = [candidate for candidate in known if candidate.startswith(f"{version}.")]
    if not matching:
        raise invalid_combination(f"Cannot find version {version} for {engine}")
    # The versions are listed in their order.
    return matching[-1]


def log_types(engine: str) -> tuple[str, ...]:
    return _LOG_TYPES[engine]


def instance_classes(engine: str, version: str) -> list[str]:
    """The classes that can be ordered for an engine version."""
    if version not in _VERSIONS.get(engine, ()):
        return []
    is_old = version.startswith(_OLD_VERSIONS)
    provisioned = [
        f"{family}.{size}"
        for family, sizes in _FAMILIES_OF_CLASSES.items()
        for size in sizes
        if not (is_old and family in _NEWEST_ONLY)
    ]
    # Serverless v2 is ordered as a class, too.
    return sorted([*provisioned, "db.serverless"])


def refuse_class(engine: str, version: str, instance_class: str) -> None:
    if instance_class not in instance_classes(engine, version):
        raise invalid_combination(
            "RDS does not support creating a DB instance with the following combination: "
            f"DBInstanceClass={instance_class}, Engine={engine}, EngineVersion={version}."
        )


def show_engine_version(version: EngineVersion, region: str) -> dict[str, Any]:
    return {
        "Engine": version.engine,
        "EngineVersion": version.version,
        "MajorEngineVersion": version.major,
        "DBParameterGroupFamily": version.family,
        "DBEngineDescription": "Aurora PostgreSQL" if version.engine == POSTGRESQL else "Aurora MySQL",
        "DBEngineVersionDescription": f"{version.engine} {version.version} ({region})",
        # Upgrades are not emulated.
        "ValidUpgradeTarget": [],
        "ExportableLogTypes": list(log_types(version.engine)),
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsReadReplica": False,
        "SupportedEngineModes": ["provisioned"],
        "Status": "available",
    }


def show_orderable(engine: str, version: str, instance_class: str, zones: list[str]) -> dict[str, Any]:
    return {
        "Engine": engine,
        "EngineVersion": version,
        "DBInstanceClass": instance_class,
        "LicenseModel": license_model(engine),
        "AvailabilityZones": [{"Name": zone} for zone in zones],
        "Vpc": True,
        "SupportsClusters": True,
        "SupportsStorageEncryption": True,
        "SupportsIAMDatabaseAuthentication": True,
        "StorageType": "aurora",
        "SupportedEngineModes": ["provisioned"],
        "SupportedNetworkTypes": ["IPV4"],
    }
