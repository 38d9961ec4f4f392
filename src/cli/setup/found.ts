/** A chain of one's own: backbone and sample dataset in the content store, and a genesis of its validators. */
import { createApp } from '../../chain/app/app.js';
import { buildAppState } from '../../chain/app/genesis-state.js';
import { createModules } from '../../chain/app/modules.js';
import type { ValidatorKey } from '../../chain/solo/index.js';
import { MemoryDatabase } from '../../chain/store/memory.js';
import { buildDataset, type BuiltDataset, loadModelTokenizer } from '../../dataset/index.js';
import { utf8 } from '../../protocol/bytes.js';
import { InvalidInputError } from '../../protocol/errors.js';
import type { Dataset } from '../../protocol/gen/remes/remes/v1/dataset.js';
import type { Model } from '../../protocol/gen/remes/remes/v1/model.js';
import { DEFAULT_CONSENSUS_PARAMS, type GenesisDoc } from '../../protocol/genesis-doc.js';
import { taggedHash } from '../../protocol/hash.js';
import { profile, type ProfileName, UREMES_PER_REMES } from '../../protocol/params.js';
import { vrfPublicKey } from '../../protocol/vrf.js';
import { type ContentStore, openLocalStore } from '../../storage/index.js';
import { prepareModel } from '../devnet/model.js';
import { DEFAULT_MODEL_DIRECTORY } from '../model-directory.js';
import { genesisInvalid } from '../node/genesis.js';
import { SAMPLE_DATASET, SAMPLE_DATASET_NAME } from '../templates.js';
import { genesisBalances } from './supply.js';

const CHUNK_TOKENS = 2048;

/** A validator that is there from the first block on. */
export interface GenesisValidatorKeys {
  readonly validatorKey: ValidatorKey;
  readonly vrfSecret: Uint8Array;
  /** What others call it. */
  readonly name?: string;
  /** Validates by stake: the account that runs it, and what it delegates to itself, in whole REMES. Else by the genesis document, for ever. */
  readonly stake?: { readonly operator: string; readonly remes: bigint };
}

export interface FoundOptions {
  readonly chainId: string;
  readonly profile: ProfileName;
  /** Gets what `accounts` leaves of the supply. */
  readonly founder: string;
  /** Uremes by address. */
  readonly accounts: ReadonlyMap<string, bigint>;
  /** At least one. The first one's VRF secret gives the beacon before block 1. */
  readonly validators: readonly [GenesisValidatorKeys, ...GenesisValidatorKeys[]];
  /** Folder of the content store. */
  readonly content: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly step: (what: string) => void;
  readonly signal: AbortSignal;
}

/** The sample dataset and the backbone of the package, put into the content store. */
export async function loadContent(store: ContentStore, options: Pick<FoundOptions, 'step' | 'signal' | 'chainId'>): Promise<{ dataset: BuiltDataset; model: Model }> {
  const { step, signal, chainId } = options;
  step('the sample dataset');
  const tokenizer = await loadModelTokenizer(DEFAULT_MODEL_DIRECTORY);
  const dataset = await buildDataset({ input: SAMPLE_DATASET, model: tokenizer, store, name: SAMPLE_DATASET_NAME, chunkTokens: CHUNK_TOKENS, signal });
  signal.throwIfAborted();
  step('the backbone');
  const { record, model } = await prepareModel(store, DEFAULT_MODEL_DIRECTORY, dataset.manifest.tokenizer_cid, CHUNK_TOKENS, chainId);
  model.dispose();
  return { dataset, model: record };
}

/** The dataset as genesis registers it. */
export function datasetRecord({ manifest, manifestCid }: BuiltDataset): Omit<Dataset, 'id' | 'status'> {
  return {
    name: manifest.name,
    manifestCid,
    tokenizerCid: manifest.tokenizer_cid,
    chunkTokens: manifest.chunk_tokens,
    trainingChunks: manifest.training_chunks,
    heldOutChunks: manifest.held_out_chunks,
  };
}

function genesisOf(options: FoundOptions, dataset: BuiltDataset, model: Model): GenesisDoc {
  const { chainId, validators, nowMs } = options;
  const appState = buildAppState({
    profile: profile(options.profile),
    balances: genesisBalances(options.founder, options.accounts, validators.reduce((sum, { stake }) => sum + (stake?.remes ?? 0n) * UREMES_PER_REMES, 0n)),
    validators: validators.flatMap(({ validatorKey, name = '', stake }) =>
      stake === undefined ? [] : [{ address: stake.operator, consensusKey: validatorKey.publicKey, selfDelegation: stake.remes * UREMES_PER_REMES, moniker: name }],
    ),
    nodes: [],
    models: [model],
    datasets: [datasetRecord(dataset)],
    beacon: taggedHash('genesis-beacon', chainId, validators[0].vrfSecret),
    beaconKeys: validators.map(({ validatorKey, vrfSecret }) => ({ consensusAddress: validatorKey.address, vrfPublicKey: vrfPublicKey(vrfSecret) })),
  });
  return {
    genesisTime: { seconds: BigInt(Math.floor(nowMs / 1000)), nanos: 0 },
    chainId,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: validators.map(({ validatorKey, name, stake }) => validatorKey.genesisValidator(stake?.remes, name)),
    appHash: new Uint8Array(),
    appState,
  };
}

/** Has the application read a genesis, in memory. @throws R3mesError GENESIS_INVALID naming `file` */
export async function checkGenesis(genesis: GenesisDoc, file: string): Promise<void> {
  const app = createApp({ database: new MemoryDatabase(), report: () => undefined, ...createModules() });
  try {
    await app.initChain({
      time: genesis.genesisTime,
      chainId: genesis.chainId,
      consensusParams: genesis.consensusParams,
      validators: genesis.validators.map((one) => ({ pubKey: { sum: { $case: 'ed25519', value: one.publicKey } }, power: one.power })),
      appStateBytes: utf8(JSON.stringify(genesis.appState)),
      initialHeight: genesis.initialHeight,
    });
  } catch (error) {
    throw error instanceof InvalidInputError ? genesisInvalid(file, error) : error;
  }
}

/** Puts what a chain begins with into the content store and describes it. Content that is there already stays as it is. */
export async function foundChain(options: FoundOptions): Promise<GenesisDoc> {
  const store = await openLocalStore(options.content);
  try {
    const { dataset, model } = await loadContent(store, options);
    return genesisOf(options, dataset, model);
  } finally {
    await store.close();
  }
}
