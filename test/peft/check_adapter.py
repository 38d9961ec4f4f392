"""Loads an adapter that r3mes trained in PEFT and computes its held-out loss with PyTorch in float32.

    python check_adapter.py MODEL_DIR ADAPTER_DIR TOKENS --expect 3.8123

ADAPTER_DIR holds adapter_model.safetensors and adapter_config.json, as a devnet writes them; TOKENS is the token file of
the text that the devnet trained on. Exit code 1 where the loss is further than --within from what r3mes said.
"""

import argparse
import json
import sys
from pathlib import Path

from common import held_out_loss, load_model, read_chunks  # first: see there

import torch
from peft import PeftModel
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file


def check_all_loaded(model: PeftModel, adapter: Path) -> int:
    """PEFT ignores tensors that it has no place for, so every one of the file is looked up. Returns how many there are."""
    stored = load_file(adapter / "adapter_model.safetensors")
    loaded = get_peft_model_state_dict(model)
    if stored.keys() != loaded.keys():
        raise SystemExit(f"PEFT has other tensors than the file: {sorted(stored.keys() ^ loaded.keys())[:4]}")
    for name, tensor in stored.items():
        if not torch.equal(tensor, loaded[name]):
            raise SystemExit(f"PEFT holds other values than the file in {name}")
    return len(stored)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("--chunk-tokens", type=int, default=2048)
    parser.add_argument("--sequence-length", type=int, default=256)
    parser.add_argument("--expect", type=float, help="held-out loss that r3mes printed, nats a token (heldOutLossAfter)")
    parser.add_argument("--expect-before", type=float, help="the same without the adapter (heldOutLossBefore)")
    parser.add_argument("--within", type=float, default=0.01)
    args = parser.parse_args()

    _, held_out = read_chunks(args.tokens, args.chunk_tokens)
    backbone = load_model(args.model)
    before = held_out_loss(backbone, held_out, args.sequence_length)
    model = PeftModel.from_pretrained(backbone, args.adapter).eval()
    tensors = check_all_loaded(model, args.adapter)
    after = held_out_loss(model, held_out, args.sequence_length)

    pairs = [("before", before, args.expect_before), ("after", after, args.expect)]
    differences = {name: abs(seen - told) for name, seen, told in pairs if told is not None}
    holds = all(difference <= args.within for difference in differences.values())
    print(
        json.dumps(
            {
                "tensors": tensors,
                "heldOutChunks": len(held_out),
                "heldOutLossBefore": before,
                "heldOutLossAfter": after,
                "differences": differences,
                "within": args.within,
                "holds": holds,
            }
        )
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
