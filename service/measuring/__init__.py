"""A small load of a running service: how fast it answers, and what that takes of a processor.

It is bounded in time and number. The client is aiohttp's: it takes more of a processor than some of
the answers it waits for, so what it took itself stands beside every number.
"""
