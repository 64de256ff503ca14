"""Nerve roots: which one a herniation or stenosis compresses, and where its pain, weakness and reflex lie."""

from __future__ import annotations

from functools import cache
from typing import Literal

from spinemed.facts.planning import compressed_root
from spinemed.instances.yaml_files import packaged_yaml
from spinemed.levels import Level, Site
from spinemed.records import Finding, Record

Limb = Literal["neck", "arm", "trunk", "leg"]
Zone = Literal["central", "subarticular", "foraminal"]


class RootWords(Record):
    """What one root does in one language; weakness and reflex are empty for roots without a key muscle."""

    patient: str
    doctor: str
    weakness_patient: str = ""
    weakness_doctor: str = ""
    reflex: str = ""


class Root(Record):
    """One row of dermatomes.yaml."""

    limb: Limb
    en: RootWords
    zh: RootWords

    def words(self, language: Literal["en", "zh"]) -> RootWords:
        """Return the words in one language."""
        return self.en if language == "en" else self.zh


@cache
def roots() -> dict[str, Root]:
    """Return every root from C3 to S1 by name."""
    rows = packaged_yaml("spinemed.instances.clinic", "dermatomes.yaml")
    return {name: Root.model_validate(row) for name, row in rows.items()}


def root_of(segment: str, zone: Zone) -> str:
    """Return the root that a herniation or stenosis here compresses, "" where none is sure.

    Lumbar: the traversing root in the canal and the lateral recess, the exiting one in the foramen.
    Cervical: the exiting root, named for the lower vertebra (C8 at C7-T1). Thoracic segments and those
    beside an extra vertebra have no sure root.

    >>> root_of("L4-L5", "subarticular"), root_of("L4-L5", "foraminal"), root_of("C5-C6", "subarticular")
    ('L5', 'L4', 'C6')
    >>> root_of("T9-T10", "foraminal")
    ''
    """
    try:
        root = compressed_root(segment, zone, "midline" if zone == "central" else "left").root
    except ValueError:
        return ""
    return root if root in roots() else ""


def zone_of(finding: Finding) -> Zone:
    """Return the zone in which a herniation or stenosis lies."""
    if finding.pathology == "recess_stenosis":
        return "subarticular"
    if finding.pathology == "foraminal_stenosis":
        return "foraminal"
    if finding.pathology == "herniation" and finding.detail in ("subarticular", "foraminal"):
        return "subarticular" if finding.detail == "subarticular" else "foraminal"
    return "central"


def root_hit(finding: Finding) -> str:
    """Return the root that a finding compresses on its side, "" for central and rootless ones."""
    if finding.pathology not in ("herniation", "recess_stenosis", "foraminal_stenosis"):
        return ""
    zone = zone_of(finding)
    return "" if zone == "central" or finding.side == "central" else root_of(finding.site, zone)


def is_cord_level(segment: str) -> bool:
    """Return whether the cord lies behind this segment wherever the conus ends: above T12."""
    return Site.parse(segment).upper < Level.T12
