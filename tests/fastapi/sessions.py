"""Signing in, staying, and out: the refresh token goes in a cookie, and nowhere else."""

from typing import Annotated

import bcrypt
import jwt
from fastapi import APIRouter, Cookie, Depends, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

import tokens
from settings import settings
from store import Store, find_by_login

router = APIRouter(tags=["login"])


@router.post("/login")
def login(
    response: Response,
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    store: Store,
) -> dict[str, str]:
    """By username or e-mail. An account that is not there costs no hash, and so tells that by its time."""
    user = find_by_login(store, form.username)
    if user is None or not _is_right(form.password, user.hashed_password):
        raise HTTPException(401, "Wrong username, email or password.")
    _hand_out(response, user.username)
    return _answer(user.username)


def _is_right(password: str, hashed: str) -> bool:
    return bcrypt.checkpw(password.encode(), hashed.encode())


def _hand_out(response: Response, username: str) -> None:
    response.set_cookie(
        key="refresh_token",
        value=tokens.refresh_token(username),
        httponly=True,
        secure=settings.secure_cookie,
        samesite="lax",
        max_age=settings.refresh_seconds,
    )


def _answer(username: str) -> dict[str, str]:
    return {"access_token": tokens.access_token(username), "token_type": "bearer"}


@router.post("/refresh")
def refresh(request: Request, response: Response, store: Store) -> dict[str, str]:
    """The user is not looked up: a deleted one gets tokens that open nothing."""
    shown = request.cookies.get("refresh_token")
    if not shown:
        raise HTTPException(401, "Refresh token missing.")
    username = tokens.subject(store, shown, "refresh")
    if username is None:
        raise HTTPException(401, "Invalid refresh token.")
    if settings.rotate_refresh:
        tokens.blacklist(store, shown)
        _hand_out(response, username)
    return _answer(username)


@router.post("/logout")
def logout(
    response: Response,
    access: tokens.Bearer,
    store: Store,
    refresh_token: Annotated[str | None, Cookie()] = None,
) -> dict[str, str]:
    """Takes both tokens, whatever their kinds and owners, and each in a transaction of its own."""
    if not refresh_token:
        raise HTTPException(401, "Refresh token not found")
    try:
        tokens.blacklist(store, access)
        tokens.blacklist(store, refresh_token)
    except jwt.InvalidTokenError as error:
        raise HTTPException(401, "Invalid token.") from error
    response.delete_cookie("refresh_token")
    return {"message": "Logged out successfully"}
