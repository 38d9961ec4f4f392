/**
 * Blocks, what they did, and the indexes to find them, in one LevelDB. Two batches a block, each written whole and synced:
 * the block itself before it is executed, its results before the application commits.
 */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

import { ClassicLevel } from 'classic-level';

import { concatBytes, readU64be, u32be, u64be, utf8 } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import { type Event, ResponseFinalizeBlock } from '../../protocol/gen/tendermint/abci/types.js';
import { Block } from '../../protocol/gen/tendermint/types/block.js';
import { ConsensusParams } from '../../protocol/gen/tendermint/types/params.js';
import { type BlockID, BlockMeta, Commit } from '../../protocol/gen/tendermint/types/types.js';
import { sha256 } from '../../protocol/hash.js';

/** First byte of every key. A retired number is never used again. */
const PREFIX = {
  /** -> SHA-256 of the genesis document */
  genesis: 0x01,
  /** height u64be -> tendermint.types.Block */
  block: 0x02,
  /** height u64be -> tendermint.types.BlockMeta */
  meta: 0x03,
  /** height u64be -> tendermint.types.Commit that the validator signed right away */
  seenCommit: 0x04,
  /** height u64be -> tendermint.abci.ResponseFinalizeBlock */
  results: 0x05,
  /** block hash -> height u64be */
  byHash: 0x06,
  /** tx hash -> height u64be | index u32be */
  tx: 0x07,
  /** first height u64be -> tendermint.types.ConsensusParams in force from then on */
  params: 0x08,
  /** first 20 bytes of the hash of an event's attribute | height u64be | tx index u32be -> nothing */
  txEvent: 0x09,
  /** the same of the events of blocks | height u64be -> nothing */
  blockEvent: 0x0a,
} as const;

const ATTRIBUTE_HASH_BYTES = 20;
const CHECKSUM_BYTES = 4;
/** Open files are mapped into memory, and this database is read at random. */
const OPTIONS = { keyEncoding: 'view', valueEncoding: 'view', maxOpenFiles: 32, cacheSize: 1024 * 1024, writeBufferSize: 2 * 1024 * 1024 } as const;

/** Where a transaction is: its block, and its number in it from 0. */
export interface TxPosition {
  readonly height: bigint;
  readonly index: number;
}

/** A block as it is stored before it is executed. */
export interface StoredBlock {
  readonly block: Block;
  readonly encoded: Uint8Array;
  readonly id: BlockID;
  readonly seenCommit: Commit;
}

type Level = ClassicLevel<Uint8Array, Uint8Array>;
type Batch = ReturnType<Level['batch']>;

const key = (prefix: number, ...parts: readonly Uint8Array[]): Uint8Array => concatBytes(Uint8Array.of(prefix), ...parts);
const NOTHING = new Uint8Array();

/** What finds an attribute: names may hold dots and values anything, so each carries its length. */
function attributeHash(name: string, value: string): Uint8Array {
  const nameBytes = utf8(name);
  return sha256(concatBytes(u32be(nameBytes.length), nameBytes, utf8(value))).subarray(0, ATTRIBUTE_HASH_BYTES);
}

/** Names of the transaction hash's and height's own attributes in queries; never stored, they have their own keys. */
export function eventAttributes(events: readonly Event[], onlyIndexed: boolean): [name: string, value: string][] {
  return events.flatMap(({ type, attributes }) =>
    type === '' ? [] : attributes.filter((a) => a.key !== '' && (a.index || !onlyIndexed)).map((a): [string, string] => [`${type}.${a.key}`, a.value]),
  );
}

export class BlockStore {
  readonly #level: Level;
  readonly #directory: string;
  #height: bigint;

  private constructor(level: Level, directory: string, height: bigint) {
    this.#level = level;
    this.#directory = directory;
    this.#height = height;
  }

