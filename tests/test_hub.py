"""Tests of a push: what is uploaded, what is refused, and how a push that broke off goes on. No network."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from hub_server import hub_server
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from release_fixture import finish, rows_of_patients, write_data
from typer.testing import CliRunner

from spinemed import hub, hub_refusals
from spinemed.cli import push as command
from spinemed.corpus.card.croissant import write_croissant
from spinemed.corpus.card.datacite import write_datacite
from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.card.strip import write_strip
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import counts_of
from spinemed.corpus.releases.tombstones import TOMBSTONES
from spinemed.errors import OutputError
from spinemed.hub import plan_lines, push, upload_plan
from spinemed.hub_refusals import card_refusals, licence_refusals, refusals

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
REPO = "org/spinemed-450k"
TOKEN = "hf_" + "secret0123456789"


class HubStandIn:
    """A dataset repository that remembers contents, breaks off where told, and counts what is sent."""

    def __init__(self, breaks_after: int = 10**6, breaks_at_commit: bool = False) -> None:
        self.breaks_after = breaks_after
        self.breaks_at_commit = breaks_at_commit
        self.contents: set[str] = set()
        self.tree: dict[str, SimpleNamespace] = {".gitattributes": file_there(".gitattributes", b"*.png")}
        self.sent_bytes = 0
        self.commits: list[tuple[str | None, list[str], list[str]]] = []
        self.tags: list[str] = []

    def create_repo(self, _: str, *, repo_type: str, exist_ok: bool, **__: Any) -> None:
        assert (repo_type, exist_ok) == ("dataset", True)

    def repo_info(self, _: str, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(sha=f"commit-{len(self.commits)}")

    def list_repo_tree(self, _: str, **__: Any) -> Iterable[Any]:
        yield SimpleNamespace(path="data", tree_id="folder")
        yield from self.tree.values()

    def list_repo_refs(self, _: str, **__: Any) -> SimpleNamespace:
        return SimpleNamespace(tags=[SimpleNamespace(name=tag) for tag in self.tags])

    def preupload_lfs_files(self, _: str, additions: Iterable[CommitOperationAdd], **__: Any) -> None:
        for one in additions:
            if self.breaks_after == 0:
                raise ConnectionError(f"reset by peer; sent Authorization: Bearer {TOKEN}")
            if one.upload_info.sha256.hex() not in self.contents:
                self.contents.add(one.upload_info.sha256.hex())
                self.sent_bytes += one.upload_info.size
                self.breaks_after -= 1

    def create_commit(
        self, _: str, operations: Iterable[Any], *, parent_commit: str | None, **__: Any
    ) -> SimpleNamespace:
        if self.breaks_at_commit:
            self.breaks_at_commit = False
            raise TimeoutError("no answer")
        operations = list(operations)
        added = [one for one in operations if isinstance(one, CommitOperationAdd)]
        removed = [one.path_in_repo for one in operations if isinstance(one, CommitOperationDelete)]
        for one in added:
            content = Path(str(one.path_or_fileobj)).read_bytes()
            assert hashlib.sha256(content).hexdigest() in self.contents
            self.tree[one.path_in_repo] = file_there(one.path_in_repo, content)
        for path in removed:
            del self.tree[path]
        self.commits.append((parent_commit, [one.path_in_repo for one in added], removed))
        return SimpleNamespace(oid=f"commit-{len(self.commits)}")

    def create_tag(self, _: str, *, tag: str, **__: Any) -> None:
        self.tags.append(tag)


def file_there(path: str, content: bytes) -> SimpleNamespace:
    """Return a file as the Hub lists it: large ones by SHA-256, others by the hash of git."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    large = path.endswith((".parquet", ".png"))
    lfs = SimpleNamespace(sha256=hashlib.sha256(content).hexdigest()) if large else None
    return SimpleNamespace(path=path, blob_id="pointer" if large else blob, lfs=lfs)


def release_of(folder: Path, version: str) -> None:
    """Write everything beside the data of a release."""
    (folder / TOMBSTONES).touch()
    counts, release = counts_of(folder), ReleaseInfo(version=version)
    write_strip(folder)
    write_croissant(folder, BuildConfig(), counts, release)
    write_datacite(folder, BuildConfig(), counts, release)
    finish(folder, None, release)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished release; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("hub") / "corpus"
    folder.mkdir()
    write_data(folder, rows_of_patients(range(1, 5), range(100_001, 100_005)))
    release_of(folder, "1.0.0")
    return folder


@pytest.fixture
def corpus(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the release that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "corpus"))


