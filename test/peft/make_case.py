"""Makes a reference case of a model with random weights in one of the forms that Hugging Face has for BitNet.

    python make_case.py OUT --form online|bitlinear|autobitlinear [--untied] [--shards 3] [--dtype bfloat16|float32|float16]

OUT gets config.json, the weights, adapter/, case.json and io.safetensors, as `r3mes model check` reads them, and packed/: the
same model as transformers' own functions pack it, for `r3mes model verify OUT/packed --master OUT` (with --form online).

What is checked on the way: transformers loads OUT in its form, and its logits are those of the same weights in the form
that PEFT can train (it passes legacy BitLinear by, so gradients come from AutoBitLinear with the reciprocal scale).
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # before torch is imported: see common.py

import torch
from peft import LoraConfig, TaskType, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, BitNetConfig, BitNetForCausalLM
from transformers.integrations.bitnet import pack_weights

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
FORMS = {
    "online": {"linear_class": "autobitlinear", "quantization_mode": "online"},
    "autobitlinear": {"linear_class": "autobitlinear", "quantization_mode": "offline"},
    "bitlinear": {"linear_class": "bitlinear", "quantization_mode": "offline"},
}
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
ADAMW = {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}


def is_linear(name: str) -> bool:
    return any(f".{target}.weight" in name for target in TARGETS)


def masters(config: BitNetConfig, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Random weights: linear layers in `dtype`, the rest in bf16 and float32."""
    state = BitNetForCausalLM(config).state_dict()
    if config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    made = {}
    for name, tensor in state.items():
        if is_linear(name):
            made[name] = (torch.randn(tensor.shape) * 0.04).to(dtype)
        elif tensor.dim() == 1:
            made[name] = 0.75 + 0.5 * torch.rand(tensor.shape)
        else:
            made[name] = (torch.randn(tensor.shape) * 0.1).to(torch.bfloat16)
    return made


def packed(state: dict[str, torch.Tensor], form: str) -> dict[str, torch.Tensor]:
    """What transformers' own functions make of masters: WeightQuant's rule, then pack_weights."""
    made = {}
    for name, tensor in state.items():
        if not is_linear(name):
            made[name] = tensor
            continue
        weight = tensor.float()
        scale = 1.0 / weight.abs().mean().clamp_(min=1e-5)
        made[name] = pack_weights((weight * scale).round().clamp(-1, 1))
        made[f"{name}_scale"] = (scale if form == "bitlinear" else 1.0 / scale).reshape(1)
    return made


def write_model(folder: Path, config: BitNetConfig, form: str, tensors: dict[str, torch.Tensor], shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    values = config.to_dict() | {"architectures": ["BitNetForCausalLM"], "quantization_config": {"quant_method": "bitnet"} | FORMS[form]}
    (folder / "config.json").write_text(json.dumps(values, indent=1))
    tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names = list(tensors)
    weight_map = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        own = {name: tensors[name] for name in names[shard::shards]}
        save_file(own, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(own, file)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}))


def load(folder: Path) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def train(model: torch.nn.Module, ids: torch.Tensor, args: argparse.Namespace, out: Path) -> dict[str, torch.Tensor]:
    """Gradients and the curve of AdamW on one batch, and the adapter before it."""
    lora = LoraConfig(task_type=TaskType.CAUSAL_LM, r=args.rank, lora_alpha=args.alpha, lora_dropout=0.0, bias="none", target_modules=TARGETS)
    peft = get_peft_model(model, lora).eval()
    named = {n: p for n, p in peft.named_parameters() if p.requires_grad}
    with torch.no_grad():
        for name, parameter in named.items():
            if "lora_B" in name:
                parameter.normal_(std=0.05)
    peft.save_pretrained(out / "adapter")
    key = {n: n.replace(".default.", ".") for n in named}
    optimizer = torch.optim.AdamW(named.values(), lr=ADAMW["lr"], betas=tuple(ADAMW["betas"]), eps=ADAMW["eps"], weight_decay=ADAMW["weight_decay"])
    io, curve = {}, []
    for step in range(args.steps):
        optimizer.zero_grad()
        logits = peft(input_ids=ids).logits.float()
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))
        loss.backward()
        if step == 0:
            io["logits"] = logits.detach().clone()
            io["loss"] = loss.detach().reshape(1)
            io |= {f"grad.{key[n]}": p.grad.detach().clone() for n, p in named.items()}
        curve.append(loss.item())
        optimizer.step()
    io |= {f"final.{n}": p.detach().clone() for n, p in get_peft_model_state_dict(peft).items()}
    io["losses"] = torch.tensor(curve)
    return io


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--form", choices=list(FORMS), required=True)
    parser.add_argument("--dtype", choices=list(DTYPES), default="bfloat16", help="of the masters")
    parser.add_argument("--untied", action="store_true")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=96)
    parser.add_argument("--ffn", type=int, default=256)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=331)
    parser.add_argument("--sequences", type=int, default=2)
    parser.add_argument("--length", type=int, default=61)
    parser.add_argument("--rank", type=int, default=6)
    parser.add_argument("--alpha", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    config = BitNetConfig(
        vocab_size=args.vocab,
        hidden_size=args.hidden,
        intermediate_size=args.ffn,
        num_hidden_layers=args.layers,
        num_attention_heads=args.heads,
        num_key_value_heads=args.kv_heads,
        max_position_embeddings=512,
        tie_word_embeddings=not args.untied,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        bos_token_id=0,
        eos_token_id=1,
    )
    state = masters(config, DTYPES[args.dtype])
    write_model(args.out, config, args.form, state if args.form == "online" else packed(state, args.form), args.shards)
    write_model(args.out / "packed", config, "autobitlinear", packed(state, "autobitlinear"), 1)

    ids = torch.randint(0, args.vocab, (args.sequences, args.length))
    with torch.no_grad():
        base = load(args.out)(input_ids=ids).logits.float()
        trainable = load(args.out / "packed" if args.form == "bitlinear" else args.out)
        other = trainable(input_ids=ids).logits.float()
    cosine = torch.nn.functional.cosine_similarity(base.flatten(), other.flatten(), dim=0).item()
    io = train(trainable, ids, args, args.out)
    io |= {"input_ids": ids.to(torch.int32), "base_logits": base}
    save_file({name: tensor.contiguous() for name, tensor in io.items()}, args.out / "io.safetensors")
    case = {"batch": [args.sequences, args.length], "rank": args.rank, "alpha": args.alpha, "targets": TARGETS, "steps": args.steps, "adamw": ADAMW, "form": args.form}
    (args.out / "case.json").write_text(json.dumps(case, indent=1))
    print(json.dumps({"case": str(args.out), "form": args.form, "formsCosine": cosine, "loss": io["loss"].item(), "lastLoss": io["losses"][-1].item()}))
    return 0 if cosine > 0.99999 else 1


if __name__ == "__main__":
    sys.exit(main())
