"""Sentences of cards and metadata that depend on what a corpus holds: origin, limits, health data."""

from __future__ import annotations

from dataclasses import dataclass

from spinemed.corpus.card.release_info import ReleaseInfo
from spinemed.corpus.releases.counts import Counts

DESCRIPTION = (
    "Questions, consultations and reports about the spine, level by level, with answers that follow from "
    "vertebra masks and stated findings, each traced to pixels or words. For research, never for diagnosis."
)
WRITTEN = (
    "**Written cases** (source `casebook`): the state of another synthetic patient, told as a radiology "
    "report in "
    "English or Chinese without a picture. A program wrote the report and the questions; each answer "
    "follows from "
    "the words that `quote` names. The whole report is the column `text` of the row of `studies`."
)
PROTOCOL = (
    "Findings come from vertebra masks, measurements or statements of the source; programs turn them into"
    " questions, "
    "options, answers, dialogues and reports from templates. No language model and no person wrote or "
    "changed a row.",
    "A level parser reads every question, option and answer back and must find the levels, sides and "
    "grades of the "
    "findings; a row that does not pass is a row of the config rejects with its reason.",
)
MAINTENANCE = (
    "Releases are numbered and chained by the Merkle root of all files. A withdrawn patient, source or "
    "row is left out "
    "of the next release and named in tombstones.jsonl; a patient never changes its place, so a release "
    "changes only "
    "the files that held what was withdrawn."
)


@dataclass(frozen=True)
class Holding:
    """What a corpus holds that its words depend on; `real` are the sources that are not synthetic."""

    all_synthetic: bool
    some_synthetic: bool
    pictures: bool
    written: bool
    real: tuple[str, ...]

    @classmethod
    def of(cls, counts: Counts) -> Holding:
        """Return what the counts tell."""
        found = {**counts.by("source", "synthetic"), **counts.studies_by("source", "synthetic")}
        real = sorted({source for source, synthetic in found if synthetic == "false"})
        return cls(
            all_synthetic=not real,
            some_synthetic=any(synthetic == "true" for _, synthetic in found),
            pictures=counts.pictures_in_all > 0,
            written=any(source == "casebook" for source, _ in found),
            real=tuple(real),
        )


def origin(held: Holding) -> str:
    """Return the paragraph on what is synthetic."""
    made = []
    if held.some_synthetic and held.pictures:
        made.append("pictures of a procedural spine phantom with exact ground truth")
    if held.written:
        made.append("written cases, reports that a program wrote about such phantoms")
    real = f"real images with vertebra masks, given by whoever built this corpus ({', '.join(held.real)})"
    if held.all_synthetic:
        return f"- **Everything is synthetic**: {' and '.join(made)}. No patient is shown or described."
    if not held.some_synthetic:
        return f"- All studies are {real}."
    return f"- **In part synthetic** (`synthetic` is true): {' and '.join(made)}. The others are {real}."


def limitations(held: Holding) -> list[str]:
    """Return what a user must know before trusting a score, one sentence a line."""
    said = []
    if held.some_synthetic and held.pictures:
        said.append(
            "Phantom pictures are simpler than patients: textures, artefacts, implants, incidental findings "
            "and scanners vary less."
        )
    if held.written:
        said.append(
            "Reports of written cases follow a limited grammar; real reports are longer, vaguer, and "
            "contradict themselves."
        )
    said += [
        "Questions and answers come from templates: wording varies less than that of clinicians, and many"
        " rows share a form.",
        "Frequencies of conditions, levels and grades are drawn, not those of any hospital or population.",
        "Plans follow published decision rules, which simplify: they leave out comorbidity, preference "
        "and resources.",
        "No clinician has reviewed the rows; English and Chinese were written for this corpus, not taken "
        "from practice.",
    ]
    return said


def biases(counts: Counts) -> list[str]:
    """Return which ways the rows lean, with the extremes that were counted."""
    said = [
        _extremes(counts, dimension, f"By {dimension} the rows are uneven")
        for dimension in ("condition", "level", "modality", "language")
        if counts.instances
    ]
    said.append(
        "Only findings that are large, clear of noise and off the cut of their grade are asked: hard "
        "cases are "
        "left out."
    )
    if Holding.of(counts).some_synthetic:
        said.append("Synthetic patients are adults; children and pregnancy do not occur.")
    return said


def _extremes(counts: Counts, dimension: str, words: str) -> str:
    found = sorted((count, value) for (value,), count in counts.by(dimension).items() if value)
    if len(found) < 2:
        return f"{words}: {found[0][1] if found else 'nothing'} alone."
    (fewest, rarest), (most, commonest) = found[0], found[-1]
    return f"{words}: {commonest} most often ({most:,} of {counts.instances:,}), {rarest} least ({fewest:,})."


def health_information(held: Holding) -> str:
    """Return the statement on personal health information."""
    if held.all_synthetic:
        return (
            "None. No person was imaged, described or asked; patient keys are numbers of a random generator. "
            "Ages, sexes and histories are invented."
        )
    return (
        f"Studies of {', '.join(held.real)} show people. Rows carry pixels, the decade of age, sex and a "
        "hashed patient key; no "
        "DICOM header, name, date or path is kept. Whoever built this corpus answers for the right to use"
        " the images "
        "and for burned-in text; report what you find and the patient is withdrawn."
    )


def contact(release: ReleaseInfo) -> str:
    """Return where a withdrawal is asked for.

    >>> contact(ReleaseInfo(repository="org/name"))
    'at https://huggingface.co/datasets/org/name/discussions'
    """
    if release.contact:
        return release.contact
    return f"at {release.url}/discussions" if release.url else "whoever gave you this corpus"


def citation(name: str, release: ReleaseInfo) -> str:
    """Return BibTeX for a release."""
    place = f"https://doi.org/{release.doi}" if release.doi else release.url
    lines = [
        f"  title = {{{name}, release {release.version}}},",
        f"  author = {{{' and '.join(_bibtex_name(one.name, one.kind) for one in release.creators)}}},",
        f"  year = {{{release.year}}},",
        *([f"  url = {{{place}}},"] if place else []),
    ]
    key = "".join(letter if letter.isalnum() else "_" for letter in f"{name}_{release.version}")
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _bibtex_name(name: str, kind: str) -> str:
    return f"{{{name}}}" if kind == "Organizational" else name
