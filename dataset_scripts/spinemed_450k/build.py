"""Build ./spinemed-450k with the settings beside this file: the same entry as `spinemed build`.

Options of `spinemed build` may follow and override, such as `--source totalsegmentator=FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from spinemed.cli import main

if __name__ == "__main__":
    settings = Path(__file__).with_name("build.yaml")
    given = sys.argv[1:]
    sys.argv[1:] = ["build", *([] if "--config" in given else ["--config", str(settings)]), *given]
    main()
