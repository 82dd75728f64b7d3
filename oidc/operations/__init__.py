"""Every change of the provider: clients, keys, grants, tokens."""
