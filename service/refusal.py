"""What a person is told when Plant cannot do what was asked: one message with a way out.

The base of every error that ends at the command line as words instead of a traceback. What an HTTP
client is told stands in errors.py.
"""


class Refusal(Exception):  # noqa: N818 - the word a person reads is the better name
    """Plant cannot go on.

    `str()` is the whole message: what is wrong, then the way out. `exit_code` follows the command
    line's rule: 1 the answer is no, 2 could not tell, 64 wrong usage.
    """

    exit_code = 2

    def __init__(self, wrong: str, way_out: str) -> None:
        super().__init__(f"{wrong} {way_out}")
        self.wrong = wrong
        self.way_out = way_out
