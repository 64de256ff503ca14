"""The command preflight: what a recipe will do, before a GPU second is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def preflight(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(help="YAML of recipes/sft.py.")],
    gpu: Annotated[
        list[str] | None,
        typer.Option(help='It must have the memory, such as "H100 SXM"; repeatable. None tells all known.'),
    ] = None,
    devices: Annotated[
        int, typer.Option(min=0, help="GPUs that train together; 0: as the accelerate config says, or one.")
    ] = 0,
    accelerate: Annotated[
        Path | None, typer.Option(help="Config of accelerate launch, which says how GPUs share states.")
    ] = None,
    mfu: Annotated[
        float | None, typer.Option(help="Assumed share of the peak that useful operations reach; 0.35.")
    ] = None,
    price: Annotated[float | None, typer.Option(help="Of one GPU for an hour, in your currency.")] = None,
    script: Annotated[
        Path | None, typer.Option(help="The sft.py whose keys the recipe has; by default that above it.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps the lengths of rows; by default that of sft.py.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the forecast as JSON.")] = False,
) -> None:
    """Tell rows, padding, modules, predicted memory and hours of a recipe; ends with 1 where it cannot work.

    Rows, the model's config and its processor are read, no weights. Further options override its keys.

    Examples: spinemed preflight recipes/spinegpt/stage2/qlora_24gb.yaml --gpu "RTX 4090" --price 0.4

    spinemed preflight recipes/tiny/sft.yaml --tokens_per_pack 64
    """
    import datasets

    from spinemed.training.forecast import Asked, forecast
    from spinemed.training.forecast_lines import forecast_lines
    from spinemed.training.hours import MFU
    from spinemed.training.recipe import for_another_machine, script_of, sharding_of

    (trl, sft, model, spine), device = for_another_machine(recipe, context.args, script or script_of(recipe))
    asked = Asked(
        gpus=tuple(gpu or ()),
        sharding=sharding_of(accelerate, devices),
        device=device,
        mfu=MFU if mfu is None else mfu,
        an_hour=price,
        cache=cache or Path(datasets.config.HF_DATASETS_CACHE) / "spinemed-lengths",
    )
    found = forecast(trl, sft, model, spine, asked)
    typer.echo(found.model_dump_json() if as_json else "\n".join(forecast_lines(found)))
