"""datacite.json: the record that a DOI of a release is registered with, after DataCite 4.6."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from spinemed.corpus.card.licences import licence_url, origin_of
from spinemed.corpus.card.release_info import Creator, ReleaseInfo
from spinemed.corpus.card.words import DESCRIPTION
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import Counts
from spinemed.errors import OutputError
from spinemed.records import Record

DATACITE = "datacite.json"
_PAPER = "2510.03160"
_SOFTWARE = "SpineMed"
Doi = Annotated[str, Field(pattern=r"^10\.\d{4,9}/\S+$")]
Filled = Annotated[str, Field(min_length=1)]


class _Part(Record):
    """A part of a record; keys are written as DataCite spells them."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class NameIdentifier(_Part):
    """Who a creator is, by ORCID."""

    name_identifier: Annotated[str, Field(pattern=r"^https://orcid\.org/[\dX-]{19}$")]
    name_identifier_scheme: Literal["ORCID"] = "ORCID"
    scheme_uri: Literal["https://orcid.org"] = "https://orcid.org"


class Maker(_Part):
    """A creator."""

    name: Filled
    name_type: Literal["Organizational", "Personal"]
    name_identifiers: tuple[NameIdentifier, ...] = ()


class Title(_Part):
    """A title."""

    title: Filled


class Publisher(_Part):
    """Who holds and publishes the release."""

    name: Filled


class Types(_Part):
    """What kind of thing the release is."""

    resource_type: str = "Question and answer corpus with images"
    resource_type_general: Literal["Dataset"] = "Dataset"


class Subject(_Part):
    """A keyword."""

    subject: Filled


class Day(_Part):
    """A date of the release."""

    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    date_type: Literal["Issued"] = "Issued"


class Related(_Part):
    """What the release comes from, follows or describes."""

    related_identifier: Filled
    related_identifier_type: Literal["DOI", "URL", "arXiv"]
    relation_type: Literal["IsDerivedFrom", "IsNewVersionOf", "References"]


class Rights(_Part):
    """A licence of some rows."""

    rights: Filled
    rights_uri: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    rights_identifier: Filled
    rights_identifier_scheme: Literal["SPDX"] = "SPDX"
    scheme_uri: Literal["https://spdx.org/licenses/"] = "https://spdx.org/licenses/"


class Description(_Part):
    """A description."""

    description: Filled
    description_type: Literal["Abstract", "Methods"]


class DataCite(_Part):
    """A record of DataCite 4.6: the mandatory properties, and those that a corpus has.

    `doi` is absent until one is registered; the record is then a draft.
    """

    doi: Doi | None = None
    url: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    creators: Annotated[tuple[Maker, ...], Field(min_length=1)]
    titles: Annotated[tuple[Title, ...], Field(min_length=1)]
    publisher: Publisher
    publication_year: Annotated[str, Field(pattern=r"^\d{4}$")]
    types: Types = Types()
    subjects: tuple[Subject, ...] = ()
    dates: tuple[Day, ...] = ()
    language: Literal["en"] = "en"
    related_identifiers: tuple[Related, ...] = ()
    sizes: tuple[Filled, ...] = ()
    formats: tuple[Filled, ...] = ()
    version: Filled
    rights_list: tuple[Rights, ...] = ()
    descriptions: tuple[Description, ...] = ()
    schema_version: Literal["http://datacite.org/schema/kernel-4"] = "http://datacite.org/schema/kernel-4"


def write_datacite(folder: Path, config: BuildConfig, counts: Counts, release: ReleaseInfo) -> Path:
    """Return datacite.json of a corpus; its bytes depend on settings, counts and release alone."""
    path = folder / DATACITE
    content = datacite(config.name, counts, release).model_dump(mode="json", by_alias=True, exclude_none=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_datacite(folder: Path) -> DataCite:
    """Return datacite.json of a folder; OutputError where it is missing or no record of DataCite."""
    path = folder / DATACITE
    try:
        return DataCite.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:300]
        raise OutputError(f"{path}: no record of DataCite ({reason}); build again") from error


def datacite(name: str, counts: Counts, release: ReleaseInfo) -> DataCite:
    """Return the record of a release."""
    return DataCite(
        doi=release.doi or None,
        url=release.url or None,
        creators=tuple(_maker(one) for one in release.creators),
        titles=(Title(title=f"{name}, release {release.version}"),),
        publisher=Publisher(name="Hugging Face" if release.repository else _SOFTWARE),
        publication_year=str(release.year),
        subjects=tuple(Subject(subject=one) for one in ("spine", "radiology", "vision-language model")),
        dates=(Day(date=release.date),),
        related_identifiers=tuple(_related(counts, release)),
        sizes=(
            f"{counts.instances} instances",
            f"{counts.pictures_in_all} pictures",
            f"{sum(counts.file_bytes.values())} bytes",
        ),
        formats=("application/x-parquet",),
        version=release.version,
        rights_list=tuple(
            Rights(rights=one, rights_uri=licence_url(one) or None, rights_identifier=one)
            for one in counts.licences
        ),
        descriptions=(Description(description=DESCRIPTION, description_type="Abstract"),),
    )


def _maker(creator: Creator) -> Maker:
    orcid = creator.orcid
    known = (NameIdentifier(name_identifier=f"https://orcid.org/{orcid}"),) if orcid else ()
    return Maker(name=creator.name, name_type=creator.kind, name_identifiers=known)


def _related(counts: Counts, release: ReleaseInfo) -> list[Related]:
    """Return the sources that have an identifier, the release before, and the paper that gave the idea."""
    found = []
    for source in counts.sources:
        known = origin_of(source)
        if known.doi:
            found.append(_relation(known.doi, "DOI", "IsDerivedFrom"))
        elif known.url:
            found.append(_relation(known.url, "URL", "IsDerivedFrom"))
    if release.previous_doi:
        found.append(_relation(release.previous_doi, "DOI", "IsNewVersionOf"))
    elif release.previous and release.url:
        found.append(_relation(f"{release.url}/tree/v{release.previous}", "URL", "IsNewVersionOf"))
    return [*found, _relation(f"arXiv:{_PAPER}", "arXiv", "References")]


def _relation(
    identifier: str,
    kind: Literal["DOI", "URL", "arXiv"],
    relation: Literal["IsDerivedFrom", "IsNewVersionOf", "References"],
) -> Related:
    return Related(related_identifier=identifier, related_identifier_type=kind, relation_type=relation)
