"""Windows in millimetres, rings, PNG bytes and contact sheets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from spinemed.errors import SourceError
from spinemed.imaging.pictures import Name, Tile, contact_sheet, draw_ring, encode_png, resample_window


def test_image_and_label_windows_of_one_slice_lie_on_each_other() -> None:
    labels = np.zeros((40, 30), dtype=np.uint8)
    labels[10:20, 12:22] = 200
    spacing, place = (1.5, 0.8), (9.3, 4.1, 64, 48, 0.4)
    picture = resample_window(labels, spacing, *place, order=1)
    window = resample_window(labels, spacing, *place, order=0)
    assert set(np.unique(window)) == {0, 200}
    differing = (picture > 100) != (window == 200)
    assert differing.sum() <= 4  # linear interpolation rounds the four corners


def test_a_point_lands_on_the_pixel_that_the_docstring_says() -> None:
    pixels = np.zeros((20, 20), dtype=np.uint8)
    pixels[7, 4] = 255
    centre_mm = (7.5 * 2.0, 4.5 * 3.0)
    top, left, pixel = 5.0, 1.0, 0.5
    window = resample_window(pixels, (2.0, 3.0), top, left, 40, 60, pixel, order=0)
    rows, columns = np.nonzero(window)
    assert rows.mean() == pytest.approx((centre_mm[0] - top) / pixel - 0.5)
    assert columns.mean() == pytest.approx((centre_mm[1] - left) / pixel - 0.5)


def test_outside_the_slice_is_black_for_images_and_background_for_labels() -> None:
    pixels = np.full((4, 4), 9, dtype=np.uint8)
    for order in (0, 1):
        window = resample_window(pixels, (1.0, 1.0), -2.0, -2.0, 8, 8, 1.0, order=order)
        assert window[:2].max() == 0 and window[:, 6:].max() == 0 and window[2:6, 2:6].min() == 9


def test_a_coarser_window_averages_instead_of_skipping() -> None:
    stripes = np.tile(np.array([0, 200], dtype=np.uint8), (64, 32))
    window = resample_window(stripes, (1.0, 1.0), 8, 8, 12, 12, 4.0)
    assert abs(float(window.mean()) - 100) < 10 and window.std() < 20


@pytest.mark.parametrize(("spacing", "order"), [((0.0, 1.0), 1), ((1.0, 1.0), 3)])
def test_impossible_windows_are_refused(spacing: tuple[float, float], order: int) -> None:
    with pytest.raises(ValueError, match=r"order|spacing"):
        resample_window(np.zeros((2, 2), np.uint8), spacing, 0, 0, 2, 2, 1.0, order=order)


def test_a_ring_surrounds_its_centre_and_leaves_it_untouched() -> None:
    picture = draw_ring(np.full((41, 41), 50, dtype=np.uint8), column=25.0, row=15.0, radius=8.0)
    assert picture.shape == (41, 41, 3)
    assert picture[15, 33].tolist() == [255, 214, 0] and picture[7, 25].tolist() == [255, 214, 0]
    assert picture[15, 25].tolist() == [50, 50, 50] and picture[30, 25].tolist() == [50, 50, 50]
    rows, columns = np.nonzero(picture[..., 0] > 60)
    assert (rows.mean(), columns.mean()) == pytest.approx((15.0, 25.0), abs=1e-6)


def test_a_png_holds_the_pixels_and_nothing_else() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (12, 9), dtype=np.uint8)
    data = encode_png(picture)
    assert data == encode_png(picture.copy())
    with Image.open(io.BytesIO(data)) as image:
        assert (image.mode, image.info) == ("RGB", {})
        np.testing.assert_array_equal(np.asarray(image)[..., 1], picture)


def test_a_contact_sheet_writes_names_on_its_tiles() -> None:
    dark = np.zeros((50, 40), dtype=np.uint8)
    plain = contact_sheet([Tile(dark, "one"), Tile(dark, "two")], columns=2)
    named = contact_sheet([Tile(dark, "one", [Name("L4", 25, 20)]), Tile(dark, "two")], columns=2)
    changed = np.argwhere((plain != named).any(axis=2))
    assert len(changed) > 20
    assert abs(changed[:, 1].mean() - 20) < 5 and abs(changed[:, 0].mean() - (25 + 19)) < 5
    with pytest.raises(SourceError, match="at least one"):
        contact_sheet([])
