import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { ChainQueries } from '../../client/index.js';
import { R3mesError } from '../../protocol/errors.js';
import { readManifest } from '../../dataset/index.js';
import { toHex } from '../../protocol/bytes.js';
import { loraSettings } from '../../roles/assets.js';
import { openLocalStore, readBytes } from '../../storage/index.js';
import { loadCheckpoint, readAdapter, writeAdapter, writeAdapterConfig } from '../../train/index.js';
import { isMissing, writeFileAtomic } from '../files/atomic.js';
import { DEFAULT_MODEL_DIRECTORY } from '../model-directory.js';
import { checkBooks, replayMoney } from './books.js';
import type { DevnetChain, Head } from './chain.js';
import type { DevnetKeys } from './keys.js';
import { devnetRoles } from './keys.js';
import { heldOutLoss } from './setup.js';
import type { DevnetHome, DevnetRun } from './settings.js';

/** The numbers that a finished devnet proves. */
export interface DevnetOutcome {
  readonly heldOutLossBefore: number;
  readonly heldOutLossAfter: number;
  readonly tokensTrained: number;
  readonly bytesMoved: bigint;
  readonly bytesFullModel: bigint;
  readonly adapterCid: string;
  readonly appHash: string;
  readonly height: bigint;
  readonly honestSlashed: number;
  readonly cheatersSlashed: number;
  readonly balancesReconciled: boolean;
  readonly differences: readonly string[];
  /** Cheaters that submitted something and were not slashed. */
  readonly uncaught: readonly string[];
}

const MAX_ADAPTER_BYTES = 4_294_967_296n;

/** Payload bytes that miners and proposers wrote to or read from the content store. */
async function bytesMoved(home: DevnetHome, keys: DevnetKeys): Promise<bigint> {
  const counted = new Set(devnetRoles(keys).map((r) => r.role).filter((role) => role !== 'verifiers'));
  let sum = 0n;
  try {
    for (const name of await readdir(home.traffic)) {
      if (counted.has(name)) sum += BigInt(await readFile(path.join(home.traffic, name), 'utf8'));
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return sum;
}

async function tokensTrained(queries: ChainQueries, rounds: number): Promise<number> {
  let tokens = 0;
  for (let id = 1n; id <= BigInt(rounds); id++) {
    const window = await queries.window(id);
    if (window === undefined) continue;
    const included = new Set(window.included);
    const gradients = (await queries.gradients(id)).filter((g) => included.has(g.id));
    const jobs = await queries.jobs(id);
    const chunks = jobs.filter((j) => gradients.some((g) => g.id === j.gradientId)).reduce((sum, j) => sum + j.chunks.length, 0);
    tokens += chunks * window.chunkTokens;
  }
  return tokens;
}

interface Slashed {
  readonly honest: number;
  readonly cheaters: number;
  readonly uncaught: readonly string[];
}

/** Distinct accounts that were slashed, by what they were meant to be. */
async function countSlashed(queries: ChainQueries, keys: DevnetKeys, rounds: number): Promise<Slashed> {
  const slashed = new Set((await queries.slashes()).map((s) => s.address));
  const submitted = new Set<string>();
  for (let id = 1n; id <= BigInt(rounds); id++) for (const g of await queries.gradients(id)) submitted.add(g.miner);
  const cheaters = keys.accounts.filter((a) => a.part === 'cheater');
  const caught = cheaters.filter((a) => slashed.has(a.address));
  return {
    honest: keys.accounts.filter((a) => a.part !== 'cheater' && slashed.has(a.address)).length,
    cheaters: caught.length,
    uncaught: cheaters.filter((a) => submitted.has(a.address) && !slashed.has(a.address)).map((a) => a.name),
  };
}

/**
 * Reads the last accepted adapter, measures it, writes it in PEFT's form, and adds everything up.
 * @param queries of the state at `head`: the chain may go on meanwhile.
 */
export async function measureOutcome(
  chain: DevnetChain,
  head: Head,
  queries: ChainQueries,
  home: DevnetHome,
  run: DevnetRun,
  keys: DevnetKeys,
  signal: AbortSignal,
): Promise<DevnetOutcome> {
  const record = await queries.model();
  const dataset = await queries.dataset(1n);
  const last = await queries.window(BigInt(run.settings.rounds));
  if (record === undefined || dataset === undefined || last === undefined) {
    throw new R3mesError({ code: 'UNKNOWN_MODEL', message: 'the chain lost its model, dataset or last window' });
  }
  const ledger = await replayMoney(chain, head.height);
  const genesisSupply = ledger.supply - ledger.minted + ledger.burned;
  const books = await checkBooks(queries, ledger, genesisSupply);
  const slashed = await countSlashed(queries, keys, run.settings.rounds);
  const tokens = await tokensTrained(queries, run.settings.rounds);
  const adapterCid = last.accepted?.adapterCid ?? last.baseAdapterCid;
  const store = await openLocalStore(home.content);
  try {
    const config = await readFile(path.join(DEFAULT_MODEL_DIRECTORY, 'config.json'));
    const weights = await readFile(path.join(DEFAULT_MODEL_DIRECTORY, 'model.safetensors'));
    const model = await loadCheckpoint({ config, weights });
    const bytes = await readBytes(store, adapterCid, { maxBytes: MAX_ADAPTER_BYTES });
    const adapter = readAdapter(bytes, model.config, loraSettings(record));
    const manifest = await readManifest(store, dataset.manifestCid);
    const after = await heldOutLoss(store, { manifest }, { record, model, adapter }, signal);
    model.dispose();
    await writeFileAtomic(path.join(home.adapter, 'adapter_model.safetensors'), writeAdapter(adapter));
    await writeFileAtomic(path.join(home.adapter, 'adapter_config.json'), writeAdapterConfig(loraSettings(record), record.name));

    const moved = await bytesMoved(home, keys);
    return {
      heldOutLossBefore: run.heldOutLossBefore,
      heldOutLossAfter: after,
      tokensTrained: tokens,
      bytesMoved: moved,
      bytesFullModel: (moved * record.fullParameters) / record.adapterParameters,
      adapterCid,
      appHash: toHex(head.appHash),
      height: head.height,
      honestSlashed: slashed.honest,
      cheatersSlashed: slashed.cheaters,
      balancesReconciled: books.isReconciled,
      differences: books.differences,
      uncaught: slashed.uncaught,
    };
  } finally {
    await store.close();
  }
}
