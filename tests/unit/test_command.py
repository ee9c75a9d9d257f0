"""The command `plant`: its arguments, its streams and its exit codes."""

import io
import json
import signal
import subprocess
import sys
import threading
from importlib import import_module

import pytest

from service.__main__ import COMMANDS, _parser, main
from service.cli.output import Output, Progress
from service.cli.sql import EXPLAIN
from service.refusal import Refusal
from tests.servers import PLANT


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_every_command_is_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """`plant --help` names each command, and each has a help of its own."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    listed = capsys.readouterr().out

    for command in COMMANDS:
        assert f"    {command.name}" in listed
        with pytest.raises(SystemExit, match="0"):
            main([command.name, "--help"])
        assert f"usage: plant {command.name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [[], ["nonsense"], ["--nonsense"], ["db"], ["db", "url", "--role", "me"]]
)
def test_wrong_usage_is_64(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments give 64, what is wrong, and where it is explained."""
    with pytest.raises(SystemExit, match="64"):
        main(words)

    said = capsys.readouterr()
    assert "" == said.out
    assert "--help" in said.err


def test_what_is_left_over_is_explained_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """The hint names the command that was meant, not the whole program."""
    with pytest.raises(SystemExit, match="64"):
        main(["sql", "explain", "entity_by_id", "--tenant", "x", "skill", "y"])

    assert capsys.readouterr().err == (
        "plant sql explain: unrecognized arguments: skill y\nTry: plant sql explain --help\n"
    )


def test_the_example_of_explain_can_be_typed() -> None:
    """Options stand before the name, where all of the arguments are found."""
    words = next(line for line in EXPLAIN.splitlines() if line.startswith("  plant ")).split()[1:]
    arguments = _parser(words).parse_args(words)

    assert ("entity_by_id", "ID", 2) == (
        arguments.name, arguments.tenant, len(arguments.arguments)
    )  # fmt: skip


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """`plant --version` prints one line."""
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out.startswith("plant ")


@pytest.mark.parametrize(
    "raised,code,said",
    [
        (Refusal("It is so.", "Do this."), 2, "plant: It is so. Do this.\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_what_a_command_raises_is_its_exit_code(
    raised: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A refusal is one line, Ctrl-C and a reader who has gone are silent."""

    def run(_: object) -> int:
        raise raised

    monkeypatch.setattr(import_module("service.cli.db"), "_status", run)

    assert code == main(["db", "status"])
    assert said == capfd.readouterr().err


def test_a_request_to_end_unwinds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM is an exception where the command is, and the handler before is back afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    unwound = []

    def run(_: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            unwound.append(True)
        return 0

    monkeypatch.setattr(import_module("service.cli.db"), "_status", run)

    with pytest.raises(SystemExit, match=str(128 + signal.SIGTERM)):
        main(["db", "status"])
    assert [True] == unwound
    assert before == signal.getsignal(signal.SIGTERM)


def test_a_command_runs_in_any_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the main thread may set handlers: elsewhere the command runs without."""
    monkeypatch.setattr(import_module("service.cli.db"), "_status", lambda _: 7)
    codes: list[int] = []

    thread = threading.Thread(target=lambda: codes.append(main(["db", "status"])))
    thread.start()
    thread.join()

    assert [7] == codes


def test_quick_commands_import_little() -> None:
    """`plant db url` needs neither a driver nor a web framework."""
    program = (
        "import sys, service.cli.db; print({'asyncpg', 'aiohttp', 'psycopg'} & {*sys.modules})"
    )
    said = subprocess.run(
        [PLANT[0], "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip

    assert "set()\n" == said.stdout


def test_a_service_loads_nothing_that_only_migrations_or_tokens_need() -> None:
    """It is a sixth of its memory; whoever has an embedded server or an issuer has it loaded."""
    program = (
        "import sys, service.cli.serve;"
        " print({'psycopg', 'yoyo', 'jwt', 'numpy', 'onnxruntime'} & {*sys.modules})"
    )
    said = subprocess.run(
        [PLANT[0], "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip

    assert "set()\n" == said.stdout


def test_the_answer_is_lines_or_one_document() -> None:
    """What a person and what a script reads never mix, and what is said beside is elsewhere."""
    lines, document, beside = io.StringIO(), io.StringIO(), io.StringIO()

    Output(out=lines, err=beside).answer({"a": 1}, ["one", "two"])
    output = Output(as_json=True, out=document, err=beside)
    output.answer({"a": 1}, ["one", "two"])
    output.say("beside")

    assert "one\ntwo\n" == lines.getvalue()
    assert {"a": 1} == json.loads(document.getvalue())
    assert "beside\n" == beside.getvalue()


def test_progress_on_a_terminal_is_one_line_that_moves() -> None:
    """A bar is drawn over itself and ends complete."""
    terminal = Terminal()

    with Output(err=terminal).progress("importing", 4) as progress:
        progress.advance(2)
        progress.reach(4)

    drawn = terminal.getvalue()
    assert drawn.count("\r") >= 2
    assert 1 == drawn.count("\n")
    assert "2 of 4 (50%)" in drawn
    assert f"[{'#' * 30}] 4 of 4 (100%)" in drawn


def test_progress_elsewhere_is_plain_lines() -> None:
    """A log gets no control characters, and not a line for each step."""
    log = io.StringIO()

    with Output(err=log).progress("importing", 1000) as progress:
        for _ in range(1000):
            progress.advance()

    assert 1 == log.getvalue().count("\n")
    assert log.getvalue().startswith("importing: 1,000 of 1,000 (100%), ")
    assert "\r" not in log.getvalue()


def test_progress_beyond_its_total() -> None:
    """More than was expected is no share above all of it."""
    log = io.StringIO()
    with Output(err=log).progress("verifying entries", 4) as progress:
        progress.reach(5)

    assert "verifying entries: 5 of 5 (100%)" in log.getvalue()


def test_progress_without_a_total_counts() -> None:
    """What has no known end is counted."""
    log = io.StringIO()

    Progress("reading", None, log).close()

    assert log.getvalue().startswith("reading: 0, ")
