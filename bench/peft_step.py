"""Training steps of PyTorch + PEFT in float32: LoRA of rank 8 on all seven linears, every label scored, gradients of the adapter.

    python peft_step.py MODEL_DIR SEQUENCES LENGTH THREADS RUNS

Prints one JSON line: the seconds of each run after one that is not counted.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "test" / "peft"))
from common import load_model  # first: it sets what torch reads when it is imported

import torch
from peft import LoraConfig, TaskType, get_peft_model

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def main() -> None:
    directory, (sequences, length, threads, runs) = Path(sys.argv[1]), map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    backbone = load_model(directory)
    lora = LoraConfig(task_type=TaskType.CAUSAL_LM, r=8, lora_alpha=16, lora_dropout=0.0, bias="none", target_modules=TARGETS)
    model = get_peft_model(backbone, lora).eval()
    parameters = [p for p in model.parameters() if p.requires_grad]
    tokens = torch.randint(0, model.config.vocab_size, (sequences, length))
    seconds = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        loss = model(input_ids=tokens, labels=tokens).loss
        torch.autograd.grad(loss, parameters)
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"torch": torch.__version__, "seconds": seconds[1:]}))


main()
