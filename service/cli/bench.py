"""`plant bench`: how fast a running service answers, from a small load of one's own."""

import argparse
from collections.abc import Callable, Sequence
from typing import Final

from service.cli.ending import Ending
from service.cli.identity import KEY_HELP, key_given
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_json
from service.measuring.address import is_loopback
from service.measuring.client import Load, Measured
from service.measuring.load import measured
from service.refusal import Refusal

BENCH: Final = """\
Measure a running service: get by id, list 50 and, with --write, create, for some seconds each.

It asks as fast as it is answered, so only a service on a loopback address is asked unless
--anywhere says that whoever runs it knows. What it reads are entities that the key may read, the
newest first. Each draft that --write makes stays, with the tag plant-bench: nothing is ever
deleted, archive them or use a tenant for it. Reads come first, unless there is nothing to read.

Service and client share this machine; what each took of a processor for an answer stands beside
the rate. It is the processor time of the whole process meanwhile, the service's from its /metrics,
with its work behind answers: embedding, sealing. Reads wait up to 30 s for labels that are still to
be embedded. — stands where /metrics are not open, or the service took less than 0.2 s, which it
counts in steps of 0.01. docs/benchmarks.md has what Plant does beside what one would take instead.

  plant bench http://127.0.0.1:8080 --key @key.txt
  plant bench http://127.0.0.1:8080 --key @key.txt --connections 64 --seconds 10 --write 1000

Exit code: 0 every answer was a 2xx, 1 some were not, 2 could not tell, 64 wrong usage, 130 after
Ctrl-C, 143 after SIGTERM."""
CONNECTIONS_MAX: Final = 256
SECONDS_MAX: Final = 60
WRITE_MAX: Final = 10_000
HEAD: Final = ("", "answers", "answers/s", "p50 ms", "p99 ms", "service µs", "client µs", "refused")


NOT_TOLD: Final = "—"


class NotHere(Refusal):
    """The service is not on a loopback address."""

    exit_code = WRONG_USAGE


class NoKey(Refusal):
    """What was given is no key."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `bench`."""
    parser = add_command(subparsers, "bench", _bench, BENCH)
    parser.add_argument("url", metavar="URL", help="the address of the service")
    parser.add_argument(
        "--key", required=True, help=f"a key with scope read, for --write also write{KEY_HELP}"
    )
    numbers = (
        ("--connections", 16, CONNECTIONS_MAX, "connections at once (default: 16, up to 256)"),
        ("--seconds", 5, SECONDS_MAX, "for each operation (default: 5, up to 60)"),
        (
            "--write",
            0,
            WRITE_MAX,
            "try to create so many drafts, each once; they stay (up to 10,000)",
        ),
    )
    for option, default, most, words in numbers:
        parser.add_argument(option, type=_up_to(most), default=default, metavar="N", help=words)
    parser.add_argument(
        "--anywhere", action="store_true", help="ask a service on another machine as well"
    )
    add_json(parser)


def _up_to(most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {most:,}")
        return int(text)

    return number


def _bench(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    if not is_loopback(arguments.url) and not arguments.anywhere:
        raise NotHere(
            f"{arguments.url} is not on a loopback address, and this asks as fast as it is "
            "answered.",
            "Write 127.0.0.1 for this machine; of another ask whoever runs it, then give "
            "--anywhere.",
        )
    key = key_given(arguments.key, "--key")
    if not (key.isascii() and key.isprintable() and key and " " not in key):
        raise NoKey(
            "What --key gives is no key: it is empty, or has blanks, line ends or letters that no "
            "key has.",
            "Give it as `plant key create` printed it, or @FILE that holds it.",
        )
    load = Load(arguments.connections, arguments.seconds, arguments.write)
    output.say(f"{load.connections} connections, {load.seconds} s for each operation")
    found = Ending().run(measured(arguments.url, key, load, output.say))
    output.answer({"url": arguments.url, "load": load, "operations": found}, lines(found))
    return 1 if any(one.refused for one in found) else 0


def lines(found: Sequence[Measured]) -> list[str]:
    """Write a table for a person, and below it what disturbed it."""
    cells = [HEAD, *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return table + [
        f"{one.operation}: labels of {one.labels_behind:,} changes were still being embedded, "
        "which counts in the processor time of the service."
        for one in found
        if one.labels_behind
    ]


def _cells(one: Measured) -> tuple[str, ...]:
    refused = ", ".join(f"{count:,} times {status}" for status, count in one.refused.items())
    return (
        one.operation,
        f"{one.answers:,}",
        f"{one.rate:,.0f}",
        f"{one.p50_ms:.2f}",
        f"{one.p99_ms:.2f}",
        NOT_TOLD if one.service_us is None else f"{one.service_us:,.0f}",
        f"{one.client_us:,.0f}",
        refused or "none",
    )
