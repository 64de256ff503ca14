"""What a pushed dataset repository contains, and the push: contents first, then one commit."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from spinemed.corpus.card.card import CARD
from spinemed.corpus.card.croissant import CROISSANT
from spinemed.corpus.card.datacite import DATACITE, read_datacite
from spinemed.corpus.card.strip import STRIP
from spinemed.corpus.releases.lookup import LOOKUP
from spinemed.corpus.releases.manifest import Manifest, read_manifest
from spinemed.corpus.releases.publish import MANIFEST
from spinemed.corpus.releases.tombstones import TOMBSTONES
from spinemed.errors import OutputError, SpinemedError

OURS: Final = (CARD, CROISSANT, DATACITE, MANIFEST, STRIP, LOOKUP, TOMBSTONES)
"""Files beside data/ that a release may hold; a push removes those that this release has no more."""

BATCH: Final = 48  # files that are sent before the next line of progress
_LARGE = (".parquet", ".png")  # what the Hub's .gitattributes of a data set keep out of git
_GIT_BYTES = 10 * 2**20  # larger files never go into git
_TOKEN = re.compile(r"hf_[A-Za-z0-9]+|Bearer \S+")
_LOG = logging.getLogger(__name__)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Upload:
    """One file of a push: its path in the repository, its size, its hash, and where the Hub keeps it."""

    path: str
    bytes: int
    sha256: str
    store: Literal["xet", "git"]


@dataclass(frozen=True)
class Pushed:
    """What a push did: files sent, kept as they were, removed, and the commit ("" where none was needed)."""

    repository: str
    sent: tuple[str, ...]
    kept: int
    removed: tuple[str, ...]
    commit: str

    def as_record(self) -> dict[str, Any]:
        """Return the same as a mapping for `--json`."""
        return asdict(self)


class Api(Protocol):
    """The calls of `huggingface_hub.HfApi` that a push makes."""

    def create_repo(self, repo_id: str, *, private: bool, repo_type: str, exist_ok: bool) -> Any:
        """Make the repository where there is none."""

    def repo_info(self, repo_id: str, *, repo_type: str) -> Any:
        """Return an object whose `sha` is the last commit."""

    def list_repo_tree(self, repo_id: str, *, recursive: bool, repo_type: str) -> Iterable[Any]:
        """Return the files of a repository with `path`, `blob_id` and `lfs`."""

    def list_repo_refs(self, repo_id: str, *, repo_type: str) -> Any:
        """Return an object whose `tags` have a `name`."""

    def preupload_lfs_files(self, repo_id: str, additions: Iterable[Any], *, repo_type: str) -> None:
        """Send contents that a later commit names."""

    def create_commit(
        self,
        repo_id: str,
        operations: Iterable[Any],
        *,
        commit_message: str,
        repo_type: str,
        parent_commit: str | None,
    ) -> Any:
        """Return an object whose `oid` is the commit."""

    def create_tag(self, repo_id: str, *, tag: str, repo_type: str, exist_ok: bool) -> None:
        """Name the last commit."""


def upload_plan(folder: Path) -> list[Upload]:
    """Return every file that a push uploads, sorted by path: those of the manifest, and the manifest.

    OutputError where the folder has no manifest or lacks a file that it names.
    """
    manifest = _manifest(folder)
    names = sorted({*manifest.files, MANIFEST})
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise OutputError(f"{folder}: {missing[0]} is in {MANIFEST} but not there; build again")
    return [_upload(folder, name, manifest) for name in names]


def push(folder: Path, repository: str, api: Api, private: bool = False, say: Say = _LOG.info) -> Pushed:
    """Return what was sent to a dataset repository on the Hub, made where there is none.

    Contents go first, in batches; then one commit names all files and removes those of the release before,
    so a reader never sees half a release. A push that broke off is run again: what the Hub holds already is
    not sent again. The commit is tagged `v<version>`. Judge with `refusals` first. OutputError where the Hub
    refuses or breaks off, or holds another release of this version.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    manifest, plan = _manifest(folder), upload_plan(folder)
    try:
        api.create_repo(repository, private=private, repo_type="dataset", exist_ok=True)
        parent = api.repo_info(repository, repo_type="dataset").sha
        there = list(api.list_repo_tree(repository, recursive=True, repo_type="dataset"))
        new = _not_there(folder, plan, there)
        gone = _to_remove(plan, there)
        if new or gone:
            _check_version(manifest.version, repository, api)
        additions = []
        for batch in _batches(new, BATCH):
            made = [CommitOperationAdd(one.path, str(folder / one.path)) for one in batch]
            api.preupload_lfs_files(repository, made, repo_type="dataset")
            additions += made
            say(f"sent {len(additions)} of {len(new)} files")
        commit = ""
        if new or gone:
            done = api.create_commit(
                repository,
                [*additions, *(CommitOperationDelete(path) for path in gone)],
                commit_message=f"Release {manifest.version}, root {manifest.root[:16]}",
                repo_type="dataset",
                parent_commit=parent,
            )
            commit = str(done.oid)
        api.create_tag(repository, tag=f"v{manifest.version}", repo_type="dataset", exist_ok=True)
    except SpinemedError:
        raise
    except Exception as error:  # whatever the client raises, the way out is the same
        said = f"{error} {error.__cause__ or ''}"
        reason = _TOKEN.sub("(token)", " ".join(said.split()))[:300]
        raise OutputError(
            f"{repository}: the push broke off ({type(error).__name__}: {reason}). Readers still see what "
            "was there before; run the same command again, what has arrived is not sent again"
        ) from None
    return Pushed(repository, tuple(one.path for one in new), len(plan) - len(new), tuple(gone), commit)


