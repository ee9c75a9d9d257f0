"""Search at size: whether it finds what comparing everything finds, and how fast."""
