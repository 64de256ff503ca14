"""What a build tells: the lines of the command line, and the same as JSON."""

from __future__ import annotations

from spinemed.corpus.build import Built

_MOST_REASONS = 8


def lines(built: Built) -> list[str]:
    """Return what went in, what came out, what was rejected, where it lies, and the next command."""
    manifest = built.manifest
    said = [f"up to date: {built.out}"] if built.up_to_date else []
    said.append(f"in: {manifest.studies} studies from {', '.join(sorted(manifest.inputs))}")
    for config, splits in manifest.rows.items():
        if config != "rejects":
            counts = ", ".join(f"{count} {split}" for split, count in splits.items())
            said.append(f"out: {config}: {counts}")
    said.append(
        f"pictures: {manifest.image_bytes / 1e6:.1f} MB, Parquet: {manifest.parquet_bytes / 1e6:.1f} MB"
    )
    rejects = sorted(manifest.rejects.items(), key=lambda item: (-item[1], item[0]))
    said.append(f"rejected: {sum(manifest.rejects.values())}")
    said += [f"  {count} x {reason}" for reason, count in rejects[:_MOST_REASONS]]
    if len(rejects) > _MOST_REASONS:
        said.append(f"  and {len(rejects) - _MOST_REASONS} more reasons in the config rejects")
    said.append(f"where: {built.out}")
    said.append(
        f'next: python -c "from datasets import load_dataset; print(load_dataset({str(built.out)!r}))"'
    )
    return said


def as_json(built: Built) -> dict[str, object]:
    """Return the same as a mapping for `--json`."""
    return {
        "out": str(built.out),
        "up_to_date": built.up_to_date,
        **built.manifest.model_dump(mode="json", exclude={"files"}),
    }
