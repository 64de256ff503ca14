"""Consultations of studies on disk: the first examination read, its facts and its key pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from spinemed.bench.consultation.cases import ConsultationCase, consultation_cases
from spinemed.corpus.stages.task import only_file, rows_of
from spinemed.errors import SourceError
from spinemed.facts.case import CaseFacts
from spinemed.facts.stated import hidden_by
from spinemed.imaging.radiograph import read_radiograph
from spinemed.imaging.volume import read_volume
from spinemed.instances.asking import Asking
from spinemed.instances.clinic import wanted_pictures
from spinemed.instances.clinic.wording import LANGUAGES, Language
from spinemed.instances.drafts import Case
from spinemed.instances.key_pictures import key_pictures
from spinemed.instances.shots import CaseSeries
from spinemed.records import Finding, Picture, Reject, Series, Study


def cases_of_studies(
    studies: Iterable[Study | Reject], seed: int, languages: Sequence[Language] = LANGUAGES
) -> Iterator[ConsultationCase | Reject]:
    """Yield the consultations of each study, in order; a Reject for what has none, never an exception."""
    for study in studies:
        if isinstance(study, Reject):
            yield study
            continue
        try:
            facts, pictures = read_study(study, seed)
        except SourceError as error:
            yield Reject(
                id=study.id,
                source=study.source,
                step="consultation",
                reason=str(error),
                fix="mend or remove the series",
            )
            continue
        yield from consultation_cases(facts, pictures, seed, languages)


def read_study(study: Study, seed: int) -> tuple[CaseFacts, Mapping[str, Picture]]:
    """Return the facts of a study's first examination, and its key pictures by finding.

    SourceError where nothing can be read.
    """
    asking = Asking(seed=seed, open_share=0.0, marks_per_series=0, items_per_kind=0)
    rows = rows_of(study, asking)
    first = study.model_copy(update={"series": tuple(one for one in study.series if not one.months)})
    uids = {one.uid for one in first.series}
    findings = tuple(one for one in rows.findings if one.evidence.series in uids)
    if not findings:
        raise SourceError(f"{study.id}: nothing was found in its series; see the corpus's config rejects")
    hidden = frozenset(one for one in hidden_by(rows.rejects) if one.series in uids)
    facts = CaseFacts(first, findings, hidden)
    wanted = set(wanted_pictures(facts))
    shown = {one.evidence.series for one in findings if one.id in wanted}
    read = tuple(_read(one, findings) for one in first.series if one.uid in shown)
    return facts, key_pictures(Case(first, read, facts, asking))


def _read(series: Series, findings: Sequence[Finding]) -> CaseSeries:
    own = tuple(one for one in findings if one.evidence.series == series.uid)
    radiograph = series.modality == "XR"
    pixels = read_radiograph(only_file(series)) if radiograph else read_volume(series.image)
    return CaseSeries(series, pixels, own)
