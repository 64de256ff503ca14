"""Build ./spinebench-2510.03160 with the settings beside this file: the same entry as `spinemed bench build`.

Options of `spinemed bench build` may follow and override, such as `--against spinemed-450k` or `--fresh`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spinemed.cli.benchdata import app
from spinemed.errors import SpinemedError

if __name__ == "__main__":
    settings = Path(__file__).with_name("build.yaml")
    given = sys.argv[1:]
    try:
        app(["build", *([] if "--config" in given else ["--config", str(settings)]), *given])
    except SpinemedError as error:
        print(f"spinemed: {error}", file=sys.stderr)  # noqa: T201  the command's own way of ending
        sys.exit(1)