  /** Creates the folder if need be. @throws R3mesError DATABASE_LOCKED or DATABASE_UNUSABLE. */
  static async open(directory: string): Promise<BlockStore> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const level: Level = new ClassicLevel(directory, OPTIONS);
      await level.open();
      const [last] = await level.keys({ gte: key(PREFIX.meta), lt: key(PREFIX.meta + 1), reverse: true, limit: 1 }).all();
      return new BlockStore(level, directory, last === undefined ? 0n : readU64be(last, 1));
    } catch (error) {
      throw translate(error, directory);
    }
  }

  /** Height of the newest block, executed or not; 0 without any. */
  get height(): bigint {
    return this.#height;
  }

  /** Hash of the genesis document that the first block was built on. */
  genesisHash(): Uint8Array | undefined {
    return this.#read(key(PREFIX.genesis));
  }

  block(height: bigint): Block | undefined {
    return this.#decode(Block, key(PREFIX.block, u64be(height)));
  }

  meta(height: bigint): BlockMeta | undefined {
    return this.#decode(BlockMeta, key(PREFIX.meta, u64be(height)));
  }

  seenCommit(height: bigint): Commit | undefined {
    return this.#decode(Commit, key(PREFIX.seenCommit, u64be(height)));
  }

  results(height: bigint): ResponseFinalizeBlock | undefined {
    return this.#decode(ResponseFinalizeBlock, key(PREFIX.results, u64be(height)));
  }

  heightOfHash(hash: Uint8Array): bigint | undefined {
    const value = this.#read(key(PREFIX.byHash, hash));
    return value === undefined ? undefined : readU64be(value);
  }

  txPosition(hash: Uint8Array): TxPosition | undefined {
    const value = this.#read(key(PREFIX.tx, hash));
    return value === undefined ? undefined : readPosition(value, 0);
  }

  /** Parameters in force at `height`. */
  async consensusParams(height: bigint): Promise<ConsensusParams | undefined> {
    const [from] = await this.#keys(key(PREFIX.params), key(PREFIX.params, u64be(height), Uint8Array.of(0)), { reverse: true, limit: 1 });
    return from === undefined ? undefined : this.#decode(ConsensusParams, from);
  }

  /** Positions of transactions with this attribute, in order; at most `limit`. */
  async txsWithAttribute(name: string, value: string, limit: number): Promise<TxPosition[]> {
    const prefix = key(PREFIX.txEvent, attributeHash(name, value));
    return (await this.#keys(prefix, concatBytes(prefix, new Uint8Array(13).fill(0xff)), { limit })).map((found) => readPosition(found, prefix.length));
  }

  /** Heights of blocks with this attribute, in order; at most `limit`. */
  async blocksWithAttribute(name: string, value: string, limit: number): Promise<bigint[]> {
    const prefix = key(PREFIX.blockEvent, attributeHash(name, value));
    return (await this.#keys(prefix, concatBytes(prefix, new Uint8Array(9).fill(0xff)), { limit })).map((found) => readU64be(found, prefix.length));
  }

  /** Stores a block that is not executed yet. The first one brings the genesis hash and parameters. */
  async saveBlock(stored: StoredBlock, first?: { genesisHash: Uint8Array; params: ConsensusParams }): Promise<void> {
    const { block, encoded, id, seenCommit } = stored;
    const height = block.header?.height ?? 0n;
    const meta = { blockId: id, blockSize: BigInt(encoded.length), header: block.header, numTxs: BigInt(block.data?.txs.length ?? 0) };
    await this.#write((put) => {
      put(key(PREFIX.block, u64be(height)), encoded);
      put(key(PREFIX.meta, u64be(height)), BlockMeta.encode(meta).finish());
      put(key(PREFIX.seenCommit, u64be(height)), Commit.encode(seenCommit).finish());
      put(key(PREFIX.byHash, id.hash), u64be(height));
      if (first !== undefined) {
        put(key(PREFIX.genesis), first.genesisHash);
        put(key(PREFIX.params, u64be(height)), ConsensusParams.encode(first.params).finish());
      }
    });
    this.#height = height;
  }

  /** Stores what a block did, with the index of its transactions. Doing so again changes nothing. */
  async saveResults(height: bigint, txs: readonly Uint8Array[], results: ResponseFinalizeBlock, nextParams?: ConsensusParams): Promise<void> {
    await this.#write((put) => {
      put(key(PREFIX.results, u64be(height)), ResponseFinalizeBlock.encode(results).finish());
      for (const [index, tx] of txs.entries()) {
        const position = concatBytes(u64be(height), u32be(index));
        put(key(PREFIX.tx, sha256(tx)), position);
        for (const [name, value] of eventAttributes(results.txResults[index]?.events ?? [], true)) {
          put(key(PREFIX.txEvent, attributeHash(name, value), position), NOTHING);
        }
      }
      for (const [name, value] of eventAttributes(results.events, true)) {
        put(key(PREFIX.blockEvent, attributeHash(name, value), u64be(height)), NOTHING);
      }
      if (nextParams !== undefined) put(key(PREFIX.params, u64be(height + 1n)), ConsensusParams.encode(nextParams).finish());
    });
  }

  /**
   * Removes the newest block with all that leads to it, in one batch. A transaction that an older block holds as well is
   * found no more by its hash.
   * @throws R3mesError DATABASE_CORRUPT where there is none.
   */
  async removeLast(): Promise<void> {
    const height = this.#height;
    const { blockId } = this.meta(height) ?? {};
    const txs = this.block(height)?.data?.txs;
    if (blockId === undefined || txs === undefined) throw damaged(this.#directory, `block ${height} is missing`);
    const results = this.results(height);
    await this.#write((_put, del) => {
      for (const prefix of [PREFIX.block, PREFIX.meta, PREFIX.seenCommit, PREFIX.results]) del(key(prefix, u64be(height)));
      del(key(PREFIX.params, u64be(height + 1n)));
      del(key(PREFIX.byHash, blockId.hash));
      for (const [index, tx] of txs.entries()) {
        del(key(PREFIX.tx, sha256(tx)));
        for (const [name, value] of eventAttributes(results?.txResults[index]?.events ?? [], true)) {
          del(key(PREFIX.txEvent, attributeHash(name, value), u64be(height), u32be(index)));
        }
      }
      for (const [name, value] of eventAttributes(results?.events ?? [], true)) del(key(PREFIX.blockEvent, attributeHash(name, value), u64be(height)));
    });
    this.#height = height - 1n;
  }

  async close(): Promise<void> {
    await this.#level.close();
  }

  #decode<T>(codec: { decode(bytes: Uint8Array): T }, at: Uint8Array): T | undefined {
    const bytes = this.#read(at);
    return bytes === undefined ? undefined : codec.decode(bytes);
  }

  #read(at: Uint8Array): Uint8Array | undefined {
    let stored: Uint8Array | undefined;
    try {
      stored = this.#level.getSync(at);
    } catch (error) {
      throw translate(error, this.#directory);
    }
    if (stored === undefined) return undefined;
    const length = stored.length - CHECKSUM_BYTES;
    if (length < 0 || new DataView(stored.buffer, stored.byteOffset).getUint32(length) !== checksum(at, stored.subarray(0, length))) {
      throw damaged(this.#directory, `the value of key ${Buffer.from(at).toString('hex')} does not match its checksum`);
    }
    // LevelDB gives Buffers, whose `slice` and equality are not those of the bytes that the rest of the code knows.
    return new Uint8Array(stored.buffer, stored.byteOffset, length);
  }

  async #keys(gte: Uint8Array, lt: Uint8Array, options: { reverse?: boolean; limit: number }): Promise<Uint8Array[]> {
    try {
      return await this.#level.keys({ gte, lt, ...options }).all();
    } catch (error) {
      throw translate(error, this.#directory);
    }
  }

  async #write(fill: (put: (at: Uint8Array, value: Uint8Array) => void, del: (at: Uint8Array) => void) => void): Promise<void> {
    try {
      const batch: Batch = this.#level.batch();
      fill(
        (at, value) => {
          const checked = new Uint8Array(value.length + CHECKSUM_BYTES);
          checked.set(value);
          new DataView(checked.buffer).setUint32(value.length, checksum(at, value));
          batch.put(at, checked);
        },
        (at) => void batch.del(at),
      );
      await batch.write({ sync: true });
    } catch (error) {
      throw translate(error, this.#directory);
    }
  }
}

