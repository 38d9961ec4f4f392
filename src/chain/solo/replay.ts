/**
 * What happens before the first new block: the store and the application are brought to the same height.
 *
 * A block is stored, then executed, then its results are stored, then the application commits. So after any crash the
 * application is at the store's height or behind it, and what it lacks is executed again from the stored blocks, without
 * proposing them again. Source: consensus/replay.go of CometBFT.
 */
import { equalBytes, toHex, utf8 } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import type { ResponseFinalizeBlock, ResponseInfo, ResponseInitChain } from '../../protocol/gen/tendermint/abci/types.js';
import { type GenesisDoc, genesisDocToJson } from '../../protocol/genesis-doc.js';
import { merkleRoot } from '../../protocol/merkle.js';
import type { Application } from '../abci/application.js';
import { BLOCK_PROTOCOL, type ChainState, checkFirstValidators, checkResults, finalizeRequest, updatedParams } from './block-builder.js';
import { type BlockStore, damaged, genesisHash } from './block-store.js';
import { NO_BLOCK_ID, resultsHash } from './hashing.js';
import type { ValidatorKey } from './validator-key.js';

/** Version that we say we are, for clients that choose by it. */
export const COMET_VERSION = '0.38.26';
const ABCI_VERSION = '2.0.0';
const P2P_PROTOCOL = 8n;

const RESET_HINT = 'restore the missing folder from a backup, or start a new chain with: r3mes node reset';

export interface HandshakeInput {
  readonly app: Application;
  readonly store: BlockStore;
  readonly genesis: GenesisDoc;
  readonly key: ValidatorKey;
  /** Where the store lies, for messages. */
  readonly directory: string;
}

/** Identifies the genesis document that a store belongs to. */
export function hashOfGenesis(genesis: GenesisDoc): Uint8Array {
  return genesisHash(JSON.stringify(genesisDocToJson(genesis)));
}

/** @throws R3mesError SOLO_VALIDATORS unless the genesis names exactly this validator. */
export function soloPower(genesis: GenesisDoc, key: ValidatorKey): bigint {
  const [validator] = genesis.validators;
  if (genesis.validators.length > 1) {
    throw new R3mesError({
      code: 'SOLO_VALIDATORS',
      message: `the genesis of ${genesis.chainId} names ${genesis.validators.length} validators, and the solo engine is for exactly one`,
      hint: 'run this chain with CometBFT, which agrees among many: it drives the same application',
    });
  }
  if (validator === undefined || !equalBytes(validator.publicKey, key.publicKey)) {
    throw new R3mesError({
      code: 'SOLO_VALIDATORS',
      message:
        `expected the genesis of ${genesis.chainId} to name validator ${toHex(key.address).toUpperCase()}, whose key this node holds, ` +
        `got ${validator === undefined ? 'none' : toHex(validator.address).toUpperCase()}`,
      hint: 'use the key file that belongs to this genesis',
    });
  }
  return validator.power;
}

/**
 * Brings application and store together.
 * @returns what the next block builds on.
 * @throws R3mesError GENESIS_MISMATCH, APP_AHEAD, APP_HASH_MISMATCH, SOLO_VALIDATORS or DATABASE_CORRUPT.
 */
export async function handshake(input: HandshakeInput): Promise<ChainState> {
  const { app, store, genesis, key, directory } = input;
  const power = soloPower(genesis, key);
  const known = store.genesisHash();
  if (known !== undefined && !equalBytes(known, hashOfGenesis(genesis))) {
    throw new R3mesError({
      code: 'GENESIS_MISMATCH',
      message: `the blocks in ${directory} belong to another genesis than the one of ${genesis.chainId} given`,
      hint: 'put the former genesis file back, or start a new chain with: r3mes node reset',
    });
  }
  const info = await app.info({ version: COMET_VERSION, blockVersion: BLOCK_PROTOCOL, p2pVersion: P2P_PROTOCOL, abciVersion: ABCI_VERSION });
  if (info.lastBlockHeight > store.height) {
    throw new R3mesError({
      code: 'APP_AHEAD',
      message: `the state is at height ${info.lastBlockHeight}, but ${directory} has blocks up to ${store.height}`,
      hint: RESET_HINT,
    });
  }
  const init = info.lastBlockHeight === 0n ? await initChain(input, power) : undefined;
  const first: ChainState = {
    chainId: genesis.chainId,
    initialHeight: genesis.initialHeight,
    height: genesis.initialHeight - 1n,
    lastBlockId: NO_BLOCK_ID,
    lastBlockTime: genesis.genesisTime,
    appHash: init !== undefined && init.appHash.length > 0 ? init.appHash : genesis.appHash,
    lastResultsHash: merkleRoot([]),
    appVersion: init?.consensusParams?.version?.app ?? info.appVersion,
    params: updatedParams(genesis.consensusParams, init?.consensusParams) ?? genesis.consensusParams,
    power,
  };
  if (store.height === 0n) return first;
  return replay(input, first, info);
}

