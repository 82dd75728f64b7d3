class EngineError(ValueError):
    """Something that can't be billed; the text says what and when."""
