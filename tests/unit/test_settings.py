"""Settings: what is read, what is refused and in which words."""

import re
from pathlib import Path

import msgspec
import pytest

from service.settings import RULES, Settings, SettingsRefusal, load, variable

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_has_its_heading_and_no_other() -> None:
    """docs/settings.md has one heading per setting, in the order of the struct."""
    headings = re.findall(r"^## (PLANT_\w+)$", DOCS.read_text(), re.MULTILINE)

    assert [variable(field) for field in Settings.__struct_fields__] == headings


def test_every_documented_default_is_the_default() -> None:
    """Where docs/settings.md names a default it is the one that is used."""
    documented = re.compile(r"^## (PLANT_\w+)\n\nDefault: `([^`]+)`", re.MULTILINE)
    said = dict(documented.findall(DOCS.read_text()))
    used = {
        variable(field): str(default)
        for field, default in zip(
            Settings.__struct_fields__, Settings.__struct_defaults__, strict=True
        )
        if default is not None
    }

    assert {**used, "PLANT_DATA_DIR": "./.plant"} == said


def test_every_setting_has_a_rule() -> None:
    """A field without a rule would be refused as unknown."""
    assert set(Settings.__struct_fields__) == set(RULES)


def test_nothing_given_is_the_default(tmp_path: Path) -> None:
    """An empty environment gives the defaults, with the data directory beneath the directory."""
    assert Settings(data_dir=tmp_path / ".plant") == load({}, tmp_path)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """A variable in the environment is used instead of the same one in .env."""
    (tmp_path / ".env").write_text("PLANT_PORT=1\nPLANT_HOST=::1\n")

    settings = load({"PLANT_PORT": "2"}, tmp_path)

    assert (2, "::1") == (settings.port, settings.host)


@pytest.mark.parametrize(
    "line,host",
    [
        ("PLANT_HOST=a", "a"),
        ("export PLANT_HOST=a", "a"),
        ("  PLANT_HOST = a  ", "a"),
        ("PLANT_HOST='a#b'", "a#b"),
        ('PLANT_HOST="a" # why', "a"),
        ("PLANT_HOST=a # why", "a"),
        ("PLANT_HOST=a#b", "a#b"),
        ("\ufeffPLANT_HOST=a", "a"),
        ("PLANT_HOST=a\r\nOTHER", "a"),
        ("# PLANT_HOST=b\nPLANT_HOST=a\nPLANTED=1", "a"),
        ("PLANT_HOST=", "127.0.0.1"),
        ("PLANT_HOST=''", "127.0.0.1"),
    ],
)
def test_a_line_of_the_file_is_read_as_other_tools_read_it(
    tmp_path: Path, line: str, host: str
) -> None:
    """Quotes, comments, export, blanks and a byte order mark mean what they mean to Compose."""
    (tmp_path / ".env").write_text(line)

    assert host == load({}, tmp_path).host


def test_a_relative_data_directory_lies_beneath_the_working_directory(tmp_path: Path) -> None:
    """A relative PLANT_DATA_DIR is taken from where the command runs."""
    assert tmp_path / "x" == load({"PLANT_DATA_DIR": "a/../x"}, tmp_path).data_dir


def test_the_production_profile_has_larger_pools(tmp_path: Path) -> None:
    """PLANT_PROFILE chooses the sizes of the pools, and a size that is given wins."""
    given = {"PLANT_PROFILE": "production", "PLANT_POOL_MIN": "7"}

    settings = load(given, tmp_path)

    assert (7, 60) == (settings.pool_min, settings.pool_max)


def test_names_of_the_test_suite_are_left_alone(tmp_path: Path) -> None:
    """PLANT_TEST_* belongs to the tests: the service neither reads nor refuses it."""
    assert load({}, tmp_path) == load({"PLANT_TEST_DATABASE_URL": "x"}, tmp_path)


@pytest.mark.parametrize(
    "name,said",
    [
        ("PLANT_PROT", "There is no setting PLANT_PROT .* Did you mean PLANT_PORT?"),
        ("PLANT_port", "There is no setting PLANT_port .* Did you mean PLANT_PORT?"),
        ("PLANT_XYZZY", "There is no setting PLANT_XYZZY .* docs/settings.md"),
    ],
)
def test_an_unknown_name_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """A name that nobody reads is an error that guesses what was meant."""
    with pytest.raises(SettingsRefusal, match=said):
        load({name: "1"}, tmp_path)


