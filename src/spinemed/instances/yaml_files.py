"""YAML files of this package, read with the C parser where it is there: ten times as fast."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml


def packaged_yaml(package: str, name: str) -> Any:
    """Return the content of a YAML file of a package; yaml.YAMLError where it is none.

    The two parsers give the same content; only the places in messages of errors may differ.

    >>> sorted(packaged_yaml("spinemed.instances", "templates/numbering.yaml"))
    ['C2', 'cut_above', 'cut_below', 'reference', 'sacrum']
    """
    text = files(package).joinpath(*name.split("/")).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