def test_the_plan_is_every_file_of_the_folder_with_its_size(built: Path) -> None:
    plan = upload_plan(built)
    there = {p.relative_to(built).as_posix(): p.stat().st_size for p in built.rglob("*") if p.is_file()}
    assert {one.path: one.bytes for one in plan} == there
    assert {one.store for one in plan if one.path.startswith("data/")} == {"xet"}
    assert {one.path for one in plan if one.store == "git"} == {
        *("README.md", "croissant.json", "datacite.json", "manifest.json", "tombstones.jsonl"),
    }
    assert f"{len(there)} files, {sum(there.values()):,} bytes to {REPO}" in plan_lines(plan, REPO)[-1]


def test_a_sound_folder_is_not_refused(built: Path) -> None:
    assert refusals(built, workers=1) == []


def test_a_push_sends_everything_in_one_commit_and_tags_it(built: Path) -> None:
    api = HubStandIn()
    pushed = push(built, REPO, api)
    assert len(api.commits) == 1
    assert api.commits[0][0] == "commit-0"
    assert set(pushed.sent) | {".gitattributes"} == set(api.tree)
    assert api.tags == ["v1.0.0"]
    again = push(built, REPO, api)
    assert (again.sent, again.kept, again.commit, len(api.commits)) == ((), len(pushed.sent), "", 1)


