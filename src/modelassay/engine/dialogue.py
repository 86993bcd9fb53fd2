"""One conversation in the making: what to send next, what came back, the scripted parts of tools and user."""

from __future__ import annotations

import msgspec

from modelassay.canonical import Digest
from modelassay.engine.budget import Spend, estimated_tokens
from modelassay.engine.questions import Question, request_seed
from modelassay.records import Decoding, Failure, Likelihood, Message, Reply, Request, Transcript

MAX_TOOL_ROUNDS = 4
"""How often the scripted tools answer one user turn; the assistant's next word on it then stands as it is."""


class Dialogue:
    """A question being put to one model.

    A sample whose tools have scripted results is played through: each call gets the tool's result
    and the model is asked again, at most `MAX_TOOL_ROUNDS` times. Then the sample's next follow-up is put, if
    it has one; what the model says to the last of them is the answer. A failure on the way ends it all.
    """

    __slots__ = (
        "_failure",
        "_followed",
        "_last",
        "_likelihoods",
        "_rounds",
        "_seed",
        "_turns",
        "decoding",
        "need",
        "question",
        "used",
    )

    def __init__(self, question: Question, decoding: Decoding) -> None:
        self.question = question
        self.decoding = decoding
        self.used = Spend()
        """What this conversation took so far."""
        self.need = Spend()
        """What was held back for it in the budget."""
        self._seed = request_seed(question.key)
        self._turns: tuple[Message, ...] = ()
        self._last: Reply | None = None
        self._likelihoods: tuple[Likelihood, ...] = ()
        self._failure: Failure | None = None
        self._followed = 0
        """Follow-ups put so far."""
        self._rounds = 0
        """How often tools answered since the last user turn."""

    def most(self, *, count_tokens: bool) -> Spend:
        """The most that this conversation may take; tokens only when they are counted."""
        sample = self.question.sample
        rounds = (1 + MAX_TOOL_ROUNDS * self._scripted) * (1 + len(sample.follow_ups))
        if not count_tokens:
            return Spend(rounds)
        answer = self.decoding.max_tokens
        first = estimated_tokens(sample.messages)
        if sample.tools:
            first += len(msgspec.json.encode(sample.tools)) // 3
        growth = answer + max((len(tool.result.encode()) // 3 + 8 for tool in sample.tools), default=0)
        growth += max((len(turn.encode()) // 3 + 8 for turn in sample.follow_ups), default=0)
        return Spend(rounds, rounds * first + growth * rounds * (rounds - 1) // 2, rounds * answer)

    def request(self) -> Request:
        """What to send next."""
        sample = self.question.sample
        messages = sample.messages + self._turns if self._turns else sample.messages
        return Request(
            messages=messages,
            tools=sample.tools,
            decoding=self.decoding,
            seed=self._seed,
            choices=() if self._turns else sample.choices,
        )

    def take(self, outcome: Reply | Failure) -> bool:
        """Add what came back; True when the model is to be asked again."""
        if isinstance(outcome, Failure):
            self._failure = outcome
            self._spend(0, 0)
            return False
        self._last = outcome
        self._likelihoods = self._likelihoods or outcome.likelihoods
        self._spend(*self._tokens(outcome))
        self._turns = (*self._turns, outcome.message)
        if outcome.message.tool_calls and self._scripted and self._rounds < MAX_TOOL_ROUNDS:
            self._rounds += 1
            self._turns += self._tool_turns(outcome.message)
            return True
        return self._follow_up()

    def _follow_up(self) -> bool:
        """Put the next scripted user turn, if there is one."""
        follow_ups = self.question.sample.follow_ups
        if self._followed == len(follow_ups):
            return False
        self._turns += (Message(role="user", content=follow_ups[self._followed]),)
        self._followed += 1
        self._rounds = 0
        return True

    def transcript(self, fingerprint: Digest) -> Transcript:
        """The conversation as it stands."""
        last = self._last
        return Transcript(
            key=self.question.key,
            target=fingerprint,
            messages=self._turns,
            finish=last.finish if last else "unknown",
            input_tokens=self.used.input_tokens,
            output_tokens=self.used.output_tokens,
            served_model=last.served_model if last else "",
            likelihoods=self._likelihoods,
            failure=self._failure,
        )

    @property
    def _scripted(self) -> bool:
        return any(tool.result for tool in self.question.sample.tools)

    def _tool_turns(self, message: Message) -> tuple[Message, ...]:
        results = {tool.name: tool.result for tool in self.question.sample.tools}
        return tuple(
            Message(
                role="tool",
                content=results.get(call.name, "error: no such tool"),
                tool_call_id=call.id,
            )
            for call in message.tool_calls
        )

    def _tokens(self, reply: Reply) -> tuple[int, int]:
        """Tokens of one request as reported, or estimated where a server reports none."""
        if reply.input_tokens or reply.output_tokens or not self.need.output_tokens:
            return reply.input_tokens, reply.output_tokens
        asked = self.question.sample.messages + self._turns
        return estimated_tokens(asked), estimated_tokens((reply.message,))

    def _spend(self, input_tokens: int, output_tokens: int) -> None:
        used = self.used
        self.used = Spend(
            used.requests + 1, used.input_tokens + input_tokens, used.output_tokens + output_tokens
        )
