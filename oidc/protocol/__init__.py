"""What the specifications say, as functions of values: no writes, no HTTP."""
