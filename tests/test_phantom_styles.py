"""Phantoms in the files of VerSe and SPIDER: readers and label tables of the real sets understand them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813  the field's name

from spinemed.imaging.volume import read_labels, read_mask, read_volume
from spinemed.level_labels import level_of
from spinemed.phantom.anatomy.place import place
from spinemed.phantom.export.spider_style import GRADINGS, OVERVIEW, counted, write_spider
from spinemed.phantom.export.verse_style import write_verse
from spinemed.phantom.patient.sample import sample_patient
from spinemed.phantom.patient.settings import PatientSettings
from spinemed.phantom.rendering.acquisition import plan
from spinemed.phantom.rendering.labels import verse_value
from spinemed.phantom.rendering.series import render
from spinemed.records import Study
from spinemed.sources.verse import read

SEEDS = (2, 7)


@pytest.fixture(scope="module")
def verse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verse")
    for seed in SEEDS:
        write_verse(seed, folder)
    return folder


@pytest.fixture(scope="module")
def spider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spider")
    for seed in (*SEEDS, SEEDS[0]):
        write_spider(seed, folder)
    return folder


def test_the_verse_reader_takes_every_study_and_its_centroids_agree_with_the_mask(verse: Path) -> None:
    studies = list(read(verse))
    assert len(studies) == len(SEEDS) and all(isinstance(study, Study) for study in studies)
    assert all(isinstance(study, Study) and study.numbering == "file_labels" for study in studies)


def test_verse_masks_hold_the_whole_vertebrae_of_the_patient_at_their_places(verse: Path) -> None:
    for seed in SEEDS:
        name = f"sub-phantom{seed:06d}"
        volume = read_volume(verse / "rawdata" / name / f"{name}_ct.nii.gz")
        file = verse / "derivatives" / name / f"{name}_seg-vert_msk.nii.gz"
        mask = read_mask(file, "verse", volume)
        anatomy = place(sample_patient(seed))
        rendered = render(anatomy, plan(anatomy, "ct"))
        kept = set(np.unique(mask)) - {0}
        assert kept and kept < {*np.unique(rendered.mask)} | {verse_value("S1")}
        assert verse_value("S1") not in kept
        centroids = json.loads(file.with_name(f"{name}_seg-subreg_ctd.json").read_text())[1:]
        assert {one["label"] for one in centroids} == kept
        grid = rendered.acquisition.grid
        for one in centroids:
            bone = next(bone for bone in anatomy.vertebrae if verse_value(bone.level) == one["label"])
            place_of = grid.index_of(bone.body.pose.origin_mm)
            assert np.allclose(place_of, (one["Z"], one["Y"], one["X"]), atol=0.06)


def test_vertebrae_that_the_picture_cuts_are_not_annotated_as_in_verse(verse: Path) -> None:
    for seed in SEEDS:
        name = f"sub-phantom{seed:06d}"
        image = sitk.ReadImage(str(verse / "derivatives" / name / f"{name}_seg-vert_msk.nii.gz"))
        mask = sitk.GetArrayFromImage(image)
        border = [mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]]
        assert not any(part.any() for part in border)


def test_spider_masks_count_from_below_and_keep_the_canal_and_the_discs_apart(spider: Path) -> None:
    for seed in SEEDS:
        anatomy = place(sample_patient(seed))
        truth = render(anatomy, plan(anatomy, "t2"))
        for kind in ("t1", "t2"):
            volume = read_volume(spider / "images" / f"{seed}_{kind}.mha")
            labels = read_labels(spider / "masks" / f"{seed}_{kind}.mha", volume)
            assert set(np.unique(labels)) - {0} <= {*range(1, 26), 100, *range(101, 126), *range(201, 226)}
        stored = sitk.GetArrayFromImage(sitk.ReadImage(str(spider / "masks" / f"{seed}_t2.mha")))
        for level, number in counted(anatomy).items():
            same = truth.mask == verse_value(level)
            assert set(np.unique(stored[same])) <= {number, 100 + number}
        assert (stored == 100).any()


def test_the_label_table_of_spider_names_the_levels_of_a_usual_spine(spider: Path) -> None:
    anatomy = place(sample_patient(SEEDS[0], settings=PatientSettings(variant="none")))
    for level, number in counted(anatomy).items():
        assert level_of("spider", number) == level


def test_a_sixth_lumbar_vertebra_is_counted_as_the_first_from_below() -> None:
    anatomy = place(sample_patient(1, settings=PatientSettings(variant="L6")))
    assert counted(anatomy)["L6"] == 1 and counted(anatomy)["L5"] == 2


def test_the_tables_of_spider_have_its_columns_and_one_row_for_each_series_and_disc(spider: Path) -> None:
    with (spider / "overview.csv").open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert tuple(header) == OVERVIEW
    names = sorted(f"{seed}_{kind}" for seed in SEEDS for kind in ("t1", "t2"))
    assert sorted(row[0] for row in rows) == names
    with (spider / "radiological_gradings.csv").open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    assert tuple(header) == GRADINGS
    for seed in SEEDS:
        stored = sitk.GetArrayFromImage(sitk.ReadImage(str(spider / "masks" / f"{seed}_t2.mha")))
        seen = sorted(int(row[1]) for row in rows if row[0] == str(seed))
        discs = sorted(int(value) - 200 for value in np.unique(stored) if value > 200)
        assert seen == discs
        graded = {int(row[1]): int(row[-1]) for row in rows if row[0] == str(seed)}
        patient = sample_patient(seed)
        numbers = counted(place(patient))
        for disc in patient.discs:
            if numbers.get(disc.above) in graded:
                assert graded[numbers[disc.above]] == disc.pfirrmann
