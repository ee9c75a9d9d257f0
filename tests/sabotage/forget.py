"""Forgetting what a process has read of the tree: who knows better is not misled by an edit."""

import functools
import sys


def forget() -> None:
    """Empty the caches of functions of the service and of the tests; forks know no more then."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"service", "tests"}:
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no other name
                    value.cache_clear()
