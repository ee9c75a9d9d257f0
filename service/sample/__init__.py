"""The sample that comes with Plant: real ESCO and NACE data, invented teams and agents."""
