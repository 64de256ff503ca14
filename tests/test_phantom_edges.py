"""Bodies at the border of a film, and bodies of few pixels: neither whole nor gone."""

from __future__ import annotations

import numpy as np
import pytest

from spinemed.facts.stated import hidden_by
from spinemed.phantom.export.claim import Claim, judged
from spinemed.phantom.export.findings_radiograph import radiograph_claims, shown_film
from spinemed.phantom.export.kinds import checked_kinds
from spinemed.phantom.export.series import rendered_series
from spinemed.phantom.export.visibility import visibility
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.radiograph import RenderedRadiograph
from spinemed.records import Box, Locator, Reject

CLEAR_MM = 2.0
BOX = Locator(series="1.2", slice_index=0, slice_id="1.3", box=Box(left=1, top=1, right=9, bottom=9))


@pytest.mark.parametrize("kind", ["xr_lat", "xr_flexion"])
def test_a_body_within_two_millimetres_of_a_films_border_is_not_called_whole(kind: str) -> None:
    counts = {"whole": 0, "doubt": 0, "part": 0}
    for seed in range(1, 24):
        (series,) = rendered_series(sample_patient(seed), checked_kinds([kind]))
        assert isinstance(series.rendered, RenderedRadiograph)
        film = shown_film(series.anatomy, series.rendered, series.uid)
        exposed = film.rendered.collimation
        reach = CLEAR_MM / film.pixel_mm
        for level, seen in film.silhouettes.items():
            rows, columns = np.nonzero(film.rendered.masks == verse_value(level))
            tilt = 0.022 * max(film.rendered.masks.shape) / 2  # of at most 1.2 degrees, to either side
            near = min(
                rows.min() - exposed.top,
                exposed.bottom - 1 - rows.max(),
                columns.min() - exposed.left,
                exposed.right - 1 - columns.max(),
            )
            assert not (seen.whole and seen.doubt)
            assert not seen.whole or near > reach - tilt - 1, (seed, level)
            assert seen.whole or near < reach + tilt + 1, (seed, level)
            counts["whole" if seen.whole else "doubt" if seen.doubt else "part"] += 1
        unclear = {level for level, seen in film.silhouettes.items() if seen.doubt}
        claims = radiograph_claims(series.anatomy, series.rendered, series.uid, visibility())
        found = [judged(one, "s", series.uid, kind, "standing", visibility()) for one in claims]
        held_back = hidden_by(one for one in found if isinstance(one, Reject))
        assert unclear <= {one.site for one in held_back if one.pathology == "vertebra"}
    assert min(counts.values()) >= 5, counts


@pytest.mark.parametrize("pathology", ["vertebra", "vertebra_in_part"])
def test_a_body_of_too_few_pixels_is_held_back_for_who_counts_may_see_it(pathology: str) -> None:
    claim = Claim("C7", pathology, BOX, pixels=10, contrast=9.0)  # type: ignore[arg-type]
    found = judged(claim, "study", "series", "ct", "lying", visibility())
    assert isinstance(found, Reject) and "it covers 10 pixels" in found.reason
    assert {(one.site, one.pathology) for one in hidden_by([found])} == {("C7", pathology)}


def test_a_body_outside_the_picture_is_no_loss() -> None:
    claim = Claim("C7", "vertebra", None)
    assert judged(claim, "study", "series", "ct", "lying", visibility()) is None
