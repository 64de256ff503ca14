"""Windows in millimetres, rings, PNG bytes and contact sheets."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from spinemed.errors import SourceError
from spinemed.imaging.pictures import Name, Tile, contact_sheet, draw_ring, encode_png, resample_window
from spinemed.imaging.png import png_bytes


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
    assert data == encode_png(picture.copy()) == encode_png(np.repeat(picture[..., np.newaxis], 3, axis=2))
    with Image.open(io.BytesIO(data)) as image:
        assert (image.mode, image.info) == ("L", {})
        np.testing.assert_array_equal(np.asarray(image), picture)


@pytest.mark.parametrize("colour", [(255, 48, 48), (255, 214, 0)])
def test_a_ring_costs_no_more_than_one_level_of_grey_and_keeps_its_colour(
    colour: tuple[int, int, int],
) -> None:
    grey = np.random.default_rng(2).integers(0, 256, (200, 120), dtype=np.uint8)
    ringed = draw_ring(grey, 60.3, 90.7, 11.0, colour, 1.6)
    with Image.open(io.BytesIO(encode_png(ringed))) as image:
        assert (image.mode, image.info) == ("P", {})
        off = np.abs(np.asarray(image.convert("RGB")).astype(int) - ringed)
    coloured = (ringed != ringed[..., :1]).any(axis=2)
    assert off[~coloured].max() <= 1
    assert off[coloured].max() <= 48 and off[coloured].mean() < 8
    assert not off[(ringed == colour).all(axis=2)].any()


def test_a_picture_of_many_colours_is_stored_as_it_is() -> None:
    picture = np.random.default_rng(3).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_png(picture))) as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), picture)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (64, 33)])
def test_every_form_of_png_is_read_back_by_another_reader(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    indices = rng.integers(0, 5, shape, dtype=np.uint8)
    palette = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    rgb = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for pixels, colours, meant in (
        (indices, None, indices),
        (indices, palette, palette[indices]),
        (rgb, None, rgb),
    ):
        with Image.open(io.BytesIO(png_bytes(pixels, colours))) as image:
            image.load()
            read = np.asarray(image.convert("RGB") if meant.ndim == 3 else image)
        np.testing.assert_array_equal(read, meant)


@pytest.mark.parametrize(
    ("pixels", "palette"),
    [
        (np.zeros((2, 2), np.float32), None),
        (np.zeros((2, 2, 4), np.uint8), None),
        (np.zeros((0, 2), np.uint8), None),
        (np.zeros((2, 2, 3), np.uint8), np.zeros((1, 3), np.uint8)),
        (np.zeros((2, 2), np.uint8), np.zeros((257, 3), np.uint8)),
    ],
)
def test_what_is_no_picture_is_refused(pixels: NDArray[np.uint8], palette: NDArray[np.uint8] | None) -> None:
    with pytest.raises(ValueError, match="give"):
        png_bytes(pixels, palette)


def test_windows_have_the_bits_of_a_general_resampler() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        pixels = rng.integers(0, 256, rng.integers(20, 90, 2)).astype(np.uint8)
        spacing, pixel = rng.uniform(0.4, 1.6, 2), float(rng.uniform(0.4, 1.6))
        top, left = rng.uniform(-9, 30, 2)
        window = resample_window(pixels, (spacing[0], spacing[1]), top, left, 40, 50, pixel)
        rows = (top + (np.arange(40) + 0.5) * pixel) / spacing[0] - 0.5
        columns = (left + (np.arange(50) + 0.5) * pixel) / spacing[1] - 0.5
        blurred = gaussian_filter(
            pixels.astype(np.float32), [max(0.0, (pixel / one - 1) / 2) for one in spacing], mode="nearest"
        )
        places = np.meshgrid(rows, columns, indexing="ij")
        meant = np.rint(map_coordinates(blurred, places, order=1, mode="nearest"))
        inside = np.ones((40, 50), bool)
        for axis, along in enumerate(places):
            inside &= (along >= -0.5) & (along < pixels.shape[axis] - 0.5)
        np.testing.assert_array_equal(window, np.where(inside, meant, 0))


def test_a_contact_sheet_writes_names_on_its_tiles() -> None:
    dark = np.zeros((50, 40), dtype=np.uint8)
    plain = contact_sheet([Tile(dark, "one"), Tile(dark, "two")], columns=2)
    named = contact_sheet([Tile(dark, "one", [Name("L4", 25, 20)]), Tile(dark, "two")], columns=2)
    changed = np.argwhere((plain != named).any(axis=2))
    assert len(changed) > 20
    assert abs(changed[:, 1].mean() - 20) < 5 and abs(changed[:, 0].mean() - (25 + 19)) < 5
    with pytest.raises(SourceError, match="at least one"):
        contact_sheet([])
