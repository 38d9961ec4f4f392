import { fromHex, toHex } from '../../../protocol/bytes.js';
import { Equivocation } from '../../../protocol/gen/cosmos/evidence/v1beta1/evidence.js';
import { Params, ValidatorSigningInfo } from '../../../protocol/gen/cosmos/slashing/v1beta1/slashing.js';
import { sha256 } from '../../../protocol/hash.js';
import { formatConsensusAddress, parseConsensusAddress } from '../../../protocol/validator-address.js';
import type { Context, QueryContext } from '../../module.js';
import { Table, TextSet } from '../collections.js';
import { defaultSlashingParams } from './params.js';

export const SLASHING_STORE = 'slashing';
const at = (prefix: number) => ({ store: SLASHING_STORE, prefix });
const BYTES = { encode: (bytes: Uint8Array) => ({ finish: () => bytes }), decode: (bytes: Uint8Array) => bytes };

/** Blocks whose bits share one entry. */
const CHUNK_BITS = 1024n;

/** How well validators sign, by consensus address. */
export class SlashingState {
  readonly #params = new Table(at(1), Params);
  readonly #infos = new Table(at(2), ValidatorSigningInfo);
  readonly #addresses = new TextSet(at(3));
  /** Chunks of missed bits; no entry where none is set. */
  readonly #missed = new Table(at(4), BYTES);
  readonly #evidence = new Table(at(5), Equivocation);
  readonly #evidenceHashes = new TextSet(at(6));

  params(ctx: QueryContext): Params {
    return this.#params.get(ctx) ?? defaultSlashingParams();
  }

  setParams(ctx: Context, params: Params): void {
    const { signedBlocksWindow } = this.params(ctx);
    this.#params.set(ctx, params);
    if (signedBlocksWindow === params.signedBlocksWindow) return;
    // Places in the window mean other blocks now.
    for (let i = 0n; i < this.count(ctx); i++) {
      const info = this.infoAt(ctx, i);
      if (info !== undefined) this.forgive(ctx, info, signedBlocksWindow);
    }
  }

  info(ctx: QueryContext, consAddress: Uint8Array): ValidatorSigningInfo | undefined {
    return this.#infos.get(ctx, consAddress);
  }

  setInfo(ctx: Context, consAddress: Uint8Array, info: ValidatorSigningInfo): void {
    this.#infos.set(ctx, info, consAddress);
    this.#addresses.add(ctx, info.address);
  }

  count(ctx: QueryContext): bigint {
    return this.#addresses.size(ctx);
  }

  infoAt(ctx: QueryContext, index: bigint): ValidatorSigningInfo | undefined {
    const address = this.#addresses.at(ctx, index);
    return address === undefined ? undefined : this.info(ctx, parseConsensusAddress(address));
  }

  /** @param index in the window. */
  isMissed(ctx: QueryContext, consAddress: Uint8Array, index: bigint): boolean {
    const chunk = this.#missed.get(ctx, consAddress, index / CHUNK_BITS);
    const bit = Number(index % CHUNK_BITS);
    return (((chunk?.[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1;
  }

  setMissed(ctx: Context, consAddress: Uint8Array, index: bigint, missed: boolean): void {
    const number = index / CHUNK_BITS;
    const bit = Number(index % CHUNK_BITS);
    const chunk = Uint8Array.from(this.#missed.get(ctx, consAddress, number) ?? new Uint8Array(Number(CHUNK_BITS) / 8));
    const mask = 1 << (bit & 7);
    chunk[bit >> 3] = missed ? (chunk[bit >> 3] ?? 0) | mask : (chunk[bit >> 3] ?? 0) & ~mask;
    if (chunk.every((byte) => byte === 0)) this.#missed.delete(ctx, consAddress, number);
    else this.#missed.set(ctx, chunk, consAddress, number);
  }

  /** Indexes in the window that were missed. */
  missedIndexes(ctx: QueryContext, consAddress: Uint8Array, window: bigint): bigint[] {
    const indexes: bigint[] = [];
    for (let first = 0n; first < window; first += CHUNK_BITS) {
      const chunk = this.#missed.get(ctx, consAddress, first / CHUNK_BITS) ?? new Uint8Array();
      chunk.forEach((byte, at) => {
        for (let bit = 0; bit < 8; bit++) if (((byte >> bit) & 1) === 1) indexes.push(first + BigInt(8 * at + bit));
      });
    }
    return indexes;
  }

  /** Forgets what a validator missed in a window of this length. @returns the info that was written. */
  forgive(ctx: Context, info: ValidatorSigningInfo, window: bigint): ValidatorSigningInfo {
    const consAddress = parseConsensusAddress(info.address);
    if (info.missedBlocksCounter === 0n) return info;
    for (let first = 0n; first < window; first += CHUNK_BITS) this.#missed.delete(ctx, consAddress, first / CHUNK_BITS);
    const clean = { ...info, missedBlocksCounter: 0n };
    this.setInfo(ctx, consAddress, clean);
    return clean;
  }

  addEvidence(ctx: Context, evidence: Equivocation): void {
    const hash = sha256(Equivocation.encode(evidence).finish());
    this.#evidence.set(ctx, evidence, hash);
    this.#evidenceHashes.add(ctx, toHex(hash));
  }

  evidence(ctx: QueryContext, hash: Uint8Array): Equivocation | undefined {
    return this.#evidence.get(ctx, hash);
  }

  evidenceCount(ctx: QueryContext): bigint {
    return this.#evidenceHashes.size(ctx);
  }

  evidenceAt(ctx: QueryContext, index: bigint): Equivocation | undefined {
    const hash = this.#evidenceHashes.at(ctx, index);
    return hash === undefined ? undefined : this.evidence(ctx, fromHex(hash));
  }
}

export function newSigningInfo(consAddress: Uint8Array, startHeight: bigint): ValidatorSigningInfo {
  return {
    address: formatConsensusAddress(consAddress),
    startHeight,
    indexOffset: 0n,
    jailedUntil: { seconds: 0n, nanos: 0 },
    tombstoned: false,
    missedBlocksCounter: 0n,
  };
}
