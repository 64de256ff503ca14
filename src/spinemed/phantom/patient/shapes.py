"""What a patient is made of before anything is placed: every shape, lesion and implant as a frozen record.

Lengths in mm, angles in degrees. In a vertebra's own frame the axes are left, posterior, up. `side` is
always the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

Sex = Literal["F", "M"]
Side = Literal["left", "right"]
FractureForm = Literal["wedge", "biconcave", "crush"]
AoType = Literal["A1", "A2", "A3", "A4", "B1", "B2", "C"]
LesionKind = Literal["lytic", "blastic"]
HerniationKind = Literal["protrusion", "extrusion"]
Zone = Literal["central", "subarticular", "foraminal"]
Variant = Literal["none", "L6", "T13", "L4_only", "L5_sacralised"]
Posture = Literal["lying", "standing", "flexion", "extension"]

POSTURES: Final[tuple[Posture, ...]] = ("lying", "standing", "flexion", "extension")


@dataclass(frozen=True)
class Fracture:
    """A broken body: its form, AO type, the Genant grade it was drawn for, and what it does behind.

    `ao` is "" for what the AO types do not name: fragile bone that sank as a whole or in its middle.
    `cause` tells osteoporotic from traumatic. `fresh` means marrow oedema. `retropulsion_mm` is how far
    the posterior wall bulges into the canal (A3, A4). `splay_mm` is how far the spinous processes are
    torn apart (B1, B2, C); the translation of a type C is the slip of the disc below.
    """

    form: FractureForm
    ao: AoType | Literal[""]
    grade: int
    cause: Literal["osteoporotic", "traumatic"]
    fresh: bool
    retropulsion_mm: float = 0.0
    splay_mm: float = 0.0


@dataclass(frozen=True)
class Lesion:
    """A metastasis: an ellipsoid in the body, centre and radii as shares of the body's half sizes.

    `pedicle` names the pedicle that it takes as well; "" where it stays in the body.
    """

    kind: LesionKind
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    pedicle: Side | Literal[""] = ""


@dataclass(frozen=True)
class EndplateDefect:
    """A Schmorl node: a dent of disc tissue in one endplate, mm in the vertebra's frame."""

    endplate: Literal["upper", "lower"]
    left_mm: float
    posterior_mm: float
    radius_mm: float
    depth_mm: float


@dataclass(frozen=True)
class VertebraShape:
    """One vertebra before it is placed: sizes in mm, height ratios, and what ails it.

    `middle_ratio` is the middle over the mean of anterior and posterior height lost beyond the normal
    hollow; 1 for a healthy body. `pars_defect` breaks both partes interarticulares (isthmic).
    `castellvi` is the grade of enlarged transverse processes fused or jointed to the sacrum, "" without.
    `tilt_deg` is the body's own coronal wedge, higher on the left positive; `squared` bodies have lost the
    hollow of their walls (ankylosing). C1 has the sizes of its ring.
    """

    level: str
    posterior_height_mm: float
    height_ratio: float
    depth_mm: float
    width_mm: float
    canal_depth_mm: float
    canal_width_mm: float
    concavity_mm: float
    osteophyte: float
    process: tuple[float, float, float]
    middle_ratio: float = 1.0
    fracture: Fracture | None = None
    lesion: Lesion | None = None
    defects: tuple[EndplateDefect, ...] = ()
    pars_defect: bool = False
    castellvi: str = ""
    castellvi_side: Side | Literal["both", ""] = ""
    screws: bool = False
    laminectomy: bool = False
    tilt_deg: float = 0.0
    squared: bool = False

    @property
    def fracture_grade(self) -> int:
        """Return the Genant grade that the fracture was drawn for, 0 without one."""
        return 0 if self.fracture is None else self.fracture.grade

    @property
    def oedema(self) -> bool:
        """Return whether the marrow is oedematous from a fresh fracture."""
        return self.fracture is not None and self.fracture.fresh


@dataclass(frozen=True)
class Herniation:
    """Disc tissue behind the disc: how far it reaches (mm behind the posterior wall), how wide, and where.

    `side` is "" for a central one. `migration_mm` is how far an extrusion climbs (+) or sinks (-).
    """

    kind: HerniationKind
    zone: Zone
    side: Side | Literal[""]
    reach_mm: float
    width_mm: float
    migration_mm: float = 0.0