def hub_api() -> Api:
    """Return the client of the Hub with the token of `hf auth login` or of HF_TOKEN; it is never shown."""
    from huggingface_hub import HfApi

    api: Any = HfApi(library_name="spinemed")
    return api  # type: ignore[no-any-return]


def _manifest(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise OutputError(f"{folder}: no {MANIFEST}; name the folder of a built corpus")
    return manifest


def _upload(folder: Path, name: str, manifest: Manifest) -> Upload:
    path = folder / name
    size = path.stat().st_size
    entry = manifest.files.get(name)
    digest = entry.sha256 if entry else hashlib.sha256(path.read_bytes()).hexdigest()
    return Upload(name, size, digest, "xet" if name.endswith(_LARGE) or size > _GIT_BYTES else "git")


def _check_version(version: str, repository: str, api: Api) -> None:
    """Raise OutputError where a release of this version is published; what is cited must not change."""
    tags = {tag.name for tag in api.list_repo_refs(repository, repo_type="dataset").tags}
    if f"v{version}" in tags:
        raise OutputError(
            f"{repository}: release {version} is there already with other content; raise release.version in "
            "build.yaml and build again"
        )


def _not_there(folder: Path, plan: Sequence[Upload], there: Sequence[Any]) -> list[Upload]:
    """Return the files whose contents the repository does not have under their path."""
    known = {one.path: one for one in there}
    return [one for one in plan if not _is_equal(folder, one, known.get(one.path))]


def _is_equal(folder: Path, mine: Upload, theirs: Any) -> bool:
    if theirs is None:
        return False
    lfs = getattr(theirs, "lfs", None)
    if lfs is not None:
        return bool(lfs.sha256 == mine.sha256)
    content = (folder / mine.path).read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return bool(getattr(theirs, "blob_id", "") == blob)


def _to_remove(plan: Sequence[Upload], there: Sequence[Any]) -> list[str]:
    """Return files of an earlier release that this one does not have; other people's files stay."""
    wanted = {one.path for one in plan}
    files = (one.path for one in there if hasattr(one, "blob_id"))
    return sorted(path for path in files if path not in wanted and (path in OURS or path.startswith("data/")))


def _batches(items: Sequence[Upload], size: int) -> Iterator[list[Upload]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def plan_lines(plan: Sequence[Upload], repository: str) -> list[str]:
    """Return a line a file with its size and where the Hub keeps it, then the sums."""
    said = [f"{one.bytes:>14,}  {one.store}  {one.path}" for one in plan]
    total = sum(one.bytes for one in plan)
    large = [one for one in plan if one.store == "xet"]
    said.append(
        f"{len(plan)} files, {total:,} bytes to {repository}: {len(large)} by Xet "
        f"({sum(one.bytes for one in large):,} bytes), {len(plan) - len(large)} in git"
    )
    return said


def as_record(plan: Sequence[Upload], repository: str, refused: Sequence[str]) -> dict[str, Any]:
    """Return the same as a mapping for `--json`."""
    return {
        "repository": repository,
        "files": [asdict(one) for one in plan],
        "bytes": sum(one.bytes for one in plan),
        "refused": list(refused),
    }


def pushed_lines(pushed: Pushed) -> list[str]:
    """Return what a push did."""
    commit = pushed.commit or "none, nothing had changed"
    return [
        f"sent: {len(pushed.sent)} files; already there: {pushed.kept}; removed: {len(pushed.removed)}",
        f"commit: {commit}",
        f"where: https://huggingface.co/datasets/{pushed.repository}",
    ]


def notes(folder: Path, repository: str) -> list[str]:
    """Return what a person may want to mend before a push: a card that names another repository."""
    named = read_datacite(folder).url or ""
    if named == f"https://huggingface.co/datasets/{repository}":
        return []
    told = f"names {named}" if named else "names no repository"
    return [f"note: the card {told}; set release.repository: {repository} in build.yaml and build again"]


def loading(repository: str) -> str:
    """Return the command that loads what was pushed.

    >>> loading("org/name")
    'python -c "from datasets import load_dataset; print(load_dataset(\\'org/name\\'))"'
    """
    return f'python -c "from datasets import load_dataset; print(load_dataset({repository!r}))"'
