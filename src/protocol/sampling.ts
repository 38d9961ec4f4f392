/** Draws that a beacon decides: the same for everybody, chosen by nobody. All integers, all orders written down. */
import { readU64be } from './bytes.js';
import { InvalidInputError } from './errors.js';
import { taggedHash, type HashField } from './hash.js';

const WORD = 1n << 64n;

/** A stream of uniform 64-bit words: block n is H("draw", seed, n), read as four big-endian words. */
export class DrawStream {
  readonly #seed: Uint8Array;
  #block: Uint8Array = new Uint8Array();
  #blockNumber = 0n;
  #offset = 32;

  constructor(seed: Uint8Array) {
    this.#seed = seed;
  }

  word(): bigint {
    if (this.#offset === 32) {
      this.#block = taggedHash('draw', this.#seed, this.#blockNumber);
      this.#blockNumber += 1n;
      this.#offset = 0;
    }
    const word = readU64be(this.#block, this.#offset);
    this.#offset += 8;
    return word;
  }

  /** Uniform in 0 … bound−1: words at or above the largest multiple of `bound` are thrown away. */
  below(bound: bigint): bigint {
    if (bound <= 0n || bound > WORD) throw new InvalidInputError(`expected a bound in 1 … 2^64, got ${bound}`);
    const limit = WORD - (WORD % bound);
    for (;;) {
      const word = this.word();
      if (word < limit) return word % bound;
    }
  }
}

/** Seed of one draw: H("seed", beacon, purpose, fields…). */
export function drawSeed(beacon: Uint8Array, purpose: string, ...fields: readonly HashField[]): Uint8Array {
  return taggedHash('seed', beacon, purpose, ...fields);
}

export interface Candidate {
  readonly address: string;
  /** Weight of the draw, in uremes. */
  readonly stake: bigint;
}

/**
 * Draws up to `count` different candidates, each time with probability proportional to stake among those left.
 * Candidates are laid out in ascending order of address; those without stake cannot be drawn.
 */
export function sampleByStake(seed: Uint8Array, candidates: readonly Candidate[], count: number): string[] {
  const pool = candidates
    .filter((c) => c.stake > 0n)
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  const stream = new DrawStream(seed);
  let total = pool.reduce((sum, c) => sum + c.stake, 0n);
  const drawn: string[] = [];
  while (drawn.length < count && pool.length > 0) {
    let at = stream.below(total);
    const index = pool.findIndex((c) => {
      if (at < c.stake) return true;
      at -= c.stake;
      return false;
    });
    const [chosen] = pool.splice(index, 1);
    if (chosen === undefined) break;
    total -= chosen.stake;
    drawn.push(chosen.address);
  }
  return drawn;
}

/**
 * The first `count` entries of a uniform permutation of 0 … size−1 (Fisher–Yates from the front; only touched places are
 * kept, so a large dataset costs nothing).
 */
export function permutationPrefix(seed: Uint8Array, size: number, count: number): number[] {
  if (count > size) throw new InvalidInputError(`expected at most ${size} entries of the permutation, got ${count}`);
  const stream = new DrawStream(seed);
  const moved = new Map<number, number>();
  const out: number[] = [];
  for (let i = 0; i < count; i++) {
    const j = i + Number(stream.below(BigInt(size - i)));
    out.push(moved.get(j) ?? j);
    moved.set(j, moved.get(i) ?? i);
  }
  return out;
}
