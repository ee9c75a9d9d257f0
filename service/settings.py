"""Every setting, its default and its rule; the only reader of the environment and of `.env`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from service.dotenv import DotenvRefusal, read_dotenv
from service.refusal import Refusal
from service.spelling import nearest
from service.values import (
    Claims,
    Rate,
    Rule,
    between,
    choice,
    claims,
    keys_source,
    origin,
    rate,
    token,
    url,
    whole,
)

PREFIX = "PLANT_"
# Names that belong to the test suite: read by tests/, never by the service.
FOREIGN = "PLANT_TEST_"
DURATION_MS_MAX = 3_600_000


class SettingsRefusal(Refusal):
    """A setting is unknown, unreadable or contradicts another one."""

    exit_code = 64


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator can choose; docs/settings.md has a heading for each.

    Units: names that end in `_ms` are milliseconds.
    """

    database_url: str | None = None
    app_database_url: str | None = None
    worker_database_url: str | None = None
    readonly_database_url: str | None = None
    replica_database_url: str | None = None
    replica_lag_max_ms: int = 5_000
    data_dir: Path = Path(".plant")
    host: str = "127.0.0.1"
    port: int = 8080
    profile: Literal["development", "production"] = "development"
    pool_min: int = 2
    pool_max: int = 11
    acquire_timeout_ms: int = 1_000
    waiting_max: int = 256
    connect_timeout_ms: int = 3_000
    lock_timeout_ms: int = 2_000
    statement_timeout_ms: int = 5_000
    command_timeout_ms: int = 7_000
    request_timeout_ms: int = 10_000
    search_exact_max: int = 5_000
    similar_min: float | None = None
    metrics_token: str | None = None
    rate_limit: Rate | None = None
    address_rate_limit: Rate | None = None
    jwks: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    jwt_claims: Claims = Claims()
    audit_public: Literal["on", "off"] = "on"
    log_origin: str | None = None
    signing_key: str | None = None
    sealer_state: Path | None = None
    witnesses: str | None = None
    embedder: Literal["auto", "minilm", "trigram"] = "auto"
    log_format: Literal["text", "json"] = "text"
    request_log: Literal["on", "off"] = "on"

    def __repr__(self) -> str:
        """Show every setting; of a secret only whether it is set."""
        shown = (
            f"{name}=…" if RULES[name].secret and getattr(self, name) else f"{name}={value!r}"
            for name, value in msgspec.structs.asdict(self).items()
        )
        return f"Settings({', '.join(shown)})"


PROFILES: dict[str, dict[str, Any]] = {
    "development": {},
    "production": {"pool_min": 20, "pool_max": 60},
}


_URL = Rule("an address like postgresql://user:password@host:5432/database", url, secret=True)
_RATE = Rule("requests and seconds, as in 600/60", rate)
_DURATION = whole(1, DURATION_MS_MAX)

RULES: dict[str, Rule] = {
    "database_url": _URL,
    "app_database_url": _URL,
    "worker_database_url": _URL,
    "readonly_database_url": _URL,
    "replica_database_url": _URL,
    "replica_lag_max_ms": whole(1_000, DURATION_MS_MAX),
    "data_dir": Rule("the path of a directory", Path),
    "host": Rule("a host name or an address, without blanks", token),
    "port": whole(0, 65_535),
    "profile": choice("development", "production"),
    "pool_min": whole(0, 10_000),
    # Of fewer an import or export could hold the last connection for writes or for reads.
    "pool_max": whole(6, 10_000),
    "acquire_timeout_ms": _DURATION,
    "waiting_max": whole(1, 1_000_000),
    "connect_timeout_ms": _DURATION,
    "lock_timeout_ms": _DURATION,
    "statement_timeout_ms": _DURATION,
    "command_timeout_ms": _DURATION,
    "request_timeout_ms": _DURATION,
    "search_exact_max": whole(0, 10_000_000),
    "similar_min": between(-1, 1),
    "metrics_token": Rule("printable ASCII without blanks", token, secret=True),
    "rate_limit": _RATE,
    "address_rate_limit": _RATE,
    "jwks": Rule("the path of a file, or an https address", keys_source),
    "jwt_issuer": Rule("printable ASCII without blanks", token),
    "jwt_audience": Rule("printable ASCII without blanks", token),
    "jwt_claims": Rule("names of claims, as in tenant=tenant,agent=sub,scopes=scope", claims),
    "audit_public": choice("on", "off"),
    "log_origin": Rule(
        "printable ASCII without blanks and plus signs, and must not end like /inc2", origin
    ),
    "signing_key": Rule("the path of a file, or base64 of 32 bytes", str, secret=True),
    "sealer_state": Rule("the path of a file", Path),
    "witnesses": Rule("verifier keys, each with an address behind a blank", str),
    "embedder": choice("auto", "minilm", "trigram"),
    "log_format": choice("text", "json"),
    "request_log": choice("on", "off"),
}

