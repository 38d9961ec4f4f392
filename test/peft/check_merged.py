"""Loads what `r3mes model merge` wrote and compares its logits with those of a reference case.

    python check_merged.py CASE MERGED --within 0.02

First exactly: the merged weights are W · scale + alpha / r · B · A of the case, as transformers and PEFT hold it, up to the
rounding of their type. Then the model as a whole: a merged model does not round activations to 8 bits, so its logits are
only near those of model and adapter; the cosine of the two must be above 1 − --within. Exit code 1 otherwise.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # before torch is imported: see common.py

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def ternary(linear: torch.nn.Module) -> torch.Tensor:
    """The weight that AutoBitLinear multiplies with, in float64."""
    weight = linear.weight.detach()
    if not linear.online_quant:
        return weight.double() * linear.weight_scale.double()
    scale = 1.0 / weight.float().abs().mean().clamp_(min=1e-5)
    return (weight.float() * scale).round().clamp(-1, 1).double() / scale.double()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("merged", type=Path)
    parser.add_argument("--within", type=float, default=0.02)
    args = parser.parse_args()

    # PEFT passes legacy BitLinear by; packed/ holds the same model in the other form.
    form = json.loads((args.case / "case.json").read_text()).get("form")
    case = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(args.case / "packed" if form == "bitlinear" else args.case, dtype=torch.float32), args.case / "adapter"
    ).eval()
    merged = AutoModelForCausalLM.from_pretrained(args.merged, dtype=torch.float32).eval()
    stored = load_file(args.merged / "model.safetensors")
    worst, layers = 0.0, 0
    for name, module in case.named_modules():
        if not (name.endswith(TARGETS) and hasattr(module, "lora_A")):
            continue
        expected = ternary(module.base_layer) + module.get_delta_weight("default").detach().double()
        tensor = stored[name.removeprefix("base_model.model.") + ".weight"]
        unit = {torch.bfloat16: 2**-8, torch.float32: 2**-22}[tensor.dtype]
        worst = max(worst, ((tensor.double() - expected).abs() / (expected.abs() * unit + 1e-7)).max().item())
        layers += 1
    with torch.no_grad():
        ids = load_file(args.case / "io.safetensors")["input_ids"].long()
        a, b = case(input_ids=ids).logits.flatten(), merged(input_ids=ids).logits.flatten()
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).item()
    holds = layers == 7 * merged.config.num_hidden_layers and worst <= 1 and cosine >= 1 - args.within
    print(json.dumps({"layers": layers, "largestWeightErrorInUnits": worst, "logitsCosine": cosine, "within": args.within, "holds": holds}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
