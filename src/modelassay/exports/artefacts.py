"""What a sealed audit can show, piece by piece: where each piece stands, and when it is really there.

The names here are the vocabulary of ``compliance.yaml``. A piece counts as present only when its files
stand in the bundle *and* the record says that they hold something, so that an empty `lineage.json` is no
evidence of lineage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelassay.exports.sealed import SealedAudit
from modelassay.records import AuditRecord, Declaration, Recipe


def _always(_audit: AuditRecord) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Artefact:
    """One piece of evidence."""

    name: str
    title: str
    files: tuple[str, ...]
    """Patterns of paths in a bundle; every one must match a file."""
    mend: str = ""
    """What would bring it, when it is absent; empty for what every sealed audit has."""
    held: Callable[[AuditRecord], bool] = _always
    """Whether the record says that there is something in them."""

    def found(self, audit: SealedAudit) -> tuple[tuple[str, str], ...]:
        """Path and SHA-256 of each of its files; empty when this audit does not have it."""
        if not self.held(audit.record):
            return ()
        matches = [audit.matching(pattern) for pattern in self.files]
        return tuple(file for match in matches for file in match) if all(matches) else ()


def _declared(part: Callable[[Declaration], object]) -> Callable[[AuditRecord], bool]:
    return lambda audit: audit.lineage is not None and bool(part(audit.lineage.declared))


def _data_handling(declared: Declaration) -> bool:
    return any(data.consent or data.pii or data.retention for data in declared.training_data)


def _licences(declared: Declaration) -> bool:
    data = any(item.licence for item in declared.training_data)
    return data or bool(declared.licence) or bool(declared.base and declared.base.licence)


def _compared(audit: AuditRecord) -> bool:
    return any(finding.check == "comparison" and finding.paired for finding in audit.findings)


def _by_slice(audit: AuditRecord) -> bool:
    return any(finding.slice and finding.state != "not_assessable" for finding in audit.findings)


def _repeated(audit: AuditRecord) -> bool:
    checks = {"consistency", "edge_cases"}
    return any(f.check in checks and f.state != "not_assessable" for f in audit.findings)


_SIGN = "sign verdicts: `modelassay keys new`, then audit again"
_LINEAGE = "declare it under `lineage` in the plan"

_ALL = (
    Artefact(name="plan", title="Plan of the audit", files=("plan.json",)),
    Artefact(name="policy", title="Acceptance criteria", files=("policy.json",)),
    Artefact(name="suite", title="Every prompt that was put to both models", files=("samples.jsonl.gz",)),
    Artefact(name="dataset-pins", title="Datasets with digests, licences and origin", files=("audit.json",)),
    Artefact(name="transcripts", title="Every answer of both models", files=("transcripts.jsonl.gz",)),
    Artefact(name="scores", title="Every score of every answer", files=("scores.jsonl.gz",)),
    Artefact(
        name="evaluators",
        title="Evaluators with versions and settings",
        files=("audit.json",),
        held=lambda audit: bool(audit.evaluators),
    ),
    Artefact(
        name="calibration",
        title="How wrong the evaluators are against people's labels",
        files=("audit.json",),
        held=lambda audit: any(pin.calibration for pin in audit.evaluators),
        mend="use an evaluator whose error was measured",
    ),
    Artefact(
        name="comparison",
        title="Candidate against baseline, with counts and intervals",
        files=("findings.json",),
        held=_compared,
        mend="audit with prompts that an evaluator scores",
    ),
    Artefact(
        name="slices",
        title="The same by category, language and other groups",
        files=("findings.json",),
        held=_by_slice,
        mend="tag the prompts and name the tags under `slices`",
    ),
    Artefact(
        name="repeats",
        title="Consistency over repeats, and edge cases",
        files=("findings.json",),
        held=_repeated,
        mend="set `repeats` to 4 or more",
    ),
    Artefact(name="verdict", title="Verdict, with every rule and its expiry", files=("verdict.json",)),
    Artefact(
        name="review-items",
        title="What a person should look at",
        files=("verdict.json",),
        held=lambda audit: bool(audit.verdict.review_items),
        mend="nothing was found for a person to look at",
    ),
    Artefact(name="limits", title="What the audit cannot tell", files=("audit.json",)),
    Artefact(
        name="identity",
        title="Fingerprints of candidate and baseline",
        files=("audit.json",),
    ),
    Artefact(
        name="weights",
        title="Digests of the candidate's own weights",
        files=("audit.json",),
        held=lambda audit: audit.candidate.strength == "weights",
        mend="audit the weights themselves rather than an endpoint",
    ),
    Artefact(name="checksums", title="Digests of every sealed file", files=("SHA256SUMS",)),
    Artefact(name="report", title="The report for people", files=("report.html",)),
    Artefact(
        name="examples",
        title="Prompts with both models' answers",
        files=("examples.json",),
        held=lambda audit: bool(audit.examples),
        mend="withheld from this bundle, or nothing changed; ask for a bundle with examples",
    ),
    Artefact(
        name="commitments",
        title="Salted commitments to every record, for spot checks",
        files=("commitments.jsonl.gz",),
        mend="audit with a version that writes the evidence log",
    ),
    Artefact(
        name="signed-verdict",
        title="Signed verdict",
        files=("verdict.dsse.json",),
        mend=_SIGN,
    ),
    Artefact(name="test-results", title="Signed test results", files=("tests/*.dsse.json",), mend=_SIGN),
    Artefact(
        name="opened",
        title="Entry made in the log before the first question",
        files=("log/opened.json",),
        mend="audit with a version that writes the evidence log",
    ),
    Artefact(
        name="closed",
        title="Closing entry of the log, with all counts",
        files=("log/closed.json",),
        mend="audit with a version that writes the evidence log",
    ),
    Artefact(
        name="log-proof",
        title="Proof that the verdict stands in the log",
        files=("proof.tlog-proof",),
        mend="sign the log's tree heads: `modelassay keys new`",
    ),
    Artefact(
        name="training-data",
        title="Declared training data, with digests and origin",
        files=("lineage.json",),
        held=_declared(lambda declared: declared.training_data),
        mend=_LINEAGE,
    ),
    Artefact(
        name="data-handling",
        title="Declared consent, personal data and retention",
        files=("lineage.json",),
        held=_declared(_data_handling),
        mend=_LINEAGE,
    ),
    Artefact(
        name="licences",
        title="Declared licences of data and models",
        files=("lineage.json",),
        held=_declared(_licences),
        mend=_LINEAGE,
    ),
    Artefact(
        name="base-model",
        title="Declared base model and adapters",
        files=("lineage.json",),
        held=_declared(lambda declared: declared.base or declared.adapters),
        mend=_LINEAGE,
    ),
    Artefact(
        name="recipe",
        title="Declared training recipe",
        files=("lineage.json",),
        held=_declared(lambda declared: declared.recipe != Recipe()),
        mend=_LINEAGE,
    ),
    Artefact(
        name="rerun",
        title="Commands and seeds that repeat the audit",
        files=("audit.json", "plan.json"),
        held=lambda audit: bool(audit.reproduce),
        mend="run the audit from a plan file",
    ),
)

ARTEFACTS = {artefact.name: artefact for artefact in _ALL}
"""Every piece by name."""
