"""level_labels.py: every table both ways, the fixed points of the published tables, and refusals."""

import pytest

from spinemed.level_grammar import parse_levels
from spinemed.level_labels import (
    COUNTED_FROM_BELOW,
    NAMES,
    SCHEMES,
    covers_whole_sacrum,
    is_counted_from_below,
    level_of,
    value_of,
)
from spinemed.levels import Site

# Rows of the published tables, written down apart from the code that makes them.
PUBLISHED = {
    "verse": {
        1: "C1",
        7: "C7",
        8: "T1",
        19: "T12",
        20: "L1",
        24: "L5",
        25: "L6",
        26: "S1",
        27: "Co",
        28: "T13",
    },
    "tptbox": {
        7: "C7",
        24: "L5",
        28: "T13",
        29: "S2",
        30: "S3",
        32: "S5",
        123: "L4-L5",
        124: "L5-S1",
        102: "C2-C3",
    },
    "ctspine1k": {1: "C1", 19: "T12", 24: "L5", 25: "L6"},
    "spider": {
        1: "L5",
        5: "L1",
        6: "T12",
        17: "T1",
        18: "C7",
        101: "L5",
        201: "L5-S1",
        202: "L4-L5",
        205: "L1-L2",
    },
    "spider_gradings": {1: "L5-S1", 2: "L4-L5", 6: "T12-L1"},
    "totalsegmentator_v1": {18: "L5", 22: "L1", 23: "T12", 34: "T1", 35: "C7", 41: "C1", 92: "S1"},
    "totalsegmentator_v2": {25: "S1", 26: "S1", 27: "L5", 31: "L1", 32: "T12", 43: "T1", 44: "C7", 50: "C1"},
    "totalsegmentator_vertebrae_mr": {1: "S1", 2: "L5", 3: "L4", 7: "T12", 18: "T1", 19: "C7", 25: "C1"},
    "totalspineseg": {
        **{11: "C1", 17: "C7", 21: "T1", 32: "T12", 41: "L1", 45: "L5", 50: "S1", 63: "C2-C3", 67: "C6-C7"},
        **{71: "C7-T1", 72: "T1-T2", 82: "T11-T12", 91: "T12-L1", 92: "L1-L2", 95: "L4-L5", 100: "L5-S1"},
    },
    "mrspineseg": {
        1: "S1",
        2: "L5",
        7: "T12",
        10: "T9",
        11: "L5-S1",
        12: "L4-L5",
        16: "T12-L1",
        19: "T9-T10",
    },
    "sct_discs": {2: "C1-C2", 3: "C2-C3", 8: "C7-T1", 25: "L5-S1"},
    "sct_levels": {1: "C1", 8: "T1", 20: "L1"},
    "rsna_2022": {1: "C1", 7: "C7", 8: "T1", 19: "T12"},
    "rsna_2024": {"l1_l2": "L1-L2", "l5_s1": "L5-S1"},
    "rsna_2024_coordinates": {"L1/L2": "L1-L2", "L5/S1": "L5-S1"},
    "rsna_2022_columns": {"C1": "C1", "C7": "C7"},
    "totalsegmentator_files": {"vertebrae_L5": "L5", "vertebrae_S1": "S1", "sacrum": "S1"},
    "spark": {"T12-L1": "T12-L1", "L5-S1": "L5-S1", "L5": "L5"},
}
ALL = {**SCHEMES, **NAMES}


@pytest.mark.parametrize("scheme", list(ALL))
def test_a_table_agrees_with_its_published_rows(scheme):
    assert {value: level_of(scheme, value) for value in PUBLISHED[scheme]} == PUBLISHED[scheme]


@pytest.mark.parametrize("scheme", list(ALL))
def test_every_site_comes_back_from_its_value_and_every_value_is_a_site(scheme):
    for value, site in ALL[scheme].items():
        assert str(Site.parse(site)) == site
        assert level_of(scheme, value_of(scheme, site)) == site
        assert value_of(scheme, site) in ALL[scheme], value


def test_the_only_sites_with_two_labels_are_whole_sacra_and_partly_visible_vertebrae():
    doubled = {
        (scheme, value)
        for scheme, table in ALL.items()
        for value, site in table.items()
        if value_of(scheme, site) != value
    }
    expected = {("spider", value) for value in range(101, 125)}
    assert doubled == expected | {("totalsegmentator_v2", 25), ("totalsegmentator_files", "sacrum")}
    assert covers_whole_sacrum("totalsegmentator_v2", 25) and not covers_whole_sacrum(
        "totalsegmentator_v2", 26
    )


def test_spider_discs_lie_below_the_vertebra_with_the_same_count():
    for count in range(1, 25):
        vertebra, disc = level_of("spider", count), level_of("spider", 200 + count)
        assert disc.split("-")[0] == vertebra


def test_totalspineseg_discs_are_named_after_the_vertebra_below_plus_fifty():
    for value, site in SCHEMES["totalspineseg"].items():
        if "-" in site:
            assert value_of("totalspineseg", site.split("-")[1]) == value - 50


def test_the_grammar_reads_the_names_of_the_named_schemes():
    for table in NAMES.values():
        for name, site in table.items():
            if name != "sacrum":
                assert parse_levels(str(name)).levels == (site,)


def test_schemes_counted_from_below_say_so():
    assert {scheme for scheme in ALL if is_counted_from_below(scheme)} == COUNTED_FROM_BELOW
    assert not is_counted_from_below("verse")


@pytest.mark.parametrize(
    ("scheme", "value", "message"),
    [
        ("spider_gradings", 0, "transitional vertebra"),
        ("spider", 100, "spinal canal"),
        ("verse", 0, "background"),
        ("verse", 29, "label 29 is not in scheme 'verse'"),
        ("tptbox", 33, "sixth sacral"),
        ("rsna_2024", "l6_s1", "'l6_s1' is not in scheme 'rsna_2024'"),
        ("vrese", 1, "unknown label scheme 'vrese'; known schemes: verse"),
    ],
)
def test_a_value_that_is_no_level_is_refused_with_its_reason(scheme, value, message):
    with pytest.raises(ValueError, match=message):
        level_of(scheme, value)


def test_a_site_that_a_scheme_cannot_write_is_refused():
    with pytest.raises(ValueError, match="scheme 'spider' has no label for 'L6'"):
        value_of("spider", "L6")
    with pytest.raises(ValueError, match="'verse' has no label for 'L4-L5'"):
        value_of("verse", "L4-L5")
