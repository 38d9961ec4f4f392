/** Everything of docs/protocol.md that must agree bit for bit, against a second implementation (test/vectors/protocol/generate.py). */
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { bitmapOf, isBitmapFor } from '../../../src/protocol/bitmap.js';
import { compareBytes, fromHex, toHex } from '../../../src/protocol/bytes.js';
import { aggregationCommitment, aggregationResultHash, beaconAlpha, gradientsRoot, jobId, minerOrderKey, nextBeacon, reportCommitment } from '../../../src/protocol/commitments.js';
import { taggedHash, type HashField } from '../../../src/protocol/hash.js';
import { merkleRoot, possessionRoot } from '../../../src/protocol/merkle.js';
import { permutationPrefix, sampleByStake } from '../../../src/protocol/sampling.js';

interface Vectors {
  readonly taggedHash: readonly { tag: string; fields: readonly (string | number)[]; kinds: readonly string[]; hash: string }[];
  readonly job: { chain: string; window: number; miner: string; chunks: number[]; id: string };
  readonly minerOrder: { beacon: string; window: number; miners: string[] };
  readonly beacon: { previous: string; height: number; alpha: string; output: string; next: string; skipped: string };
  readonly permutation: readonly { seed: string; size: number; count: number; places: number[] }[];
  readonly byStake: readonly { seed: string; candidates: { address: string; stake: string }[]; count: number; drawn: string[] }[];
  readonly merkle: readonly { leaves: string[]; root: string }[];
  readonly possession: readonly { length: number; root: string }[];
  readonly bitmap: { bits: boolean[]; bytes: string };
  readonly aggregation: {
    chain: string;
    window: number;
    proposer: string;
    baseAdapterCid: string;
    gradients: { id: number; miner: string; payloadCid: string; gradientHash: string }[];
    result: { adapterCid: string; optimizerCid: string; step: number; aggregateHash: string; merkleRoot: string };
    resultHash: string;
    participants: number[];
    salt: string;
    commitment: string;
  };
  readonly report: { chain: string; duty: number; verifier: string; hash: string; digest: string; salt: string; commitment: string };
}

// Whole numbers up to 2⁶⁴ − 1 stand in the file: those that a double cannot hold are read as text.
const TEXT = readFileSync(path.resolve(import.meta.dirname, '../../vectors/protocol/vectors.json'), 'utf8');
const V = JSON.parse(TEXT.replaceAll(/(?<=[\s[])\d{17,}(?=[\s,\]])/g, '"$&"')) as Vectors;

function fieldOf(value: string | number, kind: string): HashField {
  if (kind === 'int') return BigInt(value);
  return kind === 'bytes' ? fromHex(String(value)) : String(value);
}

describe('vectors of a second implementation', () => {
  it.each(V.taggedHash)('H("$tag", …) = $hash', ({ tag, fields, kinds, hash }) => {
    expect(toHex(taggedHash(tag, ...fields.map((f, i) => fieldOf(f, kinds[i] ?? ''))))).toBe(hash);
  });

  it('job ids and the order of miners', () => {
    const { job, minerOrder } = V;
    expect(toHex(jobId(job.chain, BigInt(job.window), job.miner, job.chunks))).toBe(job.id);
    const key = (miner: string): Uint8Array => minerOrderKey(fromHex(minerOrder.beacon), BigInt(minerOrder.window), miner);
    expect([...minerOrder.miners].sort().sort((a, b) => compareBytes(key(a), key(b)))).toEqual(minerOrder.miners);
  });

  it('beacons', () => {
    const previous = fromHex(V.beacon.previous);
    const height = BigInt(V.beacon.height);
    expect(toHex(beaconAlpha(V.job.chain, previous, height))).toBe(V.beacon.alpha);
    expect(toHex(nextBeacon(previous, height, fromHex(V.beacon.output)))).toBe(V.beacon.next);
    expect(toHex(nextBeacon(previous, height, undefined))).toBe(V.beacon.skipped);
  });

  it.each(V.permutation)('the first $count of a permutation of $size', ({ seed, size, count, places }) => {
    expect(permutationPrefix(fromHex(seed), size, count)).toEqual(places);
  });

  it.each(V.byStake)('$count drawn by stake', ({ seed, candidates, count, drawn }) => {
    const pool = candidates.map(({ address, stake }) => ({ address, stake: BigInt(stake) }));
    expect(sampleByStake(fromHex(seed), pool, count)).toEqual(drawn);
    expect(sampleByStake(fromHex(seed), pool.reverse(), count)).toEqual(drawn);
  });

  it.each(V.merkle)('the root $root', ({ leaves, root }) => {
    expect(toHex(merkleRoot(leaves.map(fromHex)))).toBe(root);
  });

  it.each(V.possession)('the possession root of $length bytes', ({ length, root }) => {
    expect(toHex(possessionRoot(Uint8Array.from({ length }, (_, i) => (i * i + 7) % 256)))).toBe(root);
  });

  it('bitmaps', () => {
    const bytes = bitmapOf(V.bitmap.bits);
    expect(toHex(bytes)).toBe(V.bitmap.bytes);
    expect(isBitmapFor(bytes, V.bitmap.bits.length)).toBe(true);
  });

  it('roots, results and commitments of an aggregation', () => {
    const { aggregation: a } = V;
    const gradients = a.gradients.map((g) => ({ ...g, id: BigInt(g.id), gradientHash: fromHex(g.gradientHash) }));
    expect(toHex(gradientsRoot(gradients))).toBe(a.result.merkleRoot);
    const result = { ...a.result, step: BigInt(a.result.step), aggregateHash: fromHex(a.result.aggregateHash), merkleRoot: fromHex(a.result.merkleRoot) };
    const hash = aggregationResultHash(a.baseAdapterCid, result);
    expect(toHex(hash)).toBe(a.resultHash);
    expect(toHex(aggregationCommitment(a.chain, BigInt(a.window), a.proposer, hash, a.participants.map(BigInt), fromHex(a.salt)))).toBe(a.commitment);
  });

  it('commitments of reports', () => {
    const { report: r } = V;
    expect(toHex(reportCommitment(r.chain, BigInt(r.duty), r.verifier, fromHex(r.hash), fromHex(r.digest), fromHex(r.salt)))).toBe(r.commitment);
  });
});
