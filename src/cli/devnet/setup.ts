import { rm } from 'node:fs/promises';

import { buildAppState, type GenesisNode } from '../../chain/app/genesis-state.js';
import { ValidatorKey } from '../../chain/solo/index.js';
import { buildDataset, loadModelTokenizer, readChunk, type BuiltDataset } from '../../dataset/index.js';
import { InvalidInputError } from '../../protocol/errors.js';
import { DEFAULT_CONSENSUS_PARAMS, genesisDocToJson, type GenesisDoc } from '../../protocol/genesis-doc.js';
import { taggedHash } from '../../protocol/hash.js';
import { profile, UREMES_PER_REMES } from '../../protocol/params.js';
import { vrfPublicKey } from '../../protocol/vrf.js';
import { openLocalStore, type ContentStore } from '../../storage/index.js';
import { evaluate } from '../../train/index.js';
import { SECRET_FILE, writeFileAtomic } from '../files/atomic.js';
import { DEFAULT_MODEL_DIRECTORY } from '../model-directory.js';
import { SAMPLE_DATASET, SAMPLE_DATASET_NAME } from '../templates.js';
import { keysToJson, makeKeys, type DevnetKeys } from './keys.js';
import { prepareModel, type DevnetModel } from './model.js';
import type { DevnetHome, DevnetRun, DevnetSettings } from './settings.js';

const GENESIS_SUPPLY = 300_000_000n * UREMES_PER_REMES;
/** For fees and bonds, besides the stake. */
const LIQUID = 1_000n * UREMES_PER_REMES;

/** What the treasury delegates to the one validator, which is its own. */
const SELF_DELEGATION = 1_000n * UREMES_PER_REMES;

/** Time of genesis with a seed: a constant, since nothing may depend on the clock. */
const SEEDED_GENESIS_SECONDS = 1_767_225_600n; // 2026-01-01T00:00:00Z

/** A step of the set-up, told to whoever waits. */
export type SetupStep = (what: string) => void;

function needEnoughText(dataset: BuiltDataset, settings: DevnetSettings): void {
  const { training_chunks: have, held_out_chunks: heldOut } = dataset.manifest;
  const need = settings.miners + settings.cheaters;
  if (have >= need) return;
  throw new InvalidInputError(
    `the text is too short for ${need} miners: it has ${have} training chunks of ${settings.chunkTokens} tokens (and ${heldOut} held out), one job each needs ${need}`,
    'give more text by --data, or start fewer miners',
  );
}

async function loadDataset(store: ContentStore, settings: DevnetSettings, signal: AbortSignal): Promise<BuiltDataset> {
  const model = await loadModelTokenizer(DEFAULT_MODEL_DIRECTORY);
  const dataset = await buildDataset({
    input: settings.data ?? SAMPLE_DATASET,
    model,
    store,
    name: settings.data === undefined ? SAMPLE_DATASET_NAME : 'devnet',
    chunkTokens: settings.chunkTokens,
    signal,
  });
  needEnoughText(dataset, settings);
  return dataset;
}

function genesisNodes(keys: DevnetKeys): GenesisNode[] {
  const params = profile('dev').node;
  const parts = {
    miner: { part: 'PART_MINER', stake: BigInt(params.minStakeMiner) },
    cheater: { part: 'PART_MINER', stake: BigInt(params.minStakeMiner) },
    proposer: { part: 'PART_PROPOSER', stake: BigInt(params.minStakeProposer) },
    verifier: { part: 'PART_VERIFIER', stake: BigInt(params.minStakeVerifier) },
  } as const;
  return keys.accounts.map((a) => ({ address: a.address, ...parts[a.part] }));
}

