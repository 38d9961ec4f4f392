/**
 * Roles on the real application, through the real client: their queries and transactions go to it without a socket. Only
 * training is played: a job yields a small file that follows from the job, so that everybody finds the same.
 */
import { TxSubmitter } from '../../../src/client/submitter.js';
import { ChainQueries } from '../../../src/client/queries.js';
import type { ChainClient, ChainSigner } from '../../../src/client/index.js';
import { RpcAnswerError, type RpcConnection } from '../../../src/client/rpc.js';
import { signerFromPrivateKey } from '../../../src/client/signer.js';
import { fromHex } from '../../../src/protocol/bytes.js';
import type { Job, TrainingWindow } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { taggedHash } from '../../../src/protocol/hash.js';
import { txHash } from '../../../src/protocol/tx.js';
import type { Assets } from '../../../src/roles/assets.js';
import { chainView, createSender, type ChainView, type Sender } from '../../../src/roles/chain-view.js';
import { createMiner, type MinerOptions } from '../../../src/roles/miner.js';
import { createProposer } from '../../../src/roles/proposer.js';
import type { Role, RoleDeps, RoleEvent } from '../../../src/roles/role.js';
import { createVerifier } from '../../../src/roles/verifier.js';
import { Work, type Aggregated } from '../../../src/roles/work.js';
import { memoryStore, type ContentStore } from '../../../src/storage/index.js';
import { adapterLayout, gradientHash, writeGradientFile, type AdapterLayout, type JobResult } from '../../../src/train/index.js';
import { CHAIN_ID, type TestAccount, type TestBlock } from '../../app/harness.js';
import { Simulation, trueResult, type SimulationOptions } from '../../app/simulation.js';

export const DEVICE = { backend: 'sim', name: '', architecture: '', driver: '' };
const LOSS_BITS = 0x40000000;

/** Sizes of a model that nobody runs. */
const CONFIG = {
  hiddenSize: 8,
  ffnSize: 8,
  layers: 4,
  heads: 1,
  kvHeads: 1,
  headSize: 8,
  vocabSize: 1024,
  maxPositions: 256,
  rmsEpsilon: 1e-5,
  ropeTheta: 10_000,
  tiedEmbedding: true,
};
const LAYOUT: AdapterLayout = adapterLayout(CONFIG, {
  rank: 8,
  alpha: 16,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
});

/** What training a job yields: real files and hashes of values that follow from the job's id. */
export async function playJob(chain: ChainView, window: TrainingWindow, job: Job): Promise<JobResult> {
  const record = await chain.model(window.modelId);
  const identity = {
    backboneCid: record?.backboneCid ?? '',
    baseAdapterCid: window.baseAdapterCid,
    jobId: job.id,
    sequenceLength: window.sequenceLength,
    chunkTokens: window.chunkTokens,
  };
  const gradients = new Float32Array(LAYOUT.size).fill((job.id[0] ?? 0) / 256);
  const played = {
    lossBits: LOSS_BITS,
    gradients,
    gradientHash: gradientHash(identity, LAYOUT, LOSS_BITS, gradients),
    lossesDigest: taggedHash('test-losses', job.id),
    file: writeGradientFile(LAYOUT, gradients),
  };
  return played as unknown as JobResult;
}

/** Fetching, checking and replaying are the real ones; what needs the engine is played. */
export class PlayedWork extends Work {
  jobsRun = 0;

  constructor(
    private readonly view: ChainView,
    store: ContentStore,
  ) {
    const assets = {
      stores: { inputs: store, artifacts: store },
      compute: {},
      record: async (window: TrainingWindow) => view.model(window.modelId),
      model: () => Promise.resolve({ config: CONFIG }),
    };
    super(view, assets as unknown as Assets);
  }

  override job(window: TrainingWindow, job: Job): Promise<JobResult> {
    this.jobsRun++;
    return playJob(this.view, window, job);
  }

  override async aggregation(window: TrainingWindow): Promise<Aggregated> {
    const included = (await this.view.gradients(window.id)).filter((g) => window.included.includes(g.id));
    for (const gradient of included) await this.fetchGradient(window, gradient);
    const result = trueResult(window, included);
    return { result, files: { normsDigest: taggedHash('test-norms', result.merkleRoot) } as Aggregated['files'] };
  }
}

/** Everybody's machine: a node with a mempool, a content store, and accounts whose roles come and go. */
export class World {
  readonly store = memoryStore();
  readonly events: RoleEvent[] = [];
  readonly queries: ChainQueries;
  readonly view: ChainView;
  /** Whether the node takes transactions. */
  isUp = true;
  /** Called around each sending of a message; what it throws kills the process that sends. */
  fate: (typeUrl: string, when: 'before' | 'after') => void = () => undefined;
  readonly #rpc: RpcConnection;
  readonly #mempool: Uint8Array[] = [];
  readonly #seen = new Set<string>();

