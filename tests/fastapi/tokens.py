"""Tokens: what they say, when they are accepted, and the blacklist."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import uuid4

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

import clock
from settings import settings
from store import Store, TokenBlacklist, User, find_by_login

ALGORITHM = "HS256"
# Times are compared by our own clock; `exp` may be the present second, and may be missing.
OPTIONS = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}

Bearer = Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="/api/v1/login"))]


def access_token(username: str) -> str:
    """Opens the API for half an hour."""
    return _encode(username, "access", settings.access_seconds)


def refresh_token(username: str) -> str:
    """Fetches access tokens for a week."""
    return _encode(username, "refresh", settings.refresh_seconds)


def _encode(username: str, kind: str, life: int) -> str:
    claims = {"sub": username, "exp": clock.now() + life, "token_type": kind}
    if settings.rotate_refresh:
        # Else the successor of a token would be its twin if both were made in one second.
        claims["jti"] = uuid4().hex
    return jwt.encode(claims, settings.secret_key, ALGORITHM)


def decode(token: str) -> dict[str, Any]:
    """The claims of a token that we have signed and that lives.

    Raises `jwt.InvalidTokenError` otherwise.
    """
    claims = jwt.decode(token, settings.secret_key, [ALGORITHM], options=OPTIONS)
    now = clock.now()
    exp, nbf = claims.get("exp", now), claims.get("nbf", now)
    if not isinstance(exp, int) or not isinstance(nbf, int):
        raise jwt.DecodeError("a time has to be a number")
    if exp < now:
        raise jwt.ExpiredSignatureError("expired")
    if nbf > now:
        raise jwt.ImmatureSignatureError("not yet")
    return claims


def subject(store: Session, token: str, kind: str) -> str | None:
    """Whom a token of this kind speaks for. The blacklist is asked first, before the signature."""
    if store.scalar(select(exists().where(TokenBlacklist.token == token))):
        return None
    try:
        claims = decode(token)
    except jwt.InvalidTokenError:
        return None
    return claims.get("sub") if claims.get("token_type") == kind else None


def blacklist(store: Session, token: str) -> None:
    """Has this token open nothing from now on; a second time is an error of the table's.

    Raises `jwt.InvalidTokenError` if it opens nothing anyway.
    """
    exp = decode(token).get("exp")
    if exp is not None:
        expires_at = datetime.fromtimestamp(exp, UTC)
        store.add(TokenBlacklist(token=token, expires_at=expires_at))
        store.commit()


def _current_user(store: Store, token: Bearer) -> User:
    username_or_email = subject(store, token, "access")
    user = username_or_email and find_by_login(store, username_or_email)
    if not user:
        raise HTTPException(401, "User not authenticated.")
    return user


CurrentUser = Annotated[User, Depends(_current_user)]
