"""Draw 1,000 choice items from phantom studies and prove by brute force that each has one right option.

    python benchmarks/items_audit.py [--studies phantom-studies]

Every item is read back from its own text and pictures, as if nothing were known of how it was made, and each
option is judged against the findings of all series. Prints counts by kind, language and letter, what was
rejected, duplicates, and how often a reader of the text alone would be right. `--show DIR` writes the items
with their pictures for a person to read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from spinemed.imaging.radiograph import read_radiograph
from spinemed.imaging.volume import read_volume
from spinemed.instances.asking import Asking
from spinemed.instances.balance import PairBalance
from spinemed.instances.case import ask_case, ask_changes, case_of, follow_up_of
from spinemed.instances.drafts import Case
from spinemed.instances.premise import Known, shown_of
from spinemed.instances.proof import right_options
from spinemed.instances.shots import CaseSeries, slice_of
from spinemed.instances.templates import templates
from spinemed.phantom.export.study import write_studies
from spinemed.records import Finding, Instance, Picture, Reject, Study
from spinemed.sources import phantom

LETTERS = "ABCDE"
TEXT_ONLY_KINDS = (
    "level_arithmetic", "root_of_disc", "tlics_points", "tlics_plan", "slic_points", "sins_points",
    "scoliosis_rule", "meyerding_rule", "schizas_rule", "mjoa_rule",
)  # fmt: skip


def cases_read(study: Study, asking: Asking) -> tuple[Case, Case]:
    """Return the first examination of a phantom study, and all of them, with their stated findings."""
    stated = [Finding.model_validate_json(line) for line in _lines(study, "findings.jsonl")]
    rejects = [Reject.model_validate_json(line) for line in _lines(study, "rejects.jsonl")]
    series = []
    for one in study.series:
        found = tuple(finding for finding in stated if finding.evidence.series == one.uid)
        volume = read_radiograph(one.image) if one.modality == "XR" else read_volume(one.image)
        series.append(CaseSeries(one, volume, found))
    return case_of(study, series, asking, rejects), follow_up_of(study, series, asking, rejects)


def _lines(study: Study, name: str) -> list[str]:
    if study.stated is None:
        return []
    file = study.stated.with_name(name)
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []


class Audit:
    """What all studies gave: items with their proofs, pictures and counts."""

    def __init__(self) -> None:
        self.items: list[tuple[Instance, str]] = []
        self.rejects: Counter[str] = Counter()
        self.pictures: dict[str, Picture] = {}
        self.seconds = 0.0
        self.studies = 0

    def add(self, study: Study, asking: Asking) -> None:
        """Ask one study and prove all its choice items."""
        self.studies += 1
        for case, asked in zip(cases_read(study, asking), (ask_case, ask_changes), strict=True):
            known = Known(case.facts)
            by_uid = {one.series.uid: one for one in case.series}
            start = time.perf_counter()
            made = list(asked(case))
            self.seconds += time.perf_counter() - start
            pictures = {one.id: one for one in made if isinstance(one, Picture)}
            self.pictures.update(pictures)
            for one in made:
                if isinstance(one, Reject):
                    self.rejects[one.reason] += 1
                elif isinstance(one, Instance):
                    self.items.append((one, _proof(one, pictures, by_uid, known)))


def _proof(one: Instance, pictures: dict[str, Picture], by_uid: dict[str, CaseSeries], known: Known) -> str:
    """Return "" for a choice with exactly the keyed option right, otherwise what is wrong."""
    if one.task != "choice":
        return ""
    shown = []
    for name in one.pictures:
        picture = pictures[name]
        series = by_uid[picture.locator.series]
        cut = slice_of(series, picture.locator.plane, picture.locator.slice_index)
        shown.append(shown_of(picture, series.series, cut.spacing_mm))
    judged = right_options(one, shown, known)
    right = [option for option, holds in judged.items() if holds]
    keyed = one.options[LETTERS.index(one.answer)]
    if right != [keyed] or None in judged.values():
        return f"{one.kind}: keyed {keyed!r}, proven {judged}"
    return ""


def text_probe(items: Sequence[Instance], patients: Sequence[str]) -> tuple[float, float, int]:
    """Return how often text alone is right, chance, and the items judged: a classifier of option and set.

    Learnt on half of the patients: how often each option is right when offered, and against each other option
    of its kind; options are then ranked by the sum of log odds.
    """
    wins: Counter[tuple[str, ...]] = Counter()
    met: Counter[tuple[str, ...]] = Counter()
    learnt_from = set(patients[::2])
    for one in items:
        if one.patient in learnt_from:
            for option in one.options:
                for clue in _clues(one, option):
                    met[clue] += 1
                    wins[clue] += option == one.options[LETTERS.index(one.answer)]
    hits = chance = 0.0
    tested = [one for one in items if one.patient not in learnt_from]
    for one in tested:
        scores = []
        for option in one.options:
            rates = [(wins[clue] + 1) / (met[clue] + len(one.options)) for clue in _clues(one, option)]
            scores.append(float(np.sum(np.log(rates))))
        hits += one.options[int(np.argmax(scores))] == one.options[LETTERS.index(one.answer)]
        chance += 1 / len(one.options)
    count = max(len(tested), 1)
    return hits / count, chance / count, len(tested)


def _clues(one: Instance, option: str) -> Iterator[tuple[str, ...]]:
    others = sorted(set(one.options) - {option})
    yield one.kind, one.language, option
    yield one.kind, option, str(len(option) - max(len(other) for other in others))
    yield from ((one.kind, option, "against", other) for other in others)


_DRAWN = 60


def main() -> int:
    """Print the audit and return 1 if an item is not proven."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=Path, help="folder of spinemed phantom --out; none draws 60")
    parser.add_argument("--limit", type=int, default=10**9, help="studies at most")
    parser.add_argument("--items", type=int, default=1000, help="choice items drawn for the proof")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--open-share", type=float, default=0.2)
    parser.add_argument("--items-per-kind", type=int, default=2)
    parser.add_argument("--show", type=Path, help="folder for items.txt and pictures")
    args = parser.parse_args()
    if args.studies is not None:
        return _audited(args)
    with tempfile.TemporaryDirectory() as folder:
        args.studies = Path(folder)
        for _ in write_studies(1, _DRAWN, args.studies, workers=2):
            pass
        return _audited(args)