# A deadline inside another one ends first, so that the answer says what happened.
ORDERED = (
    ("pool_min", "pool_max"),
    ("lock_timeout_ms", "statement_timeout_ms"),
    ("statement_timeout_ms", "command_timeout_ms"),
    ("command_timeout_ms", "request_timeout_ms"),
)


TOGETHER = ("jwks", "jwt_issuer", "jwt_audience")
"""Tokens are taken when all of these are set: nothing is guessed of who may sign for whom."""


def variable(field: str) -> str:
    """Name the environment variable of a setting."""
    return PREFIX + field.upper()


def load(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """Read the settings from the environment and, beneath it, from `.env` in the directory.

    Raises: SettingsRefusal, naming the setting, where it stands, the rule and the way out.
    """
    directory = directory or Path.cwd()
    values: dict[str, Any] = {}
    for name, (text, source) in given(environ, directory).items():
        field = _field(name, source)
        # Compose files hand over a variable that nobody set as an empty one.
        if text.strip():
            values[field] = _value(field, text.strip(), source)
    values = PROFILES[values.get("profile", "development")] | values
    data_dir = values.get("data_dir", Path(".plant")).expanduser()
    values["data_dir"] = Path(os.path.abspath(directory / data_dir))  # noqa: PTH100 - keeps links
    if values.get("sealer_state"):
        values["sealer_state"] = directory / values["sealer_state"].expanduser()
    return _ordered(Settings(**values))


def given(environ: Mapping[str, str] | None, directory: Path | None) -> dict[str, tuple[str, str]]:
    """List our variables that are there, each with its text and where it stands.

    Raises: SettingsRefusal when `.env` cannot be read.
    """
    dotenv = (directory or Path.cwd()) / ".env"
    environ = os.environ if environ is None else environ
    try:
        found = {name: (text, str(dotenv)) for name, text in read_dotenv(dotenv, PREFIX).items()}
    except DotenvRefusal as refusal:
        raise SettingsRefusal(refusal.wrong, refusal.way_out) from None
    found |= {name: (text, "the environment") for name, text in environ.items()}
    ours = (name for name in found if name.startswith(PREFIX) and not name.startswith(FOREIGN))
    return {name: found[name] for name in ours}


def _field(name: str, source: str) -> str:
    field = name.removeprefix(PREFIX).lower()
    if field in RULES and name == variable(field):
        return field
    names = [variable(known) for known in RULES]
    near = nearest(name.upper(), names)
    guess = f"Did you mean {near}?" if near else "docs/settings.md lists the settings."
    raise SettingsRefusal(f"There is no setting {name} (it stands in {source}).", guess)


def _value(field: str, text: str, source: str) -> object:
    rule = RULES[field]
    try:
        return rule.read(text)
    except ValueError:
        default = Settings.__struct_defaults__[Settings.__struct_fields__.index(field)]
        shown = "is not readable" if rule.secret else f"is {text!r}"
        without = "to do without" if default is None else f"for the default, {default}"
        raise SettingsRefusal(
            f"{variable(field)} {shown} (it stands in {source}): it must be {rule.words}.",
            f"Correct it, or remove it {without}.",
        ) from None


def _ordered(settings: Settings) -> Settings:
    told = [name for name in TOGETHER if getattr(settings, name)]
    if told and len(told) < len(TOGETHER):
        lacking = [variable(name) for name in TOGETHER if name not in told]
        raise SettingsRefusal(
            f"{variable(told[0])} is set without {' and '.join(lacking)}.",
            f"Set {', '.join(map(variable, TOGETHER))} together, or none of them.",
        )
    for low, high in ORDERED:
        if getattr(settings, low) > getattr(settings, high):
            raise SettingsRefusal(
                f"{variable(low)} is {getattr(settings, low)} and {variable(high)} only "
                f"{getattr(settings, high)}: the first may not be above the second.",
                f"Lower {variable(low)} or raise {variable(high)}.",
            )
    return settings