@dataclass(frozen=True)
class Narrowing:
    """What takes room from the canal at a disc besides the disc itself.

    `flavum_mm` is how far the yellow ligaments and facets push in from behind on the midline; `recess_mm`
    (left, right) how far the facets push into the lateral recess from behind; `foramen` (left, right)
    the share of the foramen's fat that is lost, 0 to 1, by osteophyte, disc and loss of height.
    """

    flavum_mm: float = 0.0
    recess_mm: tuple[float, float] = (0.0, 0.0)
    foramen: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class DiscShape:
    """The disc below a vertebra and how the vertebra stands on it.

    `wedge_deg`: higher in front positive; `tilt_deg`: higher on the left positive (scoliosis); `twist_deg`:
    the vertebra above turned to its left against the one below; `slip_mm`: the vertebra above forward
    positive; `sway_mm` to the left positive. `unstable_mm` is added to a slip in flexion and taken from it
    in extension. `modic` is the type of the marrow change on both sides of it, 0 for none.
    """

    above: str
    height_mm: float
    wedge_deg: float
    pfirrmann: int
    bulge_mm: float
    below: str = ""
    tilt_deg: float = 0.0
    twist_deg: float = 0.0
    slip_mm: float = 0.0
    sway_mm: float = 0.0
    unstable_mm: float = 0.0
    herniation: Herniation | None = None
    narrowing: Narrowing = field(default_factory=Narrowing)
    modic: int = 0
    infected: bool = False
    bridged: bool = False
    cage: bool = False
    rudimentary: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Soft tissue around the spine; landmarks are offsets in mm from where they lie on average.

    The offsets are wide, because none of these landmarks tells a level in life either. `rib_offset` is how
    steeply the ribs fall against the mean, `last_rib` the length of the last ribs as a share of the mean.
    """

    girth: float
    fat_mm: float
    conus_offset_mm: float
    diaphragm_offset_mm: float
    bifurcation_offset_mm: float
    sac_end_offset_mm: float
    marrow: float
    muscle_fat: float
    rib_offset: float = 0.0
    kidney_offset_mm: float = 0.0
    crest_offset_mm: float = 0.0
    last_rib: float = 1.0


@dataclass(frozen=True)
class Patient:
    """Everything that makes one phantom; vertebrae and discs run from the last lumbar upwards.

    `conditions` are names from conditions.yaml. `thoracic` and `lumbar` count the rib-bearing and the free
    vertebrae below C7; `variant` names what departs from 12 and 5. `myelopathy` is the disc (the vertebra
    above it) at which the cord is bright, "" for none. `vertebrae` end with C1, `discs` with C2's.
    `sacral_slope_deg` is that of the lying person, `standing_lordosis_deg` what standing adds to the
    lying lordosis. `lateral_mm` is a slight sideways curve: amplitude and phase of a sine over 300 mm.
    `months` counts from the first examination, at which `age` was reached.
    """

    seed: int
    version: str
    sex: Sex
    age: int
    scale: float
    sacral_slope_deg: float
    sacral_curve: float
    lateral_mm: tuple[float, float]
    vertebrae: tuple[VertebraShape, ...]
    discs: tuple[DiscShape, ...]
    surroundings: Surroundings
    conditions: tuple[str, ...] = ()
    variant: Variant = "none"
    pelvic_incidence_deg: float = 52.0
    standing_lordosis_deg: float = 13.0
    myelopathy: str = ""
    sacral_screws: bool = False
    months: int = 0

    @property
    def name(self) -> str:
        """Return the patient's folder name and identifier, such as phantom-000007."""
        return f"phantom-{self.seed:06d}"

    def shape(self, level: str) -> VertebraShape:
        """Return the shape of one vertebra; KeyError for a level that this patient has not."""
        return {shape.level: shape for shape in self.vertebrae}[level]

    def disc(self, above: str) -> DiscShape:
        """Return the disc below a vertebra; KeyError for a level that this patient has not."""
        return {disc.above: disc for disc in self.discs}[above]
