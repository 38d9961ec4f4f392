import { rm } from 'node:fs/promises';

import { buildAppState, type GenesisNode } from '../../chain/app/genesis-state.js';
import { ValidatorKey } from '../../chain/solo/index.js';
import { buildDataset, loadModelTokenizer, readChunk, type BuiltDataset } from '../../dataset/index.js';
import { InvalidInputError } from '../../protocol/errors.js';
import { DEFAULT_CONSENSUS_PARAMS, genesisDocToJson, type GenesisDoc } from '../../protocol/genesis-doc.js';
import { taggedHash } from '../../protocol/hash.js';
import { profile, type Profile, UREMES_PER_REMES } from '../../protocol/params.js';
import { vrfPublicKey } from '../../protocol/vrf.js';
import { openLocalStore, type ContentStore } from '../../storage/index.js';
import { evaluate } from '../../train/index.js';
import { SECRET_FILE, writeFileAtomic } from '../files/atomic.js';
import { DEFAULT_MODEL_DIRECTORY } from '../model-directory.js';
import { joinNodes, makeNodes } from '../node/testnet.js';
import { SAMPLE_DATASET, SAMPLE_DATASET_NAME } from '../templates.js';
import { keysToJson, makeKeys, type DevnetKeys } from './keys.js';
import { timedProfile } from './timed-profile.js';
import { prepareModel, type DevnetModel } from './model.js';
import type { DevnetHome, DevnetRun, DevnetSettings } from './settings.js';

const GENESIS_SUPPLY = 300_000_000n * UREMES_PER_REMES;
/** For fees and bonds, besides the stake. */
const LIQUID = 1_000n * UREMES_PER_REMES;

/** What each validator's account delegates to it; the one of a solo devnet is the treasury's. */
const SELF_DELEGATION = 1_000n * UREMES_PER_REMES;

/** From a block's commit to the next proposal under CometBFT. */
const COMMIT_MS = 500;

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

/** Who seals blocks. */
interface DevnetValidator {
  readonly name: string;
  readonly key: ValidatorKey;
  readonly vrfSecret: Uint8Array;
  /** Its account. */
  readonly address: string;
}

function genesis(
  chainId: string,
  params: Profile,
  settings: DevnetSettings,
  keys: DevnetKeys,
  validators: readonly DevnetValidator[],
  model: DevnetModel,
  dataset: BuiltDataset,
): GenesisDoc {
  const nodes = genesisNodes(keys);
  const operators = validators.filter(({ address }) => address !== keys.treasury.address);
  const balances = new Map([...keys.accounts, ...operators].map((a) => [a.address, LIQUID]));
  const given = nodes.reduce((sum, n) => sum + n.stake, 0n) + LIQUID * BigInt(balances.size);
  balances.set(keys.treasury.address, GENESIS_SUPPLY - given - SELF_DELEGATION * BigInt(validators.length));
  const { manifest } = dataset;
  const appState = buildAppState({
    profile: params,
    balances,
    validators: validators.map(({ name, key, address }) => ({ address, consensusKey: key.publicKey, selfDelegation: SELF_DELEGATION, moniker: name })),
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
    beaconKeys: validators.map(({ key, vrfSecret }) => ({ consensusAddress: key.address, vrfPublicKey: vrfPublicKey(vrfSecret) })),
  });
  const seconds = settings.seed === undefined ? BigInt(Math.floor(Date.now() / 1000)) : SEEDED_GENESIS_SECONDS;
  return {
    genesisTime: { seconds, nanos: 0 },
    chainId,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: validators.map(({ key }) => key.genesisValidator(SELF_DELEGATION / UREMES_PER_REMES)),
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

type GenesisText = (params: Profile, validators: readonly DevnetValidator[]) => string;

async function soloGenesis(home: DevnetHome, keys: DevnetKeys, text: GenesisText): Promise<string> {
  const key = ValidatorKey.fromSeed(keys.validatorSeed);
  await writeFileAtomic(home.validatorKeyFile, key.toFile(), SECRET_FILE);
  return text(profile('dev'), [{ name: 'devnet', key, vrfSecret: keys.vrfSecret, address: keys.treasury.address }]);
}

/** Makes a home for each node. @param port of the first node's RPC; 0: any free one. */
async function networkGenesis(home: DevnetHome, validators: number, port: number, text: GenesisText): Promise<string> {
  const [first, ...others] = await makeNodes({ folder: home.nodes, basePort: 0, validators });
  const nodes = [port === 0 ? first : { ...first, rpc: `127.0.0.1:${port}` }, ...others];
  const doc = text(timedProfile(), nodes.map(({ name, validator, vrfSecret, address }) => ({ name, key: validator, vrfSecret, address })));
  await joinNodes(nodes, doc, COMMIT_MS);
  return doc;
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
    const text = (params: Profile, validators: readonly DevnetValidator[]): string =>
      `${JSON.stringify(genesisDocToJson(genesis(chainId, params, settings, keys, validators, model, dataset)), undefined, 2)}\n`;
    const doc = await (settings.validators === undefined ? soloGenesis(home, keys, text) : networkGenesis(home, settings.validators, port, text));
    await writeFileAtomic(home.genesisFile, doc);
    await writeFileAtomic(home.keysFile, keysToJson(keys), SECRET_FILE);
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
  for (const part of [home.keysFile, home.content, `${home.root}/chain`, home.nodes, home.traffic, home.adapter]) await rm(part, { recursive: true, force: true });
}
