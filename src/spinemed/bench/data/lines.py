"""What the commands about benchmark data tell, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spinemed.bench.data.contamination import Contamination
from spinemed.bench.data.frozen import Frozen, Verified

_MOST = 8


def build_lines(frozen: Frozen, out: Path) -> list[str]:
    """Return what was drawn, what came out, what is short, what was refused, where, and the next command."""
    said = [f"in: {frozen.generator}, patients {frozen.patients}, seed {frozen.seed}"]
    for config, cells in frozen.sizes.items():
        counts = ", ".join(f"{count} {cell}" for cell, count in cells.items())
        points = 100 * frozen.detectable[config]
        said.append(f"out: {config}: {sum(cells.values())} ({counts}); shows {points:.1f} points")
    said += [
        f"short: {config}: {', '.join(f'{count} {cell}' for cell, count in cells.items())}"
        for config, cells in frozen.short.items()
    ]
    for one in frozen.against:
        refused = ", ".join(f"{count} {reason}" for reason, count in one.refused.items()) or "nothing"
        said.append(f"refused against {one.name}: {refused}")
    said.append(f"key letters: {', '.join(f'{letter} {n}' for letter, n in frozen.letters.items())}")
    said.append(f"items: {len(frozen.items)}, SHA-256 {frozen.items_sha256}")
    said.append(f"where: {out}")
    said.append(f"next: spinemed bench verify {out}")
    return said


def verify_lines(found: Verified) -> list[str]:
    """Return whether a benchmark is as it was frozen, and what differs."""
    said = [f"{found.items} items, SHA-256 {found.items_sha256}"]
    for what, names in (
        ("changed", found.changed), ("missing", found.missing), ("added", found.added),
    ):  # fmt: skip
        if names:
            said.append(f"{what}: {len(names)} ({', '.join(names[:_MOST])})")
    if not found.manifest_sound:
        said.append("the manifest does not fit itself: its hash of the whole is not that of its items")
    if found.files_changed:
        said.append(f"files with other bytes than frozen: {', '.join(found.files_changed[:_MOST])}")
    said.append("sound: every item is as it was frozen" if found.sound else "NOT sound: do not score on it")
    return said


def contamination_lines(found: Contamination, out: Path | None) -> list[str]:
    """Return how many items are clean, what the others share, and what templates share by construction."""
    total = len(found.clean) + len(found.items)
    said = [f"{len(found.clean)} of {total} items are clean against {found.against} ({found.rows} rows)"]
    said += [f"  {count} x {reason}" for reason, count in found.reasons.items()]
    said.append(
        f"by construction: {found.template_items} clean items share template wording; "
        f"{len(found.clean_strict)} share none that fewer than {found.template_patients} "
        "training patients have (clean_strict)"
    )
    if out is not None:
        said.append(f"where: {out} (clean ids, and reasons for the others)")
    return said


def convert_lines(frozen: Frozen, reasons: Mapping[str, int], out: Path) -> list[str]:
    """Return what was read of another benchmark, what was not and why, and where it lies."""
    said = [f"in: {frozen.name}"]
    for config, cells in frozen.sizes.items():
        counts = ", ".join(f"{count} {cell}" for cell, count in cells.items())
        said.append(f"out: {config}: {sum(cells.values())} ({counts})")
    said.append(f"rejected: {sum(reasons.values())}")
    most = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    said += [f"  {count} x {reason}" for reason, count in most[:_MOST]]
    if len(most) > _MOST:
        said.append(f"  and {len(most) - _MOST} more reasons in the config rejects")
    said.append(f"where: {out}")
    return said
