"""A signer that lives elsewhere: a program gets the message on stdin and prints the signature.

One small hook for every KMS, HSM and agent. The program is not trusted: its answer is bounded in time and
size, and a signature is checked against the public key before anyone sees it.
"""

from __future__ import annotations

import base64
import binascii
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence

from modelassay.errors import EvidenceError
from modelassay.log.keys import as_der
from modelassay.log.signing import PublicKey

PATIENCE_S = 60.0
"""A person may have to touch a token or type a PIN."""

MAX_ANSWER = 16 * 2**10


class CommandSigner:
    """Signs by running a program; no shell in between.

    Args:
        public: the key that its signatures must be of.
        arguments: the program and its arguments.
        patience_s: how long one signature may take.

    The program reads the whole message (not its digest) from stdin and prints one signature in standard
    base64: DER or r‖s for P-256, 64 bytes for Ed25519. What it says on stderr reaches the user.
    """

    def __init__(
        self, public: PublicKey, arguments: Sequence[str], *, patience_s: float = PATIENCE_S
    ) -> None:
        self._public = public
        self._arguments = tuple(arguments)
        self._patience_s = patience_s

    @property
    def public(self) -> PublicKey:
        """The key to check its signatures with."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The signature on `message`, checked.

        Raises:
            EvidenceError: the program cannot be run, fails, hangs, or prints something else than this key's
                signature on `message`.
        """
        answer = self._run(message)
        try:
            signature = base64.b64decode(answer.strip(), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._error("printed something that is not base64") from error
        signature = as_der(self._public, signature)
        if not self._public.verifies(message, signature):
            raise self._error(f"printed a signature that is not of {self._public.key_id} on this message")
        return signature

    def _run(self, message: bytes) -> bytes:
        deadline = time.monotonic() + self._patience_s
        with tempfile.TemporaryFile() as stdin:
            stdin.write(message)
            stdin.seek(0)
            try:
                process = subprocess.Popen(self._arguments, stdin=stdin, stdout=subprocess.PIPE)
            except OSError as error:
                raise self._error(f"cannot be run: {(error.strerror or str(error)).lower()}") from error
        with process:
            try:
                answer = self._answer(process, deadline)
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired as error:
                raise self._error(f"gave no signature within {self._patience_s:g} s") from error
            finally:
                process.kill()
        if status != 0:
            raise self._error(f"failed with exit status {status}")
        return answer

    def _answer(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        """All of stdout; not `communicate`, which waits for grandchildren and reads without a bound."""
        assert process.stdout is not None
        pipe, answer = process.stdout.fileno(), b""
        while True:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(self._arguments, self._patience_s)
            block = os.read(pipe, MAX_ANSWER)
            if not block:
                return answer
            answer += block
            if len(answer) > MAX_ANSWER:
                raise self._error(f"printed more than {MAX_ANSWER} bytes")

    def _error(self, what: str) -> EvidenceError:
        return EvidenceError(
            f"the signing program {what}", where=self._arguments[0], mend="run it by hand to see why"
        )
