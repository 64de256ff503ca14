"""What a release is called: version, date, makers, where it is published; nothing here is counted."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from spinemed.records import Record

VERSION_PATTERN = r"^\d{1,6}\.\d{1,6}\.\d{1,6}$"


def _calendar_date(text: str) -> str:
    """Return a date as it was given; ValueError where the calendar has no such day."""
    date.fromisoformat(text)
    return text


Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_calendar_date)]
"""A day as YYYY-MM-DD, a text so that YAML, JSON and cards show the same."""


class Creator(Record):
    """Who made a release."""

    name: str = Field(min_length=1, description="of a person: Family, Given")
    kind: Literal["Organizational", "Personal"] = "Organizational"
    orcid: str = Field("", pattern=r"^(\d{4}-\d{4}-\d{4}-\d{3}[\dX])?$")


class ReleaseInfo(Record):
    """Version, date, makers and place of a release; `date` is set by whoever releases, never the clock's."""

    version: str = Field("1.0.0", pattern=VERSION_PATTERN)
    date: Date = "2026-11-23"
    previous: str = Field("", pattern=r"^(\d{1,6}\.\d{1,6}\.\d{1,6})?$", description="version before this")
    creators: tuple[Creator, ...] = Field(
        (Creator(name="The SpineMed contributors", kind="Organizational", orcid=""),), min_length=1
    )
    repository: str = Field("", pattern=r"^([\w.-]+/[\w.-]+)?$", description="org/name on the Hub")
    doi: str = Field("", pattern=r"^(10\.\d{4,9}/\S+)?$", description="of this release, once registered")
    previous_doi: str = Field("", pattern=r"^(10\.\d{4,9}/\S+)?$", description="of the release before")
    contact: str = Field(
        "", description="where a withdrawal is asked for; empty: the repository's discussions"
    )

    @property
    def url(self) -> str:
        """Return the page of the repository on the Hub; empty where no repository is named.

        >>> ReleaseInfo(repository="org/name").url
        'https://huggingface.co/datasets/org/name'
        """
        return f"https://huggingface.co/datasets/{self.repository}" if self.repository else ""

    @property
    def year(self) -> int:
        """Return the year of publication.

        >>> ReleaseInfo(date="2027-01-31").year
        2027
        """
        return int(self.date[:4])
