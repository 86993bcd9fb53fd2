"""The admission policy: whose verdict about what lets which weights in where.

A file of its own, kept by whoever runs the deployment, not by who trains the model.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec

from modelassay.config.coerce import to_record
from modelassay.config.source import Source, read_yaml

_DURATION = re.compile(r"([1-9]\d{0,5})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_AGE = 31 * 86400
_LONGEST_SKEW = 3600
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class AdmissionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be proved before weights are deployed. Paths are relative to the file."""

    version: Literal[1]
    """Of the file's form."""
    keys: tuple[str, ...]
    """Files with the public keys whose signatures make a verdict valid."""
    signatures: int = 1
    """How many different keys of `keys` must have signed."""
    people: tuple[str, ...] = ()
    """Files with public keys of persons; only they can sign verdicts off, accept risks, and sign risk
    assessments."""
    person_required: bool = False
    """Whether one of `people` must have signed the verdict too."""
    log: str
    """File with the log's verifier key, or with a trust policy that names the log, its witnesses and
    their quorum."""
    revocation_keys: tuple[str, ...] = ()
    """Files with the public keys that may sign the list of standing and withdrawn verdicts; `keys` when
    empty. Name another key than the pipeline's, and a stolen verdict key cannot hide its revocation."""
    outcomes: tuple[Literal["deploy", "deploy-monitored"], ...] = ("deploy", "deploy-monitored")
    """Verdicts that let weights in; `deploy-monitored` only while one of `people` accepts its risk."""
    waivers: bool = False
    """Whether a `review` verdict is let in once as many of `people` as the audit's policy asks for signed off
    a written risk assessment, until that expires."""
    target: str
    """Where this deployment goes; must equal the verdict's `resourceUri` (the plan's release target).
    Empty only when written so: then `--target` names it, or the verdict must name none."""
    line: str = ""
    """The release line that the verdict must belong to; empty takes any."""
    max_age: str = "24h"
    """Oldest tree head and list of withdrawn verdicts to rely on: a whole number of s, m, h or d."""
    clock_skew: str = "5m"
    """How far other clocks may be ahead of this one."""
    policy_digests: tuple[str, ...] = ()
    """Audit policies that a verdict may have been reached under, as `sha256:…`; empty takes any."""

    @property
    def max_age_s(self) -> int:
        """`max_age` in seconds."""
        return _seconds(self.max_age)

    @property
    def clock_skew_s(self) -> int:
        """`clock_skew` in seconds."""
        return _seconds(self.clock_skew)


def load_admission(path: Path) -> AdmissionPolicy:
    """The admission policy in the file at `path`.

    Raises:
        ConfigError: naming file, line, key and mend.
    """
    source = read_yaml(path)
    policy = to_record(source, AdmissionPolicy)
    _check_keys(policy, source)
    _check_ages(policy, source)
    if not policy.outcomes:
        raise source.error("$.outcomes", "lets nothing in", "write outcomes: [deploy, deploy-monitored]")
    for index, digest in enumerate(policy.policy_digests):
        if not _DIGEST.fullmatch(digest):
            mend = "write sha256: and 64 lower-case hexadecimal digits"
            raise source.error(f"$.policy_digests[{index}]", f"{digest!r} is not a digest", mend)
    return policy


def _check_keys(policy: AdmissionPolicy, source: Source) -> None:
    if not policy.keys:
        raise source.error("$.keys", "no key is named", "name the public keys whose verdicts count")
    if not policy.log.strip():
        raise source.error("$.log", "is empty", "name the file with the log's verifier key")
    if not 1 <= policy.signatures <= len(policy.keys):
        mend = f"write a number from 1 to {len(policy.keys)}, or name more keys"
        raise source.error("$.signatures", f"{policy.signatures} of {len(policy.keys)} keys", mend)
    if policy.person_required and not policy.people:
        raise source.error("$.person_required", "no person's key is named", "add people: [their keys]")
    if policy.waivers and not policy.people:
        raise source.error("$.waivers", "nobody can sign a risk assessment off", "add people: [their keys]")


def _check_ages(policy: AdmissionPolicy, source: Source) -> None:
    for name, longest in (("max_age", _LONGEST_AGE), ("clock_skew", _LONGEST_SKEW)):
        text = getattr(policy, name)
        if not _DURATION.fullmatch(text):
            mend = "write a whole number and its unit, such as 24h, 90m or 7d"
            raise source.error(f"$.{name}", f"{text!r} is not a duration", mend)
        if _seconds(text) > longest:
            raise source.error(f"$.{name}", f"must be at most {longest} seconds")


def _seconds(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration: {text!r}")
    return int(match[1]) * _SECONDS[match[2]]
