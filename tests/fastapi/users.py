"""Accounts. Anybody may read them; their owners change and delete them."""

from typing import Any

import bcrypt
from fastapi import APIRouter, HTTPException
from sqlalchemy import func, select

import clock
import tokens
from schemas import Page, UserCreate, UserRead, UserUpdate
from settings import settings
from store import Store, User, find, is_taken

router = APIRouter(tags=["users"])

NOT_FOUND = "User not found"
FORBIDDEN = "Request forbidden -- authorization will not help"
EMAIL_TAKEN = "Email is already registered"
USERNAME_TAKEN = "Username not available"


@router.post("/user", response_model=UserRead, status_code=201)
def register(values: UserCreate, store: Store) -> User:
    """Passwords are cut at 72 bytes, which is all that bcrypt reads."""
    if is_taken(store, User.email, values.email):
        raise HTTPException(422, EMAIL_TAKEN)
    if is_taken(store, User.username, values.username):
        raise HTTPException(422, USERNAME_TAKEN)
    salt = bcrypt.gensalt(settings.bcrypt_rounds)
    hashed = bcrypt.hashpw(values.password.encode(), salt).decode()
    user = User(**values.model_dump(exclude={"password"}), hashed_password=hashed)
    store.add(user)
    store.commit()
    return user


@router.get("/users", response_model=Page)
def read_all(store: Store, page: int = 1, items_per_page: int = 10) -> dict[str, Any]:
    """Everybody, addresses included, without a limit."""
    offset = (page - 1) * items_per_page
    if offset < 0 or items_per_page < 0:
        raise ValueError("PostgreSQL knows no negative offset")
    total = store.scalar(select(func.count()).select_from(User).where(~User.is_deleted))
    wanted = select(User).where(~User.is_deleted).offset(offset).limit(items_per_page)
    return {
        "data": store.scalars(wanted).all(),
        "total_count": total,
        "has_more": page * items_per_page < total,
        "page": page,
        "items_per_page": items_per_page,
    }


@router.get("/user/me/", response_model=UserRead)
def read_me(user: tokens.CurrentUser) -> User:
    """The one spelling: without its slash, this is the account of the user named `me`."""
    return user


@router.get("/user/{username}", response_model=UserRead)
def read(username: str, store: Store) -> User:
    """No token is asked for."""
    user = find(store, username)
    if user is None:
        raise HTTPException(404, NOT_FOUND)
    return user


@router.patch("/user/{username}")
def update(
    username: str, values: UserUpdate, user: tokens.CurrentUser, store: Store
) -> dict[str, str]:
    """Revokes nothing: after a change of name the old refresh token speaks for the old name."""
    _check_owner(find(store, username), user)
    if values.username != user.username and is_taken(store, User.username, values.username):
        raise HTTPException(422, USERNAME_TAKEN)
    if values.email != user.email and is_taken(store, User.email, values.email):
        raise HTTPException(422, EMAIL_TAKEN)
    for field, value in values.model_dump(exclude_unset=True).items():
        setattr(user, field, value)
    user.updated_at = clock.today()
    store.commit()
    return {"message": "User updated"}


@router.delete("/user/{username}")
def delete(
    username: str, user: tokens.CurrentUser, token: tokens.Bearer, store: Store
) -> dict[str, str]:
    """The row stays, and so does every other token; only the one that was shown is blacklisted."""
    _check_owner(find(store, username, deleted_too=True), user)
    user.is_deleted = True
    user.deleted_at = clock.today()
    store.commit()
    tokens.blacklist(store, token)
    return {"message": "User deleted"}


def _check_owner(found: User | None, user: User) -> None:
    if found is None:
        raise HTTPException(404, NOT_FOUND)
    if found.username != user.username:
        raise HTTPException(403, FORBIDDEN)