function readPosition(bytes: Uint8Array, offset: number): TxPosition {
  return { height: readU64be(bytes, offset), index: new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset + 8) };
}

/** LevelDB itself checks no block on reading; a flipped bit must not become another chain. */
function checksum(at: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(at));
}

/** Identifies a genesis document by what it says. */
export function genesisHash(canonicalJson: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(canonicalJson).digest());
}

export function damaged(directory: string, what: string): R3mesError {
  return new R3mesError({
    code: 'DATABASE_CORRUPT',
    message: `block database ${directory} is damaged: ${what}`,
    hint: 'restore the folder from a backup, or start a new chain with: r3mes node reset',
  });
}

/** LevelDB's own words lie one cause deeper than the error that classic-level throws. */
function translate(error: unknown, directory: string): R3mesError {
  if (error instanceof R3mesError) return error;
  const codes: string[] = [];
  let message = String(error);
  for (let e = error; e instanceof Error; e = e.cause) {
    if ('code' in e && typeof e.code === 'string') codes.push(e.code);
    message = e.message;
  }
  if (codes.includes('LEVEL_LOCKED')) {
    return new R3mesError({
      code: 'DATABASE_LOCKED',
      message: `block database ${directory} is in use by another process`,
      hint: 'stop the other node first, or choose another folder with --home',
      retryable: true,
      cause: error,
    });
  }
  if (codes.includes('LEVEL_CORRUPTION') || /corrupt|missing files|CURRENT file|does not exist \(create_if_missing/i.test(message)) {
    return damaged(directory, message);
  }
  return new R3mesError({
    code: 'DATABASE_UNUSABLE',
    message: `block database ${directory} cannot be used: ${message}`,
    hint: 'check that the folder can be written to and that the disk is not full',
    cause: error,
  });
}
