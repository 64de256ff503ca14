"""level_grammar.py: our pairs, the shared pairs, round trips, spans and hostile texts."""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinemed.level_grammar import parse_levels
from spinemed.level_patterns import fold, may_name_level, vocabulary
from spinemed.level_scan import Scan
from spinemed.levels import DEFAULT_NUMBERING, render, style_names

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "tests" / "data" / "level_expressions.json"
VERTEBRAE = [level.value for level in DEFAULT_NUMBERING.levels[:25]]
SITES = VERTEBRAE + [f"{upper}-{lower}" for upper, lower in itertools.pairwise(VERTEBRAE)]


def shared_pairs() -> Path:
    data = Path(os.environ.get("SPINEMED_DATA", ROOT.parent / "shared" / "data"))
    path = data.parent / "cases" / "level_expressions.json"
    if not path.is_file():
        pytest.skip("no shared cases beside SPINEMED_DATA or ../shared/data")
    return path


def wrong(path: Path) -> list[str]:
    pairs = json.loads(path.read_text(encoding="utf-8"))["pairs"]
    assert pairs
    found = []
    for pair in pairs:
        parsed = parse_levels(pair["text"])
        if (list(parsed.levels), parsed.side) != (pair["levels"], pair["side"]):
            found.append(f"{pair['id']} {pair['text']!r}: {parsed.levels} {parsed.side}")
    return found


def test_every_own_pair_is_read_as_written():
    assert wrong(OWN) == []


def test_the_own_pairs_are_many_and_distinct():
    texts = [pair["text"] for pair in json.loads(OWN.read_text(encoding="utf-8"))["pairs"]]
    assert len(texts) == len(set(texts)) >= 200


def test_every_shared_pair_is_read_as_written():
    assert wrong(shared_pairs()) == []


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("L2-L3 to L6-S1", "L2-L3 L3-L4 L4-L5 L5-L6 L6-S1"),
        ("T10/11 to T13/L1", "T10-T11 T11-T12 T12-T13 T13-L1"),
        ("T11/12 to L1/2 (including T13)", "T11-T12 T12-T13 T13-L1 L1-L2"),
        ("胸11/12至腰1/2（含胸13）骨桥形成", "T11-T12 T12-T13 T13-L1 L1-L2"),
        ("T12 to L1 (with T13) and L3", "T12 T13 L1 L3"),
        ("T11/12 to L1/2", "T11-T12 T12-L1 L1-L2"),
        ("L1 to L2 (including L4)", "L1 L2 L4"),
        ("L4/5 (with L6)", "L4-L5 L6"),
    ],
)
def test_a_range_takes_in_the_extra_vertebra_that_is_written(text, levels):
    assert parse_levels(text).levels == tuple(levels.split())


def test_a_denied_range_denies_the_extra_vertebra_behind_it():
    mentions = parse_levels("胸11/12至腰1/2（含胸13）未见骨桥").mentions
    assert {mention.site for mention in mentions} == {"T11-T12", "T12-T13", "T13-L1", "L1-L2"}
    assert {mention.polarity for mention in mentions} == {"negative"}


@pytest.mark.parametrize("style", style_names())
def test_a_rendered_site_is_read_back_in(style):
    read = {site: parse_levels(render(site, style)) for site in SITES}
    assert {site: parsed.levels for site, parsed in read.items()} == {site: (site,) for site in SITES}
    assert {parsed.side for parsed in read.values()} == {None}


def test_the_canonical_form_is_its_own_reading():
    for path_pair in json.loads(OWN.read_text(encoding="utf-8"))["pairs"]:
        levels = parse_levels(path_pair["text"]).levels
        if not {"region:thoracic", "region:lumbar"} & set(levels):
            assert parse_levels(", ".join(levels)).levels == levels
        for level in levels:
            assert parse_levels(level).levels == (level,)


def test_a_mention_tells_where_the_text_names_its_site():
    text = "Ｌ４／５ normal; 左侧L5-S1突出, T13"
    spans = {mention.site: text[mention.start : mention.end] for mention in parse_levels(text).mentions}
    assert spans == {"L4-L5": "Ｌ４／５", "L5-S1": "L5-S1", "T13": "T13"}


def test_negated_levels_stay_in_the_mentions():
    parsed = parse_levels("No fracture at T12. L1 collapsed.")
    assert [(mention.site, mention.polarity) for mention in parsed.mentions] == [
        ("T12", "negative"),
        ("L1", "positive"),
    ]
    assert parsed.levels == ("L1",)


def test_a_level_found_in_one_place_and_normal_in_another_is_stated():
    assert parse_levels("L4 is normal on CT. L4 shows oedema on MR.").levels == ("L4",)


def test_each_mention_carries_its_own_side():
    parsed = parse_levels("left L4-5 stenosis and right L5-S1 stenosis; C5 is intact")
    assert [mention.side for mention in parsed.mentions[:2]] == ["left", "right"]
    assert parsed.side == "both"


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("L6", "transitional"),
        ("T12-T13", "transitional"),
        ("sacralised L5", "sacralisation"),
        ("lumbarised S1", "lumbarisation"),
        ("transitional vertebra L5", "transitional"),
    ],
)
def test_transitional_names_are_flagged(text, flag):
    assert flag in parse_levels(text).mentions[0].flags


