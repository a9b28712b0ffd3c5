"""The tables. SQLite stands in for PostgreSQL, and refuses what PostgreSQL refuses."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Depends
from sqlalchemy import CheckConstraint, String, TypeDecorator, create_engine, exists, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

import clock
from settings import settings


class Text(TypeDecorator):
    """Text without NUL, which PostgreSQL knows no place for."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if value is not None and "\0" in value:
            raise ValueError("NUL in a text")
        return value


class Base(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {str: Text}


class User(Base):
    """An account. A deleted one stays, and keeps its name and address taken."""

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("length(name) <= 30"),
        CheckConstraint("length(username) <= 20"),
        CheckConstraint("length(email) <= 50"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    username: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str] = mapped_column(unique=True)
    hashed_password: Mapped[str]
    profile_image_url: Mapped[str] = mapped_column(default="https://profileimageurl.com")
    uuid: Mapped[UUID] = mapped_column(default=uuid4)
    created_at: Mapped[datetime] = mapped_column(default=clock.today)
    updated_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    is_deleted: Mapped[bool] = mapped_column(default=False, index=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    tier_id: Mapped[int | None]


class TokenBlacklist(Base):
    """A token that opens nothing any more, whole and in clear. Rows are never removed."""

    __tablename__ = "token_blacklist"

    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(unique=True)
    expires_at: Mapped[datetime]


_engine = create_engine(f"sqlite:///{settings.database}", connect_args={"timeout": 30})
_sessions = sessionmaker(_engine, expire_on_commit=False)


def create_tables() -> None:
    """Makes the tables that are not there yet."""
    Base.metadata.create_all(_engine)


def _session() -> Iterator[Session]:
    with _sessions() as session:
        yield session


Store = Annotated[Session, Depends(_session)]


def is_taken(store: Session, column, value: str | None) -> bool:
    """Whether some account, deleted or not, has this value in this column."""
    return store.scalar(select(exists().where(column == value)))


def find(store: Session, username: str, *, deleted_too: bool = False) -> User | None:
    """The account of this name."""
    wanted = select(User).where(User.username == username)
    return store.scalar(wanted if deleted_too else wanted.where(~User.is_deleted))


def find_by_login(store: Session, username_or_email: str) -> User | None:
    """The living account of this name, or of this address if it has an `@`."""
    if "@" in username_or_email:
        return store.scalar(select(User).where(User.email == username_or_email, ~User.is_deleted))
    return find(store, username_or_email)
