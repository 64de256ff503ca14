"""Where a benchmark ran and with which versions: processor, cores, Python and packages."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def processor() -> str:
    """Return the processor's name where the system tells it, or else its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine() -> dict[str, Any]:
    """Return cores, processor and Python."""
    return {"cores": os.cpu_count(), "processor": processor(), "python": platform.python_version()}


def setting(*packages: str) -> dict[str, dict[str, Any]]:
    """Return the versions of installed packages and the machine, as a result file holds them.

    A package that is not installed is an `importlib.metadata.PackageNotFoundError`.
    """
    return {"versions": {name: version(name) for name in packages}, "machine": machine()}
