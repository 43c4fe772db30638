# SPDX-License-Identifier: MIT
"""Muon: momentum whose update is made orthogonal by five Newton-Schulz steps, for weight matrices.

It needs about two thirds of AdamW's steps here, and its work grows with the matrices, not the batch.
"""
import collections

import torch

COEFFICIENTS = 3.4445, -4.7750, 2.0315


def orthogonal(matrices):
    """The nearest semi-orthogonal matrices, roughly. matrices [count, rows, columns], rows <= columns."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.float()


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, weight_decay, momentum=0.95):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            # Equal shapes go through the products together; tall matrices lie down.
            shapes = collections.defaultdict(list)
            for p in group["params"]:
                shapes[tuple(sorted(p.shape))].append(p)
            for params in shapes.values():
                self.update(params, group)

    def update(self, params, group):
        updates = []
        for p in params:
            state = self.state[p]
            if not state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(p.grad, 1 - group["momentum"])
            update = p.grad.lerp(state["momentum"], group["momentum"])
            updates.append(update if p.shape[0] <= p.shape[1] else update.T)
        for p, update in zip(params, orthogonal(torch.stack(updates))):
            rows, columns = p.shape
            p.mul_(1 - group["lr"] * group["weight_decay"])
            update = update if rows <= columns else update.T
            p.add_(update, alpha=-group["lr"] * max(1, rows / columns) ** 0.5)
