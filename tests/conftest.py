"""Fixtures that several test files share: phantom studies on disk, and a corpus built from them."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from spinemed.corpus.build import build
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.phantom.export.study import write_studies

PHANTOMS = 8


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a folder that all workers of this run share, so that what takes long is made once."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def phantom_studies(shared: Path) -> Path:
    """Return a folder with 8 phantom studies, seeds 1 to 8; whole ones in it are kept."""
    folder = shared / "phantom-studies"
    with (shared / "studies.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert len(list(write_studies(1, PHANTOMS, folder))) == PHANTOMS
    return folder


@pytest.fixture(scope="session")
def phantom_corpus(phantom_studies: Path, shared: Path) -> Path:
    """Return the corpus of these studies, built with default settings; an unchanged one is kept."""
    out = shared / "spinemed-450k"
    with (shared / "corpus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not out.exists():
            build(BuildConfig(sources={"phantom": phantom_studies}), out)
    assert (out / MANIFEST).is_file()
    return out
