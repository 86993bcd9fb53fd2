"""The plan of an audit as typed records: what is asked of whom, and what may be spent.

The file form is YAML (`config.load`); every field's docstring is its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from modelassay.canonical import Digest, digest_bytes
from modelassay.records import Declaration, Decoding, PublishedEvaluation, RiskContext, SampleKind
from modelassay.records.noise_floor import AGAIN


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model costs, in the currency of the budget."""

    input_per_million: str
    """Decimal string, for a million input tokens."""
    output_per_million: str
    """Decimal string, for a million output tokens."""

    def of(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What so many tokens cost, exactly."""
        million = Decimal(self.input_per_million) * input_tokens
        million += Decimal(self.output_per_million) * output_tokens
        return million / 1_000_000


class ModelReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model to ask. System prompt and chat template belong to it: they change its answers."""

    model: str
    """``openai:MODEL@BASE_URL``, ``hf:PATH_OR_HUB_ID[@REVISION][+ADAPTER…]``, ``inspect:PROVIDER/MODEL``
    or ``python:MODULE:CALLABLE``; with ``again:`` in front the same model, decoded with other seeds."""
    system_prompt: str = ""
    """Text put before every conversation, or ``@FILE`` to read it from a file; it is sealed with the audit.
    On one model alone it is said at the head, and on the baseline alone people are asked to read it."""
    chat_template: str = ""
    """``@FILE`` with a Jinja chat template in place of the model's own (local models only)."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; never the key itself."""
    price: Price | None = None
    """For forecasts, and for a budget in money."""
    concurrency: int = 64
    """Most requests under way at once (served models)."""
    batch_size: int = 64
    """Rows generated at once (local models)."""
    timeout_s: float = 120.0
    """Seconds for one request, retries apart."""
    retries: int = 5
    """How often a request is tried again after a transient failure."""
    options: dict[str, str] = {}
    """Further options of the model's kind, such as ``device: cuda`` or ``dtype: bfloat16``."""

    @property
    def scheme(self) -> str:
        """The kind of model, the name of its plugin: ``openai``, ``hf``, …; ``again:`` in front is none."""
        return self.model.removeprefix(AGAIN).partition(":")[0]

    @property
    def address(self) -> str:
        """What follows the scheme."""
        return self.model.removeprefix(AGAIN).partition(":")[2]


class DatasetReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Samples to ask."""

    use: str
    """``starter``, the name of a known source, or a path to JSONL, CSV or Parquet; optionally pinned
    as ``NAME@sha256:…``."""
    columns: dict[str, str] = {}
    """For files: which column holds ``prompt``, ``messages``, ``kind``, ``reference``, ``context``,
    ``choices``, ``cluster``, ``tools``; every other column named here becomes a tag."""
    kind: Literal["", "harmful", "borderline", "benign"] = ""
    """For files without a kind column: the kind of every row."""
    where: dict[str, str] = {}
    """Keep only rows with these tags."""
    limit: int = 0
    """Keep at most this many rows, drawn with the plan's seed and spread over categories; 0 is all."""
    dated: str = ""
    """For files: the day on which the rows were written, `YYYY-MM-DD`, or `YYYY-MM` where only the month is
    known, for a policy that limits their age. Other datasets bring theirs; a file of regression items has the
    newest day on which one was found."""


class EvaluatorReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An evaluator with its settings."""

    use: str
    """Name of an installed evaluator."""
    settings: dict[str, Any] = {}
    """Settings of that evaluator, such as ``judge`` for a model that judges; ``@FILE`` stands for the text of
    a file, relative to the plan."""

    @property
    def pinned(self) -> dict[str, str]:
        """The settings as texts, as a record keeps them."""
        return {key: _as_text(value) for key, value in sorted(self.settings.items())}


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list | tuple):
        return msgspec.json.encode(value, order="sorted").decode()
    return str(value)


class AttackReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frozen attack with its settings."""

    use: str
    """Name of an installed attack, see `modelassay redteam list`; ``all`` is every frozen attack that needs
    no settings."""
    settings: dict[str, Any] = {}
    """Settings of that attack, such as ``shift`` of ``caesar``; paths are relative to the plan."""
    dated: str = ""
    """Where it puts texts of your own, the day on which they were written, `YYYY-MM-DD`, or `YYYY-MM` where
    only the month is known. Conversations that were found have their own."""


class AttackChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A strategy of a campaign with its settings."""

    use: str
    """Such as ``crescendo``; one of your own as ``MODULE:CLASS``."""
    settings: dict[str, Any] = {}


class RedTeam(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Attacks that samples of the datasets are put under, beside being asked as they are."""

    attacks: tuple[AttackReference, ...]
    """Each is put to every sample that is attacked."""
    kinds: tuple[SampleKind, ...] = ("harmful",)
    """Only samples of these kinds are attacked."""
    where: dict[str, str] = {}
    """Only samples with these tags are attacked."""
    limit: int = 0
    """Attack at most this many samples, the same under every attack, drawn with the plan's seed and spread
    over categories; 0 is all."""
    forms: int = 1
    """Of an attack that has several forms (templates, suffixes), ask at most this many of each sample; 0 is
    all that it has. The ``attempts`` of ``best_of_n`` are one attack and are all asked. An attack in several
    forms is besides judged as one: resisted only where every form was."""


class ExaminationReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of an examination, and what you vouch for where nothing in it shows that."""

    file: str
    """Relative to the plan."""
    candidate_model: str = ""
    """You vouch that this model, named as the file names it, is the plan's candidate: where one was reached
    through a server and the other is weights, nothing else ties them, and the examination is no evidence that
    a policy requires. It stands in the report as your word."""


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits; reaching one stops the audit cleanly, and the same command resumes it. 0 is no limit."""

    requests: int = 0
    """To both models and all judge models together; what is tried again counts once."""
    tokens: int = 0
    """Input and output tokens of all of them together."""
    money: str = "0"
    """Decimal string, in the currency of the prices."""
    minutes: float = 0.0
    """Of one run of the command. What a served model is asked then may take as long as one request may
    (`timeout_s`), and nothing is tried again."""


class Output(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where results go."""

    store: str = "assay"
    """Folder with the journal and the sealed audits, relative to where the command runs; `--store` and
    `MODELASSAY_STORE` replace it."""
    reports: tuple[str, ...] = ()
    """Further files to write, relative to the plan; the suffix chooses the format."""


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The release that the candidate is meant for."""

    line: str = ""
    """Name under which successive candidates follow each other; every audit opened for it is counted. Empty
    takes the plan's name."""
    target: str = ""
    """Where the candidate is to be deployed, as a URI; the signed verdict holds there and nowhere else."""


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the suite is asked before the gate decides."""

    mode: Literal["fixed", "sequential"] = "fixed"
    """`fixed` asks all of it. `sequential` draws questions in an order that is logged before the first, and
    stops once no further one could change the action of the deployment table."""
    batch: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 64
    """Pairs of each banded measure that are drawn between two looks; sequential mode only."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One audit."""

    version: Literal[1]
    """Of the file's form."""
    name: str
    """For people, in lists and reports."""
    baseline: ModelReference
    """The model that the candidate came from."""
    candidate: ModelReference
    """The model to decide about."""
    datasets: tuple[DatasetReference, ...]
    """Put to both models, each content once."""
    evaluators: tuple[EvaluatorReference, ...] = (EvaluatorReference(use="refusal"),)
    """What reads the answers."""
    red_team: RedTeam | None = None
    """Attacks to put samples under; nothing is attacked when it is absent."""
    slices: tuple[str, ...] = ("category",)
    """Tags to compare by; ``a*b`` crosses two."""
    decoding: Decoding = Decoding()
    """How answers are generated, the same for both models."""
    repeats: int = 1
    """How often each sample is asked; 3 or more for consistency, 4 or more for edge cases."""
    seed: int = 1
    """Decides the order of asking, what a `limit` keeps, and sampled answers."""
    policy: str = ""
    """Name of a policy of the package, such as `finetuning-default`, or path of a policy file relative to
    the plan; empty takes the default policy."""
    context: RiskContext | None = None
    """Deployment context; replaces the policy's own, and can only tighten."""
    gate: GateSettings = GateSettings()
    """Whether the whole suite is asked."""
    lineage: Declaration | None = None
    """What the candidate was made from: data, base model, licences, recipe."""
    examinations: tuple[str | ExaminationReference, ...] = ()
    """Files of examinations to take in, relative to the plan: what `modelassay redteam run` and `modelassay
    inspect` wrote; or `{file: …, candidate_model: …}` of one that was made through another way to the
    candidate."""
    provider_evaluations: tuple[PublishedEvaluation, ...] = ()
    """Figures that the provider of a model publishes of its own evaluations, mapped onto measures and slices
    of this audit; shown as context, never counted."""
    release: Release = Release()
    """The release that the candidate is meant for."""
    budget: Budget = Budget()
    """What may be spent."""
    output: Output = Output()
    """Where results go."""
    notes: tuple[str, ...] = ()
    """Sentences of your own for the head of every report, after the product's and named as the author's."""

    @property
    def line(self) -> str:
        """The release line that its candidate belongs to."""
        return self.release.line or self.name


def substance(plan: Plan) -> Plan:
    """`plan` without what cannot change an answer or a verdict: budget, output, notes, and how models are
    reached (what decides their answers is in their fingerprints)."""
    bare: dict[str, Any] = {"budget": Budget(), "output": Output(), "notes": ()}
    for side in ("baseline", "candidate"):
        bare[side] = ModelReference(model=getattr(plan, side).model)
    return msgspec.structs.replace(plan, **bare)


def plan_digest(plan: Plan) -> Digest:
    """The digest of the `substance` of `plan`: of its JSON with sorted keys, as msgspec writes it, without
    the keys whose values are their defaults. So a key that later versions add changes no digest."""
    return digest_bytes(msgspec.json.encode(_chosen(substance(plan)), order="sorted"))


def _chosen(value: Any) -> Any:
    """`value` as plain data, without what was left at its default."""
    if isinstance(value, msgspec.Struct):
        named = {f.encode_name: (getattr(value, f.name), f) for f in msgspec.structs.fields(value)}
        return {name: _chosen(one) for name, (one, f) in named.items() if one != _default(f)}
    if isinstance(value, Mapping):
        return {key: _chosen(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_chosen(one) for one in value]
    return value


def _default(field: msgspec.structs.FieldInfo) -> Any:
    """What `field` has when nothing is said; never equal to a value where something must be."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
