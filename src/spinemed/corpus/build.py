"""The build: sources to a folder that load_dataset reads, a pure function of sources, settings and seed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from spinemed.corpus.balance import GradeBalance, unbalanced
from spinemed.corpus.card import card
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.inputs import fingerprints, studies_of
from spinemed.corpus.manifest import (
    Manifest,
    code_version,
    file_sha256,
    file_sums,
    is_current,
    package_versions,
    read_manifest,
    settings_of,
    write_manifest,
)
from spinemed.corpus.publish import check_place, published
from spinemed.corpus.rows import (
    CONFIGS,
    QUESTION_CONFIGS,
    Config,
    features,
    finding_row,
    question_row,
    reject_row,
    study_row,
)
from spinemed.corpus.shards import ShardWriter
from spinemed.corpus.splits import split_of
from spinemed.corpus.tally import Tally
from spinemed.corpus.task import StudyRows
from spinemed.corpus.workers import rows_in_order
from spinemed.errors import SourceError
from spinemed.instances.balance import PairBalance, out_of_balance
from spinemed.instances.draft import STEP as LEVEL_STEP
from spinemed.phantom.patient.seeds import CORPUS, check_patients, check_seeds
from spinemed.records import Instance, Picture, Reject, Split, Study, content_id

REJECT_SPLIT = "rejects"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Built:
    """What a build returns: where the corpus lies, what it holds, and whether it was already there."""

    out: Path
    manifest: Manifest
    up_to_date: bool


def build(
    config: BuildConfig,
    out: Path,
    workers: int = 1,
    force: bool = False,
    say: Callable[[str], None] = _LOG.info,
    seeds: range = CORPUS,
) -> Built:
    """Return the corpus at `out`, built from the sources of `config` unless it is already there unchanged.

    Bytes depend on sources, settings, seed and code alone, not on `workers`. `say` hears what happens.
    Without sources, phantom studies are written to `phantom-studies` beside `out`. `seeds` are those that
    phantoms may have. OutputError where `out` cannot be written, SourceError where a source is missing or
    nothing can be asked, ConfigError for an unknown source and for phantoms of other seeds, as the patients
    of benchmarks are to a corpus; then nothing is published.
    """
    out = out.absolute()
    check_place(out)
    if not config.sources:
        check_seeds(config.phantoms.seeds, "phantoms", seeds)
    inputs = fingerprints(config)
    earlier = None if force else read_manifest(out)
    if earlier is not None and is_current(earlier, config, inputs, out):
        return Built(out, earlier, up_to_date=True)
    with published(out, say) as partial:
        corpus = _Corpus(config, partial)
        studies = corpus.kept(studies_of(config, out.parent, workers, say), seeds)
        for rows in tqdm(
            rows_in_order(studies, config.asking, workers), desc="studies", unit="", file=sys.stderr
        ):
            corpus.add(rows)
        if not any(
            corpus.tally.rows[name, split] for name, split in corpus.tally.rows if name in QUESTION_CONFIGS
        ):
            raise SourceError(_nothing_asked(corpus.tally))
        manifest = corpus.finish(inputs)
    return Built(out, manifest, up_to_date=False)


class _Corpus:
    """The writers of one build, filled in the order of the studies."""

    def __init__(self, config: BuildConfig, folder: Path) -> None:
        self.tally = Tally()
        self._config = config
        self._folder = folder
        self._writers: dict[tuple[Config, str], ShardWriter] = {}
        self._balance = GradeBalance()
        self._pairs = PairBalance()
        self._pictures: dict[str, list[Picture]] = {}  # of the items that the balance has not settled
        self._words: set[str] = set()
        self._slices: dict[str, str] = {}

    def kept(self, found: Iterator[Study | Reject], seeds: range) -> Iterator[Study]:
        """Yield the studies; write the rejects among them. ConfigError for a phantom of another seed."""
        for one in found:
            if isinstance(one, Reject):
                self._reject(one)
            else:
                check_patients([one.patient], f"{one.source} study {one.id}", seeds)
                yield one

    def add(self, rows: StudyRows) -> None:
        """Write what one study gave."""
        study = rows.study
        split = split_of(study.patient, self._config.splits)
        self.tally.study(study)
        self._row("studies", split, study_row(study, split))
        repeated = self._repeated(rows)
        findings = [finding for finding in rows.findings if finding.evidence.series not in repeated]
        for finding in findings:
            self._row("findings", split, finding_row(finding, study, split))
        grades = {finding.id: finding.grade for finding in findings}
        for instance in rows.instances:
            if not repeated.intersection(_series_shown(instance, rows)):
                self._instance(instance, rows, grades, split)
        for reject in rows.rejects:
            self._reject(reject)

    def finish(self, inputs: dict[str, str]) -> Manifest:
        """Close all files, write card and manifest, and return the manifest."""
        for instance in self._pairs.close():
            self._out_of_balance(instance)
        data_files: dict[str, dict[str, list[str]]] = {name: {} for name in CONFIGS}
        files = []
        image_bytes = 0
        for name in CONFIGS:
            for split in ("train", "validation", "test", REJECT_SPLIT):
                writer = self._writers.get((name, split))
                if writer is None:
                    continue
                written = writer.finish()
                files += written
                image_bytes += writer.image_bytes
                data_files[name][split] = [path.relative_to(self._folder).as_posix() for path in written]
        parquet_bytes = sum(path.stat().st_size for path in files)
        readme = self._folder / "README.md"
        content = content_id([file_sha256(path) for path in files])
        readme.write_text(card(self._config, self.tally, data_files, content), encoding="utf-8")
        manifest = self._manifest(inputs, image_bytes, parquet_bytes, [*files, readme])
        write_manifest(self._folder, manifest)
        return manifest

    def _manifest(
        self, inputs: dict[str, str], image_bytes: int, parquet_bytes: int, files: list[Path]
    ) -> Manifest:
        tally = self.tally
        rows: dict[str, dict[str, int]] = {}
        for (name, split), count in sorted(tally.rows.items()):
            rows.setdefault(name, {})[split] = count
        return Manifest(
            name=self._config.name,
            seed=self._config.seed,
            settings=settings_of(self._config),
            inputs=inputs,
            code=code_version(),
            packages=package_versions(),
            studies=sum(tally.studies.values()),
            rows=rows,
            kinds={" ".join(key): count for key, count in sorted(tally.kinds.items())},
            rejects={f"{step}: {reason}": count for (step, reason), count in sorted(tally.rejects.items())},
            image_bytes=image_bytes,
            parquet_bytes=parquet_bytes,
            files=file_sums(self._folder, files),
        )

    def _instance(self, instance: Instance, rows: StudyRows, grades: dict[str, str], split: Split) -> None:
        of_case = instance.provenance.step != LEVEL_STEP
        if instance.kind == "height_loss" and not of_case:
            grade = grades[instance.findings[0]]
            if not self._balance.keeps(instance, grade, split):
                self._reject(unbalanced(instance, grade))
                return
        elif not instance.pictures and self._said_before(instance):
            return
        elif of_case and instance.pictures and instance.task == "choice":
            self._in_balance(instance, rows, split)
            return
        self._question(instance, [rows.pictures[identity] for identity in instance.pictures], split)

    def _in_balance(self, instance: Instance, rows: StudyRows, split: Split) -> None:
        """Write what the balance keeps now; an item that waits for its opposite keeps its pictures."""
        self._pictures[instance.id] = [rows.pictures[identity] for identity in instance.pictures]
        kept, refused = self._pairs.admit(instance, split)
        for one in kept:
            self._question(one, self._pictures.pop(one.id), split)
        for one in refused:
            self._out_of_balance(one)

    def _out_of_balance(self, instance: Instance) -> None:
        del self._pictures[instance.id]
        self._reject(out_of_balance(instance))

    def _question(self, instance: Instance, pictures: list[Picture], split: Split) -> None:
        self._row(instance.task, split, question_row(instance, pictures, split))
        self.tally.instance(instance, split)

    def _said_before(self, instance: Instance) -> bool:
        """Whether the same words without a picture came before: they would be in two splits; counts it."""
        words = content_id([message.content for message in instance.messages])
        known = words in self._words
        self._words.add(words)
        if known:
            reason = f"{instance.kind}: the same words without a picture came before"
            source = instance.provenance.source
            self._reject(
                Reject(id=instance.id, source=source, step="repeat", reason=reason, fix="none needed")
            )
        return known

    def _repeated(self, rows: StudyRows) -> set[str]:
        """Return the series whose slice came before: one image must not be in two splits."""
        repeated = set()
        for series, digest in rows.slices.items():
            place = f"{rows.study.patient}/{series}"
            if self._slices.setdefault(digest, place) != place:
                repeated.add(series)
                reason = "the same image already came with another study"
                fix = "give each image in one source only"
                self._reject(
                    Reject(id=place, source=rows.study.source, step="repeat", reason=reason, fix=fix)
                )
        return repeated

    def _reject(self, reject: Reject) -> None:
        self.tally.reject(reject)
        self._row("rejects", REJECT_SPLIT, reject_row(reject))

    def _row(self, name: Config, split: str, row: dict[str, object]) -> None:
        writer = self._writers.get((name, split))
        if writer is None:
            writer = ShardWriter(self._folder / "data" / name, split, features(name))
            self._writers[name, split] = writer
        writer.add(row)
        self.tally.row(name, split)


def _series_shown(instance: Instance, rows: StudyRows) -> set[str]:
    """Return the series that an instance shows pictures of."""
    return {rows.pictures[identity].locator.series for identity in instance.pictures}


def _nothing_asked(tally: Tally) -> str:
    studies = sum(tally.studies.values())
    reasons = "; ".join(f"{reason} ({count})" for (_, reason), count in tally.rejects.most_common(5))
    return (
        f"no question could be asked of {studies} studies: {reasons or 'no study was found'}. "
        "Give studies that show two or more whole vertebrae with their masks"
    )
