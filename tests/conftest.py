"""Fixtures that several test files share: phantom studies on disk, and a corpus built from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.publish import MANIFEST
from spinemed.phantom.export.study import write_studies

PHANTOMS = 8


@pytest.fixture(scope="session")
def phantom_studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 8 phantom studies, seeds 1 to 8."""
    folder = tmp_path_factory.mktemp("phantoms") / "phantom-studies"
    assert len(list(write_studies(1, PHANTOMS, folder))) == PHANTOMS
    return folder


@pytest.fixture(scope="session")
def phantom_corpus(phantom_studies: Path) -> Path:
    """Return the corpus of these studies, built with default settings."""
    out = phantom_studies.parent / "spinemed-450k"
    build(BuildConfig(sources={"phantom": phantom_studies}), out)
    assert (out / MANIFEST).is_file()
    return out
