"""A deployed function as the local stack's Lambda service holds it, and the environment its workers get."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

DEFAULT_TIMEOUT_SECONDS = 3
DEFAULT_MEMORY_MB = 128


@dataclass(frozen=True)
class DeployedFunction:
    """One version of a function: its code and its configuration, as the Lambda API names them."""

    config: Mapping[str, Any]
    code_zip: bytes

    @property
    def name(self) -> str:
        return str(self.config["FunctionName"])

    @property
    def arn(self) -> str:
        return str(self.config["FunctionArn"])

    @property
    def account_id(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def version(self) -> str:
        return str(self.config.get("Version", "$LATEST"))

    @property
    def timeout_seconds(self) -> int:
        return int(self.config.get("Timeout", DEFAULT_TIMEOUT_SECONDS))

    @property
    def memory_mb(self) -> int:
        return int(self.config.get("MemorySize", DEFAULT_MEMORY_MB))

    @property
    def logs_as_json(self) -> bool:
        return self._logging.get("LogFormat") == "JSON"

    @property
    def platform_lines(self) -> bool:
        """Whether START, END and REPORT are logged: always as text; as JSON unless SystemLogLevel is WARN."""
        return not self.logs_as_json or self._logging.get("SystemLogLevel", "INFO") != "WARN"

    @property
    def log_group(self) -> str:
        return str(self._logging.get("LogGroup") or f"/aws/lambda/{self.name}")

    @property
    def _logging(self) -> Mapping[str, Any]:
        return self.config.get("LoggingConfig") or {}

    def identity(self) -> str:
        """Changes with everything that a worker of this function was started with."""
        # What is not among these (a description, a reserved concurrency) leaves the workers as they are.
        kept = {
            name: self.config.get(name)
            for name in (
                "FunctionArn",
                "Version",
                "Handler",
                "Role",
                "Environment",
                "Timeout",
                "MemorySize",
                "LoggingConfig",
            )
        }
        text = json.dumps(kept, sort_keys=True, default=str)
        return hashlib.sha256(text.encode() + hashlib.sha256(self.code_zip).digest()).hexdigest()

    def environment(self, log_stream: str) -> dict[str, str]:
        """The variables that Lambda sets, over those of the function.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        own = (self.config.get("Environment") or {}).get("Variables") or {}
        variables = {str(name): str(value) for name, value in own.items()}
        variables |= {
            "_HANDLER": str(self.config.get("Handler", "")),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.config.get('Runtime', 'python')}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self.log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
        }
        if self.logs_as_json:
            variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            variables["AWS_LAMBDA_LOG_LEVEL"] = str(self._logging.get("ApplicationLogLevel") or "INFO")
        return variables


class CodeStore:
    """Deployed zips, each unpacked once, by the hash of its bytes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def unpacked(self, code_zip: bytes) -> Path:
        """The directory with the contents of the zip. Raises zipfile.BadZipFile."""
        target = self._directory / hashlib.sha256(code_zip).hexdigest()
        with self._lock:
            if target.is_dir():
                return target
            self._directory.mkdir(parents=True, exist_ok=True)
            # Renamed when it is whole: a directory of that name never holds half of the code.
            unfinished = Path(tempfile.mkdtemp(dir=self._directory))
            try:
                with zipfile.ZipFile(BytesIO(code_zip)) as archive:
                    archive.extractall(unfinished)
                os.rename(unfinished, target)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
        return target
