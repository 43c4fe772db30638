# SPDX-License-Identifier: MIT
"""The network in PyTorch, for training only: Llama as Hugging Face's LlamaForCausalLM defines it.

Weights are float32, products are bfloat16 (oneDNN's bfloat16 kernels are what makes training on one
core practical; Debian's float32 path may fall back to a reference BLAS). Parameter names are
Hugging Face's, so a state dict is a checkpoint.
"""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

QUERY_CHUNK = 128  # queries per causal block: keys after a block's end are not computed


@dataclasses.dataclass
class Shape:
    vocab_size: int = 2048
    hidden_size: int = 192
    intermediate_size: int = 512
    num_hidden_layers: int = 5
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    max_position_embeddings: int = 512
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    @property
    def head_dim(self):
        return self.hidden_size // self.num_attention_heads


class DropoutMasks:
    """Random slices of one mask drawn at the start: torch's generator would cost a tenth of the run."""

    def __init__(self, p, elements=1 << 24):
        self.p = p
        self.pool = (torch.rand(elements) >= p).to(torch.bfloat16) / (1 - p)

    def __call__(self, x):
        start = int(torch.randint(0, self.pool.numel() - x.numel(), ()))
        return x * self.pool[start : start + x.numel()].view_as(x)


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return Normalise.apply(x, self.weight, self.eps)


class Normalise(torch.autograd.Function):
    """float32 in, bfloat16 out, in fewer passes over memory than the composed form."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        normal = x * scale
        ctx.save_for_backward(normal, weight, scale)
        return (normal * weight).bfloat16()

    @staticmethod
    def backward(ctx, grad):
        normal, weight, scale = ctx.saved_tensors
        grad = grad.float()
        product = grad * normal
        inner = torch.mv(product.view(-1, product.shape[-1]), weight).div_(product.shape[-1]).view(scale.shape)
        return (grad * weight).sub_(normal * inner).mul_(scale), product.sum((0, 1)), None


def rotate(x, cos, sin):
    """Rotary embedding, pairs are halves. x [batch, time, head, dim], tables [time, 1, dim/2]."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Linear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x):
        return F.linear(x, self.weight.bfloat16())


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        kv = s.num_key_value_heads * s.head_dim
        self.q_proj = Linear(s.hidden_size, s.hidden_size)
        self.k_proj = Linear(s.hidden_size, kv)
        self.v_proj = Linear(s.hidden_size, kv)
        self.o_proj = Linear(s.hidden_size, s.hidden_size)

    def forward(self, x, tables):
        s, (b, t, _) = self.s, x.shape
        kv, group, d = s.num_key_value_heads, s.num_attention_heads // s.num_key_value_heads, s.head_dim
        cos, sin, causal = tables
        q = rotate(self.q_proj(x).view(b, t, kv * group, d), cos, sin) * d**-0.5
        k = rotate(self.k_proj(x).view(b, t, kv, d), cos, sin)
        q = q.view(b, t, kv, group, d).permute(0, 2, 3, 1, 4)
        k = k.permute(0, 2, 3, 1).reshape(b * kv, d, t)
        v = self.v_proj(x).view(b, t, kv, d).transpose(1, 2).reshape(b * kv, t, d)
        parts = []
        for start in range(0, t, QUERY_CHUNK):
            end = min(start + QUERY_CHUNK, t)
            n = end - start
            scores = torch.bmm(q[:, :, :, start:end].reshape(b * kv, group * n, d), k[:, :, :end])
            scores.view(b * kv, group, n, end)[..., start:] += causal[:n, :n]
            parts.append(torch.bmm(scores.softmax(-1), v[:, :end]).view(b, kv, group, n, d))
        out = torch.cat(parts, 3).permute(0, 3, 1, 2, 4).reshape(b, t, s.hidden_size)
        return self.o_proj(out)


class Gate(torch.autograd.Function):
    """silu(gate) * up, with the sigmoid kept: torch's bfloat16 silu_backward computes it again, slowly."""

    @staticmethod
    def forward(ctx, gate, up):
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        ctx.save_for_backward(up, sigmoid, silu)
        return silu * up

    @staticmethod
    def backward(ctx, grad):
        up, sigmoid, silu = ctx.saved_tensors
        slope = torch.addcmul(silu, silu, sigmoid, value=-1).add_(sigmoid)
        return slope.mul_(up).mul_(grad), silu * grad


class MLP(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.gate_proj = Linear(s.hidden_size, s.intermediate_size)
        self.up_proj = Linear(s.hidden_size, s.intermediate_size)
        self.down_proj = Linear(s.intermediate_size, s.hidden_size)

    def forward(self, x):
        return self.down_proj(Gate.apply(self.gate_proj(x), self.up_proj(x)))


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.input_layernorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.self_attn = Attention(s)
        self.post_attention_layernorm = RMSNorm(s.hidden_size, s.rms_norm_eps)
        self.mlp = MLP(s)

    def forward(self, x, tables, drop):
        x = x + drop(self.self_attn(self.input_layernorm(x), tables))
        return x + drop(self.mlp(self.post_attention_layernorm(x)))


class Trunk(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.embed_tokens = nn.Embedding(s.vocab_size, s.hidden_size)
        self.layers = nn.ModuleList(Block(s) for _ in range(s.num_hidden_layers))
        self.norm = RMSNorm(s.hidden_size, s.rms_norm_eps)


class Llama(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.model = Trunk(shape)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=0.03 / (2 * shape.num_hidden_layers) ** 0.5 if residual else 0.03)
        half = shape.head_dim // 2
        frequency = shape.rope_theta ** -(torch.arange(half, dtype=torch.float64) / half)
        angle = torch.outer(torch.arange(shape.max_position_embeddings, dtype=torch.float64), frequency)
        self.cos, self.sin = (f(angle).bfloat16().unsqueeze(1) for f in (torch.cos, torch.sin))
        self.causal = torch.full((QUERY_CHUNK, QUERY_CHUNK), float("-inf"), dtype=torch.bfloat16).triu(1)

    def forward(self, ids, targets, drop=lambda x: x):
        """Mean negative log-likelihood of targets [batch, time]; targets below zero do not count."""
        t = ids.shape[1]
        tables = self.cos[:t], self.sin[:t], self.causal
        x = drop(self.model.embed_tokens(ids))
        for block in self.model.layers:
            x = block(x, tables, drop)
        logits = F.linear(self.model.norm(x), self.model.embed_tokens.weight.bfloat16())
        return F.cross_entropy(logits.float().view(-1, self.shape.vocab_size), targets.reshape(-1), ignore_index=-1)
