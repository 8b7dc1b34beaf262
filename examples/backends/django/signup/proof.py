"""Verifies proofs. It knows nothing of Django: use it with any framework.

`verify` blocks while it fetches the keys. In an async framework: `await asyncio.to_thread(verify, token, "sign-up")`.
"""

import os

import jwt

ISSUER = os.environ.get("PROOF_ISSUER", "")
AUDIENCES = os.environ.get("PROOF_AUDIENCE", "").split()
if not ISSUER or not AUDIENCES:
    raise RuntimeError("PROOF_ISSUER and PROOF_AUDIENCE must be set")
if ISSUER.endswith("/"):
    raise RuntimeError("PROOF_ISSUER must not end with a slash")
KEYS = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=5)


class ProofRefused(Exception):
    """Answer 401."""


class KeysUnavailable(Exception):
    """Answer 503: nothing is known about the proof."""


def verify(token, purpose, *other_purposes):
    """The claims of a proof for this purpose, or one of the others. That it is used once is up to the caller."""
    try:
        # Fetched at most every five minutes.
        KEYS.get_signing_keys()
    except (jwt.PyJWTError, OSError, ValueError) as error:
        raise KeysUnavailable(str(error)) from error
    try:
        claims = jwt.decode(
            token,
            KEYS.get_signing_key_from_jwt(token),
            algorithms=["ES256"],
            issuer=ISSUER,
            audience=AUDIENCES,
            leeway=10,
            options={"require": ["exp", "iss", "aud", "jti", "email", "challenge_id", "purpose"]},
        )
    except jwt.PyJWKClientConnectionError as error:
        raise KeysUnavailable(str(error)) from error
    except (jwt.PyJWTError, UnicodeEncodeError) as error:
        raise ProofRefused(str(error)) from error
    if claims["purpose"] not in (purpose, *other_purposes):
        raise ProofRefused("for another purpose")
    if claims.get("email_verified") is not True:
        raise ProofRefused("not a proof")
    return claims
