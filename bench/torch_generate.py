"""Prefill and decode of PyTorch in float32 with its key-value cache: greedy, one sequence.

    python torch_generate.py MODEL_DIR PREFILL DECODE THREADS RUNS

Prints one JSON line: seconds of each prefill and each decode after a run that is not counted.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "test" / "peft"))
from common import load_model  # first: it sets what torch reads when it is imported

import torch


def main() -> None:
    directory, (prefill, decode, threads, runs) = Path(sys.argv[1]), map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = load_model(directory).eval()
    tokens = torch.randint(0, model.config.vocab_size, (1, prefill))
    prefills, decodes = [], []
    with torch.no_grad():
        for _ in range(runs + 1):
            started = time.perf_counter()
            out = model(input_ids=tokens, use_cache=True, logits_to_keep=1)
            prefills.append(time.perf_counter() - started)
            started = time.perf_counter()
            for _ in range(decode):
                token = out.logits[:, -1].argmax(-1, keepdim=True)
                out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
            decodes.append(time.perf_counter() - started)
    print(json.dumps({"torch": torch.__version__, "prefill": prefills[1:], "decode": decodes[1:]}))


main()
