"""What a licence allows a corpus to publish, and what is known of each source: title, DOI, page."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from spinemed.errors import SourceError
from spinemed.records import Record

_CC = "https://creativecommons.org/licenses"


class Terms(Record):
    """What one licence asks of who passes pictures on; `hub` is its name in a dataset card."""

    hub: str
    url: str
    redistributable: bool
    note: str


class Origin(Record):
    """What is known of a source that spinemed reads."""

    title: str
    doi: str = ""
    url: str = ""


# A picture is cut from an image and resampled: an adaptation, which a ND licence forbids to share.
TERMS = {
    name: Terms(hub=hub, url=url, redistributable=redistributable, note=note)
    for name, hub, url, redistributable, note in (
        ("Apache-2.0", "apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", True, "keep the notice"),
        ("MIT", "mit", "https://spdx.org/licenses/MIT", True, "keep the notice"),
        ("BSD-3-Clause", "bsd-3-clause", "https://spdx.org/licenses/BSD-3-Clause", True, "keep the notice"),
        ("CC0-1.0", "cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/", True, "no condition"),
        ("CC-BY-3.0", "cc-by-3.0", f"{_CC}/by/3.0/", True, "name the source"),
        ("CC-BY-4.0", "cc-by-4.0", f"{_CC}/by/4.0/", True, "name the source"),
        ("CC-BY-SA-4.0", "cc-by-sa-4.0", f"{_CC}/by-sa/4.0/", True, "name the source, share alike"),
        ("CC-BY-NC-4.0", "cc-by-nc-4.0", f"{_CC}/by-nc/4.0/", True, "name the source, not for commerce"),
        (
            "CC-BY-NC-SA-4.0",
            "cc-by-nc-sa-4.0",
            f"{_CC}/by-nc-sa/4.0/",
            True,
            "name the source, not for commerce, share alike",
        ),
        ("CC-BY-ND-4.0", "cc-by-nd-4.0", f"{_CC}/by-nd/4.0/", False, "adapted pictures may not be shared"),
        (
            "CC-BY-NC-ND-4.0",
            "cc-by-nc-nd-4.0",
            f"{_CC}/by-nc-nd/4.0/",
            False,
            "adapted pictures may not be shared",
        ),
        ("ODC-By-1.0", "odc-by", "https://opendatacommons.org/licenses/by/1-0/", True, "name the source"),
    )
}
UNKNOWN = Terms(hub="other", url="", redistributable=False, note="unknown: pictures stay where they are")

ORIGINS = {
    "phantom": Origin(title="SpineMed phantom: synthetic CT, MR and radiographs, no patient"),
    "casebook": Origin(title="SpineMed casebook: synthetic written cases, no patient"),
    "verse": Origin(
        title="VerSe 2019 and 2020, vertebra segmentation in CT",
        doi="10.1016/j.media.2021.102166",
        url="https://github.com/anjany/verse",
    ),
    "totalsegmentator": Origin(
        title="images with masks as TotalSegmentator names them; the images are those of their user",
        url="https://github.com/wasserth/TotalSegmentator",
    ),
}


def expression(text: str) -> str:
    """Return an SPDX expression in its canonical spelling; SourceError for anything else.

    >>> expression("apache-2.0 or mit")
    'Apache-2.0 OR MIT'
    """
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression as error:
        raise SourceError(
            f"licence {text!r} is no SPDX expression ({error}); write one of spdx.org/licenses, or "
            "LicenseRef-NAME for terms that have no identifier"
        ) from error


def terms_of(name: str) -> Terms:
    """Return the terms of one licence; those of `UNKNOWN` where none are known.

    >>> terms_of("LicenseRef-user-supplied").redistributable
    False
    """
    return TERMS.get(name, UNKNOWN)


def is_redistributable(text: str) -> bool:
    """Return whether pictures under an SPDX expression may be passed on as a part of a corpus.

    The most restrictive licence named decides. Only where all are joined by OR, one that allows it is enough.
    What is not known is not allowed. SourceError for text that is no expression.

    >>> is_redistributable("CC-BY-4.0"), is_redistributable("CC-BY-4.0 AND LicenseRef-x")
    (True, False)
    >>> is_redistributable("MIT OR LicenseRef-x"), is_redistributable("CC-BY-ND-4.0")
    (True, False)
    """
    canonical = expression(text)
    tokens = canonical.replace("(", " ").replace(")", " ").split()
    if "WITH" in tokens:
        return False
    allowed = [terms_of(name).redistributable for name in tokens if name not in ("AND", "OR")]
    return any(allowed) if "OR" in tokens and "AND" not in tokens else all(allowed)


def hub_licence(licences: Iterable[str]) -> str:
    """Return what a dataset card says for rows under these licences: the one name of the Hub, or other.

    >>> hub_licence(["CC-BY-4.0"]), hub_licence(["CC-BY-4.0", "Apache-2.0"]), hub_licence([])
    ('cc-by-4.0', 'other', 'other')
    """
    different = {expression(licence) for licence in licences}
    return terms_of(different.pop()).hub if len(different) == 1 else "other"


def licence_url(text: str) -> str:
    """Return the page of a licence; empty where it has none of its own.

    >>> licence_url("LicenseRef-user-supplied")
    ''
    """
    url = terms_of(text).url
    return url or (
        f"https://spdx.org/licenses/{text}" if re.fullmatch(r"(?!LicenseRef-)[\w.+-]+", text) else ""
    )


def origin_of(source: str) -> Origin:
    """Return what is known of a source; of an unknown one that its user gave it.

    >>> origin_of("my-hospital").title
    'my-hospital, given by whoever built this corpus'
    """
    return ORIGINS.get(source, Origin(title=f"{source}, given by whoever built this corpus"))