function genesis(chainId: string, settings: DevnetSettings, keys: DevnetKeys, model: DevnetModel, dataset: BuiltDataset): GenesisDoc {
  const nodes = genesisNodes(keys);
  const balances = new Map(keys.accounts.map((a) => [a.address, LIQUID]));
  const given = nodes.reduce((sum, n) => sum + n.stake, 0n) + LIQUID * BigInt(balances.size);
  balances.set(keys.treasury.address, GENESIS_SUPPLY - given - SELF_DELEGATION);
  const validator = ValidatorKey.fromSeed(keys.validatorSeed);
  const { manifest } = dataset;
  const appState = buildAppState({
    profile: profile('dev'),
    balances,
    validators: [{ address: keys.treasury.address, consensusKey: validator.publicKey, selfDelegation: SELF_DELEGATION, moniker: 'devnet' }],
    nodes,
    models: [model.record],
    datasets: [
      {
        name: manifest.name,
        manifestCid: dataset.manifestCid,
        tokenizerCid: manifest.tokenizer_cid,
        chunkTokens: manifest.chunk_tokens,
        trainingChunks: manifest.training_chunks,
        heldOutChunks: manifest.held_out_chunks,
      },
    ],
    beacon: taggedHash('devnet-beacon', chainId, keys.vrfSecret),
    beaconKeys: [{ consensusAddress: validator.address, vrfPublicKey: vrfPublicKey(keys.vrfSecret) }],
  });
  const seconds = settings.seed === undefined ? BigInt(Math.floor(Date.now() / 1000)) : SEEDED_GENESIS_SECONDS;
  return {
    genesisTime: { seconds, nanos: 0 },
    chainId,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: [validator.genesisValidator(SELF_DELEGATION / UREMES_PER_REMES)],
    appHash: new Uint8Array(),
    appState,
  };
}

/** Mean loss on the chunks that nobody trains on, in nats a token. */
export async function heldOutLoss(store: ContentStore, dataset: Pick<BuiltDataset, 'manifest'>, model: DevnetModel, signal: AbortSignal): Promise<number> {
  const { manifest } = dataset;
  const chunks: Int32Array[] = [];
  for (let i = 0; i < manifest.held_out_chunks; i++) {
    chunks.push(Int32Array.from(await readChunk(store, manifest, manifest.training_chunks + i, signal)));
  }
  const { loss } = await evaluate(model.model, model.adapter, chunks, model.record.sequenceLength, { signal });
  return loss;
}

/** Makes everything that a run starts from. devnet.json is written last: without it the home holds no run. */
export async function setUp(home: DevnetHome, settings: DevnetSettings, port: number, step: SetupStep, signal: AbortSignal): Promise<DevnetRun> {
  await discard(home);
  const keys = makeKeys(settings);
  const chainId = settings.seed === undefined ? `r3mes-devnet-${keys.treasury.address.slice(-8)}` : `r3mes-devnet-${settings.seed}`;
  const store = await openLocalStore(home.content);
  try {
    step(settings.data === undefined ? 'tokenising the sample dataset' : `tokenising ${settings.data}`);
    const dataset = await loadDataset(store, settings, signal);
    step('reading the backbone');
    const model = await prepareModel(store, DEFAULT_MODEL_DIRECTORY, dataset.manifest.tokenizer_cid, settings.chunkTokens, settings.seed ?? '');
    step(`measuring the loss on ${dataset.manifest.held_out_chunks} held-out chunks`);
    const before = await heldOutLoss(store, dataset, model, signal);
    model.model.dispose();
    const doc = genesis(chainId, settings, keys, model, dataset);
    await writeFileAtomic(home.genesisFile, `${JSON.stringify(genesisDocToJson(doc), undefined, 2)}\n`);
    await writeFileAtomic(home.keysFile, keysToJson(keys), SECRET_FILE);
    await writeFileAtomic(home.validatorKeyFile, ValidatorKey.fromSeed(keys.validatorSeed).toFile(), SECRET_FILE);
    const run: DevnetRun = { version: 1, settings, chainId, port, heldOutLossBefore: before, finished: false };
    await saveRun(home, run);
    return run;
  } finally {
    await store.close();
  }
}

export function saveRun(home: DevnetHome, run: DevnetRun): Promise<void> {
  return writeFileAtomic(home.runFile, `${JSON.stringify(run, undefined, 2)}\n`);
}

/** Removes an older run, its marker first, so that a crash half-way leaves no run rather than half a one. */
async function discard(home: DevnetHome): Promise<void> {
  await rm(home.runFile, { force: true });
  for (const part of [home.keysFile, home.content, `${home.root}/chain`, home.traffic, home.adapter]) await rm(part, { recursive: true, force: true });
}
