"""Judging the trained model against the current one, and marking it: `python -m flows.judge [list|promote ID]`."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cmrpipe.cli import console
from cmrpipe.cli.commands import new_app
from cmrpipe.cli.options import Root
from cmrpipe.errors import CmrpipeError, InputError
from cmrpipe.files import write_json
from flows.command import run_command
from flows.keptmodels import bring_kept, is_kept, record_kept
from flows.lock import write_lock
from flows.models import COMPARISON, CURRENT, KEPT, VERDICTS, ModelVerdict, current, decide, keep, kept, verdict_of
from flows.told import Tell

app = new_app(no_args_is_help=True)


def _schema(folder: Path) -> object:
    """Version of a model's description; None where there is none that can be read."""
    try:
        return json.loads((folder / "model.json").read_bytes())["schema"]
    except (OSError, LookupError, TypeError, ValueError):
        return None


def _compare(root: Path, model: str, last: str, tell: Tell, timeout_s: float) -> dict[str, Any] | None:
    """Both models on the same patients, in a child: torch stays out of this process.

    None where the last model is of another version, which this one cannot read.
    """
    out = kept(root, model) / COMPARISON
    versions = _schema(kept(root, last)), _schema(kept(root, model))
    if None not in versions and versions[0] != versions[1]:
        return None
    arguments = ["compare", str(KEPT / last), "--model", str(KEPT / model), "--out", str(out.relative_to(root))]
    run_command("cmrpipe", arguments, root, tell=tell, timeout_s=timeout_s)
    found: dict[str, Any] = json.loads(out.read_bytes())
    return found


def judge(root: Path, tell: Tell, *, may_lose: float, least: int, timeout_s: float) -> ModelVerdict:
    """Keep the trained model, hold it against the current one, and mark it current when it is no worse.

    A model is judged once, and marked only then: later the mark may be a person's. Every step is atomic and repeated
    after a kill: the model's files, the comparison, the mark, and last the verdict. The caller holds the write lock.

    Parameters
    ----------
    may_lose : mean Dice that the new model may lose against the last
    least : fewest patients, unseen by both, that the verdict rests on

    Raises
    ------
    UnrecordedError : kept models are not as they were recorded
    """
    bring_kept(root, timeout_s)
    model, marked = keep(root), verdict_of(root, Path(CURRENT).stem)
    verdict = verdict_of(root, model)
    if verdict is None and marked is not None and marked.model == model:
        verdict = marked  # the run that marked it was killed before it wrote the verdict
        write_json(root / VERDICTS / f"{model}.json", asdict(verdict))
    if verdict is None:
        last = marked.model if marked is not None else ""
        contest = _compare(root, model, last, tell, timeout_s) if last else None
        verdict = decide(model, last, contest, may_lose, least)
        record_kept(root, model, timeout_s)
        if verdict.current:
            write_json(root / VERDICTS / CURRENT, asdict(verdict))
        write_json(root / VERDICTS / f"{model}.json", asdict(verdict))
    elif not is_kept(root, model):
        record_kept(root, model, timeout_s)
    return _as_it_stands(verdict, current(root))


def _as_it_stands(verdict: ModelVerdict, now: str) -> ModelVerdict:
    """The verdict, with what became of it since, where another model was marked."""
    if verdict.current == (verdict.model == now):
        return verdict
    return replace(
        verdict, current=not verdict.current, why=f"{verdict.why}. Later {now or 'none'} was marked as current"
    )


def judgement(verdict: ModelVerdict) -> str:
    """The verdict as Markdown."""
    lines = [f"Model `{verdict.model}` {'is current' if verdict.current else 'is not current'}: {verdict.why}."]
    if verdict.figures:
        lines += ["", "| | new | last |", "| --- | ---: | ---: |"]
        names = sorted(verdict.figures["new"])
        lines += [
            f"| {name} | {verdict.figures['new'][name]} | {verdict.figures['last'].get(name)} |" for name in names
        ]
    return "\n".join(lines)


@app.command("list")
def list_command(workspace: Root = Path()) -> None:
    """Print every judged model, and which one is current."""
    with console.guarded("models"):
        root = workspace.resolve()
        now = current(root)
        for path in sorted((root / VERDICTS).glob("*.json")):
            verdict = verdict_of(root, path.stem) if path.name != CURRENT else None
            if verdict is not None:
                typer.echo(f"{'*' if verdict.model == now else ' '} {verdict.model}  {verdict.why}")


@app.command("promote")
def promote_command(
    model: Annotated[str, typer.Argument(help="Its id.")],
    why: Annotated[str, typer.Option(help="Your reason; it goes into the record.")],
    workspace: Root = Path(),
) -> None:
    """Mark a judged model as current, whatever its verdict."""
    with console.guarded("models"):
        root = workspace.resolve()
        if not (root / VERDICTS).is_dir():
            raise CmrpipeError(root / VERDICTS, "is not there: no model has been judged", "Run the deployment train")
        with write_lock(root):
            verdict = verdict_of(root, model)
            if verdict is None:
                raise InputError(model, "is no judged model", "See `python -m flows.judge list`")
            write_json(root / VERDICTS / CURRENT, asdict(replace(verdict, current=True, why=f"{why} (a person)")))
    typer.echo(f"{model} is current")


if __name__ == "__main__":
    app(prog_name="python -m flows.judge")
