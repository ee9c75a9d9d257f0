"""The log: what it costs, how soon it seals, how fast it is proved and checked."""
