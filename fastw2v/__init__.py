"""fastw2v: word vectors from plain text, trained by a C library behind a gensim-like interface.

from fastw2v import Word2Vec
model = Word2Vec(corpus_file="corpus.txt", vector_size=100, sg=1)
model.wv.most_similar("paris")
"""

import os as _os
import sys as _sys
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from fastw2v import _train
from fastw2v._version import __version__
from fastw2v.callbacks import Callback, EarlyStopping
from fastw2v.config import show_config
from fastw2v.errors import DivergedError, EmptyVocabularyError, MissingExtraError
from fastw2v.keyedvectors import KeyedVectors
from fastw2v.sentences import LineSentence, PathLineSentences, Text8Corpus
from fastw2v.word2vec import Word2Vec

if _TYPE_CHECKING:
    from fastw2v.cooccurrence import Cooccurrence
    from fastw2v.ppmi import PPMI
    from fastw2v.sparse_vectors import SparseVectors
    from fastw2v.svd import SVD

__all__ = [
    "PPMI",
    "SVD",
    "Callback",
    "Cooccurrence",
    "DivergedError",
    "EarlyStopping",
    "EmptyVocabularyError",
    "KeyedVectors",
    "LineSentence",
    "MissingExtraError",
    "PathLineSentences",
    "SparseVectors",
    "Text8Corpus",
    "Word2Vec",
    "__version__",
    "show_config",
]

# These need SciPy's sparse matrices, and importing those takes as long as all the rest: when they are asked for.
_LATER = {"Cooccurrence": "cooccurrence", "PPMI": "ppmi", "SVD": "svd", "SparseVectors": "sparse_vectors"}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'fastw2v' has no attribute {name!r}")
    globals()[name] = found = getattr(_import_module(f"fastw2v.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


try:
    _train.isa_select(_os.environ.get("FASTW2V_ISA") or None)
except ValueError as error:
    _problem = f"environment variable FASTW2V_ISA: {error}"
    # The command imports this file before it can catch anything.
    _as_script = _os.path.splitext(_os.path.basename(_sys.argv[0] if _sys.argv else ""))[0] == "fastw2v"
    if _as_script or _sys.orig_argv[1:3] == ["-m", "fastw2v"]:
        raise SystemExit(f"fastw2v: error: {_problem}") from None
    raise ImportError(_problem) from None
