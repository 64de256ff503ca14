"""Commands that publish on the Hugging Face Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Publish on the Hugging Face Hub.")


@app.callback()
def callback() -> None:
    """Publish on the Hugging Face Hub."""


@app.command()
def dataset(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a built corpus.")],
    repo: Annotated[str, typer.Option(help="ORG/NAME of the dataset repository; made where there is none.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge and list what would be uploaded; nothing is sent.")
    ] = False,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that read the files again.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Upload a corpus to the Hub, or say exactly what would be uploaded.

    Refused are folders that `spinemed verify` refuses, rows with pixels or words whose licence does not let
    them be passed on, and cards that the Hub cannot read. The token is that of `hf auth login` or HF_TOKEN.

    Examples: spinemed push dataset spinemed-450k --repo org/spinemed-450k --dry-run

    spinemed push dataset spinemed-450k --repo org/spinemed-450k
    """
    from spinemed.hub import as_record, hub_api, loading, notes, plan_lines, push, pushed_lines, upload_plan
    from spinemed.hub_refusals import refusals

    def say(text: str) -> None:
        typer.echo(text, err=True)

    if repo.count("/") != 1 or not all(repo.split("/")):
        raise typer.BadParameter(f"{repo}: write it as ORG/NAME", param_hint="--repo")
    plan = upload_plan(folder)
    found = refusals(folder, workers, say)
    for line in found:
        say(f"refused: {line}")
    if dry_run:
        typer.echo(json.dumps(as_record(plan, repo, found)) if as_json else "\n".join(plan_lines(plan, repo)))
    if found:
        say(f"{folder} is not pushed; mend what is refused, or build again")
        raise typer.Exit(1)
    for line in notes(folder, repo):
        say(line)
    if not dry_run:
        pushed = push(folder, repo, hub_api(), private, say)
        typer.echo(json.dumps(pushed.as_record()) if as_json else "\n".join(pushed_lines(pushed)))
    say(f"next: {loading(repo)}" if not dry_run else "next: the same without --dry-run")
