"""Trains an adapter with PyTorch and PEFT in float32 on the budget of a devnet, as a yardstick for it.

    python train_peft.py MODEL_DIR TOKENS --rounds 20

A round is one AdamW step on --gradients gradients of one chunk each. Every gradient is clipped on its own, then they are
averaged: the mean, or the trimmed mean that r3mes takes (the extremes of every coordinate dropped).
"""

import argparse
import json
import sys
from pathlib import Path

from common import held_out_loss, load_model, losses, read_chunks  # first: see there

import torch
from peft import LoraConfig, TaskType, get_peft_model

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def clipped_gradient(model, parameters, chunk, sequence_length: int, clip: float) -> tuple[torch.Tensor, float]:
    """The gradient of one chunk's mean loss as one vector of norm at most `clip`, and the loss."""
    total, labels = losses(model, chunk, sequence_length)
    loss = total / labels
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])
    norm = gradient.norm()
    return (gradient * (clip / norm) if norm > clip else gradient), loss.item()


def trimmed_mean(gradients: torch.Tensor) -> torch.Tensor:
    count = len(gradients)
    dropped = min(max(1, count // 5), (count - 1) // 2)
    return gradients.sort(dim=0).values[dropped : count - dropped].mean(dim=0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--gradients", type=int, default=3)
    parser.add_argument("--chunk-tokens", type=int, default=2048)
    parser.add_argument("--sequence-length", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--clip", type=float, default=1.0)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--alpha", type=int, default=16)
    parser.add_argument("--average", choices=["trimmed", "mean"], default="trimmed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the adapter there, as PEFT does")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    training, held_out = read_chunks(args.tokens, args.chunk_tokens)
    backbone = load_model(args.model)
    lora = LoraConfig(
        task_type=TaskType.CAUSAL_LM, r=args.rank, lora_alpha=args.alpha, lora_dropout=0.0, bias="none", target_modules=TARGETS
    )
    model = get_peft_model(backbone, lora).eval()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=args.weight_decay)

    before = held_out_loss(model, held_out, args.sequence_length)
    order = torch.cat([torch.randperm(len(training)) for _ in range(1 + args.rounds * args.gradients // len(training))])
    for number in range(args.rounds):
        picked = order[number * args.gradients : (number + 1) * args.gradients]
        pairs = [clipped_gradient(model, parameters, training[i], args.sequence_length, args.clip) for i in picked]
        stacked = torch.stack([gradient for gradient, _ in pairs])
        average = trimmed_mean(stacked) if args.average == "trimmed" else stacked.mean(dim=0)
        for parameter, part in zip(parameters, average.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter).clone()
        optimizer.step()
        loss = sum(loss for _, loss in pairs) / len(pairs)
        print(f"round {number + 1} of {args.rounds}: training loss {loss:.4f}", file=sys.stderr)
    after = held_out_loss(model, held_out, args.sequence_length)
    if args.output is not None:
        model.save_pretrained(args.output)
    print(
        json.dumps(
            {
                "heldOutLossBefore": before,
                "heldOutLossAfter": after,
                "lowered": before - after,
                "tokensTrained": args.rounds * args.gradients * args.chunk_tokens,
                "average": args.average,
                "lr": args.lr,
                "seed": args.seed,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
