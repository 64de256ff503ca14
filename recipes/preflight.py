"""Tells what a recipe will do before a GPU second is spent, and ends with 1 where it cannot work.

    python recipes/preflight.py recipes/spinegpt/stage2/qlora_24gb.yaml --gpu "RTX 4090" --price 0.4
    python recipes/preflight.py recipes/tiny/sft.yaml --tokens_per_pack 64 --json

The same as `spinemed preflight`. Read are the rows, the model's config and its processor, no weights.
"""

import sys

from spinemed.cli.preflight import app
from spinemed.errors import SpinemedError

if __name__ == "__main__":
    try:
        app()
    except SpinemedError as error:
        sys.exit(f"preflight: {error}")
