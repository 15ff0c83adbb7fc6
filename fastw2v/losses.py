"""The six output layers: what each needs, and the defaults that suit it. The one table of them.

The formulas are in src_c/sampled.c and src_c/softmax.c (batches) and src_c/kernels_body.h (windows).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class OutputLayer:
    """What sets one output layer apart from the others."""

    title: str
    negative: int
    """Default number K of noise words; 0 where none are drawn."""
    ns_exponent: float
    """Default: noise words are drawn in proportion to count ** ns_exponent."""
    alpha: float
    """Default learning rate at the start."""
    has_bias: bool
    """Whether each word has a bias."""
    most_window_noise: int | None
    """It learns window by window with up to this many noise words, and from mini-batches, whose inputs share them,
    with more. None: always window by window; -1: always from mini-batches."""


LOSSES: Mapping[str, OutputLayer] = {
    # Mikolov et al., NIPS 2013, section 2.2.
    "ns": OutputLayer("negative sampling", 5, 0.75, 0.025, False, None),
    # Morin & Bengio, AISTATS 2005, over a Huffman tree as in Mikolov et al., 2013.
    "hs": OutputLayer("hierarchical softmax", 0, 0.75, 0.025, False, None),
    # Gutmann & Hyvarinen, JMLR 2012; noise from the unigram distribution as Mnih & Teh, ICML 2012.
    "nce": OutputLayer("noise-contrastive estimation", 64, 1.0, 0.025, True, 20),
    # Bengio & Senecal, IEEE TNN 2008; Jean et al., ACL 2015.
    "sampled_softmax": OutputLayer("sampled softmax (importance sampling)", 256, 0.75, 0.025, True, -1),
    # Ji, Vishwanathan, Satish, Anderson & Dubey, ICLR 2016, who recommend exponents of 0.1 to 0.4.
    "blackout": OutputLayer("BlackOut", 256, 0.4, 0.025, True, -1),
    # Bengio et al., JMLR 2003.
    "softmax": OutputLayer("full softmax", 0, 0.75, 0.05, True, -1),
}
