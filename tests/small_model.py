"""The few sentences and settings on which test_word2vec*.py try `Word2Vec` from outside."""

from __future__ import annotations

SENTENCES = [["you", "say", "goodbye"], ["i", "say", "hello"], ["hello", "hello"], []] * 10
# Nothing is subsampled: of so few words, the default would leave next to none.
SMALL = {"vector_size": 8, "min_count": 1, "sample": 0, "workers": 1, "epochs": 2, "progress": False}
