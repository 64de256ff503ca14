"""Fabricated studies for tests of case items: blank volumes, and findings of every pathology by a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spinemed.imaging.volume import Volume
from spinemed.instances.asking import Asking
from spinemed.instances.case import case_of
from spinemed.instances.drafts import Case
from spinemed.instances.shots import CaseSeries
from spinemed.levels import levels_between
from spinemed.records import Box, Finding, Locator, Plane, Series, Study, content_id

MIDDLE = 3
_COLUMNS, _SLICES = 110, 7
_STEP_MM = 1.6
ALL_SERIES = ("ct", "t1", "t2", "stir", "t2_axial", "xr_ap", "xr_lat", "xr_flexion", "xr_extension")


class Fabricated:
    """One fabricated study; `truths` holds what was drawn, site by site, for tests to judge by."""

    def __init__(self, seed: int, top: str = "T9", bottom: str = "S1", sick: float = 0.35) -> None:
        self.rng = np.random.default_rng(seed)
        self.id = f"made-{seed}"
        self.sites = [level.value for level in levels_between(top, bottom)]
        self.segments = [f"{a}-{b}" for a, b in zip(self.sites, self.sites[1:], strict=False)]
        self.truths = self._drawn(sick)
        self.boxes = self._boxes()
        self.rows = max(box.bottom for box in self.boxes.values()) + 20
        names = [*(n for n in ALL_SERIES if n != "t2_axial"), *(f"t2_axial {s}" for s in self.segments)]
        series = tuple(self._series(name) for name in names)
        self.study = Study(
            id=self.id,
            patient=f"patient-{seed}",
            source="test",
            licence="CC0-1.0",
            synthetic=True,
            age_band="10-19" if seed % 2 else "60-69",
            numbering="phantom_truth",
            series=tuple(one.series for one in series),
        )
        self.series = series

    def case(self, open_share: float = 0.0, languages: tuple[str, ...] = ("en", "zh"), seed: int = 0) -> Case:
        """Return the case that items are asked of."""
        return case_of(self.study, self.series, Asking(seed, open_share, 12, languages))  # type: ignore[arg-type]

    def _drawn(self, sick: float) -> dict[str, dict[str, str]]:
        rng = self.rng

        def pick(*values: str) -> str:
            return values[int(rng.integers(len(values)))]

        def rare(normal: str, *values: str) -> str:
            return pick(*values) if rng.random() < sick else normal

        found: dict[str, dict[str, str]] = {}
        for site in self.sites:
            tumour = rare("", "lytic", "blastic")
            broken = "" if tumour else rare("", "A1", "A3", "A4", "B2", "C")
            found[site] = {
                "height_loss": pick("0", "1", "2", "3"),
                "metastasis": tumour,
                "fracture": broken,
                "age": pick("fresh", "old"),
                "pars_defect": rare("", "yes"),
                "screws": "",
            }
        first = int(rng.integers(0, max(1, len(self.sites) - 3)))
        for site in self.sites[first : first + int(rng.integers(0, 4))]:
            found[site]["screws"] = "yes"
        for segment in self.segments:
            special = rare("", "spondylodiscitis", "bridging", "cage")
            herniation = "none" if special else rare("none", "protrusion", "extrusion")
            zone = pick("central", "subarticular", "foraminal")
            found[segment] = {
                "herniation": herniation,
                "zone": zone,
                "side": "central" if zone == "central" else pick("left", "right"),
                "special": special,
                "pfirrmann": pick("1", "2", "3", "4", "5"),
                "canal_stenosis": rare("none", "mild", "moderate", "severe"),
                "recess_left": pick("none", "moderate"),
                "recess_right": pick("none", "severe"),
                "foramen": pick("0", "1", "2", "3"),
                "slip": rare("0", "1", "2", "3"),
                "modic": "0" if special == "spondylodiscitis" else pick("0", "1", "2", "3"),
                "cord_signal": rare("", "yes"),
            }
        curve = rng.random() < 0.75
        found["spine"] = {
            "apex": pick("T10", "L2"),
            "curve": pick("left", "right") if curve else "",
            "cobb": str(int(rng.integers(14, 60))) if curve else "4",
        }
        return found

    def _boxes(self) -> dict[str, Box]:
        row, found = 6, {}
        for place, site in enumerate(self.sites):
            height = int(self.rng.integers(11, 14))
            left = 40 + int(8 * np.sin(place / 2.0))
            found[site] = Box(left=left, top=row, right=left + 20, bottom=row + height)
            row += height + int(self.rng.integers(4, 6))
        return found

    def _series(self, name: str) -> CaseSeries:
        axial = name.startswith("t2_axial")
        radiograph = name.startswith("xr")
        if axial:
            shape, spacing = (3, 96, 96), (4.0, 1.6, 1.6)
        elif radiograph:
            shape, spacing = (1, self.rows, _COLUMNS), (1.0, _STEP_MM, _STEP_MM)
        else:
            shape, spacing = (self.rows, _COLUMNS, _SLICES), (_STEP_MM, _STEP_MM, 4.0)
        patches = self.rng.integers(0, 200, [-(-side // 8) for side in shape])
        array = np.kron(patches, np.ones((8, 8, 8)))[: shape[0], : shape[1], : shape[2]].astype(np.int16)
        volume = Volume(array, spacing, (0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0, 1), "LPS")
        plane: Plane = "axial" if axial else "radiograph" if radiograph else "sagittal"
        series = Series(
            uid=f"{self.id}.{name}",
            modality="XR" if radiograph else "CT" if name == "ct" else "MR",
            sequence={"t1": "T1", "t2": "T2", "stir": "STIR"}.get(name.split("_")[0], ""),
            image=Path("i"),
            mask=Path("m"),
            label_scheme="verse",
            plane=plane,
            posture={"xr_flexion": "flexion", "xr_extension": "extension"}.get(name, "lying"),  # type: ignore[arg-type]
            view={"xr_ap": "FULL_AP"}.get(name, "LAT" if radiograph else ""),
        )
        kind = name.split(" ")[0]
        findings = self._axial(series, name) if axial else self._upright(series, kind)
        return CaseSeries(series, volume, tuple(findings))

    def _finding(self, series: Series, site: str, pathology: str, box: Box, **more: object) -> Finding:
        index = more.pop("slice_index", MIDDLE if series.plane == "sagittal" else 0)
        return Finding(
            id=content_id(series.uid, site, pathology, more),
            study=self.id,
            site=site,
            pathology=pathology,  # type: ignore[arg-type]
            pixels=200,
            contrast=5.0,
            evidence=Locator(series=series.uid, plane=series.plane, slice_index=index, box=box),  # type: ignore[arg-type]
            **more,  # type: ignore[arg-type]
        )

    def _between(self, segment: str) -> Box:
        upper, lower = (self.boxes[site] for site in segment.split("-"))
        return Box(
            left=upper.left, top=upper.bottom, right=upper.right, bottom=max(lower.top, upper.bottom + 1)
        )

    def _upright(self, series: Series, kind: str) -> list[Finding]:
        found = [self._finding(series, site, "vertebra", box) for site, box in self.boxes.items()]
        frontal = kind == "xr_ap"
        if frontal:
            return [*found, self._curve(series)]
        for site, box in self.boxes.items():
            found += self._of_body(series, kind, site, box, self.truths[site])
        for segment in self.segments:
            found += self._of_segment(series, kind, segment, self._between(segment), self.truths[segment])
        return found

    def _curve(self, series: Series) -> Finding:
        said = self.truths["spine"]
        apex = said["apex"] if said["apex"] in self.sites else self.sites[len(self.sites) // 2]
        box = Box(left=20, top=10, right=80, bottom=self.rows - 10)
        return self._finding(
            series, apex, "scoliosis", box, present=bool(said["curve"]), value=float(said["cobb"]), error=1.0,
            unit="deg", side=said["curve"] or None,
        )  # fmt: skip

    def _of_body(self, series: Series, kind: str, site: str, box: Box, said: dict[str, str]) -> list[Finding]:
        loss = {"0": 5.0, "1": 22.5, "2": 32.0, "3": 55.0}[said["height_loss"]]
        found = [
            self._finding(
                series, site, "height_loss", box, grade=said["height_loss"], present=loss > 20, value=loss,
                error=1.0, unit="%",
            )
        ]  # fmt: skip
        if series.modality != "XR":
            broken, tumour = said["fracture"], said["metastasis"]
            found.append(
                self._finding(
                    series, site, "metastasis", box, grade=tumour, present=bool(tumour), slice_index=2
                )
            )
            found.append(
                self._finding(
                    series, site, "fracture", box, grade=broken, present=bool(broken),
                    detail=said["age"] if broken else "",
                )
            )  # fmt: skip
        if kind == "ct":
            broken_pars = bool(said["pars_defect"])
            found.append(self._finding(series, site, "pars_defect", box, present=broken_pars, slice_index=1))
        if series.modality in ("CT", "XR"):
            found.append(self._finding(series, site, "screws", box, present=bool(said["screws"])))
        return found

    def _of_segment(
        self, series: Series, kind: str, site: str, box: Box, said: dict[str, str]
    ) -> list[Finding]:
        grade = int(said["slip"])
        slip = (0.0, 15.0, 38.0, 62.0)[grade] + (10.0 if kind == "xr_flexion" and grade == 1 else 0.0)
        if kind == "xr_flexion" and grade == 1:
            grade, slip = 2, 35.0
        found = [
            self._finding(
                series,
                site,
                "slip",
                box,
                grade=str(grade),
                present=grade > 0,
                value=slip,
                error=1.0,
                unit="%",
            )
        ]
        special = said["special"]
        if kind in ("t1", "t2", "stir"):
            infected = special == "spondylodiscitis"
            found.append(self._finding(series, site, "spondylodiscitis", box, present=infected))
            found.append(
                self._finding(
                    series, site, "modic_change", box, grade=said["modic"], present=said["modic"] != "0"
                )
            )
        if kind == "t2":
            found.append(
                self._finding(series, site, "disc_degeneration", box, grade=said["pfirrmann"], present=True)
            )
            found.append(self._herniation(series, site, box, said))
            found.append(self._stenosis(series, site, box, said))
            found.append(self._finding(series, site, "cord_signal", box, present=bool(said["cord_signal"])))
        if kind in ("t1", "t2"):
            for side, index in (("right", 1), ("left", 5)):
                found.append(
                    self._finding(
                        series, site, "foraminal_stenosis", box, grade=said["foramen"], side=side,
                        present=said["foramen"] != "0", slice_index=index,
                    )
                )  # fmt: skip
        if kind == "ct" or series.modality == "XR":
            for what in ("bridging", "cage"):
                found.append(self._finding(series, site, what, box, present=special == what))
        return found

    def _herniation(self, series: Series, site: str, box: Box, said: dict[str, str]) -> Finding:
        there = said["herniation"] != "none"
        return self._finding(
            series, site, "herniation", box, grade=said["herniation"], present=there,
            detail=said["zone"] if there else "", side=said["side"] if there else None,
        )  # fmt: skip

    def _stenosis(self, series: Series, site: str, box: Box, said: dict[str, str]) -> Finding:
        grade = said["canal_stenosis"]
        return self._finding(series, site, "canal_stenosis", box, grade=grade, present=grade != "none")

    def _axial(self, series: Series, name: str) -> list[Finding]:
        segment = name.split(" ")[1]
        said = self.truths[segment]
        canal = Box(left=40, top=50, right=56, bottom=62)
        found = [self._herniation(series, segment, canal, said), self._stenosis(series, segment, canal, said)]
        for side, box in (
            ("right", Box(left=34, top=50, right=40, bottom=56)),
            ("left", Box(left=56, top=50, right=62, bottom=56)),
        ):
            grade = said[f"recess_{side}"]
            found.append(
                self._finding(
                    series, segment, "recess_stenosis", box, grade=grade, side=side, present=grade != "none"
                )
            )
        return found
