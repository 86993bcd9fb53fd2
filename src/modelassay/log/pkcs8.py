"""Private keys at rest: PKCS #8 (RFC 5958) in PEM (RFC 7468), encrypted under a passphrase.

Encryption is PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC. We write these few bytes of DER
ourselves, since `cryptography` encrypts PKCS #8 with 2,048 rounds of PBKDF2 only, which a stolen file
would not withstand for long; OpenSSL and `cryptography` read the result.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
"""The most memory (16 MiB) that OpenSSL's own limit of 32 MiB lets it read."""

_SEQUENCE, _INTEGER, _OCTETS, _OBJECT = 0x30, 0x02, 0x04, 0x06
_PBES2 = bytes.fromhex("2a864886f70d01050d")  # 1.2.840.113549.1.5.13
_SCRYPT = bytes.fromhex("2b06010401da47040b")  # 1.3.6.1.4.1.11591.4.11
_AES_256_CBC = bytes.fromhex("60864801650304012a")  # 2.16.840.1.101.3.4.1.42


def encrypt_private_key(der: bytes, passphrase: bytes) -> bytes:
    """`der`, a PrivateKeyInfo, as PEM ``ENCRYPTED PRIVATE KEY`` under `passphrase` (not empty)."""
    if not passphrase:
        raise ValueError("an empty passphrase protects nothing")
    salt, vector = os.urandom(16), os.urandom(16)
    key = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(der) + padder.finalize()) + encryptor.finalize()
    derivation = _tlv(_OCTETS, salt) + b"".join(_integer(n) for n in (SCRYPT_N, SCRYPT_R, SCRYPT_P))
    parameters = _algorithm(_SCRYPT, _tlv(_SEQUENCE, derivation)) + _algorithm(
        _AES_256_CBC, _tlv(_OCTETS, vector)
    )
    scheme = _algorithm(_PBES2, _tlv(_SEQUENCE, parameters))
    return _pem("ENCRYPTED PRIVATE KEY", _tlv(_SEQUENCE, scheme + _tlv(_OCTETS, sealed)))


def _algorithm(identifier: bytes, parameters: bytes) -> bytes:
    return _tlv(_SEQUENCE, _tlv(_OBJECT, identifier) + parameters)


def _integer(number: int) -> bytes:
    return _tlv(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _tlv(tag: int, content: bytes) -> bytes:
    """One DER element: tag, length, content (X.690)."""
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _pem(label: str, der: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()
