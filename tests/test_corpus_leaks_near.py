"""Near-equal texts and pictures are found without comparing all, and repeats are counted."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import numpy as np
import pytest
from leak_fixture import CHANGES, jpeg, png, sentences, slice_of

from spinemed.corpus.leaks.duplicates import duplicates, largest_groups
from spinemed.corpus.leaks.near_texts import near_pairs, same_words, verified
from spinemed.corpus.leaks.pictures import hashes_of, near_pictures
from spinemed.corpus.leaks.same_picture import ALIKE, likeness, thumbnail
from spinemed.corpus.leaks.signatures import (
    MINIMA,
    facts_in,
    jaccard,
    overlap,
    shingle_sets,
    signatures,
    words_in,
)
from spinemed.imaging.looks import grey_of, picture_hash
from spinemed.imaging.pictures import draw_ring


def test_signatures_are_the_same_in_every_process_and_estimate_the_jaccard_index() -> None:
    texts = [sentences(n) for n in range(60)]
    found = signatures(texts)
    program = (
        "import sys; from spinemed.corpus.leaks.signatures import signatures; "
        "print(signatures([sys.argv[1]]).tobytes().hex())"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, texts[0]], check=True, capture_output=True, text=True
    )
    assert said.stdout.strip() == found[0].tobytes().hex()
    changed = [text.replace("disc", "plate") for text in texts]
    estimates = (signatures(changed)[:, :MINIMA] == found[:, :MINIMA]).mean(axis=1)
    exact = [jaccard(one, other) for one, other in zip(texts, changed, strict=True)]
    assert abs(float(np.mean(estimates - exact))) < 0.02
    assert float(np.std(estimates - exact)) < 0.09
    assert signatures([]).shape == (0, 64) and signatures(["", " . "]).tolist()[0][0] == 0xFFFFFFFF


def test_facts_are_numbers_sides_and_negations_in_any_order() -> None:
    facts = facts_in(
        signatures(["left 3.5 mm at L4", "at L4: 3.5 mm, left", "right 3.5 mm at L4", "left 35 mm at L4"])
    ).tolist()
    assert facts[0] == facts[1] and len(set(facts)) == 3
    zh = facts_in(signatures(["左侧腰4突出", "腰４左突出", "右侧腰4突出"])).tolist()
    assert zh[0] == zh[1] != zh[2]
    segment = signatures(["canal at T10-11 and L4-5", "canal at T10/T11 and L4–L5"])
    assert (segment[0] == segment[1]).all()
    assert words_in(signatures(["A b", "a  B!"])).tolist()[0] == words_in(signatures(["a b"])).tolist()[0]


def test_near_pairs_agree_with_comparing_every_pair() -> None:
    draw = random.Random(3)
    texts = []
    for n in range(60):
        words = sentences(n, 5).split()
        texts.append(" ".join(words))
        for place in draw.sample(range(len(words)), draw.randint(0, 6)):
            words[place] = "other"
        texts.append(" ".join(words))
    sets = shingle_sets(texts)
    for same_facts in (False, True):
        found = signatures(texts)
        facts = facts_in(found)
        wanted = [
            [a, b]
            for a in range(len(texts))
            for b in range(a + 1, len(texts))
            if words_in(found)[a] != words_in(found)[b]
            and overlap(sets[a], sets[b]) >= 0.6
            and (not same_facts or facts[a] == facts[b])
        ]
        got = near_pairs(found, 0.6, texts.__getitem__, same_facts=same_facts).tolist()
        assert len(wanted) > 10 and got == wanted
    halves = np.arange(len(texts)) % 2
    assert all(halves[a] != halves[b] for a, b in near_pairs(signatures(texts), 0.6, groups=halves))
    assert verified(np.array([[0, 2]]), 0.9, texts.__getitem__).tolist() == []
    with pytest.raises(ValueError, match="threshold 0"):
        near_pairs(found, 0)


def test_look_alikes_do_not_count_squared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spinemed.corpus.leaks.near_texts._PAIRS_A_BAND", 10_000)
    draw = np.random.default_rng(0)
    others = draw.integers(0, 2**32, (1500, 64), dtype=np.uint32)
    found = np.where(draw.random((1500, 64)) < 0.95, others[0], others)
    found[:, 60:62] = others[:, 60:62]
    pairs = near_pairs(found, 0.8, same_facts=False)
    assert len(pairs) < 15 * 13_000  # of 1.1 million
    assert len(largest_groups(found)[0]) > 1450


def test_duplicates_count_repeats_by_label_and_keys_keep_pictures_apart() -> None:
    told = sentences(0, 8)
    texts = [
        told,
        told.upper(),
        told + " As before.",
        re.sub(r"\d+ mm", "777 mm", told, count=1),
        sentences(9),
    ]
    found = signatures(texts)
    rates = duplicates(found, {"task": ["open", "choice", "open", "open", "open"]})
    assert (rates["exact"], rates["exact task=choice"], rates["exact task=open"]) == (0.2, 1.0, 0.0)
    assert rates["jaccard_0.8"] == 0.6 and rates["same_facts_0.8"] == 0.4
    assert rates["jaccard_0.9"] <= rates["jaccard_0.8"]
    assert largest_groups(found) == [[0, 1, 2, 3]]
    apart = duplicates(found, {}, keys=np.arange(5, dtype=np.uint64))
    assert set(apart.values()) == {0.0} and set(duplicates(found[:0], {}).values()) == {0.0}
    assert [rows.tolist() for rows in same_words(found)] == [[0, 1]]


def test_near_pictures_agree_with_comparing_every_pair_and_a_ring_is_filled() -> None:
    pictures = [slice_of(n) for n in range(12)]
    hashes = hashes_of([picture_hash(one) for one in [*pictures, *(jpeg(one) for one in pictures)]])
    pairs, bits = near_pictures(hashes)
    assert pairs.tolist() == [[n, n + 12] for n in range(12)] and bits.max() < 20
    across, _ = near_pictures(hashes[:12], hashes[12:])
    assert across.tolist() == [[n, n] for n in range(12)]
    assert near_pictures(hashes[:0])[0].shape == (0, 2)
    ringed = draw_ring(pictures[0], 60.0, 120.0, 20.0)
    assert np.abs(grey_of(ringed).astype(int) - pictures[0]).mean() < 1
    assert picture_hash(png(pictures[0])) == picture_hash(pictures[0])


def test_likeness_tells_copies_from_others_and_knows_flat_pictures() -> None:
    flat, one = thumbnail(np.full((90, 60), 7, np.uint8)), thumbnail(slice_of(1))
    assert likeness(flat, flat) == 1.0 and likeness(flat, one) == 0.0
    assert likeness(one, thumbnail(CHANGES["cropped"](slice_of(1)))) > ALIKE
    assert max(likeness(one, thumbnail(slice_of(n))) for n in range(2, 8)) < 0.6
