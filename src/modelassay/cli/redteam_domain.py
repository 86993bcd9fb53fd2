"""``modelassay redteam domain``: requests of a domain, drawn from its data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.kept_answers import (
    answers_option,
    beside,
    budget_option,
    budget_without_money,
    kept_models,
)
from modelassay.cli.options import json_option, print_json, quiet_option
from modelassay.errors import StoreError, TargetError, UsageError

if TYPE_CHECKING:
    from modelassay.config import Budget
    from modelassay.redteam.domain import DomainRequest


@click.command("domain")
@click.argument("name")
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Fine-tuning data: JSONL, CSV, Parquet, …, whatever its columns are called.",
)
@click.option("--describe", default="", help="A description of the domain, in place of data.")
@click.option("--topics", "most", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option(
    "--each", type=click.IntRange(1, 8), default=1, show_default=True, help="Requests a topic and category."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which templates are drawn.")
@click.option("--attacker", help="Model that words the requests anew.")
@click.option("--no-benign", is_flag=True, help="Leave harmless requests out.")
@budget_option
@answers_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="JSONL to write.")
@quiet_option
@json_option
def command(
    name: str,
    data: Path | None,
    describe: str,
    most: int,
    each: int,
    seed: int,
    attacker: str | None,
    no_benign: bool,
    budgets: tuple[str, ...],
    answers: Path | None,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write a dataset of requests on the domain NAME: topics from its data, in mild templates by category.

    A plan or a campaign takes the file as a dataset; its tags are category, domain, topic and source. What
    the attacker writes is kept: killed, stopped or at the end of its budget, the same command goes on.

    \b
    modelassay redteam domain banking --data train.jsonl --out banking.jsonl
    modelassay redteam run --dataset banking.jsonl --candidate … --attacker … --out campaign
    """
    from modelassay.redteam.domain import domain_requests, request_lines, texts_of, topics_of

    if (data is None) == (not describe):
        raise UsageError("needs --data or --describe", mend="give one of them")
    texts = texts_of(data) if data is not None else iter([describe])
    topics = topics_of(texts, most=most, least_rows=2 if data is not None else 1)
    source = "data" if data is not None else "description"
    requests = domain_requests(topics, name, source=source, seed=seed, each=each, benign=not no_benign)
    if attacker:
        budget = budget_without_money(budgets)
        requests = _worded_anew(requests, attacker, seed, answers or beside(out), budget, quiet=quiet)
    try:
        out.write_bytes(request_lines(requests))
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(out)) from error
    anew = sum(request.source.endswith("+paraphrase") for request in requests)
    if attacker and requests and not anew:
        raise TargetError(
            f"{attacker} worded none of {len(requests)} requests anew; they stand as they were in {out}",
            where="--attacker",
            mend="see that it answers and follows instructions, and ask anew with other --answers",
        )
    if as_json:
        told = [{"term": t.term, "z": f"{t.z:.2f}", "rows": t.rows} for t in topics]
        print_json({"dataset": str(out), "requests": len(requests), "worded_anew": anew, "topics": told})
        return
    for topic in topics:
        click.echo(f"{topic.z:6.2f}  {topic.rows:6}  {topic.term}")
    worded = f", {anew} of them worded anew" if attacker else ""
    click.echo(f"{len(requests)} requests on {len(topics)} topics{worded}: {out}")


def _worded_anew(
    requests: list[DomainRequest], attacker: str, seed: int, folder: Path, budget: Budget, *, quiet: bool
) -> list[DomainRequest]:
    from modelassay.cli.redteam_options import to_the_end
    from modelassay.config import ModelReference
    from modelassay.redteam.domain import paraphrased
    from modelassay.targets import open_target

    target = open_target(ModelReference(model=attacker))

    async def asked(stop: asyncio.Event) -> list[DomainRequest]:
        async with kept_models([target], "attacker", folder, budget, stop, quiet=quiet) as (model,):
            return await paraphrased(requests, model, seed=seed)

    return to_the_end(asked)
