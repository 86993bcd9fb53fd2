"""Every format of ``modelassay export``: what it is called, what it is for, and who writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from modelassay.errors import UnknownNameError, UsageError
from modelassay.exports.annex_iv import annex_iv_html, annex_iv_markdown
from modelassay.exports.compliance import hold_against
from modelassay.exports.croissant import croissant_files
from modelassay.exports.cyclonedx import CycloneDxBom, SpecVersion
from modelassay.exports.envelopes import sigstore_bundle, test_result_envelopes, verdict_envelope
from modelassay.exports.inspect import SideName, inspect_log
from modelassay.exports.model_card import eval_results, model_card
from modelassay.exports.sarif import SarifReport, Waiver
from modelassay.exports.sealed import SealedAudit
from modelassay.report.junit import JUnitReport


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a caller may choose; each format takes what concerns it."""

    spec: SpecVersion = "1.6"
    """CycloneDX: version of the specification."""
    frameworks: tuple[str, ...] = ()
    """Annex IV and CycloneDX: ids of frameworks, all when none is named."""
    page: bool = False
    """Annex IV: an HTML page in place of Markdown."""
    location: str = "plan.yaml"
    """SARIF: file that results point to."""
    line: int = 1
    """SARIF: line in it."""
    waivers: Sequence[Waiver] = ()
    """SARIF: waivers in force."""
    card: str = ""
    """Model card: the README.md to put the section into."""
    dataset: str = ""
    """Croissant: which dataset; needed where the audit knows of several."""
    side: SideName = "candidate"
    """Inspect: whose answers."""


class Format(NamedTuple):
    """One format."""

    title: str
    write: Callable[[SealedAudit, Choices], Iterable[bytes]]
    """The file in pieces."""


def _annex_iv(audit: SealedAudit, choices: Choices) -> Iterable[bytes]:
    yield (annex_iv_html if choices.page else annex_iv_markdown)(audit, choices.frameworks)


def _cyclonedx(audit: SealedAudit, choices: Choices) -> Iterable[bytes]:
    held = hold_against(audit, choices.frameworks)
    yield CycloneDxBom(spec=choices.spec, held=held).render(audit.record)


def _croissant(audit: SealedAudit, choices: Choices) -> Iterable[bytes]:
    documents = {name.partition(".")[0]: data for name, data in croissant_files(audit.record).items()}
    chosen = choices.dataset or next(iter(documents), "")
    if not choices.dataset and len(documents) > 1:
        raise UsageError(
            f"this audit knows of {len(documents)} datasets",
            where="croissant",
            mend="name one with --dataset: " + ", ".join(documents),
        )
    if chosen not in documents:
        raise UnknownNameError("dataset", chosen, documents)
    yield documents[chosen]


def _sarif(audit: SealedAudit, choices: Choices) -> Iterable[bytes]:
    report = SarifReport(location=choices.location, line=choices.line, waivers=choices.waivers)
    yield report.render(audit.record)


FORMATS: dict[str, Format] = {
    "in-toto": Format(
        "Signed test results, an in-toto attestation bundle", lambda audit, _: [test_result_envelopes(audit)]
    ),
    "sigstore": Format("Signed verdict, a Sigstore bundle", lambda audit, _: [sigstore_bundle(audit)]),
    "vsa": Format(
        "Signed verdict, a SLSA Verification Summary in DSSE", lambda audit, _: [verdict_envelope(audit)]
    ),
    "cyclonedx": Format("CycloneDX machine-learning bill of materials", _cyclonedx),
    "croissant": Format("One dataset as Croissant with its Responsible AI vocabulary", _croissant),
    "sarif": Format("SARIF 2.1.0, annotations of pull requests", _sarif),
    "junit": Format("JUnit XML", lambda audit, _: [JUnitReport().render(audit.record)]),
    "model-card": Format(
        "Section and model-index of a Hugging Face model card",
        lambda audit, choices: [model_card(audit.record, choices.card)],
    ),
    "eval-results": Format(
        "Hugging Face .eval_results entries", lambda audit, _: [eval_results(audit.record)]
    ),
    "annex-iv": Format("Map of clauses to evidence, EU AI Act and others", _annex_iv),
    "inspect": Format("Inspect AI evaluation log", lambda audit, choices: inspect_log(audit, choices.side)),
}
"""By name, as ``--format`` takes it."""


def export(audit: SealedAudit, name: str, choices: Choices) -> Iterable[bytes]:
    """`audit` in the format `name`, in pieces; the same bundle and choices give the same bytes.

    Raises:
        UnknownNameError: no such format or framework.
        EvidenceError: the audit lacks what the format shows, such as a signature.
        UsageError: a model card that the section cannot be put into.
    """
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    return FORMATS[name].write(audit, choices)
