"""Instances are right by the mask, countable from what is in view, and give nothing away in their text."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import chisquare

from spinemed.facts import find
from spinemed.imaging.slices import sagittal
from spinemed.imaging.volume import Volume
from spinemed.instances import Asking, ask
from spinemed.instances.chains import chain_of
from spinemed.instances.options import option_set
from spinemed.instances.templates import template_of
from spinemed.instances.windows import FEWEST_WHOLE, HEIGHT_PX, WIDTH_PX, draw_window, windows_open
from spinemed.level_grammar import parse_levels
from spinemed.level_labels import value_of
from spinemed.levels import Level, levels_between
from spinemed.records import Finding, Instance, Picture, Reject, Series, Study

LUMBAR = ("T9", "T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1")
SPINES = 50
"""Chance is judged on this many synthetic spines, about 1,200 choice questions."""

NOT_ASKED = "the slice shows neither two whole vertebrae in a row nor one beside a clearly cut one"

Asked = tuple[list[Picture], list[Instance], list[Reject]]


Spine = tuple[Study, Volume, NDArray[np.uint8], list[Finding]]


def spine(levels: Sequence[str], seed: int) -> Spine:
    """Return a study of one slice in which the levels are blocks along a curve; every size by the seed."""
    rng = np.random.default_rng(seed)
    heights = rng.uniform(19, 27, len(levels)).round().astype(int)
    gaps = rng.uniform(5, 11, len(levels)).round().astype(int)
    top = int(rng.integers(6, 30))
    labels = np.zeros((top + int((heights + gaps).sum()) + int(rng.integers(30, 60)), 170), np.uint8)
    row = top
    for place, level in enumerate(levels):
        left = 50 + round(14 * math.sin(place / 2.3 + seed))
        labels[row : row + heights[place], left : left + 32] = value_of("verse", level)
        row += heights[place] + gaps[place]
    return study_of(labels, seed, rng)


def study_of(labels: NDArray[np.uint8], seed: int, rng: np.random.Generator) -> Spine:
    """Return a study of one slice with these labels, row 0 cranial; patches of noise lie over its greys."""
    mask = labels[::-1, :, np.newaxis]
    # Patches, since pictures of noise in every pixel cost most of the time to pack.
    patches = rng.integers(0, 200, (mask.shape[0] // 12 + 1, mask.shape[1] // 12 + 1, 1))
    noise = patches.repeat(12, axis=0).repeat(12, axis=1)[: mask.shape[0], : mask.shape[1]]
    grey = np.where(mask > 0, 400, 0) + noise
    volume = Volume(grey.astype(np.int16), (1.0, 1.0, 4.0), (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), "LPS")
    series = Series(uid=f"2.25.{seed}", modality="CT", image=Path("i"), mask=Path("m"), label_scheme="verse")
    study = Study(
        id=f"study{seed}",
        patient=f"patient{seed}",
        source="test",
        licence="CC0-1.0",
        synthetic=True,
        numbering="file_labels",
        series=(series,),
    )
    found = find(study, volume, mask, series)
    return study, volume, mask, [one for one in found if isinstance(one, Finding)]


def asked(levels: Sequence[str], seed: int, open_share: float = 0.0, draw: int = 0) -> Asked:
    """Return pictures, instances and rejects of a spine."""
    return asked_of(spine(levels, seed), open_share, draw)


def asked_of(one_spine: Spine, open_share: float = 0.0, draw: int = 0) -> Asked:
    study, volume, _, findings = one_spine
    found = list(ask(study, study.series[0], volume, findings, Asking(draw, open_share, 12, ("en",))))
    return (
        [one for one in found if isinstance(one, Picture)],
        [one for one in found if isinstance(one, Instance)],
        [one for one in found if isinstance(one, Reject)],
    )


@cache
def choices() -> tuple[Instance, ...]:
    """Return choice questions about levels of many spines, from T7 to L1 down to the sacrum."""
    found: list[Instance] = []
    for seed in range(SPINES):
        levels = [level.value for level in levels_between(("T7", "T8", "T9", "T10", "L1")[seed % 5], "S1")]
        found += [one for one in asked(levels, seed)[1] if one.axis == "level" and one.task == "choice"]
    return tuple(found)


def order(options: Sequence[str]) -> list[str]:
    """Return options from the head down, ranges by their first vertebra, counts by their number."""
    return sorted(options, key=place)


def place(option: str) -> tuple[int, int]:
    """Return where an option lies along the spine: its region, and the number in it."""
    if option.isdigit():
        return 0, int(option)
    name = parse_levels(option).levels[0].removeprefix("root:").split("-")[0]
    return "CTLS".index(name[0]), int(name[1:])


def right_option(instance: Instance) -> str:
    return instance.options["ABCD".index(instance.answer)]


def test_letters_are_uniform() -> None:
    counts = Counter(one.answer for one in choices())
    assert len(choices()) > 1000
    assert chisquare([counts[letter] for letter in "ABCD"]).pvalue > 0.01


KINDS = ("marked_level", "level_above", "level_below", "levels_in_view")
FURTHER = ("disc_beside", "level_two_away", "exit_root", "count_in_view")


@pytest.mark.parametrize("kind", KINDS + FURTHER)
def test_the_right_option_has_every_rank_alike(kind: str) -> None:
    of_kind = [one for one in choices() if one.kind == kind]
    ranks = Counter(order(one.options).index(right_option(one)) for one in of_kind)
    assert chisquare([ranks[rank] for rank in range(4)]).pvalue > 0.01


def test_text_alone_does_not_tell_the_right_option() -> None:
    """A naive Bayes over option, rank, kind and set, trained on half of the spines, stays near 25 %."""
    half = SPINES // 2
    train = [one for one in choices() if int(one.patient[7:]) < half]
    test = [one for one in choices() if int(one.patient[7:]) >= half]
    right, offered = Counter[str](), Counter[str]()
    for one in train:
        for option in one.options:
            for clue in clues(one, option):
                offered[clue] += 1
                right[clue] += option == right_option(one)
    hits = 0
    for one in test:
        scores = {
            option: sum(math.log((right[clue] + 1) / (offered[clue] + 4)) for clue in clues(one, option))
            for option in one.options
        }
        hits += max(scores, key=lambda option: scores[option]) == right_option(one)
    assert len(test) > 500
    assert abs(hits / len(test) - 0.25) < 0.05


def clues(instance: Instance, option: str) -> list[str]:
    ranked = order(instance.options)
    rank = ranked.index(option)
    return [
        f"{instance.kind} option {option}",
        f"{instance.kind} rank {rank}",
        f"letter {instance.options.index(option)}",
        f"{instance.kind} set {ranked} rank {rank}",
        f"{instance.question} rank {rank}",
    ]


def test_wrong_options_are_mostly_within_three_levels() -> None:
    far = near = 0
    for one in choices():
        if one.kind not in KINDS:
            continue
        first = [parse_levels(option).levels[0] for option in one.options]
        right = parse_levels(right_option(one)).levels[0]
        for level in first:
            steps = len(levels_between(level, right)) - 1
            near += 1 <= steps <= 3
            far += steps > 3
    assert near / (near + far) > 0.75


def test_candidates_are_offered_alike_whichever_is_right() -> None:
    rng = np.random.default_rng(0)
    levels = [level.value for level in levels_between("T10", "L5")]
    offered = Counter(
        (option, right == option)
        for right in levels
        for _ in range(500)
        for option in option_set(levels, right, rng)
    )
    wrong = [offered[level, False] for level in levels]
    assert min(wrong) > 0.85 * max(wrong)


def test_every_text_reads_back_as_meant() -> None:
    """The answer is taken from the mask here, not from the instance."""
    for seed in range(6):
        chain = LUMBAR[:-1]
        for one in asked(LUMBAR, seed)[1] + asked(LUMBAR, seed, open_share=1.0)[1]:
            text = right_option(one) if one.task == "choice" else one.answer
            said = tuple(site for site in parse_levels(text).levels if ":" not in site)
            if one.kind in ("height_loss", "count_in_view"):
                assert said == ()
                assert one.kind == "height_loss" or int(text) == len(chain) - chain.index(one.sites[0])
                continue
            here = chain.index(one.sites[0])
            if one.kind in FURTHER:
                assert parse_levels(text).levels == (further(one, here),)
                continue
            expected = {
                "marked_level": (chain[here],),
                "level_above": (chain[here - 1],),
                "level_below": (chain[min(here + 1, len(chain) - 1)],),
                "levels_in_view": chain[here:],
            }[one.kind]
            assert said == expected
            assert one.messages[-1].content == (f"{text} ({one.answer})" if one.task == "choice" else text)


def further(one: Instance, here: int) -> str:
    """Return what the chain of a lumbar spine says to a further question about its vertebra `here`."""
    if one.kind == "exit_root":
        return f"root:{LUMBAR[here]}"
    if one.kind == "disc_beside":
        first = here - ("above" in one.question.replace("above the sacrum", ""))
        return f"{LUMBAR[first]}-{LUMBAR[first + 1]}"
    return LUMBAR[here + (-2 if "upwards" in one.question.replace("sacrum upwards", "") else 2)]


def test_the_marked_body_lies_under_the_ring_and_at_the_box() -> None:
    for seed in range(5):
        study, volume, mask, findings = spine(LUMBAR, seed)
        for one in ask(study, study.series[0], volume, findings, Asking(0, 0.5, 12)):
            if isinstance(one, Picture):
                picture = one
            if isinstance(one, Instance):
                box = one.provenance.locator.box
                cut = sagittal(mask, one.provenance.locator.slice_index)
                middle = cut[(box.top + box.bottom) // 2, (box.left + box.right) // 2]
                assert middle == value_of("verse", one.sites[0])
                assert one.pictures == (picture.id,)


def test_rings_are_alike_whatever_they_mark() -> None:
    pictures = [picture for seed in range(8) for picture in asked(LUMBAR, seed)[0]]
    marked = [picture.marker for picture in pictures if picture.marker is not None]
    assert {marker.radius for marker in marked} == {9.0}
    assert len(pictures) - len(marked) == 8


def test_pictures_are_at_most_128_by_256_and_red_is_only_in_the_ring() -> None:
    picture = next(picture for picture in asked(LUMBAR, 1)[0] if picture.marker is not None)
    pixels = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    assert pixels.shape == (picture.height, picture.width, 3)
    assert picture.height <= HEIGHT_PX
    assert picture.width <= WIDTH_PX
    assert 0.9 <= picture.spacing_mm <= 1.35
    red = np.argwhere(pixels[..., 0] > pixels[..., 1] + 90)
    assert picture.marker is not None
    middle = red.mean(axis=0)
    assert middle == pytest.approx([picture.marker.row, picture.marker.column], abs=1.0)


def test_a_window_from_the_sacrum_shows_exactly_the_vertebrae_it_names() -> None:
    for seed in range(40):
        _, volume, _, findings = spine(LUMBAR, seed)
        chain = chain_of(findings, (1.0, 1.0))
        assert chain is not None and chain.sacrum is not None
        height = float(volume.array.shape[0])
        rng = np.random.default_rng(seed)
        for end in windows_open(chain, "sacrum", height):
            window = draw_window(chain, "sacrum", (height, 170.0), rng, free_end=end)
            if window is None:
                continue
            right = window.left_mm + WIDTH_PX * window.pixel_mm
            whole = [
                span.site
                for span in chain.spans
                if window.top_mm < span.top
                and span.bottom < window.bottom_mm
                and window.left_mm < span.left < right
            ]
            assert whole == list(chain.sites[end:])
            assert len(whole) >= FEWEST_WHOLE
            assert chain.sacrum.bottom < window.bottom_mm


def test_without_sacrum_and_c2_the_question_names_the_highest_complete_vertebra() -> None:
    levels = ("T11", "T12", "L1", "L2", "L3", "L4")
    pictures, instances, _ = asked(levels, 3)
    assert pictures
    for one in instances:
        if one.kind in ("height_loss", "count_in_view"):
            continue
        said = [site for site in parse_levels(one.question).levels if ":" not in site]
        assert len(said) == 1
        assert Level(said[0]) < Level(one.sites[0]) or one.kind == "levels_in_view"
        assert "five lumbar" not in one.question
        assert said[0] not in one.options


def test_from_c2_levels_are_counted_down() -> None:
    levels = [level.value for level in levels_between("C2", "T3")]
    instances = asked(levels, 5)[1]
    assert instances
    assert all("C2" in one.question for one in instances if one.kind in KINDS)
    assert "C2" not in {one.sites[0] for one in instances if one.kind == "marked_level"}


@pytest.mark.parametrize("extra", ["L6", "T13"])
def test_transitional_anatomy_is_never_counted_through(extra: str) -> None:
    """With an L6 nothing is counted from the sacrum; above a T13 nothing is asked from below."""
    levels = sorted({*LUMBAR, extra}, key=Level)
    for seed in range(6):
        for one in asked(levels, seed)[1]:
            if one.axis != "level":
                continue
            if extra == "L6":
                assert "five lumbar" not in one.question.lower()
            else:
                assert all(Level(site) >= Level.L1 for site in one.sites)


def test_a_label_missing_in_the_middle_ends_the_chain() -> None:
    levels = [level for level in LUMBAR if level != "L1"]
    sites = {site for one in asked(levels, 2)[1] for site in one.sites}
    assert sites <= {"L2", "L3", "L4", "L5"}


def test_one_whole_vertebra_alone_is_a_reject() -> None:
    pictures, instances, rejects = asked(("L3",), 1)
    assert not pictures and not instances
    assert [reject.reason for reject in rejects] == [NOT_ASKED]


def crop(rows: int, **bodies: tuple[int, int]) -> Spine:
    """Return a study of one slice, `rows` high, with bodies from row to row, 32 columns deep."""
    labels = np.zeros((rows, 100), np.uint8)
    for level, (top, bottom) in bodies.items():
        labels[top:bottom, 30:62] = value_of("verse", level)
    return study_of(labels, 1, np.random.default_rng(1))


BETWEEN = {"L2": (0, 10), "L3": (16, 40), "L4": (46, 60)}
"""A whole L3 between an L2 cut by the upper edge of 60 rows and an L4 cut by the lower edge."""


@pytest.mark.parametrize(
    ("cropped", "reference", "edge", "answers"),
    [
        (crop(60, **BETWEEN), "L2", "upper", {"marked_level": "L3", "level_below": "L4"}),
        (crop(60, L2=(0, 10), L3=(16, 40)), "L2", "upper", {"marked_level": "L3"}),
        (crop(50, L2=(8, 34), L3=(40, 50)), "L3", "lower", {"marked_level": "L2"}),
        (crop(400, T12=(0, 9), L1=(15, 40)), "T12", "upper", {"marked_level": "L1"}),
        (crop(400, T12=(360, 385), L1=(391, 400)), "L1", "lower", {"marked_level": "T12"}),
    ],
)
def test_a_vertebra_alone_is_counted_from_the_neighbour_that_the_edge_cuts(
    cropped: Spine, reference: str, edge: str, answers: dict[str, str]
) -> None:
    """The marked body, the cut neighbour and the edge that cuts it are in the picture, whatever is drawn."""
    mask = cropped[2]
    for draw in range(12):
        pictures, asked_here, _ = asked_of(cropped, draw=draw)
        instances = [one for one in asked_here if one.kind in KINDS]
        assert {one.kind: one.answer for one in instances} == answers
        for one in instances:
            assert one.task == "open"
            assert f"{edge} edge" in one.question
            assert [site for site in parse_levels(one.question).levels if ":" not in site] == [reference]
            assert set(one.findings) >= {part.id for part in cropped[3] if part.site == reference}
            box = one.provenance.locator.box
            middle = sagittal(mask, 0)[(box.top + box.bottom) // 2, (box.left + box.right) // 2]
            assert middle == value_of("verse", one.sites[0])
            [picture] = pictures
            assert picture.marker is not None and picture.locator.box == box
            # The ring lies within 2 pixels of the body's centre, so the edges of the slice follow from it.
            from_top = picture.marker.row + 0.5 - (box.top + box.bottom) / 2 / picture.spacing_mm
            from_bottom = from_top + mask.shape[0] / picture.spacing_mm
            assert from_top > -2.1 if edge == "upper" else from_bottom < HEIGHT_PX + 2.1
            if mask.shape[0] < 200:
                assert from_top > -2.1 and from_bottom < HEIGHT_PX + 2.1


@pytest.mark.parametrize(
    "cropped",
    [
        crop(60, L2=(0, 4), L3=(10, 34)),  # a sliver is seen
        crop(60, L2=(0, 20), L3=(26, 50)),  # nearly the whole vertebra is seen
        crop(60, L1=(0, 10), L3=(16, 40)),  # a level is missing between
        crop(60, T13=(0, 10), L1=(16, 40)),  # not in the numbering that questions assume
        crop(80, L4=(0, 10), L5=(16, 40), S1=(45, 72)),  # the sacrum is in view
        crop(60, C2=(16, 40), C3=(46, 60)),  # C2 is in view
        crop(60, L5=(16, 40), S1=(46, 60)),  # a cut sacrum is no vertebra to count from
        crop(60, L2=(0, 10), L4=(46, 60)),  # none is whole
    ],
)
def test_a_vertebra_alone_is_not_asked_where_no_neighbour_is_clearly_cut(cropped: Spine) -> None:
    pictures, instances, rejects = asked_of(cropped)
    assert not pictures and not instances
    assert [reject.reason for reject in rejects] == [NOT_ASKED]


@pytest.mark.parametrize("side", ["front", "back"])
def test_a_neighbour_cut_from_the_side_or_out_of_line_is_not_counted_from(side: str) -> None:
    labels = np.zeros((60, 100), np.uint8)
    labels[20:44, 4:34] = value_of("verse", "L3")
    labels[2:14, 0:30] = value_of("verse", "L2")
    if side == "back":
        labels[2:14] = 0
        labels[0:10, 22:52] = value_of("verse", "L2")
    _, instances, rejects = asked_of(study_of(labels, 1, np.random.default_rng(1)))
    assert not instances
    assert [reject.reason for reject in rejects] == [NOT_ASKED]


def test_two_whole_vertebrae_are_counted_from_the_highest_though_another_is_cut() -> None:
    _, instances, _ = asked_of(crop(80, L1=(0, 10), L2=(16, 40), L3=(46, 70)))
    assert {one.answer for one in instances if one.kind == "marked_level"} == {"L3"}
    assert all("complete" in one.question for one in instances if one.kind != "count_in_view")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert asked(LUMBAR, 4) == asked(LUMBAR, 4)
    first, second = asked(LUMBAR, 4)[0], asked(LUMBAR, 4, draw=1)[0]
    assert {picture.id for picture in first}.isdisjoint(picture.id for picture in second)


def test_a_series_with_few_vertebrae_is_asked_without_options() -> None:
    """With fewer than four answers that can be right, wrong options would give themselves away."""
    assert {one.task for one in asked(("L3", "L4", "L5", "S1"), 2)[1]} == {"open"}
    four = asked(("L2", "L3", "L4", "L5", "S1"), 2)[1]
    assert {one.kind for one in four if one.task == "choice"} <= {
        "marked_level",
        "exit_root",
        "height_loss",
        *FURTHER,
    }


def test_a_picture_is_asked_in_one_form_only() -> None:
    forms: dict[str, set[str]] = {}
    for seed in range(6):
        for one in asked(LUMBAR, seed, open_share=0.5)[1]:
            forms.setdefault(one.pictures[0], set()).add(one.task)
    assert {len(tasks) for tasks in forms.values()} == {1}
    assert {task for tasks in forms.values() for task in tasks} == {"choice", "open"}


def test_every_question_of_a_picture_is_of_one_language_and_says_how_to_count() -> None:
    study, volume, _, findings = spine(LUMBAR, 1)
    asking = Asking(0, 0.5, 12)
    found = [
        one for one in ask(study, study.series[0], volume, findings, asking) if isinstance(one, Instance)
    ]
    languages: dict[str, set[str]] = {}
    for one in found:
        languages.setdefault(one.pictures[0], set()).add(one.language)
        assert any("\u4e00" <= letter <= "\u9fff" for letter in one.question) == (one.language == "zh")
        if "numbering" in template_of(one.kind).fields:
            assert re.search("sacrum|lumbar|骶骨", one.question)
    assert {len(spoken) for spoken in languages.values()} == {1}
    assert {spoken for one in languages.values() for spoken in one} == {"en", "zh"}


def test_every_instance_names_the_checks_that_it_passed_and_its_wording() -> None:
    for one in asked(LUMBAR, 2, open_share=0.5)[1]:
        kind, language, number = one.template.split("/")
        assert (kind, language) == (one.kind, one.language)
        assert 1 <= int(number) <= len(template_of(one.kind).sentences(one.language))
        assert {"level_parser", "read_back", "visible"} <= set(one.gates)
        assert ("counting_rule" in one.gates) == ("numbering" in template_of(one.kind).fields)
        assert f"one_right_{'option' if one.task == 'choice' else 'answer'}" in one.gates