@pytest.mark.parametrize("breaks_after", [0, 1, 7])
def test_a_push_that_broke_off_goes_on_and_sends_nothing_twice(
    built: Path, breaks_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BATCH", 3)
    api = HubStandIn(breaks_after)
    with pytest.raises(OutputError, match="run the same command again"):
        push(built, REPO, api)
    assert (api.commits, set(api.tree)) == ([], {".gitattributes"})
    api.breaks_after = 10**6
    push(built, REPO, api)
    different = {one.sha256: one.bytes for one in upload_plan(built)}
    assert api.sent_bytes == sum(different.values())
    assert len(api.commits) == 1


def test_a_commit_without_an_answer_is_made_again(built: Path) -> None:
    api = HubStandIn(breaks_at_commit=True)
    with pytest.raises(OutputError, match=r"broke off \(TimeoutError: no answer\)"):
        push(built, REPO, api)
    sent = api.sent_bytes
    assert push(built, REPO, api).commit == "commit-1"
    assert api.sent_bytes == sent


def test_a_token_in_an_error_is_not_shown(built: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(OutputError) as told:
        push(built, REPO, HubStandIn(breaks_after=0))
    assert TOKEN not in str(told.value) + caplog.text
    assert told.value.__cause__ is None


def test_the_next_release_sends_what_changed_and_removes_what_is_gone(corpus: Path) -> None:
    api = HubStandIn()
    push(corpus, REPO, api)
    api.tree["notes.md"] = file_there("notes.md", b"written by another person")
    gone = sorted((corpus / "data" / "choice").iterdir())[0]
    gone.unlink()
    release_of(corpus, "1.0.1")
    pushed = push(corpus, REPO, api)
    assert pushed.removed == (gone.relative_to(corpus).as_posix(),)
    assert not [path for path in pushed.sent if path.startswith("data/")]
    assert "notes.md" in api.tree
    assert api.tags[-1] == "v1.0.1"


# huggingface_hub 2.4 hands its files to httpx by a keyword that httpx deprecates.
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_the_real_client_pushes_breaks_off_goes_on_and_updates(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # Xet needs servers of its own
    with hub_server() as server:
        api = huggingface_hub.HfApi(endpoint=server.url, token=TOKEN)
        server.refuses = 5
        with pytest.raises(OutputError, match="403") as told:
            push(corpus, "org/name", api)
        assert TOKEN not in str(told.value)
        assert not server.tree
        server.refuses = 10**6
        pushed = push(corpus, "org/name", api)
        different = {one.sha256 for one in upload_plan(corpus) if one.store == "xet"}
        assert server.puts == len(different)  # the five of the first try were not sent again
        assert pushed.commit == server.head
        assert set(server.tree) == {one.path for one in upload_plan(corpus)}
        gone = sorted((corpus / "data" / "choice").iterdir())[0]
        gone.unlink()
        release_of(corpus, "1.0.1")
        assert push(corpus, "org/name", api).removed == (gone.relative_to(corpus).as_posix(),)
        assert set(server.tree) == {one.path for one in upload_plan(corpus)}
        assert server.tags == ["v1.0.0", "v1.0.1"]
        assert push(corpus, "org/name", api).commit == ""
        assert len(server.commits) == 2


def test_a_published_version_is_never_replaced(corpus: Path) -> None:
    api = HubStandIn()
    push(corpus, REPO, api)
    sorted((corpus / "data" / "choice").iterdir())[0].unlink()
    release_of(corpus, "1.0.0")
    with pytest.raises(OutputError, match=r"release 1\.0\.0 is there already"):
        push(corpus, REPO, api)
    assert len(api.commits) == 1


def test_changed_bytes_are_refused(corpus: Path) -> None:
    path = sorted((corpus / "data" / "open").iterdir())[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert any(path.name in line for line in refusals(corpus, workers=1))


def test_pixels_and_words_of_a_closed_licence_are_refused_and_pointers_are_not(tmp_path: Path) -> None:
    closed = {"licence": "LicenseRef-hospital"}
    rows = rows_of_patients(range(1, 3), range(100_001, 100_002))
    for name in ("choice", "open", "studies"):
        rows[name] = [row | closed for row in rows.get(name, [])]
    write_data(tmp_path / "closed", rows)
    found = licence_refusals(tmp_path / "closed")
    assert any(line.startswith("data/choice/") and "LicenseRef-hospital" in line for line in found)
    assert any(line.startswith("data/studies/") for line in found)  # the report of the written case
    for config in ("choice", "open", "dialogue", "report"):
        pointers = [row | closed | {"images": [], "quote": None} for row in rows.get(config, [])]
        rows[config] = pointers
    rows["studies"] = [row | closed | {"text": ""} for row in rows["studies"]]
    write_data(tmp_path / "pointers", rows)
    assert licence_refusals(tmp_path / "pointers") == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("license: apache-2.0", "license: whatever", "license 'whatever'"),
        ("license: apache-2.0", "license: other", "license is other without"),
        ("size_categories:\n- n<1K", "size_categories:\n- small", "size_categories 'small'"),
        ("- en\n", "- English\n", "language 'English'"),
        ("path: data/open/train-*", "path: data/open/nothing-*", "nothing-* matches no file"),
        ("path: data/open/train-*", "path: data/open/nothing-*", "is matched by 0 patterns"),
        ("configs:\n", "configs: [\n", "the Hub cannot read its YAML header"),
        ("configs:\n", "configs: all\nother:\n", "the Hub cannot read its YAML header"),
    ],
)
def test_a_card_that_the_hub_cannot_use_is_refused(corpus: Path, old: str, new: str, told: str) -> None:
    assert card_refusals(corpus) == []
    path = corpus / "README.md"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(told in line for line in card_refusals(corpus)), card_refusals(corpus)


def test_a_folder_without_manifest_or_with_a_lost_file_is_no_corpus(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name the folder of a built corpus"):
        upload_plan(tmp_path)
    (corpus / "strip.png").unlink()
    with pytest.raises(OutputError, match=r"strip\.png is in manifest\.json but not there"):
        upload_plan(corpus)


def run(*words: str) -> Any:
    """Return what the command says; the network must not be asked."""
    return CliRunner().invoke(command.app, ["dataset", *words])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """Return a function that sets what a folder is refused for, and keep the client of the Hub away."""

    def refuse(found: list[str]) -> None:
        monkeypatch.setattr(hub_refusals, "refusals", lambda *_: found)

    refuse([])
    monkeypatch.setattr(hub, "hub_api", lambda: pytest.fail("a dry run asked the Hub"))
    return refuse


def test_a_dry_run_lists_every_file_and_sends_nothing(built: Path, quick: Callable[..., None]) -> None:
    said = run(str(built), "--repo", REPO, "--dry-run")
    assert said.exit_code == 0, said.output
    assert all(one.path in said.output for one in upload_plan(built))
    told = run(str(built), "--repo", REPO, "--dry-run", "--json")
    assert f"set release.repository: {REPO}" in told.stderr
    record = json.loads(told.stdout)
    assert record["bytes"] == sum(one["bytes"] for one in record["files"])


def test_a_refused_folder_is_never_pushed(built: Path, quick: Callable[..., None]) -> None:
    quick(["root: manifest.json: is another"])
    for words in ([], ["--dry-run"]):
        said = run(str(built), "--repo", REPO, *words)
        assert said.exit_code == 1
        assert "refused: root: manifest.json: is another" in said.stderr


def test_a_push_ends_with_the_command_that_loads_it(
    built: Path, quick: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = HubStandIn()
    monkeypatch.setattr(hub, "hub_api", lambda: api)
    said = run(str(built), "--repo", REPO)
    assert said.exit_code == 0, said.output
    assert "commit: commit-1" in said.stdout
    assert f"load_dataset('{REPO}')" in said.stderr
    assert run(str(built), "--repo", "spinemed-450k").exit_code == 2
