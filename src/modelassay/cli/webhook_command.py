"""``modelassay webhook``: a validating admission webhook for Kubernetes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.admit_options import known_options, policy_option, target_option
from modelassay.cli.options import json_option, print_json

if TYPE_CHECKING:
    from modelassay.evidence.webhook import Judge

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("webhook")
@policy_option
@click.option(
    "--evidence",
    type=_FOLDER,
    required=True,
    help="Folder of evidence folders, by the name that pods annotate.",
)
@click.option(
    "--volume",
    "volumes",
    multiple=True,
    required=True,
    metavar="SOURCE=DIR",
    help="Where a pod's volume lies here: pvc:NAMESPACE/CLAIM=DIR or hostPath:/PATH=DIR; repeatable.",
)
@click.option("--certificate", type=_FILE, required=True, help="TLS certificate chain, PEM.")
@click.option("--certificate-key", type=_FILE, required=True, help="Its private key, PEM.")
@click.option("--client-ca", type=_FILE, help="Only answer clients with a certificate by this authority.")
@click.option("--host", default="0.0.0.0", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8443, show_default=True, help="0 takes a free one."
)
@known_options
@target_option
@json_option
def command(
    policy: Path,
    evidence: Path,
    volumes: tuple[str, ...],
    certificate: Path,
    certificate_key: Path,
    client_ca: Path | None,
    host: str,
    port: int,
    log: Path | None,
    revocations: Path | None,
    target: str | None,
    as_json: bool,
) -> None:
    """Answer admission reviews for pods at https://HOST:PORT/admit until stopped.

    Policy, keys, log and list are read anew for each pod, so that a withdrawal counts at once.
    With --json each answer is a line of JSON on stdout.
    """
    from modelassay.errors import UsageError
    from modelassay.evidence.webhook import Reviewer, open_server, tls_context

    judge = judge_of(policy, evidence, log=log, revocations=revocations, target=target)
    try:
        context = tls_context(certificate, certificate_key, client_ca)
    except OSError as error:
        raise UsageError(f"TLS cannot be set up: {error}", where=str(certificate)) from error
    reviewer = Reviewer(judge, read_volumes(volumes))
    try:
        server = open_server((host, port), context, reviewer, partial(_tell, as_json=as_json))
    except OSError as error:
        raise UsageError(f"cannot listen: {error.strerror}", where=f"{host}:{port}") from error
    with server:
        _tell(f"listening at https://{host}:{server.server_address[1]}/admit", as_json=as_json)
        server.serve_forever()


def _tell(line: str, *, as_json: bool) -> None:
    """Say `line` on stderr, or as JSON on stdout."""
    if as_json:
        print_json({"said": line})
        sys.stdout.flush()
    else:
        click.echo(line, err=True)


def judge_of(
    policy_file: Path, evidence: Path, *, log: Path | None, revocations: Path | None, target: str | None
) -> Judge:
    """Decides on a pod's use of weights, reading everything anew; what cannot be read now is said now.

    Raises:
        UsageError: as of the policy, its keys, and where withdrawals are known from.
    """
    from modelassay.config import load_admission
    from modelassay.evidence.admission import Admission, admit
    from modelassay.evidence.admission_files import load_trust_of, read_offer, read_state
    from modelassay.evidence.deployed import hash_deployed
    from modelassay.evidence.pods import PodUse

    def judge(use: PodUse) -> Admission:
        trust = load_trust_of(load_admission(policy_file), policy_file.parent, target)
        offer = read_offer(evidence / use.evidence)
        deployed = hash_deployed(use.model, adapters=use.adapters)
        return admit(offer, deployed, trust, read_state(log, revocations), now=datetime.now(UTC))

    load_trust_of(load_admission(policy_file), policy_file.parent, target)
    read_state(log, revocations)
    return judge


def read_volumes(given: tuple[str, ...]) -> dict[str, Path]:
    """Folder by source, from ``SOURCE=DIR``.

    Raises:
        UsageError: not of that form, no such folder, or a source twice.
    """
    from modelassay.errors import UsageError
    from modelassay.evidence.pods import SOURCE

    found: dict[str, Path] = {}
    for text in given:
        source, equals, folder = text.partition("=")
        if not equals or not SOURCE.fullmatch(source) or source in found:
            raise UsageError(
                f"{text!r} is not SOURCE=DIR, or stands twice",
                where="--volume",
                mend="such as --volume pvc:prod/models=/models",
            )
        if not Path(folder).is_dir():
            raise UsageError("no such folder", where=f"--volume {text}")
        found[source] = Path(folder)
    return found
