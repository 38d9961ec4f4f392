/** The genesis file of a home while a network is founded: made, read, checked and written anew. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { buildAppState } from '../../chain/app/genesis-state.js';
import { InvalidInputError, R3mesError } from '../../protocol/errors.js';
import { DEFAULT_CONSENSUS_PARAMS, type GenesisDoc, genesisDocToJson } from '../../protocol/genesis-doc.js';
import { taggedHash } from '../../protocol/hash.js';
import { profile, type ProfileName } from '../../protocol/params.js';
import { openLocalStore } from '../../storage/index.js';
import { writeFileAtomic } from '../files/atomic.js';
import { fileExists } from '../files/exists.js';
import { genesisInvalid } from '../node/genesis.js';
import type { NodeHome } from '../node/home.js';
import { checkGenesis, datasetRecord, loadContent } from '../setup/found.js';

export interface NewGenesis {
  readonly chainId: string;
  readonly profile: ProfileName;
  /** The beacon before block 1 is made from it. */
  readonly vrfSecret: Uint8Array;
  /** Folder of the content store, where backbone and sample dataset are to be in the genesis. */
  readonly content?: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly step: (what: string) => void;
  readonly signal: AbortSignal;
}

async function contentOf({ content, ...rest }: NewGenesis): Promise<Pick<Parameters<typeof buildAppState>[0], 'models' | 'datasets'>> {
  if (content === undefined) return { models: [], datasets: [] };
  const store = await openLocalStore(content);
  try {
    const { dataset, model } = await loadContent(store, rest);
    return { models: [model], datasets: [datasetRecord(dataset)] };
  } finally {
    await store.close();
  }
}

/** A genesis without accounts and validators. */
export async function newGenesis(options: NewGenesis): Promise<GenesisDoc> {
  const { chainId, nowMs, vrfSecret } = options;
  const appState = buildAppState({
    profile: profile(options.profile),
    balances: new Map(),
    nodes: [],
    ...(await contentOf(options)),
    beacon: taggedHash('genesis-beacon', chainId, vrfSecret),
    beaconKeys: [],
  });
  return {
    genesisTime: { seconds: BigInt(Math.floor(nowMs / 1000)), nanos: 0 },
    chainId,
    initialHeight: 1n,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators: [],
    appHash: new Uint8Array(),
    appState,
  };
}

export function genesisText(genesis: GenesisDoc): string {
  return `${JSON.stringify(genesisDocToJson(genesis), undefined, 2)}\n`;
}

/** SHA-256 of the file in hexadecimal: founders compare it before they start. */
export async function genesisHash(file: string): Promise<string> {
  return createHash('sha256').update(await readFile(file)).digest('hex');
}

/** @throws R3mesError CHAIN_BEGUN: blocks that this home has would belong to no genesis any more. */
export async function refuseBegunChain(home: NodeHome): Promise<void> {
  if (!(await fileExists(home.chain))) return;
  throw new R3mesError({
    code: 'CHAIN_BEGUN',
    message: `the chain of this home has begun (${home.chain}); its genesis cannot change any more`,
    hint: 'while nobody counts on it, delete its blocks with: r3mes node reset',
  });
}

/** Has the application read it, then replaces the file. @throws R3mesError GENESIS_INVALID; the file is as it was. */
export async function replaceGenesis(genesis: GenesisDoc, home: NodeHome): Promise<void> {
  await checkGenesis(genesis, home.genesisFile);
  await writeFileAtomic(home.genesisFile, genesisText(genesis));
}

/** What a start needs besides what the application checks. @throws R3mesError GENESIS_INVALID */
export async function validateGenesis(genesis: GenesisDoc, file: string): Promise<void> {
  await checkGenesis(genesis, file);
  if (genesis.validators.length > 0) return;
  throw genesisInvalid(file, new InvalidInputError('validators: expected at least one, got none', 'add those of all founders with: r3mes node genesis collect'));
}
