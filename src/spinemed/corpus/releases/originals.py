"""How to get what an instance was made from: a command that draws a synthetic patient again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

_DRAWN = re.compile(r"field (?P<field>\w+), series (?P<series>[\w, ]+), follow-ups (?P<later>[\w ]+)")


def original(row: Mapping[str, Any], study: Mapping[str, Any], drawn: str = "") -> str:
    """Return how to get the original of a row: a command for synthetic patients, else who keeps it.

    `study` is the row of its study, `drawn` what the manifest says of the phantoms of this corpus; where the
    build read them from a folder, the kinds of series are told from their UIDs.

    >>> row = {"patient": "phantom-000007", "study": "s", "source": "phantom"}
    >>> original(row, {}, "generator 4, patients 1 to 9, field lumbar, series referral, follow-ups written")
    'spinemed phantom --seed 7 --count 1 --kinds referral --field lumbar --later --out original'
    >>> original({"patient": "my-7", "study": "s", "source": "verse"}, {})
    'study s of source verse, kept by whoever built this corpus'
    """
    seeded = re.fullmatch(r"(phantom|written)-(\d{1,9})", str(row["patient"]))
    if seeded is None:
        return f"study {row['study']} of source {row['source']}, kept by whoever built this corpus"
    seed = int(seeded[2])
    if seeded[1] == "written":
        return f"the column text of row {row['study']} of the config studies, drawn from seed {seed}"
    known = _DRAWN.search(drawn)
    if known is not None:
        kinds = [] if known["series"] == "by state" else [known["series"]]
        field, later = known["field"], {"written": " --later", "none": " --no-later"}.get(known["later"], "")
    else:
        kinds, is_followed = _kinds_of(seed, tuple(study.get("series") or ()))
        field, later = "any", " --later" if is_followed else ""
    options = f" --kinds {','.join(kinds)}" if kinds else ""
    options += "" if field == "any" else f" --field {field}"
    return f"spinemed phantom --seed {seed} --count 1{options}{later} --out original"


@lru_cache(maxsize=256)
def _kinds_of(seed: int, series: Iterable[str]) -> tuple[list[str], bool]:
    """Return the kinds of series of a synthetic study, told from UIDs, and whether any is of a follow-up."""
    from spinemed.phantom.export.dicom import series_uid
    from spinemed.phantom.export.kinds import ALL_KINDS
    from spinemed.phantom.export.series import examinations, series_names
    from spinemed.phantom.patient.sample import sample_patient

    shown, patient = set(series), sample_patient(seed)
    found: list[str] = []
    is_followed = False
    for kind in ALL_KINDS:
        names = series_names(patient, [kind], follow_up=True)
        for examination in examinations(patient, [kind], follow_up=True):
            uids = {str(series_uid(examination.patient, name)) for name in names}
            if uids & shown:
                found.append(kind)
                is_followed = is_followed or bool(examination.patient.months)
    return list(dict.fromkeys(found)), is_followed
