"""From a conversation to tokens, the way the model was trained to read it. Owned by the tokenizer."""

from __future__ import annotations

from typing import Any

import jinja2

from modelassay.canonical import Digest, digest_of
from modelassay.errors import TargetError
from modelassay.records import Failure, Message, Request, Tool
from modelassay.targets.prompt import chat_messages, chat_tools, with_system_prompt

_MARK = "modelassay"


class ChatTemplate:
    """A tokenizer's chat template, or the one that replaces it.

    Jinja templates are run in transformers' sandbox. Special tokens come from the template alone.

    Args:
        tokenizer: a transformers tokenizer.
        replacement: Jinja text in place of the tokenizer's own template, empty for none.
        system_prompt: text put before every conversation.
        window: most tokens of prompt and answer together, 0 for no limit.
        where: the reference, for errors.
        vocabulary: tokens that the model has embeddings for, 0 when that is not known.

    Raises:
        TargetError: there is no template, or it has no place for the system prompt, or none for the request.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        replacement: str,
        system_prompt: str,
        window: int,
        where: str,
        vocabulary: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._template: str | dict[str, str] = replacement or tokenizer.chat_template
        self._system_prompt = system_prompt
        self._window = window
        if not self._template:
            raise TargetError(
                "the model brings no chat template, so it is unknown how it reads a conversation",
                where=where,
                mend="put chat_template.jinja into its folder, or give one in the plan: "
                'chat_template: "@FILE"',
            )
        self._vocabulary = vocabulary
        # No text of more characters than this can fit, whatever the tokens.
        longest_token = max(map(len, tokenizer.get_vocab()), default=1)
        self._longest_text = window * longest_token if window else 0
        self._check_system_prompt(where=where)
        self._check_request(where=where)

    @property
    def text(self) -> str | dict[str, str]:
        """The template as it is used; some models have several by name."""
        return self._template

    @property
    def digest(self) -> Digest:
        """Of the template's text."""
        return digest_of({"template": self._template})

    def tokens(self, request: Request) -> list[int] | Failure:
        """The prompt's tokens; a failure when this conversation cannot be put to this model.

        A conversation that ends with an assistant's text is continued from there, in the same turn.
        """
        messages = with_system_prompt(request.messages, self._system_prompt)
        last = messages[-1] if messages else None
        begun = last is not None and last.role == "assistant" and bool(last.content) and not last.tool_calls
        try:
            text = self._rendered(messages, request.tools, generation_prompt=not begun, continued=begun)
            text.encode()
        except UnicodeEncodeError:
            return Failure(kind="rejected", message="the prompt is not valid Unicode (half a surrogate pair)")
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            return Failure(
                kind="rejected", message=f"the chat template cannot hold this conversation: {error}"
            )
        if self._longest_text and len(text) > self._longest_text:
            return self._too_long(f"{len(text)} characters")
        tokens: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if not tokens:
            return Failure(kind="rejected", message="the chat template makes an empty prompt of it")
        if self._window and len(tokens) >= self._window:
            return self._too_long(f"{len(tokens)} tokens")
        if self._vocabulary and max(tokens) >= self._vocabulary:
            return Failure(
                kind="rejected",
                message=f"the tokenizer makes token {max(tokens)} of it, and the model has "
                f"{self._vocabulary}: they do not belong together",
            )
        return tokens

    def end_tokens(self) -> frozenset[int]:
        """The special token with which the template ends an assistant's turn, where it writes one."""
        turns = (Message(role="user", content="Hello"), Message(role="assistant", content=_MARK))
        try:
            text = self._rendered(turns, (), generation_prompt=False)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError):
            return frozenset()  # a template that cannot hold a finished turn tells nothing of its end
        tail = text.rpartition(_MARK)[2].lstrip()
        special = set(self._tokenizer.all_special_ids) | set(self._tokenizer.added_tokens_decoder)
        tokens = self._tokenizer(tail, add_special_tokens=False)["input_ids"]
        return frozenset(token for token in tokens[:1] if token in special)

    def _check_system_prompt(self, *, where: str) -> None:
        if not self._system_prompt:
            return
        question = Message(role="user", content="Hello")
        try:
            text = self._rendered(with_system_prompt((question,), self._system_prompt), ())
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TargetError(
                f"the chat template refuses a system prompt: {error}",
                where=where,
                mend='leave it out, or give another template: chat_template: "@FILE"',
            ) from error
        if self._system_prompt.strip() not in text:
            raise TargetError(
                "the chat template leaves the system prompt out, so the model would never see it",
                where=where,
                mend='leave it out, or give another template: chat_template: "@FILE"',
            )

    def _check_request(self, *, where: str) -> None:
        """A template that writes the same whatever is asked lets no model answer."""
        asked = (Message(role="user", content="Hello"), Message(role="user", content=_MARK))
        try:
            first, second = (
                self._rendered(with_system_prompt((each,), self._system_prompt), ()) for each in asked
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError):
            return  # told of each conversation that it cannot hold
        if first == second:
            raise TargetError(
                "the chat template leaves the request out, so the model would never see it",
                where=where,
                mend='give another template: chat_template: "@FILE"',
            )

    def _rendered(
        self,
        messages: tuple[Message, ...],
        tools: tuple[Tool, ...],
        *,
        generation_prompt: bool = True,
        continued: bool = False,
    ) -> str:
        text: str = self._tokenizer.apply_chat_template(
            chat_messages(messages, parsed_arguments=True),
            tools=chat_tools(tools) or None,
            chat_template=self._template if isinstance(self._template, str) else None,
            add_generation_prompt=generation_prompt,
            continue_final_message=continued,
            tokenize=False,
        )
        return text

    def _too_long(self, size: str) -> Failure:
        return Failure(
            kind="rejected",
            message=f"the prompt has {size}, more than the context window of {self._window} tokens holds",
        )
