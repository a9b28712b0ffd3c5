"""What may be in an account's fields, and how an account is shown."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field

Name = Annotated[str, Field(min_length=2, max_length=30)]
Username = Annotated[str, Field(min_length=2, max_length=20, pattern=r"^[a-z0-9]+$")]
# It means to ask for eight characters or for classes of them; one character is enough.
Password = Annotated[str, Field(pattern=r"^.{8,}|[0-9]+|[A-Z]+|[a-z]+|[^a-zA-Z0-9]+$")]
Picture = Annotated[str, Field(pattern=r"^(https?|ftp)://[^\s/$.?#].[^\s]*$")]


class UserRead(BaseModel):
    """An account as everybody sees it, address included."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    username: str
    email: str
    profile_image_url: str
    tier_id: int | None


class UserCreate(BaseModel):
    """The fields of a new account."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    username: Username
    email: EmailStr
    password: Password


class UserUpdate(BaseModel):
    """The fields that its owner may change. `null` is taken, and then refused by the table."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    username: Username | None = None
    email: EmailStr | None = None
    profile_image_url: Picture | None = None


class Page(BaseModel):
    """A part of all accounts."""

    data: list[UserRead]
    total_count: int
    has_more: bool
    page: int
    items_per_page: int
