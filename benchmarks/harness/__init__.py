"""Load on an OpenID Connect provider, and what it costs the machine: standard library only."""
