"""First stage of a build: one task turns its units into drafts, questions with their answers and pictures."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from datatrove.pipeline.base import PipelineStep

from spinemed.corpus.config import BuildConfig
from spinemed.corpus.leaks.contents import said
from spinemed.corpus.leaks.signatures import signatures
from spinemed.corpus.rows import Row, finding_row, question_row, reject_row, study_row
from spinemed.corpus.splits import split_of
from spinemed.corpus.stages.drafts import PICTURES, SLICES, Tables, names_of_tables, write_drafts
from spinemed.corpus.stages.remote import is_remote, task_copy
from spinemed.corpus.stages.task import StudyRows, one_thread, rows_of
from spinemed.corpus.stages.units import CASEBOOK, Unit, group_of, read_units
from spinemed.imaging.looks import picture_hash
from spinemed.instances import Asking
from spinemed.instances.balance import offer_of
from spinemed.instances.draft import STEP as LEVEL_STEP
from spinemed.records import Instance, content_id

_SELDOM: Final = (100_000, 50, 100)
"""As `gc.set_threshold` takes them: objects made, and collections of the generation below."""


class DraftStep(PipelineStep):  # type: ignore[misc]  # datatrove is not typed
    """Task `rank` reads its units from `work`/tasks and writes `work`/drafts/<rank>, whole or not at all.

    `work` is a folder, or a URL of fsspec where tasks run on other machines.
    """

    name = "draft"
    type = "SpineMed"

    def __init__(self, work: str) -> None:
        super().__init__()
        self.work = work

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Write the drafts of one task; yields what came in, as every step does."""
        del world_size
        if data:
            yield from data
        if is_remote(self.work):
            with task_copy(self.work, rank) as work:
                draft_task(work, rank)
        else:
            draft_task(Path(self.work), rank)


def draft_task(work: Path, rank: int) -> None:
    """Write the drafts of a task, unless they are there."""
    target = work / "drafts" / f"{rank:05d}"
    if not target.exists():
        config = BuildConfig.model_validate_json((work / "config.json").read_text(encoding="utf-8"))
        write_drafts(target, drafted(read_units(work / "tasks", rank), config))


def drafted(units: Iterator[Unit], config: BuildConfig) -> Tables:
    """Return the tables of drafts that units give, rows in the order of the units."""
    one_thread()
    tables: Tables = {name: [] for name in names_of_tables()}
    with _rare_collections():
        for unit in units:
            _add(tables, rows_of_unit(unit, config), config)
        _sign(tables)
    return tables


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let Python look for cycles seldom: drafts have none, and looking took a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def rows_of_unit(unit: Unit, config: BuildConfig) -> StudyRows:
    """Return everything that a unit gives: a study that is read, or a patient who is drawn."""
    asking: Asking = config.asking
    if unit.study is not None:
        return rows_of(unit.study, asking)
    if unit.seed is None:
        raise ValueError(f"unit of {unit.source} has neither a study nor a seed")
    if unit.source == CASEBOOK:
        from spinemed.corpus.stages.written import written_rows

        return written_rows(unit.seed, asking)
    from spinemed.phantom.export.in_memory import drawn_study

    phantoms = config.phantoms
    drawn = drawn_study(unit.seed, phantoms.kinds or None, field=phantoms.field, later=phantoms.later)
    return rows_of(drawn, asking)


def _add(tables: Tables, rows: StudyRows, config: BuildConfig) -> None:
    """Add what one study gave to the tables."""
    study = rows.study
    split, group = split_of(study.patient, config.splits), group_of(study.patient)
    tables["studies"].append(study_row(study, split))
    tables["findings"] += [finding_row(finding, study, split) for finding in rows.findings]
    tables["rejects"] += [reject_row(reject) for reject in rows.rejects]
    sides = {finding.id: finding.side or "" for finding in rows.findings}
    grades = {finding.id: finding.grade for finding in rows.findings}
    used: set[str] = set()
    for instance in rows.instances:
        pictures = [rows.pictures[identity] for identity in instance.pictures]
        row = question_row(instance, pictures, split, _side_of(instance, sides), study.conditions)
        del row["images"]
        row |= _for_the_plan(instance, grades)
        row["_group"] = group
        row["_pictures"] = list(instance.pictures)
        row["_series"] = sorted({picture.locator.series for picture in pictures})
        tables[instance.task].append(row)
        used.update(instance.pictures)
    for identity, picture in rows.pictures.items():
        if identity in used:
            tables[PICTURES].append(
                {"id": identity, "png": picture.png, "hash": picture.look or picture_hash(picture.png)}
            )
    tables[SLICES] += [
        {"series": series, "digest": digest, "patient": study.patient}
        for series, digest in rows.slices.items()
    ]


def _side_of(instance: Instance, sides: Mapping[str, str]) -> str:
    """Return the side of the first finding that has one; empty where none has."""
    return next((sides[identity] for identity in instance.findings if sides.get(identity)), "")


def _for_the_plan(instance: Instance, grades: dict[str, str]) -> Row:
    """Return the columns that balance and comparison of words need."""
    quote = instance.provenance.quote
    row: Row = {"_rule": quote is not None and quote.document.startswith("rule:")}
    row |= {"_words": "", "_right": "", "_others": [], "_few": False, "_grade": ""}
    of_case = instance.provenance.step != LEVEL_STEP
    if not instance.pictures:
        row["_words"] = content_id([message.content for message in instance.messages])
    if instance.kind == "height_loss" and not of_case:
        row["_grade"] = grades[instance.findings[0]]
    elif of_case and instance.task == "choice" and instance.pictures:
        # Text questions draw their options first and which of them is right then: they are balanced already.
        offer = offer_of(instance)
        row |= {"_right": offer.right, "_others": list(offer.others), "_few": offer.has_few_answers}
    return row


def _sign(tables: Tables) -> None:
    """Add the signatures of all questions without a picture, in one call."""
    mine: Sequence[Row] = [row for name in ("choice", "open", "dialogue", "report") for row in tables[name]]
    mine = [row for row in mine if row["_words"]]
    if mine:
        for row, signature in zip(mine, signatures([said(row["messages"]) for row in mine]), strict=True):
            row["_signature"] = signature.tobytes()