async function initChain({ app, genesis, key }: HandshakeInput, power: bigint): Promise<ResponseInitChain> {
  const init = await app.initChain({
    time: genesis.genesisTime,
    chainId: genesis.chainId,
    consensusParams: genesis.consensusParams,
    validators: genesis.validators.map((one) => ({ pubKey: { sum: { $case: 'ed25519', value: one.publicKey } }, power: one.power })),
    appStateBytes: utf8(JSON.stringify(genesis.appState)),
    initialHeight: genesis.initialHeight,
  });
  checkFirstValidators(init.validators, key.publicKey, power);
  return init;
}

async function replay({ app, store, directory }: HandshakeInput, first: ChainState, info: ResponseInfo): Promise<ChainState> {
  const from = info.lastBlockHeight === 0n ? first.initialHeight : info.lastBlockHeight + 1n;
  let appHash = info.lastBlockHeight === 0n ? first.appHash : info.lastBlockAppHash;
  for (let height = from; height <= store.height; height++) {
    const block = store.block(height);
    const id = store.meta(height)?.blockId;
    if (block?.header === undefined || id === undefined) throw damaged(directory, `block ${height} is missing`);
    requireAppHash(height, block.header.appHash, appHash);
    const results = await app.finalizeBlock(finalizeRequest(block, id, first.power));
    const txs = block.data?.txs ?? [];
    checkResults(results, txs.length, height);
    const before = store.results(height);
    if (before !== undefined) requireAppHash(height + 1n, before.appHash, results.appHash);
    await saveResults(store, height, txs, results);
    await app.commit();
    ({ appHash } = results);
  }
  return stateAt(store, directory, first, appHash);
}

/** Stores the results of a block, and the parameters from the next one on where they change. */
export async function saveResults(store: BlockStore, height: bigint, txs: readonly Uint8Array[], results: ResponseFinalizeBlock): Promise<void> {
  const params = results.consensusParamUpdates === undefined ? undefined : await store.consensusParams(height);
  const next = params === undefined ? undefined : updatedParams(params, results.consensusParamUpdates);
  await store.saveResults(height, txs, results, next);
}

/** What the stored blocks say, for an application that has executed all of them and answers `appHash`. */
async function stateAt(store: BlockStore, directory: string, first: ChainState, appHash: Uint8Array): Promise<ChainState> {
  const { height } = store;
  const meta = store.meta(height);
  const results = store.results(height);
  const params = await store.consensusParams(height + 1n);
  if (meta?.header?.time === undefined || meta.blockId === undefined || results === undefined || params === undefined) {
    throw damaged(directory, `block ${height} or its results are missing`);
  }
  requireAppHash(height + 1n, results.appHash, appHash);
  return {
    ...first,
    height,
    lastBlockId: meta.blockId,
    lastBlockTime: meta.header.time,
    appHash: results.appHash,
    lastResultsHash: resultsHash(results.txResults),
    appVersion: results.consensusParamUpdates?.version?.app ?? meta.header.version?.app ?? first.appVersion,
    params,
  };
}

function requireAppHash(height: bigint, expected: Uint8Array, seen: Uint8Array): void {
  if (equalBytes(expected, seen)) return;
  throw new R3mesError({
    code: 'APP_HASH_MISMATCH',
    message: `the state before block ${height} has app hash ${toHex(seen).toUpperCase()}, but the blocks say ${toHex(expected).toUpperCase()}`,
    hint: `the state is not what these blocks make of it: delete the state's folder to rebuild it from the blocks, and report this if it happens again`,
  });
}