@pytest.mark.parametrize(
    "name,value",
    [
        ("PLANT_PORT", "65536"),
        ("PLANT_PORT", "-1"),
        ("PLANT_PORT", "8_0"),
        ("PLANT_PORT", "٨٠"),
        ("PLANT_PORT", "8" * 5000),
        ("PLANT_PROFILE", "Production"),
        ("PLANT_LOG_FORMAT", "xml"),
        ("PLANT_HOST", "a b"),
        ("PLANT_POOL_MAX", "0"),
        ("PLANT_POOL_MAX", "5"),
        # Whoever comes stands in the queue until a connection is theirs, be it free.
        ("PLANT_WAITING_MAX", "0"),
        ("PLANT_STATEMENT_TIMEOUT_MS", "1.5"),
    ],
)
def test_a_wrong_value_is_refused_with_its_rule(tmp_path: Path, name: str, value: str) -> None:
    """The refusal names the setting, the value, where it stands, the rule and the default."""
    (tmp_path / ".env").write_text(f"{name}={value}\n")

    with pytest.raises(SettingsRefusal) as caught:
        load({}, tmp_path)

    said = str(caught.value)
    assert said.startswith(f"{name} is {value!r} (it stands in {tmp_path / '.env'}): it must be ")
    assert RULES[name.removeprefix("PLANT_").lower()].words in said
    assert "remove it for the default" in said


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:sesame@h/d",
        "postgresql://u:sesame@h",
        "postgresql://u:sesame@/d",
        "postgresql://u:sesame@h:port/d",
        "postgresql://u:sesame@[::1/d",
        "sesame",
    ],
)
def test_a_wrong_address_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    """An address without a host, a database or a readable port is refused, its password unseen."""
    with pytest.raises(SettingsRefusal, match="PLANT_DATABASE_URL is not readable") as caught:
        load({"PLANT_DATABASE_URL": url}, tmp_path)

    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d",
        "postgres://u@h:5432/d?sslmode=require",
        "postgresql://u:p@/d?host=/run/postgresql",
        "postgresql://u:p@h1:1,h2:2/d",
        "postgresql://u:p@[::1]:5432/d",
        "postgresql://h?dbname=d",
    ],
)
def test_every_form_of_an_address_is_taken_as_it_is(tmp_path: Path, url: str) -> None:
    """Sockets, several hosts and parameters are addresses too."""
    assert url == load({"PLANT_DATABASE_URL": url}, tmp_path).database_url


@pytest.mark.parametrize(
    "low,high",
    [
        ("PLANT_POOL_MIN", "PLANT_POOL_MAX"),
        ("PLANT_LOCK_TIMEOUT_MS", "PLANT_STATEMENT_TIMEOUT_MS"),
        ("PLANT_STATEMENT_TIMEOUT_MS", "PLANT_COMMAND_TIMEOUT_MS"),
        ("PLANT_COMMAND_TIMEOUT_MS", "PLANT_REQUEST_TIMEOUT_MS"),
    ],
)
def test_deadlines_and_sizes_are_ordered(tmp_path: Path, low: str, high: str) -> None:
    """An inner deadline above the outer one is refused, naming both."""
    with pytest.raises(SettingsRefusal, match=f"{low} is 60 and {high} only 50"):
        load({**ENOUGH, low: "60", high: "50"}, tmp_path)


ENOUGH = {
    "PLANT_LOCK_TIMEOUT_MS": "1",
    "PLANT_STATEMENT_TIMEOUT_MS": "1",
    "PLANT_COMMAND_TIMEOUT_MS": "50",
    "PLANT_REQUEST_TIMEOUT_MS": "60",
}


@pytest.mark.parametrize(
    "content,said",
    [
        (b"PLANT_PORT 80\n", "Line 1 of .* has no '='. Write it as PLANT_PORT=value."),
        (b"\xff\xfe", "cannot be read: it is not UTF-8"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A line of ours without '=' or a file that is no text is named, not skipped."""
    (tmp_path / ".env").write_bytes(content)

    with pytest.raises(SettingsRefusal, match=said):
        load({}, tmp_path)


def test_secrets_do_not_show() -> None:
    """Whoever prints the settings sees that a secret is set, not the secret."""
    shown = repr(Settings(database_url="postgresql://u:sesame@h/d", metrics_token="sesame"))

    assert "sesame" not in shown
    assert "database_url=…, app_database_url=None" in shown


def test_settings_do_not_change() -> None:
    """Settings are frozen: what was checked at the start is what is used."""
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(Settings(), port=1).port == 1
