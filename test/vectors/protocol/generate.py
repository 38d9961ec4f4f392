"""Makes vectors.json from docs/protocol.md alone, with nothing but Python's standard library: python3 generate.py > vectors.json.
A second implementation of hashes, draws, trees and commitments; it shares no line with src/protocol."""

import hashlib
import json
import struct


def sha256(data):
    return hashlib.sha256(data).digest()


def field(value):
    if isinstance(value, int):
        value = struct.pack(">Q", value)
    elif isinstance(value, str):
        value = value.encode()
    return struct.pack(">I", len(value)) + value


def H(tag, *fields):
    return sha256(b"".join(field(f) for f in ("r3mes/v1/" + tag, *fields)))


# Draws: §2.
def words(seed):
    block = 0
    while True:
        digest = H("draw", seed, block)
        yield from struct.unpack(">4Q", digest)
        block += 1


def below(stream, bound):
    limit = 2**64 // bound * bound
    while True:
        word = next(stream)
        if word < limit:
            return word % bound


def permutation_prefix(seed, size, count):
    stream, places = words(seed), list(range(size))
    for i in range(count):
        j = i + below(stream, size - i)
        places[i], places[j] = places[j], places[i]
    return places[:count]


def by_stake(seed, candidates, count):
    stream, drawn = words(seed), []
    pool = sorted((a, s) for a, s in candidates if s > 0)
    while pool and len(drawn) < count:
        x = below(stream, sum(s for _, s in pool))
        for address, stake in pool:
            if x < stake:
                break
            x -= stake
        pool.remove((address, stake))
        drawn.append(address)
    return drawn


# Trees: RFC 6962.
def root(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def possession(payload):
    return root([payload[i : i + 256] for i in range(0, len(payload), 256)])


def bitmap(bits):
    out = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        out[i // 8] |= bit << (i % 8)
    return bytes(out)


CHAIN = "r3mes-vector-1"
BEACON = sha256(b"beacon")
MINERS = [f"remes1miner{c}" for c in "qpzry9x8"]
CID = "bafkreia4zexv7r7aa4i7vjy2m3zrlvl3z5r3z5r3z5r3z5r3z5r3z5r3z5"

candidates = [(m, 10**9 * (i + 1) + i) for i, m in enumerate(MINERS)] + [("remes1nostake", 0)]
gradients = [{"id": i, "miner": MINERS[i % 8], "payloadCid": CID, "gradientHash": sha256(bytes([i])).hex()} for i in (7, 3, 11, 5, 2)]
leaves = [H("gradient-leaf", g["id"], g["miner"], g["payloadCid"], bytes.fromhex(g["gradientHash"])) for g in sorted(gradients, key=lambda g: g["id"])]
merkle_root = root(leaves)
result = {"adapterCid": CID, "optimizerCid": CID[:-1] + "6", "step": 42, "aggregateHash": sha256(b"aggregate").hex(), "merkleRoot": merkle_root.hex()}
result_hash = H("aggregation-result", CID, result["adapterCid"], result["optimizerCid"], result["step"], bytes.fromhex(result["aggregateHash"]), merkle_root)
participants = sorted(g["id"] for g in gradients)
salt, digest = sha256(b"salt"), sha256(b"digest")
bits = [i % 3 == 0 or i == 10 for i in range(19)]

print(
    json.dumps(
        {
            "taggedHash": [
                {"tag": tag, "fields": [f.hex() if isinstance(f, bytes) else f for f in fields], "kinds": [type(f).__name__ for f in fields], "hash": H(tag, *fields).hex()}
                for tag, *fields in [("job",), ("job", ""), ("draw", BEACON, 0), ("seed", BEACON, "chunks", 2**64 - 1), ("x", "ab", "c"), ("x", "a", "bc"), ("é", b"\x00" * 300)]
            ],
            "job": {"chain": CHAIN, "window": 9, "miner": MINERS[0], "chunks": [3, 70000], "id": H("job", CHAIN, 9, MINERS[0], 2, 3, 70000).hex()},
            "minerOrder": {"beacon": BEACON.hex(), "window": 9, "miners": sorted(MINERS, key=lambda m: H("miner-order", BEACON, 9, m))},
            "beacon": {
                "previous": BEACON.hex(),
                "height": 77,
                "alpha": H("beacon-alpha", CHAIN, BEACON, 77).hex(),
                "output": (BEACON * 2).hex(),
                "next": H("beacon", BEACON, 77, BEACON * 2).hex(),
                "skipped": H("beacon-skip", BEACON, 77).hex(),
            },
            "permutation": [
                {"seed": H("seed", BEACON, "chunks", w).hex(), "size": size, "count": count, "places": permutation_prefix(H("seed", BEACON, "chunks", w), size, count)}
                for w, size, count in [(1, 1, 1), (2, 10, 10), (3, 1000, 12), (4, 100_000, 5)]
            ],
            "byStake": [
                {"seed": H("seed", BEACON, "proposers", w).hex(), "candidates": [{"address": a, "stake": str(s)} for a, s in candidates], "count": count, "drawn": by_stake(H("seed", BEACON, "proposers", w), candidates, count)}
                for w, count in [(1, 3), (2, 1), (3, 8), (4, 20)]
            ],
            "merkle": [{"leaves": [bytes([i]).hex() * i for i in range(n)], "root": root([bytes([i]) * i for i in range(n)]).hex()} for n in (0, 1, 2, 3, 5, 8, 13)],
            "possession": [{"length": n, "root": possession(bytes((i * i + 7) % 256 for i in range(n))).hex()} for n in (0, 1, 256, 257, 5000)],
            "bitmap": {"bits": bits, "bytes": bitmap(bits).hex()},
            "aggregation": {
                "chain": CHAIN,
                "window": 9,
                "proposer": MINERS[3],
                "baseAdapterCid": CID,
                "gradients": gradients,
                "result": result,
                "resultHash": result_hash.hex(),
                "participants": participants,
                "salt": salt.hex(),
                "commitment": H("aggregation-commit", CHAIN, 9, MINERS[3], result_hash, len(participants), *participants, salt).hex(),
            },
            "report": {
                "chain": CHAIN,
                "duty": 5,
                "verifier": MINERS[1],
                "hash": result_hash.hex(),
                "digest": digest.hex(),
                "salt": salt.hex(),
                "commitment": H("report-commit", CHAIN, 5, MINERS[1], result_hash, digest, salt).hex(),
            },
        },
        indent=1,
    )
)
