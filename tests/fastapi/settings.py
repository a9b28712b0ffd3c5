"""The switches, read once from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What one run of the application is told. Lives are in seconds."""

    database: str
    secret_key: str
    access_seconds: int
    refresh_seconds: int
    rotate_refresh: bool
    secure_cookie: bool
    bcrypt_rounds: int
    clock_file: Path | None


def _switch(name: str, default: str) -> bool:
    value = os.environ.get(name, default)
    if value not in ("on", "off"):
        raise SystemExit(f"{name} has to be on or off, not {value!r}")
    return value == "on"


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdigit():
        raise SystemExit(f"{name} has to be a number, not {value!r}")
    return int(value)


def _read() -> Settings:
    clock_file = os.environ.get("CLOCK_FILE")
    return Settings(
        database=os.environ.get("DATABASE", "backend.sqlite"),
        secret_key=os.environ.get("SECRET_KEY", "a key of 32 bytes for tests only"),
        access_seconds=_number("ACCESS_SECONDS", 30 * 60),
        refresh_seconds=_number("REFRESH_SECONDS", 7 * 24 * 60 * 60),
        rotate_refresh=_switch("ROTATE_REFRESH", "off"),
        secure_cookie=_switch("SECURE_COOKIE", "on"),
        bcrypt_rounds=_number("BCRYPT_ROUNDS", 12),
        clock_file=Path(clock_file) if clock_file else None,
    )


settings = _read()
