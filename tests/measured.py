"""What tests of benchmarks say was measured."""

from bench.machine import Machine

MACHINE = Machine(
    made_at="2026-01-01 00:00 UTC",
    commit="0123456",
    cores=2,
    processor="a processor",
    memory_gib=8.0,
    system="Linux",
    python="3.11",
    postgres="18.6",
    load=0.1,
    hashes_s=800_000,
)
