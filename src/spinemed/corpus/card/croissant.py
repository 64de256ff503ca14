"""croissant.json: what a corpus is, for machines, after Croissant 1.1 with RAI and PROV."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from datasets import Image, List, Value

from spinemed.corpus.card.licences import licence_url, origin_of
from spinemed.corpus.card.release_info import Creator, ReleaseInfo
from spinemed.corpus.card.words import (
    DESCRIPTION,
    MAINTENANCE,
    PROTOCOL,
    Holding,
    biases,
    citation,
    health_information,
    limitations,
    origin,
)
from spinemed.corpus.config import BuildConfig
from spinemed.corpus.releases.counts import Counts, parquet_files
from spinemed.corpus.rows import CONFIGS, Config, features
from spinemed.errors import OutputError

CROISSANT = "croissant.json"
Json = dict[str, Any]
_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "float64": "sc:Float",
}
_WORDS: dict[str, str] = {
    "choice": "Questions with options, one letter right.",
    "open": "Questions answered in words.",
    "dialogue": "Consultations of several turns.",
    "report": "Reports of six sections.",
    "studies": "The examinations and written cases that the rows are about.",
    "findings": "What is stated about each site, with its evidence: what every answer rests on.",
    "rejects": "What was left out, with step and reason.",
}
# The context that the specification of Croissant 1.1 gives, and PROV.
_CONTEXT: Json = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field"),
            *("fileProperty", "fileObject", "fileSet", "format", "includes", "isArray", "isLiveDataset"),
            *("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
            *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}


def write_croissant(folder: Path, config: BuildConfig, counts: Counts, release: ReleaseInfo) -> Path:
    """Return croissant.json of a corpus; its bytes depend on settings, counts and release alone."""
    path = folder / CROISSANT
    content = croissant(config, counts, release, list(parquet_files(folder)))
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def check_croissant(folder: Path) -> list[str]:
    """Return what mlcroissant warns of in croissant.json of a folder; OutputError for what it refuses.

    Needs the extra `release`; reads no record and nothing from the network.
    """
    try:
        import mlcroissant
    except ImportError as error:
        raise OutputError("mlcroissant is not installed; run: pip install 'spinemed[release]'") from error
    path = folder / CROISSANT
    try:
        with warnings.catch_warnings():
            # mlcroissant 1.1.1 parses with a class that rdflib 7 deprecates.
            warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated", DeprecationWarning)
            metadata = mlcroissant.Dataset(str(path)).metadata
    except (mlcroissant.ValidationError, ValueError, OSError) as error:
        raise OutputError(f"{path}: mlcroissant refuses it ({error}); build again") from error
    return sorted(str(warning) for warning in metadata.issues.warnings)


def croissant(config: BuildConfig, counts: Counts, release: ReleaseInfo, configs: list[str]) -> Json:
    """Return croissant.json as a mapping; `configs` are those that have files."""
    place = {"url": release.url} if release.url else {}
    identifier = {"identifier": f"https://doi.org/{release.doi}"} if release.doi else {}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": config.name,
        "description": f"{DESCRIPTION} {_plain(origin(Holding.of(counts)))}",
        **place,
        **identifier,
        "version": release.version,
        "datePublished": release.date,
        "license": [licence_url(licence) or licence for licence in counts.licences],
        "creator": [_creator(one) for one in release.creators],
        "citeAs": citation(config.name, release),
        "keywords": ["spine", "radiology", "vertebral level", "visual question answering"],
        "inLanguage": counts.languages,
        "isLiveDataset": False,
        **_responsible(counts),
        **_provenance(counts),
        "distribution": _distribution(release, configs),
        "recordSet": [_record_set(name) for name in CONFIGS if name in configs],
    }


def _plain(markdown: str) -> str:
    return markdown.removeprefix("- ").replace("**", "").replace("`", "")


def _creator(creator: Creator) -> Json:
    if creator.kind == "Organizational":
        return {"@type": "sc:Organization", "name": creator.name}
    identity = {"identifier": f"https://orcid.org/{creator.orcid}"} if creator.orcid else {}
    return {"@type": "sc:Person", "name": creator.name, **identity}


def _responsible(counts: Counts) -> Json:
    """Return the fields of the RAI vocabulary."""
    held = Holding.of(counts)
    collected = ["Software Collection"] if held.all_synthetic else ["Secondary Data analysis"]
    return {
        "rai:dataCollection": _plain(origin(held)),
        "rai:dataCollectionType": collected,
        "rai:dataCollectionMissingData": (
            "What could not be asked or failed a check is a row of the config rejects, with its reason."
        ),
        "rai:dataCollectionRawData": (
            "Rendered volumes and films, or images with vertebra masks. Series, plane, slice and box of a "
            "row name the place, quote the words."
        ),
        "rai:dataPreprocessingProtocol": [
            "A slice is cut and resampled to square pixels, its place and zoom drawn by a hash of the series."
        ],
        "rai:dataAnnotationProtocol": list(PROTOCOL),
        "rai:dataAnnotationPlatform": [f"spinemed {version('spinemed')}, templates and level parser"],
        "rai:dataAnnotationAnalysis": ["No agreement of people was measured: no person annotated a row."],
        "rai:annotationsPerItem": "1",
        "rai:annotatorDemographics": ["None: no person annotated a row."],
        "rai:machineAnnotationTools": [f"spinemed {version('spinemed')}"],
        "rai:dataBiases": biases(counts),
        "rai:dataLimitations": limitations(held),
        "rai:dataUseCases": [
            "Training and testing of research models on spine images and texts; studies of level errors.",
            "Not for diagnosis, triage, treatment or advice about any person, nor for claims about patients.",
        ],
        "rai:dataSocialImpact": (
            "Level errors lead to surgery at the wrong site; the corpus makes them measurable without data "
            "of patients. A model that does well on it may still fail on patients and must be tested on them."
        ),
        "rai:personalSensitiveInformation": [health_information(held)],
        "rai:dataReleaseMaintenancePlan": MAINTENANCE,
    }


def _provenance(counts: Counts) -> Json:
    """Return where the corpus comes from, in the terms of W3C PROV."""
    derived = []
    for source in counts.sources:
        known = origin_of(source)
        place = f"https://doi.org/{known.doi}" if known.doi else known.url or f"urn:spinemed:{source}"
        licences = [licence for (licence,) in counts.studies_by("licence", source=source)]
        urls = [licence_url(licence) or licence for licence in licences]
        derived.append({"@id": place, "@type": "prov:Entity", "name": known.title, "license": urls})
    return {
        "prov:wasDerivedFrom": derived,
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "name": "spinemed build",
            "description": "A pure function of sources, settings, seed and code; manifest.json names them.",
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "name": "spinemed",
                "version": version("spinemed"),
            },
        },
    }


def _distribution(release: ReleaseInfo, configs: list[str]) -> list[Json]:
    """Return the repository where one is named, and the files of each config in it or beside this file."""
    inside = {"containedIn": {"@id": "repository"}} if release.repository else {}
    repository = {
        "@id": "repository",
        "@type": "cr:FileObject",
        "name": "repository",
        "description": "The repository on the Hugging Face Hub.",
        "contentUrl": release.url,
        "encodingFormat": "git+https",
        # Every FileObject must have a hash; a repository has none, and the Hub itself writes this instead.
        "sha256": "https://github.com/mlcommons/croissant/issues/80",
    }
    sets = [
        {
            "@id": f"{name}-files",
            "@type": "cr:FileSet",
            "name": f"{name}-files",
            "description": f"{_WORDS[name]} One file a split and bucket of patients.",
            **inside,
            "encodingFormat": "application/x-parquet",
            "includes": f"data/{name}/*.parquet",
        }
        for name in configs
    ]
    return [*([repository] if release.repository else []), *sets]


def _record_set(name: Config) -> Json:
    return {
        "@id": name,
        "@type": "cr:RecordSet",
        "name": name,
        "description": _WORDS[name],
        "key": {"@id": f"{name}/id"},
        "field": [_field(name, column, column, kind, ()) for column, kind in features(name).items()],
    }


def _field(config: str, place: str, column: str, kind: Any, path: tuple[str, ...]) -> Json:
    """Return a field and what it holds; `path` leads from the column to a part of its structure."""
    array = isinstance(kind, List)
    inner = kind.feature if array else kind
    field: Json = {"@id": f"{config}/{place}", "@type": "cr:Field", "name": f"{config}/{place}"}
    if array:
        # mlcroissant 1.1.1 reads lists of pictures where `repeated` says so, not where isArray does alone.
        field |= {"repeated": True, "isArray": True, "arrayShape": "-1"}
    if isinstance(inner, Mapping):
        parts = [_field(config, f"{place}/{part}", column, of, (*path, part)) for part, of in inner.items()]
        return field | {"subField": parts}
    if isinstance(inner, Image):
        return field | {"dataType": "sc:ImageObject", "source": _source(config, column, ("bytes",))}
    if not isinstance(inner, Value):
        raise TypeError(f"{config}/{place}: no Croissant type for {inner}")
    return field | {"dataType": _TYPES[inner.dtype], "source": _source(config, column, path)}


def _source(config: str, column: str, path: tuple[str, ...]) -> Json:
    found: Json = {"fileSet": {"@id": f"{config}-files"}, "extract": {"column": column}}
    return found | ({"transform": {"jsonPath": ".".join(path)}} if path else {})
