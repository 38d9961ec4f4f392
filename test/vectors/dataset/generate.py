"""Makes tokens.json with the reference implementation of tokenizer.json: pip install tokenizers==0.23.3, then
python generate.py > tokens.json, from this folder. Long results are given as the SHA-256 of their ids, 4 bytes each, little-endian."""

import hashlib
import json
import os
import random
import struct
import sys

import tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..", "..")
TOKENIZER = "templates/models/bitnet-nano/tokenizer.json"
SHAKESPEARE = "../shared/data/shakespeare.txt"

tokenizer = tokenizers.Tokenizer.from_file(os.path.join(ROOT, TOKENIZER))


def ids_of(text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def digest(ids):
    return hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).hexdigest()


texts = {
    "empty": "",
    "plain": "Friends, countrymen, lovers: hear me for my cause, and be silent, that you may hear.",
    "contractions": "I'll say we're here; don't you think they've 'd 's 'S it's IT'S?",
    "numbers": "1,024 tokens at 1.58 bit = 202.24 bytes; 2026-11-23, ² ½ Ⅷ ٣ 四",
    "Turkish": "Kurul, politika faizini değiştirmedi. İğdır'daki gözlemevi; çığ, şölen, ünlü, öğüt, ILIK ılık.",
    "emoji": "😀 👨‍👩‍👧‍👦 🇹🇷 👍🏽 ❤️ and text",
    "composed and decomposed": "é e\u0301 ﬁ ﬀ Å A\u030a",
    "runs of spaces": "a  b   c    d     \n\n\n   e\t\tf \t g\r\nh\r\n\r\ni   ",
    "only white space": " \n \t  \n\n ",
    "strange white space": "a\u00a0b\u2003c\u2028d\u2029e\u3000f\u0085g\ufeffh\u200bi\u180ej\u000bk\u000cl\u001cm",
    "white space of JavaScript and of Unicode": "\u0085's a\ufeff's \ufeffI'll \u0085\u0085we're\ufeff\ufeff 's \u0085 \ufeff",
    "special tokens as text": "<|bos|>To be<|eos|><|eos|> or <|eos> not",
    "other scripts": "Привет, мир! 你好，世界。 नमस्ते दुनिया مرحبا بالعالم こんにちは",
    "controls": "".join(chr(c) for c in range(32)) + "\x7f\x80\x9f",
    "code": "for (let i = 0; i < n; i++) { sum += a[i] * b[i]; } // O(n)\n",
}
random.seed(20261123)
pools = [
    [chr(c) for c in range(32, 127)] + ["\n", " ", " ", "\t"],
    list("abcçğıİöşüIÇĞÖŞÜ ,.'\n"),
    ["😀", "👨‍👩‍👧", "é", "e\u0301", "²", "漢", " ", "\n", "'s", "'S", "\u00a0", "\u0085", "<|eos|>", "42"],
    [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF],
]
for i in range(80):
    pool = pools[i % len(pools)]
    texts[f"random {i}"] = "".join(random.choice(pool) for _ in range(random.randint(1, 40)))

repeated = {
    "one long word": ("x", 200_000),
    "one long line": ("to be or not to be, ", 20_000),
    "spaces only": (" ", 200_000),
    "line feeds only": ("\n", 50_000),
    "many short lines": ("Speak, speak\nWe know it\n", 20_000),
    "emoji only": ("😀", 20_000),
}

result = {
    "version": 1,
    "generator": "test/vectors/dataset/generate.py",
    "source": f"Python tokenizers {tokenizers.__version__}",
    "tokenizer": TOKENIZER,
    "texts": [{"name": n, "text": t, "ids": ids_of(t)} for n, t in texts.items()],
    "repeated": [
        {"name": n, "unit": u, "times": k, "tokens": len(ids := ids_of(u * k)), "sha256": digest(ids)}
        for n, (u, k) in repeated.items()
    ],
}
with open(os.path.join(ROOT, SHAKESPEARE), encoding="utf-8", newline="") as file:
    ids = ids_of(file.read())
    result["files"] = [{"path": SHAKESPEARE, "tokens": len(ids), "sha256": digest(ids)}]
json.dump(result, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