def test_a_region_that_a_level_makes_precise_is_flagged_general():
    mentions = parse_levels("MRI of the lumbar spine: L4-5 herniation").mentions
    assert [(mention.site, mention.flags) for mention in mentions] == [
        ("region:lumbar", ("general",)),
        ("L4-L5", ()),
    ]


ALPHABET = st.sampled_from(
    [
        *"LTCS0123456789 -/,.;:()",
        *[
            "L4",
            "S1",
            "no ",
            "normal ",
            " and ",
            " to ",
            "left ",
            "disc ",
            "between ",
            "above ",
            "but ",
            "T2 ",
        ],
        *["signal ", "root ", "lumbar ", "fourth ", "IV", "腰", "椎间盘", "无", "＃", "İ", "ß", "\n", "co"],
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(ALPHABET, max_size=30).map("".join)))
def test_no_text_raises_and_every_span_lies_in_it(text):
    parsed = parse_levels(text)
    assert len(fold(text)) == len(text)
    assert all(0 <= mention.start < mention.end <= len(text) for mention in parsed.mentions)
    assert {mention.site for mention in parsed.mentions if mention.polarity == "positive"} >= set(
        parsed.levels
    )
    assert len(set(parsed.levels)) == len(parsed.levels)


HOSTILE = {
    "chain": "L4-",
    "digits": "1",
    "letters": "L",
    "list": "L4, ",
    "negated list": "no L4, L5 or ",
    "normal and but": "L4 is normal but ",
    "headings": "L4: no stenosis, mild ",
    "sides": "L4 left ",
    "ordinals": "first and ",
    "heads": "disc above ",
    "Chinese": "腰4、",
    "sequences": "T1 and T2 ",
    "blanks": "          L4",
    "between": "between L4 and L5 ",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_time_grows_in_step_with_the_length(name):
    def seconds(length: int) -> float:
        text = (HOSTILE[name] * (length // len(HOSTILE[name]) + 1))[:length]
        times = []
        for _ in range(3):
            begin = time.process_time()
            parse_levels(text)
            times.append(time.process_time() - begin)
        return min(times)

    # Ten times the text: a quadratic step would take a hundred times as long.
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.002)


def spinemed(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "spinemed.cli", *arguments], input=stdin, capture_output=True, check=False
    )


def test_the_command_answers_each_line_of_stdin_with_one_json_line():
    done = spinemed("levels", "-", stdin="L4/5 (L)\n\n没有水平\n".encode())
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [(a["text"], a["levels"], a["side"]) for a in answers] == [
        ("L4/5 (L)", ["L4-L5"], "left"),
        ("", [], None),
        ("没有水平", [], None),
    ]
    assert done.returncode == 0


def test_the_command_answers_a_line_before_the_next_one_comes():
    with subprocess.Popen(
        [sys.executable, "-m", "spinemed.cli", "levels", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"L4\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["levels"] == ["L4"]
        process.stdin.close()
    assert process.returncode == 0


def test_bytes_that_are_no_utf8_are_named_by_line_and_exit_with_1():
    done = spinemed("levels", "-", stdin=b"L4\nL5 \xff\n")
    assert done.returncode == 1
    assert b"stdin, line 2: byte 4 (0xff) is not valid UTF-8" in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_the_command_prints_a_readable_line_a_text_and_wrong_use_exits_with_2():
    done = spinemed("levels", "left L4/5 bulge, L5-S1 normal", "no level here")
    assert done.stdout.decode().splitlines() == ["L4-L5, left (negated or normal: L5-S1)", "no level"]
    assert spinemed("levels").returncode == 2
    assert spinemed("levels", "-", "L4").returncode == 2


def atoms_of(text: str) -> list[tuple[object, ...]]:
    scan = Scan(text)
    scan.run()
    return scan.atoms


def test_a_text_that_is_not_scanned_holds_no_level():
    texts = [render(site, style) for site in SITES for style in style_names()]
    texts += [pair["text"] for pair in json.loads(OWN.read_text(encoding="utf-8"))["pairs"]]
    chance = random.Random(4)
    words = [*sorted(vocabulary()), "vertebra", "levels", "IV", "V", "x", "of", "and", "-", "/", ".", "to"]
    words += ["4", "12", "3rd", "2.", "L", "C", "Th", "S", "co", "Co4", "d", "l4", "slice 12", "5 mm"]
    texts += [" ".join(chance.choices(words, k=chance.randint(1, 4))) for _ in range(20_000)]
    texts += ["".join(chance.choices(words, k=2)) for _ in range(5_000)]
    unseen = [text for text in texts if not may_name_level(fold(text))]
    assert len(unseen) > 2_000
    assert [text for text in unseen if atoms_of(text)] == []
