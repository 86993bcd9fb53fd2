"""``modelassay admit``: may these weights be deployed here, now?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.admit_options import deployed_options, known_options, policy_option, target_option
from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.cli.signing import log_signing_options, log_witnessed, notary_of

if TYPE_CHECKING:
    from modelassay.evidence.admission import Admission
    from modelassay.evidence.admission_case import Case


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `admit` was asked."""

    weights: Path
    policy: Path
    evidence: Path
    adapters: tuple[str, ...]
    chat_template: Path | None
    system_prompt: Path | None
    generation_config: Path | None
    dtype: str
    log: Path | None
    revocations: Path | None
    target: str | None


@click.command("admit")
@click.argument("weights", type=click.Path(path_type=Path))
@policy_option
@click.option(
    "--evidence",
    type=click.Path(path_type=Path),
    required=True,
    help="Bundle of the audit, or a folder with verdict.dsse.json, log/issued.json and proof.tlog-proof.",
)
@deployed_options
@known_options
@target_option
@click.option(
    "--emit-rego",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write rules, data and input for Rego.",
)
@click.option("--record", is_flag=True, help="Log the decision in the store.")
@log_signing_options
@store_option
@json_option
def command(
    emit_rego: Path | None,
    record: bool,
    log_key: str,
    witnesses: tuple[str, ...],
    actor: str,
    passphrase_file: Path | None,
    store: Path | None,
    as_json: bool,
    **asked: Any,
) -> int:
    """Decide whether the model in the folder WEIGHTS may be deployed where the policy says.

    Everything that will be loaded is hashed and held against the signed verdict. Exit code 0 only when every
    condition is proved; 13 when something does not verify, 14 when the verdict expired, 11 or 12 when it says
    block or inconclusive, 10 when people must clear it first (`modelassay gate accept-risk`, `modelassay
    review sign`).

    \b
    modelassay admit ./weights --policy admission.yaml --evidence ./bundle --log ./log
    modelassay admit ./weights --policy admission.yaml --evidence ./bundle --revocations list.dsse.json
    """
    from modelassay.evidence.admission import recorded

    question = Asked(**asked)
    admission, case = decide(question)
    if emit_rego is not None:
        write_rego(emit_rego, case, admission)
    if record:
        notary = notary_of(log_key=log_key, witnesses=witnesses, actor=actor, passphrase_file=passphrase_file)
        log_witnessed(chosen_store(store), notary, recorded(admission), again=True)
    with reader_may_leave():
        if as_json:
            print_json(_plain(admission))
        else:
            print_admission(admission)
    return int(admission.exit_code)


def decide(asked: Asked) -> tuple[Admission, Case]:
    """The decision, and what it rests on.

    Raises:
        UsageError: the policy, a key or the weights cannot be read.
        EvidenceError: evidence, log or list cannot be read at all.
    """
    from modelassay.config import load_admission
    from modelassay.evidence.admission import admit_case
    from modelassay.evidence.admission_case import Case
    from modelassay.evidence.admission_files import load_trust_of, read_offer, read_state
    from modelassay.evidence.deployed import hash_deployed, read_adapter

    policy = load_admission(asked.policy)
    trust = load_trust_of(policy, asked.policy.parent, asked.target)
    offer = read_offer(asked.evidence)
    state = read_state(asked.log, asked.revocations)
    deployed = hash_deployed(
        asked.weights,
        adapters=[read_adapter(text) for text in asked.adapters],
        chat_template=asked.chat_template,
        system_prompt=asked.system_prompt,
        generation_config=asked.generation_config,
        dtype=asked.dtype,
    )
    case = Case(offer, deployed, trust, state, datetime.now(UTC))
    return admit_case(case), case


def print_admission(admission: Admission) -> None:
    """The decision for people: refusals first, then what was proved."""
    code = admission.exit_code
    click.echo("admitted" if admission.admitted else f"refused ({code.meaning})")
    for condition in sorted(admission.conditions, key=lambda each: each.proved):
        mark = "proved " if condition.proved else "not    "
        click.echo(f"  {mark} {condition.name:<11} {condition.statement}")


_BEYOND_REGO = ("person", "keys")


def write_rego(folder: Path, case: Case, admission: Admission) -> None:
    """Rules and data for Rego; the input too, when what it holds was verified, and what no rule asks for.

    Raises:
        StoreError: it cannot be written.
    """
    from modelassay.errors import EvidenceError, StoreError
    from modelassay.evidence.rego import DATA, INPUT, RULES, rego_data, rego_input, rego_rules

    trust = case.trust
    files = {RULES: rego_rules(), DATA: _indented(rego_data(trust.policy, trust.target))}
    try:
        for condition in admission.conditions:
            if condition.name in _BEYOND_REGO and not condition.proved:
                raise EvidenceError(condition.statement)
        given = rego_input(
            case.statement,
            case.payload,
            case.deployed,
            case.revocation_list,
            target=trust.target,
            now=int(case.now.timestamp()),
            acceptances=[word.waiver for word in case.clearance.words] if case.clearance.cleared else (),
        )
        files[INPUT] = _indented(given)
    except EvidenceError as error:
        click.echo(f"no {INPUT}: {error.what}", err=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(folder)) from error


def _plain(admission: Admission) -> dict[str, object]:
    return {
        "admitted": admission.admitted,
        "exit_code": int(admission.exit_code),
        "audit": admission.audit,
        "outcome": admission.outcome,
        "expires": admission.expires,
        "verdict": admission.verdict,
        "subject": admission.subject,
        "target": admission.target,
        "reasons": admission.reasons,
        "conditions": admission.conditions,
    }


def _indented(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
