"""How this program is called from the shell that called it: for commands that can be copied as they are."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_NAME = "aurora-restore"


def program_name() -> str:
    """`aurora-restore` where the shell finds that; else the path of the script, from the current folder if below it."""
    called = Path(sys.argv[0])
    script = called if called.name == _NAME else Path(sys.executable).with_name(_NAME)
    found = shutil.which(_NAME)
    if not script.is_file() or (found and Path(found).samefile(script)):
        return _NAME
    absolute, here = script.absolute(), Path.cwd()
    return shlex.quote(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))
