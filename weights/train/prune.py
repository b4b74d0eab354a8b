"""The student in closed form, layer by layer.

A layer's channels are copies of those channels of the teacher that together explain most of its features' energy (greedy, pivoted
Cholesky of the second moments), and its filters turn the student's own previous layer into them with the least squared error after the
ReLU: channel pruning with least-squares reconstruction (He, Zhang, Sun, ICCV 2017, arXiv:1707.06168).
"""
import torch
import torch.nn.functional as F

from networks import NAMES, pooled_before

POSITIONS = 80000  # rows of a layer's least squares
ROUNDS = 6  # of the targets where the teacher is silent
RIDGE = 1e-4


def choose(moments, count):
    """Indices of `count` channels; moments (C, C) = E[f f^T]."""
    rest, chosen = moments.double().clone(), []
    for _ in range(count):
        gain = (rest ** 2).sum(0) / rest.diagonal().clamp_min(1e-9 * float(moments.diagonal().max()))
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        column = rest[:, best].clone()
        rest -= torch.outer(column, column) / column[best].clamp_min(1e-12)
    return torch.tensor(chosen)


def solve(patches, wanted):
    """Filters (K + 1, W), bias last, so that relu(patches (R, K) filters) is near relu(wanted (R, W)). Where the target is negative any
    negative value is right, so those targets follow the fit."""
    ones = torch.cat([patches, torch.ones(len(patches), 1)], 1)
    square = (ones.t() @ ones).double()
    square += torch.eye(len(square), dtype=torch.double) * RIDGE * square.diagonal().mean()
    factor = torch.linalg.cholesky(square)
    target = wanted
    for _ in range(ROUNDS):
        filters = torch.cholesky_solve((ones.t() @ target).double(), factor).float()
        target = torch.where(wanted > 0, wanted, (ones @ filters).clamp_max(0))
    return filters


def in_batches(function, x, size=16):
    return torch.cat([function(part) for part in x.split(size)])


def sampled_patches(x, count, generator):
    """(rows, 9 C) patches of x (B, C, H, W), and the rows' indices into (B H W)."""
    area = x.shape[2] * x.shape[3]
    rows = torch.randperm(len(x) * area, generator=generator)[:count].sort().values
    images = rows.div(area, rounding_mode="floor")
    return torch.cat([F.unfold(x[i:i + 1], 3, padding=1)[0].t()[rows[images == i] - i * area] for i in images.unique().tolist()]), rows


def channel_moments(f):
    """E[f f^T] of (B, C, H, W)"""
    return sum(torch.einsum("bchw,bdhw->cd", part, part) for part in f.split(16)) / (f.numel() / f.shape[1])


@torch.no_grad()
def prune(student, teacher, pictures, seed, say):
    """Fills `student` from `pictures` (B, 3, H, W); {layer: (the teacher's channels it copies, what they are divided by)}."""
    generator, copied = torch.Generator().manual_seed(seed), {}
    t, s = teacher.prepare(pictures), student.prepare(pictures)
    for name, mine, its in zip(NAMES, student.convs, teacher.convs):
        if pooled_before(name):
            t, s = F.max_pool2d(t, 2), F.max_pool2d(s, 2)
        t = in_batches(its, t)
        patches, rows = sampled_patches(s, POSITIONS, generator)
        chosen = choose(channel_moments(in_batches(F.relu, t)), mine.out_channels)
        wanted = in_batches(lambda part: part[:, chosen], t).transpose(0, 1).flatten(1)[:, rows].t()
        scale = F.relu(wanted).mean()
        filters = solve(patches, wanted / scale)
        mine.weight.copy_(filters[:-1].t().reshape(mine.weight.shape))
        mine.bias.copy_(filters[-1])
        t, s = F.relu_(t), in_batches(lambda part: F.relu(mine(part)), s)
        copied[name] = chosen, scale
        error = F.relu(wanted / scale) - s.transpose(0, 1).flatten(1)[:, rows].t()
        say("pruned relu%s to %d of %d channels: error %.3f" % (name, mine.out_channels, its.out_channels, float(
            error.pow(2).sum() / F.relu(wanted / scale).pow(2).sum())))
    return copied
