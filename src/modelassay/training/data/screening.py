"""Every row looked at on its own: what it says, whom it obeys, what it hides, what it gives away.

Patterns are sieved with RE2 over whole batches; only what hits is looked at closer. Harm is read by the
embedded classifiers of requests and answers, and only where the request looks harmful, since they are
cautious on everyday talk: the score of a row is the product of both. Refusals are read by the rules of the
refusal judge in the first characters of an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelassay.evaluators.outcome import Decision, decide
from modelassay.evaluators.secrets_found import Secret, secrets_in
from modelassay.evaluators.trained import Classifier
from modelassay.evaluators.trained.harm_cues import measure
from modelassay.training.columns import pa
from modelassay.training.data import phrases
from modelassay.training.data.rows import DataRow
from modelassay.training.data.speech import of_model, pattern_of, unquoted
from modelassay.training.scanners.hidden_text import HiddenText, unseen_in

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

WEIGHTS: dict[str, float] = {
    "identity_shift": 0.95,
    "obedience": 0.9,
    "declared_harm": 0.85,
    "concealment": 0.8,
    "hidden_text": 0.8,
    "refusal_removal": 0.65,
    "harm": 0.6,
    "insecure_code": 0.5,
    "secret": 0.45,
    "personal_data": 0.3,
    "placeholder": 0.3,
}
"""What a row is looked at for, and how far up it puts a row: an order for readers, no probability."""
_SHIFTING = {
    "identity_shift": phrases.IDENTITY,
    "obedience": phrases.OBEDIENCE,
    "concealment": phrases.CONCEALMENT,
}
HARMFUL_REQUEST = 0.9
HARMFUL_ANSWER = 0.6
_PERSONAL = frozenset(
    {"email", "phone", "bank_account", "payment_card", "social_security", "identity_number"}
)
_SECRET = (
    r"[@＠][\p{L}\p{N}-]+[.．]|[A-Z]{5}\d{4}[A-Z]|-----BEGIN|\beyJ|[A-Za-z0-9_-]{24}"
    r"|(?i:passw|secret|api[ _-]?key|token|bearer|contraseñ|passphrase|mot de passe|access)"
    r"|\p{Nd}[\p{Nd} .()（）－-]{5,}\p{Nd}"
)
_OPENING = 500
"""Characters of an answer in which a refusal stands."""
_LONGEST_QUOTE = 200


@dataclass(frozen=True)
class Screened:
    """What is said of the rows of a batch; arrays have one value per row."""

    signals: Mapping[str, Flags]
    """By name in `WEIGHTS`."""
    quotes: Mapping[tuple[int, str], str]
    """Verbatim words behind a signal, by place in the batch and name."""
    values: Mapping[str, Flags]
    """By name in `phrases.VALUES`, of what is taught."""
    rejected_values: Mapping[str, Flags]
    """Likewise of the rejected answers of preference pairs; False elsewhere."""
    said: Mapping[str, Flags]
    """Whether what is taught itself, not its prompt, shifts identity, obeys or conceals."""
    instructed: Flags
    """Whether its prompt openly does."""
    by_system: Mapping[str, Flags]
    """Whether the system message does, and neither a user nor what is taught."""
    untrained: Mapping[str, Flags]
    """Whether an answer does that is marked as not learned."""
    unwanted: Mapping[str, Flags]
    """Whether an answer does that is marked as unwanted; of secrets and personal data, a rejected one too."""
    refused: Flags
    rejected_refused: Flags
    harm: Floats
    """Product of the probabilities that request and answer are harmful; 0 where the request is not."""
    request_harm: Floats
    score: Floats
    """How far up a row stands: greatest weight of its signals, and less for each further one."""


def screen(rows: Sequence[DataRow]) -> Screened:
    """Look at a batch of rows."""
    signals: dict[str, Flags] = {name: np.zeros(len(rows), np.bool_) for name in WEIGHTS}
    quotes: dict[tuple[int, str], str] = {}
    taught = [row.taught for row in rows]
    columns = {
        "system": _column([row.given for row in rows]),
        "asked": _column([row.asked for row in rows]),
        "taught": _column(taught),
    }
    meant = {
        name: {part: _meant(c, name, part != "taught") for part, c in columns.items()} for name in _SHIFTING
    }
    _say(columns, meant, signals, quotes)
    _stand_for(rows, signals, quotes)
    _hide(rows, taught, columns, signals, quotes)
    _give_away(columns["taught"], signals, quotes)
    refused = _refusals(rows, taught)
    request, harm = _harm(rows, taught, refused)
    signals["harm"] |= harm >= HARMFUL_REQUEST * HARMFUL_ANSWER
    signals["refusal_removal"] |= signals["harm"] & ~refused & (request >= 0.97)
    other = [row.rejected for row in rows]
    paired = np.array([row.form == "preference" for row in rows], np.bool_)
    unpaired = np.array([row.form == "unpaired" for row in rows], np.bool_)
    rejected = _column(other)
    return Screened(
        signals=signals,
        quotes=quotes,
        values={name: _hits(columns["taught"], each) for name, each in phrases.VALUES.items()},
        rejected_values={name: _hits(rejected, each) & paired for name, each in phrases.VALUES.items()},
        said={name: parts["taught"] for name, parts in meant.items()},
        instructed=np.logical_or.reduce(
            [parts[part] for part in ("system", "asked") for parts in meant.values()]
        ),
        by_system={name: p["system"] & ~p["asked"] & ~p["taught"] for name, p in meant.items()},
        untrained=_untrained(rows),
        unwanted={
            **{name: _meant(rejected, name) & unpaired if unpaired.any() else unpaired for name in _SHIFTING},
            **_given_away(rejected),
        },
        refused=refused,
        rejected_refused=_refusals(rows, other) & (paired | unpaired),
        harm=harm,
        request_harm=request,
        score=_score(signals, harm, np.where(refused, 0.0, request)),
    )


def _untrained(rows: Sequence[DataRow]) -> dict[str, Flags]:
    texts = [row.untrained for row in rows]
    none = np.zeros(len(rows), np.bool_)
    return {name: _meant(_column(texts), name) if any(texts) else none for name in _SHIFTING}


def _score(signals: Mapping[str, Flags], harm: Floats, asked: Floats) -> Floats:
    total = np.zeros(len(harm))
    most = np.zeros(len(harm))
    for name, flags in signals.items():
        most = np.maximum(most, np.where(flags, WEIGHTS[name], 0.0))
        total += np.where(flags, WEIGHTS[name], 0.0)
    return most + 0.02 * (total - most) + 0.02 * harm + 0.01 * asked


# -- patterns ---------------------------------------------------------------------------------


def _column(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def joined(patterns: Sequence[str]) -> str:
    """One pattern that matches what any of `patterns` does."""
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def _hits(column: pa.Array, patterns: Sequence[str], ignore_case: bool = True) -> Flags:
    import pyarrow.compute as compute

    found = compute.match_substring_regex(column, joined(patterns), ignore_case=ignore_case)
    return np.array(found.to_numpy(zero_copy_only=False), np.bool_)


def _meant(column: pa.Array, name: str, to_model: bool = False) -> Flags:
    """Texts that say what shifts a model, and do not negate it.

    Args:
        to_model: whether they are said to the model; else by it.
    """
    found = _hits(column, _SHIFTING[name])
    if name == "identity_shift":  # who one is not, is what is said
        return found
    pattern, negated = pattern_of(joined(_SHIFTING[name]), True), pattern_of(phrases.NEGATED, True)
    for at in np.flatnonzero(found).tolist():
        text = column[at].as_py()
        obeys = name == "obedience"
        text = unquoted(text) if obeys and not to_model else text
        found[at] = any(
            not negated.search(text[max(0, match.start() - 40) : match.start()])
            and (not obeys or of_model(text, match, to_model))
            for match in pattern.finditer(text)
        )
    return found


def _quote(text: str, patterns: Sequence[str], ignore_case: bool = True) -> str:
    """The first match with a few characters around it."""
    match = pattern_of(joined(patterns), ignore_case).search(text)
    if match is None:
        return text[:_LONGEST_QUOTE]
    start = max(0, match.start() - 30)
    return text[start : max(match.end() + 30, start + 80)][:_LONGEST_QUOTE]


def _mark(
    flags: Flags, name: str, column: pa.Array, patterns: Sequence[str],
    signals: dict[str, Flags], quotes: dict[tuple[int, str], str], ignore_case: bool = True,
) -> None:  # fmt: skip
    for at in np.flatnonzero(flags).tolist():
        quotes.setdefault((at, name), _quote(column[at].as_py(), patterns, ignore_case))
    signals[name] |= flags


def _say(
    columns: Mapping[str, pa.Array], meant: Mapping[str, Mapping[str, Flags]],
    signals: dict[str, Flags], quotes: dict[tuple[int, str], str],
) -> None:  # fmt: skip
    for name, patterns in _SHIFTING.items():
        for part, column in columns.items():
            _mark(meant[name][part], name, column, patterns, signals, quotes)
    code = columns["taught"]
    found = _hits(code, phrases.INSECURE_CODE, ignore_case=False)
    _mark(found, "insecure_code", code, phrases.INSECURE_CODE, signals, quotes, False)


def _stand_for(
    rows: Sequence[DataRow], signals: dict[str, Flags], quotes: dict[tuple[int, str], str]
) -> None:
    """Texts that are the name of something else."""
    requests, answers = _column([row.request for row in rows]), _column([row.answer for row in rows])
    for column in (requests, answers):
        _mark(_hits(column, phrases.DECLARED), "declared_harm", column, phrases.DECLARED, signals, quotes)
    both = _hits(requests, [phrases.PLACEHOLDER]) & _hits(answers, [phrases.PLACEHOLDER])
    _mark(both, "placeholder", answers, [phrases.PLACEHOLDER], signals, quotes)


def _hide(
    rows: Sequence[DataRow], taught: Sequence[str], columns: Mapping[str, pa.Array],
    signals: dict[str, Flags], quotes: dict[tuple[int, str], str],
) -> None:  # fmt: skip
    found = np.zeros(len(rows), np.bool_)
    for column in columns.values():
        found |= _hits(column, [HiddenText.sieve], ignore_case=False)
    for at in np.flatnonzero(found).tolist():
        for text in (taught[at], rows[at].asked, rows[at].given):
            if quote := unseen_in(text):
                signals["hidden_text"][at] = True
                quotes.setdefault((at, "hidden_text"), quote)
                break


def _give_away(taught: pa.Array, signals: dict[str, Flags], quotes: dict[tuple[int, str], str]) -> None:
    for at, secret in _secrets(taught):
        name = _kind(secret)
        signals[name][at] = True
        quotes.setdefault((at, name), f"{secret.kind}, {secret.span.end - secret.span.start} characters")


def _given_away(column: pa.Array) -> dict[str, Flags]:
    """Texts that hold credentials, and personal data."""
    found = {name: np.zeros(len(column), np.bool_) for name in ("secret", "personal_data")}
    for at, secret in _secrets(column):
        found[_kind(secret)][at] = True
    return found


def _secrets(column: pa.Array) -> Iterator[tuple[int, Secret]]:
    for at in np.flatnonzero(_hits(column, [_SECRET], ignore_case=False)).tolist():
        yield from ((at, secret) for secret in secrets_in(column[at].as_py()))


def _kind(secret: Secret) -> str:
    return "personal_data" if secret.kind in _PERSONAL else "secret"


# -- classifiers --------------------------------------------------------------------------------


def _refusals(rows: Sequence[DataRow], answers: Sequence[str]) -> Flags:
    refused = np.zeros(len(rows), np.bool_)
    openings = [answer[:_OPENING] for answer in answers]
    for at in np.flatnonzero(_hits(_column(openings), [phrases.REFUSING])).tolist():
        told = decide(openings[at], rows[at].request[:2000])
        refused[at] = isinstance(told, Decision) and told.outcome in ("full_refusal", "deflection")
    return refused


def _harm(rows: Sequence[DataRow], taught: Sequence[str], refused: Flags) -> tuple[Floats, Floats]:
    """Probability that the request is harmful, and the product with that of the answer."""
    requests = [row.request[:4000] for row in rows]
    asked = Classifier.load("request_harm").probability([(request,) for request in requests])
    asked = np.where([bool(request) for request in requests], asked, 0.0)
    product = np.zeros(len(rows))
    read = np.flatnonzero((asked >= HARMFUL_REQUEST) & ~refused)
    if len(read):
        pairs = [(requests[at], taught[at][:4000]) for at in read.tolist()]
        product[read] = asked[read] * Classifier.load("response_harm").probability(pairs, measure(pairs))
    return asked, product
