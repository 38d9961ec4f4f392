/** A chain with a real model and real text in this process, whose parts are played by the command line. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { buildAppState, type GenesisNode } from '../../src/chain/app/genesis-state.js';
import { prepareModel } from '../../src/cli/devnet/model.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../src/cli/model-directory.js';
import { SAMPLE_DATASET } from '../../src/cli/templates.js';
import { run } from '../../src/cli/main.js';
import { buildDataset, loadModelTokenizer } from '../../src/dataset/index.js';
import { DEFAULT_CONSENSUS_PARAMS, type GenesisDoc } from '../../src/protocol/genesis-doc.js';
import { taggedHash } from '../../src/protocol/hash.js';
import { profile, type Profile, UREMES_PER_REMES } from '../../src/protocol/params.js';
import { vrfPublicKey } from '../../src/protocol/vrf.js';
import { openLocalStore } from '../../src/storage/index.js';
import { account, type TestAccount, writeWallets } from '../unit/cli/commands/chain.js';
import { fakeIo, type FakeIo } from '../unit/cli/harness.js';
import { type RunningNode, startNode, validatorKey } from './cosmjs-harness.js';

const CHUNK_TOKENS = 256;
const LIQUID = 1_000n * UREMES_PER_REMES;
const BLOCK_MS = 250;
/** The secret that `startNode` proves its beacons with. */
const VRF_SECRET = taggedHash('test-vrf');

/** Windows long enough for a slow machine, one proposer, and no audit of a job unless it is drawn by one in a hundred. */
function params(): Profile {
  const dev = profile('dev');
  return {
    ...dev,
    training: { ...dev.training, collectingBlocks: 45n },
    aggregation: { ...dev.aggregation, attestingBlocks: 12n, committingBlocks: 16n, revealingBlocks: 12n, proposersPerWindow: 1 },
    challenge: {
      ...dev.challenge,
      challengeBlocks: 60n,
      layer2Blocks: 24n,
      layer3Blocks: 30n,
      appealBlocks: 30n,
      reportMarginBlocks: 12n,
      reportRevealBlocks: 8n,
      escalationBlocks: 60n,
      auditBps: 100,
      auditFloorBps: 100,
      probationJobs: 0,
    },
  };
}

export interface Started {
  readonly fake: FakeIo;
  /** Exit code, once it has ended. */
  readonly ended: Promise<number>;
  /** NDJSON lines so far. */
  readonly lines: () => Record<string, unknown>[];
}

export class RolesNet {
  #node: RunningNode;
  readonly url: string;

  private constructor(
    readonly home: string,
    readonly accounts: Readonly<Record<string, TestAccount>>,
    readonly genesis: GenesisDoc,
    node: RunningNode,
  ) {
    this.#node = node;
    this.url = node.url;
  }

  static async start(): Promise<RolesNet> {
    const home = mkdtempSync(path.join(os.tmpdir(), 'r3mes-roles-'));
    const names = ['miner', 'cheater', 'proposer', 'outsider', ...[1, 2, 3, 4, 5].map((i) => `verifier-${i}`)];
    const accounts = Object.fromEntries(names.map((name) => [name, account(name)]));
    await writeWallets(home, Object.values(accounts));
    const genesis = await makeGenesis(home, accounts);
    const node = await startNode(genesis, { kind: 'interval', intervalMs: BLOCK_MS }, path.join(home, 'node'));
    return new RolesNet(home, accounts, genesis, node);
  }

  get height(): bigint {
    return this.#node.engine.height;
  }

  stopNode(): Promise<void> {
    return this.#node.stop();
  }

  /** Again with the same blocks and at the same address. */
  async startNode(): Promise<void> {
    this.#node = await startNode(this.genesis, { kind: 'interval', intervalMs: BLOCK_MS }, path.join(this.home, 'node'), Number(new URL(this.url).port));
  }

  /** Starts a command with `--json` as a wallet of the home. */
  cli(wallet: string, argv: readonly string[]): Started {
    const env = { R3MES_HOME: this.home, R3MES_NODE: this.url, R3MES_WALLET: wallet, R3MES_THREADS: '1' };
    const fake = fakeIo({ env });
    const ended = run([...argv, '--json'], fake.io);
    const lines = () => fake.stdout().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
    return { fake, ended, lines };
  }

  /** Runs a command to its end. */
  async ran(wallet: string, argv: readonly string[]): Promise<{ code: number; json: Record<string, unknown>; stderr: string }> {
    const started = this.cli(wallet, argv);
    const code = await started.ended;
    return { code, json: started.lines().at(-1) ?? {}, stderr: started.fake.stderr() };
  }

  async close(): Promise<void> {
    await this.#node.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

async function makeGenesis(home: string, accounts: Readonly<Record<string, TestAccount>>): Promise<GenesisDoc> {
  const store = await openLocalStore(path.join(home, 'data', 'content'));
  try {
    const tokenizer = await loadModelTokenizer(DEFAULT_MODEL_DIRECTORY);
    const dataset = await buildDataset({ input: SAMPLE_DATASET, model: tokenizer, store, name: 'sample', chunkTokens: CHUNK_TOKENS });
    const { manifest, manifestCid } = dataset;
    const model = await prepareModel(store, DEFAULT_MODEL_DIRECTORY, manifest.tokenizer_cid, CHUNK_TOKENS, 'roles');
    model.model.dispose();
    const chosen = params();
    const nodes = Object.values(accounts).flatMap(({ name, address }): GenesisNode[] => {
      if (name === 'outsider') return [];
      if (name.startsWith('verifier')) return [{ address, part: 'PART_VERIFIER', stake: BigInt(chosen.node.minStakeVerifier) }];
      if (name === 'proposer') return [{ address, part: 'PART_PROPOSER', stake: BigInt(chosen.node.minStakeProposer) }];
      return [{ address, part: 'PART_MINER', stake: BigInt(chosen.node.minStakeMiner) }];
    });
    const appState = buildAppState({
      profile: chosen,
      balances: new Map(Object.values(accounts).map(({ address }) => [address, LIQUID])),
      nodes,
      models: [model.record],
      datasets: [
        {
          name: manifest.name,
          manifestCid,
          tokenizerCid: manifest.tokenizer_cid,
          chunkTokens: manifest.chunk_tokens,
          trainingChunks: manifest.training_chunks,
          heldOutChunks: manifest.held_out_chunks,
        },
      ],
      beacon: taggedHash('roles-beacon'),
      beaconKeys: [{ consensusAddress: validatorKey.address, vrfPublicKey: vrfPublicKey(VRF_SECRET) }],
    });
    return {
      genesisTime: { seconds: BigInt(Math.floor(Date.now() / 1000)), nanos: 0 },
      chainId: 'roles-1',
      initialHeight: 1n,
      consensusParams: DEFAULT_CONSENSUS_PARAMS,
      validators: [validatorKey.genesisValidator()],
      appHash: new Uint8Array(),
      appState,
    };
  } finally {
    await store.close();
  }
}
