"""What is asked and what is answered: samples, requests, replies, transcripts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from modelassay.canonical import Digest, digest_of

Role = Literal["system", "user", "assistant", "tool"]
SampleKind = Literal["harmful", "borderline", "benign"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "unknown"]
Origin = Literal["eval", "redteam", "production", "rollout"]


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that an assistant asks for."""

    id: str
    """The call's id, repeated by the tool message that answers it."""
    name: str
    """Name of the tool."""
    arguments: str
    """Arguments as JSON text, kept as the model wrote them (it may be malformed)."""


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn of a conversation."""

    role: Role
    content: str
    """The text; empty for an assistant turn that only calls tools."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls asked for by an assistant turn."""
    tool_call_id: str = ""
    """For a tool turn, the id of the call it answers."""


class Tool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool offered to the model, with the scripted result that stands in for the world."""

    name: str
    description: str
    parameters: dict[str, Any] = {}
    """JSON Schema of the arguments."""
    result: str = ""
    """What every call of this tool returns in the scripted sandbox."""


class Choice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One option that a question leaves to choose from."""

    text: str
    """The option in full, such as ``Paris``."""
    label: str = ""
    """What it is listed under in the prompt, such as ``A`` or ``(A)``; empty when options are not listed."""

    @property
    def continuation(self) -> str:
        """What a model that chooses this says first: the label, or the text of an unlisted option."""
        return self.label or self.text


class AttackedRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands behind a sample that an attack made of another one."""

    sample: str
    """Id of the sample that was attacked."""
    attack: str
    """The attack's id, ``name@version#digest``."""
    family: str
    request: str
    """What is really asked for: the text of the attacked sample's last user turn. Whoever judges an answer
    judges it against this."""
    dated: str = ""
    """Day on which the attack was written or last changed, ISO 8601; empty when not known."""
    known: bool = False
    """Whether its words were kept for what came of them on some model. Of two that are alike the one that
    they were found on falls more often, so they say nothing of which is weaker."""


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One input; both models are given exactly this."""

    id: str
    """Digest of the content (`sample_id`): equal content has equal id, whatever its row."""
    messages: tuple[Message, ...]
    """The conversation so far, ending with the turn to be answered."""
    kind: SampleKind
    """`harmful` should be refused, `benign` should be helped, `borderline` has no settled answer."""
    tools: tuple[Tool, ...] = ()
    """Tools offered, with scripted results."""
    reference: str = ""
    """A reference answer, where the dataset has one."""
    context: str = ""
    """Source text that the answer should rest on, where the dataset has one."""
    choices: tuple[Choice, ...] = ()
    """Options to choose from, in the order of the prompt; a target that can also weighs them
    (`Request.choices`)."""
    tags: dict[str, str] = {}
    """Columns to slice by: category, language, persona, clause, source dataset, …"""
    follow_ups: tuple[str, ...] = ()
    """Further user turns of a scripted conversation: each is sent once the turn before it was answered, the
    last answer being the one that counts."""
    attacked: AttackedRequest | None = None
    """Set where `messages` and `follow_ups` are an attack's."""
    cluster: str = ""
    """Samples that share a template, a base request or a conversation share this name and are not
    independent; empty means that the sample stands alone."""


class PairKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What makes two transcripts of different targets comparable; never the row order."""

    sample: str
    """Id of the sample."""
    attack: str = ""
    """``id@version`` of the attack that rewrote it, empty when it was put as it is."""
    seed: int = 0
    epoch: int = 0
    """Which repetition, from 0."""


class Decoding(msgspec.Struct, frozen=True, kw_only=True):
    """How answers are generated; the same for both models. In imported audits an empty text, or 0 tokens, is
    what the files do not tell."""

    temperature: str = "0"
    """Decimal string; ``0`` is greedy."""
    top_p: str = "1"
    """Decimal string in (0, 1]."""
    max_tokens: int = 512
    """Most tokens of one answer."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to generate, as a target receives it."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    decoding: Decoding
    seed: int
    """Seed of this very answer, derived from the plan's seed and the pair key."""
    choices: tuple[Choice, ...] = ()
    """Options whose likelihood is wanted beside the answer. A target that has the model's probabilities fills
    `Reply.likelihoods`; any other ignores this."""
    reply_schema: dict[str, Any] = {}
    """JSON Schema that the answer should follow. A target that can hold its model to it does; any other
    ignores this."""


class Likelihood(msgspec.Struct, frozen=True, kw_only=True):
    """How likely a model finds one option as the beginning of its answer."""

    log_likelihood: Decimal
    """Natural logarithm of the probability of all tokens of `Choice.continuation` right after the prompt, to
    four decimal places: further ones depend on how prompts are batched."""
    tokens: int
    """How many tokens that are."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a target answered."""

    message: Message
    finish: FinishReason
    input_tokens: int = 0
    output_tokens: int = 0
    served_model: str = ""
    """The model name that the server says answered; empty for local targets."""
    likelihoods: tuple[Likelihood, ...] = ()
    """One for each of the request's choices, in order; empty where the target cannot tell."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A request that brought no answer, after all retries. Data, not an exception."""

    kind: Literal[
        "timeout",
        "connection",
        "rate_limited",
        "server_error",
        "rejected",
        "bad_response",
        "absent",
        "reported",
    ]
    """`rejected`: the server refused this very request (HTTP 4xx, such as a prompt too long). `absent`: an
    imported file holds no answer. `reported`: an imported file holds an error in its place."""
    message: str
    """One line for people, without secrets."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation with one target on one sample."""

    key: PairKey
    target: Digest
    """Fingerprint of the target that answered."""
    messages: tuple[Message, ...] = ()
    """What followed the messages asked: assistant turns, and tool turns of the scripted sandbox."""
    asked: tuple[Message, ...] | None = None
    """The messages put in place of the sample's own by an attack; None when those were put as they
    are."""
    finish: FinishReason = "unknown"
    input_tokens: int = 0
    output_tokens: int = 0
    served_model: str = ""
    likelihoods: tuple[Likelihood, ...] = ()
    """How likely the model found each of the sample's choices at the first answer; empty where the target
    cannot tell."""
    failure: Failure | None = None
    """Set when no answer came; `messages` then holds what came before the failure."""
    origin: Origin = "eval"

    @property
    def answer(self) -> str:
        """Text of the last assistant turn, empty when there is none."""
        for message in reversed(self.messages):
            if message.role == "assistant":
                return message.content
        return ""


def sample_id(
    messages: tuple[Message, ...],
    *,
    tools: tuple[Tool, ...] = (),
    reference: str = "",
    context: str = "",
    choices: tuple[Choice, ...] = (),
    follow_ups: tuple[str, ...] = (),
) -> str:
    """The id of a sample with this content: a SHA-256 digest of its canonical form.

    Kind, tags and cluster are labels on the content, not content; a dataset's pin covers them.
    """
    content = {"messages": messages, "tools": tools, "reference": reference, "context": context}
    # Samples without these keep the ids that they had before there were any.
    content |= {"choices": choices} if choices else {}
    content |= {"follow_ups": follow_ups} if follow_ups else {}
    return digest_of(content)
