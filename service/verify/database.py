"""A database: its log, and its entities against that."""

from service.repository.base import Repository
from service.verify.log import examine_log
from service.verify.question import Question, Show
from service.verify.reader import reading
from service.verify.state import examine_state
from service.verify.verdict import Verdict


async def verify_database(repository: Repository, question: Question, show: Show) -> Verdict:
    """Look at all that a database has, in one snapshot.

    Raises: Unavailable, and what the server raises.
    """
    verdict = Verdict()
    async with reading(repository, verdict, show) as reader:
        await examine_log(reader, question)
        await examine_state(reader, question)
    return verdict
