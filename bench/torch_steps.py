"""The training step of batch_losses.py in PyTorch, twice: by autograd, and with gradients written out by hand.

Deliberately nothing about time: batch_losses.py holds the clock. Both ways do what src_c/softmax.c and
src_c/sampled.c do to one mini-batch, but for their guards against runaway steps: all gradients are those of
the rows before the step, noise words are shared by the batch, and a noise word that is the target does not
count, but for NCE.

Of the variants that were tried on two cores (256 inputs, 10,000 words, 100 dimensions, 256 noise words) these
are the fastest; none is more than a few per cent ahead of the next one:

- Full softmax by autograd: functional form and updates in place. nn.Embedding(sparse=True), nn.Linear and
  torch.optim.SGD (with or without fused=True) take as long, as do biases in a column of the weights.
- Sampled losses by autograd: gathered rows as leaves, targets and noise words apart, and a sparse tensor
  added to the matrix: nn.Embedding(sparse=True) with torch.optim.SGD takes a third longer. index_add_ takes
  as long, scatter_add_ and index_put_(accumulate=True) longer.
- torch.compile of the loss gains nothing: the products and the sparse updates remain as they are.
- By hand, the products of the full softmax write to buffers that are kept, and one of them is the update.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class TorchTrainer:
    """Matrices, and one step of SGD on them.

    Parameters
    ----------
    loss : str
        "softmax", "sampled_softmax", "nce" or "blackout".
    in_vecs, out_vecs, biases : ndarray
        Where training starts, [V, D], [V, D] and [V]; they are copied.
    offsets : ndarray
        log(k q(w)), [V], which the losses with noise words take from a score.
    batch_size : int
        Predictions of each batch.
    lr : float
        Learning rate; the loss of a batch is a sum, not a mean.
    by_hand : bool
        Whether the gradients are written out; otherwise they are autograd's.
    """

    def __init__(
        self,
        loss: str,
        in_vecs: np.ndarray,
        out_vecs: np.ndarray,
        biases: np.ndarray,
        offsets: np.ndarray,
        *,
        batch_size: int,
        lr: float,
        by_hand: bool,
    ) -> None:
        self.loss, self.lr = loss, lr
        self.in_vecs, self.out_vecs, self.biases, self.offsets = (
            torch.tensor(array, dtype=torch.float32) for array in (in_vecs, out_vecs, biases, offsets)
        )
        self.start = [matrix.clone() for matrix in (self.in_vecs, self.out_vecs, self.biases)]
        self.places = torch.arange(batch_size)
        self.first = torch.zeros(batch_size, dtype=torch.long)
        if loss != "softmax":
            self.step = self._sampled_by_hand if by_hand else self._sampled
        elif by_hand:
            self.scores, self.probabilities = (torch.empty(batch_size, len(self.biases)) for _ in range(2))
            self.step = self._softmax_by_hand
        else:
            self.out_vecs.requires_grad_()
            self.biases.requires_grad_()
            self.step = self._softmax

    def restart(self) -> None:
        """Forget what was learnt."""
        with torch.no_grad():
            for matrix, start in zip((self.in_vecs, self.out_vecs, self.biases), self.start, strict=True):
                matrix.copy_(start)

    def train(self, contexts: Tensor, weights: Tensor, targets: Tensor, noise: Tensor) -> float:
        """Train step after step; returns the sum of the losses.

        Parameters
        ----------
        contexts : Tensor
            Ids of the words that make an input, [steps, B, C]; C = 1 for skip-gram.
        weights : Tensor
            What each of them counts in the input's sum, of the same shape: 1 / contexts, or 0 for a filler.
        targets, noise : Tensor
            Ids, [steps, B] and [steps, K].
        """
        return sum(self.step(*ids).item() for ids in zip(contexts, weights, targets, noise, strict=True))

    def _hidden(self, contexts: Tensor, weights: Tensor) -> Tensor:
        if contexts.shape[1] == 1:
            return self.in_vecs.index_select(0, contexts[:, 0])
        return F.embedding_bag(contexts, self.in_vecs, mode="sum", per_sample_weights=weights)

    def _add_contexts(self, contexts: Tensor, weights: Tensor, by_hidden: Tensor) -> None:
        if contexts.shape[1] == 1:
            return self._add_rows(self.in_vecs, contexts[:, 0], by_hidden)
        gradient = weights[:, :, None] * by_hidden[:, None, :]
        return self._add_rows(self.in_vecs, contexts.ravel(), gradient.reshape(-1, by_hidden.shape[1]))

    def _add_rows(self, matrix: Tensor, ids: Tensor, gradient: Tensor) -> None:
        step = torch.sparse_coo_tensor(ids[None], gradient, matrix.shape, check_invariants=False)
        matrix.add_(step, alpha=-self.lr)

    def _softmax(self, contexts: Tensor, weights: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
        hidden = self._hidden(contexts, weights).requires_grad_()
        loss = F.cross_entropy(F.linear(hidden, self.out_vecs, self.biases), targets, reduction="sum")
        by_hidden, by_out_vecs, by_biases = torch.autograd.grad(loss, (hidden, self.out_vecs, self.biases))
        with torch.no_grad():
            self._add_contexts(contexts, weights, by_hidden)
            self.out_vecs.add_(by_out_vecs, alpha=-self.lr)
            self.biases.add_(by_biases, alpha=-self.lr)
        return loss.detach()

    @torch.no_grad()
    def _softmax_by_hand(self, contexts: Tensor, weights: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
        hidden = self._hidden(contexts, weights)
        torch.addmm(self.biases, hidden, self.out_vecs.t(), out=self.scores)
        torch.softmax(self.scores, 1, out=self.probabilities)
        by_scores = self.probabilities
        loss = -by_scores[self.places, targets].log().sum()
        by_scores[self.places, targets] -= 1
        by_hidden = by_scores @ self.out_vecs
        self.out_vecs.addmm_(by_scores.t(), hidden, alpha=-self.lr)
        self.biases.add_(by_scores.sum(0), alpha=-self.lr)
        self._add_contexts(contexts, weights, by_hidden)
        return loss

    def _sampled(self, contexts: Tensor, weights: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
        hidden, target_rows, noise_rows, target_biases, noise_biases = leaves = [
            rows.requires_grad_()
            for rows in (
                self._hidden(contexts, weights),
                self.out_vecs.index_select(0, targets),
                self.out_vecs.index_select(0, noise),
                self.biases.index_select(0, targets),
                self.biases.index_select(0, noise),
            )
        ]
        target_biases = target_biases - self.offsets.index_select(0, targets)
        noise_biases = noise_biases - self.offsets.index_select(0, noise)
        target_scores = (hidden * target_rows).sum(1) + target_biases
        noise_scores = torch.addmm(noise_biases, hidden, noise_rows.t())
        if self.loss != "nce":
            noise_scores = noise_scores.masked_fill(targets[:, None] == noise, -math.inf)
        loss = self._loss(target_scores, noise_scores)
        by_hidden, by_targets, by_noise, *by_biases = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            self._add_contexts(contexts, weights, by_hidden)
            self._add_rows(self.out_vecs, targets, by_targets)
            self._add_rows(self.out_vecs, noise, by_noise)
            self.biases.index_add_(0, targets, by_biases[0], alpha=-self.lr)
            self.biases.index_add_(0, noise, by_biases[1], alpha=-self.lr)
        return loss.detach()

    def _loss(self, target_scores: Tensor, noise_scores: Tensor) -> Tensor:
        if self.loss == "nce":
            return F.softplus(-target_scores).sum() + F.softplus(noise_scores).sum()
        scores = torch.cat([target_scores[:, None], noise_scores], 1)
        if self.loss == "sampled_softmax":
            return F.cross_entropy(scores, self.first, reduction="sum")
        p = F.softmax(scores, 1)
        return -p[:, 0].log().sum() - torch.log1p(-p[:, 1:]).sum()

    @torch.no_grad()
    def _sampled_by_hand(self, contexts: Tensor, weights: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
        hidden = self._hidden(contexts, weights)
        target_rows, noise_rows = (self.out_vecs.index_select(0, ids) for ids in (targets, noise))
        target_biases, noise_biases = (
            self.biases.index_select(0, ids) - self.offsets.index_select(0, ids) for ids in (targets, noise)
        )
        target_scores = (hidden * target_rows).sum(1) + target_biases
        noise_scores = torch.addmm(noise_biases, hidden, noise_rows.t())
        if self.loss == "nce":
            loss = F.softplus(-target_scores).sum() + F.softplus(noise_scores).sum()
            by_target, by_noise = target_scores.sigmoid_().sub_(1), noise_scores.sigmoid_()
        else:
            noise_scores.masked_fill_(targets[:, None] == noise, -math.inf)
            p = torch.softmax(torch.cat([target_scores[:, None], noise_scores], 1), 1)
            p_target, by_noise = p[:, 0], p[:, 1:]
            loss = -p_target.log().sum()
            if self.loss == "blackout":
                rest = 1 - by_noise
                loss -= rest.log().sum()
                odds = by_noise / rest
                others = 1 - odds.sum(1)
                by_target = p_target * others - 1
                by_noise = torch.addcmul(odds, by_noise, others[:, None])
            else:
                by_target = p_target - 1
        by_hidden = torch.addmm(by_target[:, None] * target_rows, by_noise, noise_rows)
        self._add_contexts(contexts, weights, by_hidden)
        self._add_rows(self.out_vecs, targets, by_target[:, None] * hidden)
        self._add_rows(self.out_vecs, noise, by_noise.t() @ hidden)
        self.biases.index_add_(0, targets, by_target, alpha=-self.lr)
        self.biases.index_add_(0, noise, by_noise.sum(0), alpha=-self.lr)
        return loss
