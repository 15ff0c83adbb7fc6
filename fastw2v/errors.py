"""The exceptions that built-in ones cannot say. Each is also a built-in, so callers need not import them."""


class DivergedError(ArithmeticError):
    """Training produced NaN or infinite numbers; the learning rate was too large for the corpus."""


class EmptyVocabularyError(ValueError):
    """No word of the corpus is frequent enough to be in the vocabulary."""


class MissingExtraError(ImportError):
    """An optional package is needed; the message names the extra to install."""