  private constructor(readonly sim: Simulation) {
    this.#rpc = { request: (method: string, params: Record<string, string>) => this.#answer(method, params) } as unknown as RpcConnection;
    this.queries = new ChainQueries(this.#rpc);
    this.view = chainView({ chainId: CHAIN_ID, queries: this.queries } as unknown as ChainClient);
  }

  static async start(options: SimulationOptions = {}): Promise<World> {
    const world = new World(await Simulation.start(options));
    await world.sim.seal([]);
    return world;
  }

  async #answer(method: string, params: Record<string, string>): Promise<unknown> {
    if (!this.isUp && method !== 'abci_query') throw new RpcAnswerError(method, 'the mempool is being rebuilt');
    if (method === 'abci_query') {
      const { code, log, codespace, value, height } = await this.sim.chain.query(params['path'] ?? '', fromHex(params['data'] ?? ''));
      return { response: { code, log, codespace, value: Buffer.from(value).toString('base64'), height: height.toString() } };
    }
    if (method !== 'broadcast_tx_sync') throw new Error(`no method ${method}`);
    const tx = new Uint8Array(Buffer.from(params['tx'] ?? '', 'base64'));
    if (this.#seen.has(txHash(tx))) throw new RpcAnswerError(method, 'tx already exists in cache');
    const { code, log, codespace } = await this.sim.chain.checkTx(tx);
    if (code === 0) {
      this.#seen.add(txHash(tx));
      this.#mempool.push(tx);
    }
    return { code, log, codespace };
  }

  /** A new process of an account: nothing is remembered but its key. */
  async sender(account: TestAccount): Promise<Sender> {
    const signer = await signerFromPrivateKey(account.privkey);
    const submitter = new TxSubmitter(this.#rpc, this.queries, CHAIN_ID);
    const submit = (s: ChainSigner, messages: Parameters<TxSubmitter['submit']>[1], options: Parameters<TxSubmitter['submit']>[2]) =>
      submitter.submit(s, messages, options);
    const sender = createSender({ submit } as unknown as ChainClient, signer, taggedHash('test-salt-seed', account.address));
    return {
      ...sender,
      submit: async (message, gasLimit) => {
        this.fate(message.typeUrl, 'before');
        const hash = await sender.submit(message, gasLimit);
        this.fate(message.typeUrl, 'after');
        return hash;
      },
    };
  }

  async deps(account: TestAccount): Promise<RoleDeps & { work: PlayedWork }> {
    const work = new PlayedWork(this.view, this.store);
    return { chain: this.view, sender: await this.sender(account), work, emit: (event) => this.events.push(event) };
  }

  async miner(index: number, options: Partial<MinerOptions> = {}): Promise<Role> {
    return createMiner(await this.deps(this.sim.miners[index]!.account), { device: DEVICE, ...options });
  }

  async proposer(index: number): Promise<Role> {
    return createProposer(await this.deps(this.sim.proposers[index]!.account));
  }

  async verifier(index: number): Promise<Role> {
    return createVerifier(await this.deps(this.sim.verifiers[index]!.account));
  }

  /** Every account's honest role, by its kind. */
  async everybody(): Promise<{ miners: Role[]; proposers: Role[]; verifiers: Role[] }> {
    const all = <T>(actors: readonly unknown[], make: (index: number) => Promise<T>) => Promise.all(actors.map((_, i) => make(i)));
    return {
      miners: await all(this.sim.miners, (i) => this.miner(i)),
      proposers: await all(this.sim.proposers, (i) => this.proposer(i)),
      verifiers: await all(this.sim.verifiers, (i) => this.verifier(i)),
    };
  }

  get height(): bigint {
    return this.sim.chain.height;
  }

  /** Transactions that wait for the next block. */
  get waiting(): number {
    return this.#mempool.length;
  }

  /** Lets roles act at this height, then seals a block of what waits. */
  async step(roles: readonly Role[]): Promise<TestBlock> {
    for (const role of roles) await role.onHeight(this.height);
    return this.seal();
  }

  /** The node dies and is back at once, with its blocks and without what waited. */
  forgetMempool(): void {
    this.#mempool.splice(0);
    this.#seen.clear();
  }

  seal(): Promise<TestBlock> {
    return this.sim.seal(this.#mempool.splice(0));
  }

  async until(roles: readonly Role[], done: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 200; i++) {
      if (await done()) return;
      await this.step(roles);
    }
    throw new Error(`not reached within 200 blocks, at height ${this.height}`);
  }

  ofType(type: string): RoleEvent[] {
    return this.events.filter((e) => e.type === type);
  }
}
