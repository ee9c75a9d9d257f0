"""Plant: a registry one can prove."""
