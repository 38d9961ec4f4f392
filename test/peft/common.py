"""What both scripts share: token files of `r3mes dataset tokenize`, the model in float32, the held-out loss."""

import json
import os
from pathlib import Path

# transformers compiles the unpacking of ternary weights, which takes longer than all the rest on a small model. This must
# be set before torch is imported, so the scripts import this file first.
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")

import numpy
import torch
from transformers import AutoModelForCausalLM

HEADER_BYTES = 1024
DTYPES = {"u16le": "<u2", "u32le": "<u4"}


def read_chunks(path: Path, chunk_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Training and held-out chunks of a token file, cut as `r3mes dataset shard` cuts them: the tail behind the last whole
    chunk is dropped, the last 5 % of the chunks (rounded down, at least one) are held out."""
    data = path.read_bytes()
    header = json.loads(data[:HEADER_BYTES])
    if header.get("format") != "r3mes-tokens":
        raise SystemExit(f"{path}: expected a token file of r3mes dataset tokenize")
    ids = numpy.frombuffer(data, dtype=DTYPES[header["token_format"]], offset=HEADER_BYTES)
    count = len(ids) // chunk_tokens
    if count < 2:
        raise SystemExit(f"{path}: {len(ids)} tokens, expected at least {2 * chunk_tokens}")
    chunks = torch.from_numpy(ids[: count * chunk_tokens].astype("int64").reshape(count, chunk_tokens))
    held_out = max(1, count * 5 // 100)
    return chunks[:-held_out], chunks[-held_out:]


def load_model(directory: Path) -> torch.nn.Module:
    """The frozen backbone, every float in float32."""
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    return model.eval()


def losses(model: torch.nn.Module, chunks: torch.Tensor, sequence_length: int) -> tuple[torch.Tensor, int]:
    """Sum of the losses of all labels, in nats, and how many there are: each sequence on its own, its last token has none."""
    sequences = chunks.reshape(-1, sequence_length)
    logits = model(input_ids=sequences).logits.float()
    labels = sequences[:, 1:]
    total = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="sum")
    return total, labels.numel()


@torch.no_grad()
def held_out_loss(model: torch.nn.Module, chunks: torch.Tensor, sequence_length: int) -> float:
    """Mean over all labels, in nats a token."""
    total, count = 0.0, 0
    for chunk in chunks:
        loss, labels = losses(model, chunk, sequence_length)
        total += loss.double().item()
        count += labels
    return total / count