def _audited(args: argparse.Namespace) -> int:
    audit = Audit()
    asking = Asking(args.seed, args.open_share, 12, items_per_kind=args.items_per_kind)
    for number, study in enumerate(phantom.read(args.studies)):
        if number >= args.limit:
            break
        if isinstance(study, Study):
            audit.add(study, asking)
        else:
            audit.rejects[study.reason] += 1
    if args.show:
        _show(audit, args.show)
    return _report(audit, args.items, args.seed)


def _report(audit: Audit, count: int, seed: int) -> int:
    choices = [pair for pair in audit.items if pair[0].task == "choice"]
    order = np.random.default_rng(seed).permutation(len(choices))[:count]
    drawn = [choices[int(place)] for place in order]
    wrong = [fault for _, fault in drawn if fault]
    per_item_ms = 1000 * audit.seconds / max(len(audit.items), 1)
    count_all = len(audit.items)
    print(f"{audit.studies} studies, {count_all} items, {len(choices)} choices, {per_item_ms:.1f} ms each")
    print(
        f"{len(drawn)} choices drawn: {len(drawn) - len(wrong)} with exactly one right option, the keyed one"
    )
    for fault in wrong[:20]:
        print("  NOT PROVEN", fault)
    for name, of in (("letters", _letter), ("languages", _language)):
        print(name, dict(sorted(Counter(of(one) for one, _ in drawn).items())))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for one, _ in audit.items:
        kinds[one.kind][f"{one.task} {one.language}"] += 1
    for kind, counts in sorted(kinds.items()):
        print(f"  {kind:22}", dict(sorted(counts.items())))
    print("without an item:", ", ".join(sorted(set(templates()) - set(kinds))) or "none")
    texts = Counter((one.question, one.options, one.pictures) for one, _ in audit.items)
    print("duplicates", sum(number - 1 for number in texts.values()))
    _print_probe([one for one, _ in choices])
    print("rejects")
    for reason, number in audit.rejects.most_common(25):
        print(f"  {number:5} {reason}")
    return 1 if wrong else 0


def _letter(one: Instance) -> str:
    return f"{one.answer} of {len(one.options)}"


def _language(one: Instance) -> str:
    return one.language


def _print_probe(choices: list[Instance]) -> None:
    """Print how far text alone gets, before and after the balance of pairs."""
    with_pictures = [one for one in choices if one.kind not in TEXT_ONLY_KINDS]
    balance = PairBalance()
    patients = sorted({one.patient for one in with_pictures})
    learnt_from = set(patients[::2])
    admitted = [balance.admit(one, str(one.patient in learnt_from)) for one in with_pictures]
    kept = [one for said in admitted for one in said.kept]
    for name, items in (("all", with_pictures), ("balanced", kept)):
        right, chance, count = text_probe(items, patients)
        print(f"text alone, {name}: {right:.3f} against chance {chance:.3f} on {count} of {len(items)} items")


def _show(audit: Audit, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for one, _ in sorted(audit.items, key=lambda pair: (pair[0].kind, pair[0].language)):
        lines.append(f"[{one.kind} {one.language} {one.task} {one.modality} sites {','.join(one.sites)}]")
        lines.append(one.messages[0].content)
        lines.append(f"=> {one.messages[1].content}    {' '.join(name[:10] for name in one.pictures)}\n")
        for name in one.pictures:
            (folder / f"{name[:10]}.png").write_bytes(audit.pictures[name].png)
    (folder / "items.txt").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
