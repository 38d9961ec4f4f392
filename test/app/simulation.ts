/**
 * Plays whole rounds on the real application without training: what a job or an aggregation yields is a hash that the
 * simulation knows. Every actor is a few functions, so that a test changes just what it is about.
 */
import { createApp } from '../../src/chain/app/app.js';
import { buildAppState, type GenesisNode } from '../../src/chain/app/genesis-state.js';
import { createModules } from '../../src/chain/app/modules.js';
import { bitmapOf } from '../../src/protocol/bitmap.js';
import { toHex, utf8 } from '../../src/protocol/bytes.js';
import { cidOfBytes } from '../../src/protocol/cid.js';
import { coin } from '../../src/protocol/coins.js';
import {
  aggregationCommitment,
  aggregationResultHash,
  gradientsRoot,
  reportCommitment,
} from '../../src/protocol/commitments.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { CasePhase, DutyKind, DutyStatus, SubjectKind, type Case, type Duty } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Model } from '../../src/protocol/gen/remes/remes/v1/model.js';
import { Part, type Registration, type SlashRecord } from '../../src/protocol/gen/remes/remes/v1/node.js';
import * as q from '../../src/protocol/gen/remes/remes/v1/query.js';
import { RewardStatus, type RewardRecord } from '../../src/protocol/gen/remes/remes/v1/reward.js';
import { GradientEncoding, type StoredGradient } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import {
  JobStatus,
  WindowPhase,
  type AggregationResult,
  type Job,
  type TrainingWindow,
} from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import * as tx from '../../src/protocol/gen/remes/remes/v1/tx.js';
import { sha256, taggedHash } from '../../src/protocol/hash.js';
import { moduleAddress } from '../../src/protocol/address.js';
import { profile, UREMES_PER_REMES, type Profile } from '../../src/protocol/params.js';
import { vrfPublicKey } from '../../src/protocol/vrf.js';
import { CHAIN_ID, message, TestChain, testAccount, type BlockOptions, type TestAccount, type TestBlock, type TestEvent, type TestTxResult } from './harness.js';

export const remes = (amount: number): bigint => BigInt(Math.round(amount * 1_000_000));

/** The proposer that the harness names in every block. */
const PROPOSER_ADDRESS = sha256(utf8('r3mes test validator')).subarray(0, 20);
const VRF_SECRET = taggedHash('test-vrf');
const DUMMY_CID = cidOfBytes(utf8('anything')).toString();
const MODULE_ACCOUNTS = ['node', 'challenge', 'fee_collector', 'distribution', 'gov', 'bonded_tokens_pool', 'not_bonded_tokens_pool'].map(moduleAddress);
export const GENESIS_SUPPLY = 300_000_000n * UREMES_PER_REMES;
const FEES_BALANCE = 10_000n * UREMES_PER_REMES;

export interface Report {
  readonly hash: Uint8Array;
  readonly digest: Uint8Array;
}

export interface MinerActor {
  /** The gradient hash that is submitted for a job; nothing for no submission. */
  gradientHash(job: Job): Uint8Array | undefined;
  /** Which proposers can fetch the file. */
  serves(proposer: string): boolean;
}

export interface ProposerActor {
  attests: boolean;
  commits: boolean;
  reveals: boolean;
  /** What it says the included gradients yield. */
  result(window: TrainingWindow, included: readonly StoredGradient[]): AggregationResult;
}

export interface VerifierActor {
  /** What it reports on a duty; nothing for silence. */
  report(duty: Duty, truth: Report): Report | undefined;
  reveals: boolean;
}

/** The right gradient hash of a job, as everybody who trains it finds. */
export function trueGradientHash(jobId: Uint8Array): Uint8Array {
  return taggedHash('test-truth', jobId);
}

export function wrongHash(...what: readonly (string | Uint8Array)[]): Uint8Array {
  return taggedHash('test-wrong', ...what);
}

export function trueResult(window: TrainingWindow, included: readonly StoredGradient[], optimizer = 'right'): AggregationResult {
  const root = gradientsRoot(included);
  const result = {
    adapterCid: cidOfBytes(taggedHash('test-adapter', window.baseAdapterCid, root)).toString(),
    optimizerCid: cidOfBytes(taggedHash('test-optimizer', window.baseOptimizerCid, root, optimizer)).toString(),
    step: window.baseStep + 1n,
    aggregateHash: taggedHash('test-aggregate', root),
    merkleRoot: root,
  };
  return { ...result, resultHash: aggregationResultHash(window.baseAdapterCid, result) };
}

/** A result that is well-formed and wrong; the same `why` gives the same one. */
export function wrongResult(window: TrainingWindow, included: readonly StoredGradient[], why = 'sum'): AggregationResult {
  const right = trueResult(window, included);
  const result = { ...right, adapterCid: cidOfBytes(taggedHash('test-wrong-adapter', why, right.merkleRoot)).toString(), aggregateHash: wrongHash(why) };
  return { ...result, resultHash: aggregationResultHash(window.baseAdapterCid, result) };
}

export interface SimulationOptions {
  readonly miners?: number;
  readonly proposers?: number;
  readonly verifiers?: number;
  readonly trainingChunks?: number;
  readonly blockSeconds?: bigint;
  readonly change?: (p: Profile) => Profile;
  readonly onDisk?: boolean;
  readonly seed?: string;
}

interface Actor<T> {
  readonly account: TestAccount;
  act: T;
}

export class Simulation {
  readonly miners: Actor<MinerActor>[] = [];
  readonly proposers: Actor<ProposerActor>[] = [];
  readonly verifiers: Actor<VerifierActor>[] = [];
  readonly outsider = testAccount('outsider');
  /** Results of transactions that failed. */
  readonly failures: TestTxResult[] = [];
  #sent = new Set<string>();

  private constructor(
    readonly chain: TestChain,
    readonly profile: Profile,
  ) {}

  static async start(options: SimulationOptions = {}): Promise<Simulation> {
    const { miners = 3, proposers = 3, verifiers = 10, trainingChunks = 30, seed = '' } = options;
    const params = (options.change ?? ((p: Profile) => p))(profile('dev'));
    const named = (kind: string, count: number) => Array.from({ length: count }, (_, i) => testAccount(`${kind}-${i}`));
    const actors = { miner: named('miner', miners), proposer: named('proposer', proposers), verifier: named('verifier', verifiers) };
    const nodes: GenesisNode[] = [
      ...actors.miner.map((a) => ({ address: a.address, part: 'PART_MINER' as const, stake: remes(1000) })),
      ...actors.proposer.map((a) => ({ address: a.address, part: 'PART_PROPOSER' as const, stake: remes(50_000) })),
      ...actors.verifier.map((a) => ({ address: a.address, part: 'PART_VERIFIER' as const, stake: remes(10_000) })),
    ];
    const liquid = new Map([...Object.values(actors).flat(), testAccount('outsider')].map((a) => [a.address, FEES_BALANCE]));
    const used = nodes.reduce((sum, n) => sum + n.stake, 0n) + FEES_BALANCE * BigInt(liquid.size);
    liquid.set(testAccount('treasury').address, GENESIS_SUPPLY - used);
    const appState = buildAppState({
      profile: params,
      balances: liquid,
      nodes,
      models: [testModel()],
      datasets: [{ name: 'test', manifestCid: DUMMY_CID, tokenizerCid: DUMMY_CID, chunkTokens: 256, trainingChunks, heldOutChunks: 1 }],
      beacon: taggedHash('test-beacon', seed),
      beaconKeys: [{ consensusAddress: PROPOSER_ADDRESS, vrfPublicKey: vrfPublicKey(VRF_SECRET) }],
    });
    const chain = await TestChain.start({
      appState,
      blockSeconds: options.blockSeconds ?? 1n,
      onDisk: options.onDisk ?? false,
      createApp: (database, report) => createApp({ database, report, ...createModules(VRF_SECRET) }),
    });
    const simulation = new Simulation(chain, params);
    for (const account of actors.miner) simulation.miners.push({ account, act: honestMiner() });
    for (const account of actors.proposer) simulation.proposers.push({ account, act: honestProposer() });
    for (const account of actors.verifier) simulation.verifiers.push({ account, act: honestVerifier() });
    return simulation;
  }

  /** Lets everybody do what is due, then seals a block. `extra` are messages of other accounts. */
  async step(extra: readonly { account: TestAccount; messages: Any[] }[] = [], options: BlockOptions = {}): Promise<TestBlock> {
    const txs: Uint8Array[] = [];
    const send = async (account: TestAccount, ...messages: Any[]) => txs.push(await this.chain.sign(account, messages));
    if (this.chain.height > 0n) {
      await this.actMiners(send);
      await this.actProposers(send);
      await this.actVerifiers(send);
    }
    for (const { account, messages } of extra) await send(account, ...messages);
    return this.seal(txs, options);
  }

  /** Seals a block of exactly these transactions; nobody else acts. */
  async seal(txs: readonly Uint8Array[], options: BlockOptions = {}): Promise<TestBlock> {
    const block = await this.chain.block(txs, options);
    this.#follow([...block.events, ...block.results.flatMap((r) => r.events)]);
    this.failures.push(...block.results.filter((r) => r.code !== 0));
    return block;
  }

  async steps(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.step();
  }

  /** Steps until `done`. @throws after 200 blocks. */
  async until(done: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < 200; i++) {
      if (this.chain.height > 0n && (await done())) return;
      await this.step();
    }
    throw new Error(`not reached within 200 blocks, at height ${this.chain.height}`);
  }

  async untilSettled(windowId: bigint): Promise<TrainingWindow> {
    await this.until(async () => (await this.window(windowId))?.settled === true);
    return this.mustWindow(windowId);
  }

  async untilPhase(windowId: bigint, phase: WindowPhase): Promise<TrainingWindow> {
    await this.until(async () => (await this.window(windowId))?.phase === phase);
    return this.mustWindow(windowId);
  }

  private once(key: string): boolean {
    if (this.#sent.has(key)) return false;
    this.#sent.add(key);
    return true;
  }

  private async actMiners(send: (account: TestAccount, ...messages: Any[]) => Promise<unknown>): Promise<void> {
    const window = await this.window();
    if (window?.phase !== WindowPhase.COLLECTING) return;
    for (const { account, act } of this.miners) {
      const job = await this.job(window.id, account.address);
      if (job?.status !== JobStatus.ASSIGNED || !this.once(`submit ${toHex(job.id)}`)) continue;
      const hash = act.gradientHash(job);
      if (hash !== undefined) await send(account, submission(account.address, window, job, hash));
    }
  }

  private async actProposers(send: (account: TestAccount, ...messages: Any[]) => Promise<unknown>): Promise<void> {
    const window = await this.window();
    if (window === undefined || window.phase > WindowPhase.REVEALING) return;
    const gradients = window.phase >= WindowPhase.ATTESTING ? await this.gradients(window.id) : [];
    for (const { account, act } of this.proposers) {
      const proposer = account.address;
      if (!window.proposers.includes(proposer)) continue;
      const included = gradients.filter((g) => window.included.includes(g.id));
      if (window.phase === WindowPhase.ATTESTING && act.attests && this.once(`attest ${window.id} ${proposer}`)) {
        const bitmap = bitmapOf(gradients.map((g) => this.minerOf(g.miner)?.act.serves(proposer) ?? true));
        await send(account, message('/remes.remes.v1.MsgAttestGradients', tx.MsgAttestGradients, { proposer, windowId: window.id, bitmap }));
      }
      const record = (await this.aggregation(window.id)).proposers.find((r) => r.proposer === proposer);
      if (record?.owesCommit !== true) continue;
      const salt = taggedHash('test-salt', proposer, window.id);
      const result = act.result(window, included);
      if (window.phase === WindowPhase.COMMITTING && act.commits && this.once(`commit ${window.id} ${proposer}`)) {
        const commitment = aggregationCommitment(CHAIN_ID, window.id, proposer, result.resultHash, window.included, salt);
        await send(account, message('/remes.remes.v1.MsgCommitAggregation', tx.MsgCommitAggregation, { proposer, windowId: window.id, commitment }));
      }
      if (window.phase === WindowPhase.REVEALING && act.commits && act.reveals && this.once(`reveal ${window.id} ${proposer}`)) {
        const reveal = { proposer, windowId: window.id, result, participants: window.included, salt };
        await send(account, message('/remes.remes.v1.MsgRevealAggregation', tx.MsgRevealAggregation, reveal));
      }
    }
  }

  private async actVerifiers(send: (account: TestAccount, ...messages: Any[]) => Promise<unknown>): Promise<void> {
    for (const { account, act } of this.verifiers) {
      const verifier = account.address;
      for (const duty of await this.openDuties(verifier)) {
        const report = act.report(duty, await this.truth(duty));
        if (report === undefined) continue;
        const salt = taggedHash('test-salt', verifier, duty.id);
        if (duty.status === DutyStatus.DRAWN && this.once(`report ${duty.id}`)) {
          const commitment = reportCommitment(CHAIN_ID, duty.id, verifier, report.hash, report.digest, salt);
          await send(account, message('/remes.remes.v1.MsgCommitReport', tx.MsgCommitReport, { verifier, dutyId: duty.id, commitment }));
        } else if (duty.status === DutyStatus.COMMITTED && act.reveals && (await this.mayReveal(duty)) && this.once(`open ${duty.id}`)) {
          const reveal = { verifier, dutyId: duty.id, reportHash: report.hash, reportDigest: report.digest, salt };
          await send(account, message('/remes.remes.v1.MsgRevealReport', tx.MsgRevealReport, reveal));
        }
      }
    }
  }

  private async mayReveal(duty: Duty): Promise<boolean> {
    const others = (await this.duties(duty.windowId)).filter((d) => d.groupId === duty.groupId);
    return others.every((d) => d.status !== DutyStatus.DRAWN) || (duty.commitDue > 0n && this.chain.height >= duty.commitDue);
  }

  /** What everybody finds who does the duty's work. */
  async truth(duty: Duty): Promise<Report> {
    const digest = taggedHash('test-digest', BigInt(duty.subjectKind), duty.subjectId);
    if (duty.subjectKind === SubjectKind.GRADIENT) {
      return { hash: trueGradientHash((await this.gradient(duty.subjectId)).jobId), digest };
    }
    const window = await this.mustWindow(duty.subjectId);
    const included = (await this.gradients(window.id)).filter((g) => window.included.includes(g.id));
    return { hash: trueResult(window, included).resultHash, digest };
  }

  minerOf(address: string): Actor<MinerActor> | undefined {
    return this.miners.find((m) => m.account.address === address);
  }

  verifierOf(address: string): Actor<VerifierActor> {
    const found = this.verifiers.find((v) => v.account.address === address);
    if (found === undefined) throw new Error(`${address} is no verifier`);
    return found;
  }

  async window(id = 0n): Promise<TrainingWindow | undefined> {
    const response = await this.chain.query('/remes.remes.v1.Query/GetWindow', q.QueryGetWindowRequest.encode({ windowId: id }).finish());
    return response.code === 0 ? q.QueryGetWindowResponse.decode(response.value).window : undefined;
  }

  async mustWindow(id: bigint): Promise<TrainingWindow> {
    const window = await this.window(id);
    if (window === undefined) throw new Error(`no window ${id}`);
    return window;
  }

  async job(windowId: bigint, miner: string): Promise<Job | undefined> {
    const response = await this.chain.query('/remes.remes.v1.Query/GetJob', q.QueryGetJobRequest.encode({ windowId, miner }).finish());
    return response.code === 0 ? q.QueryGetJobResponse.decode(response.value).job : undefined;
  }

  async jobs(windowId: bigint): Promise<Job[]> {
    const request = q.QueryGetJobsRequest.fromPartial({ windowId, pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetJobs', q.QueryGetJobsRequest, request, q.QueryGetJobsResponse)).jobs;
  }

  async gradient(gradientId: bigint): Promise<StoredGradient> {
    const { gradient } = await this.chain.ask('/remes.remes.v1.Query/GetGradient', q.QueryGetGradientRequest, { gradientId }, q.QueryGetGradientResponse);
    if (gradient === undefined) throw new Error(`no gradient ${gradientId}`);
    return gradient;
  }

  async gradients(windowId: bigint): Promise<StoredGradient[]> {
    const request = q.QueryGetGradientsRequest.fromPartial({ windowId, pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetGradients', q.QueryGetGradientsRequest, request, q.QueryGetGradientsResponse)).gradients;
  }

  async gradientOf(windowId: bigint, miner: string): Promise<StoredGradient> {
    const found = (await this.gradients(windowId)).find((g) => g.miner === miner);
    if (found === undefined) throw new Error(`${miner} has no gradient in window ${windowId}`);
    return found;
  }

  aggregation(windowId: bigint): Promise<q.QueryGetAggregationResponse> {
    return this.chain.ask('/remes.remes.v1.Query/GetAggregation', q.QueryGetAggregationRequest, { windowId }, q.QueryGetAggregationResponse);
  }

  async openDuties(verifier: string): Promise<Duty[]> {
    return (await this.chain.ask('/remes.remes.v1.Query/GetOpenDuties', q.QueryGetOpenDutiesRequest, { verifier }, q.QueryGetOpenDutiesResponse)).duties;
  }

  async duties(windowId: bigint): Promise<Duty[]> {
    const request = q.QueryGetDutiesRequest.fromPartial({ windowId, pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetDuties', q.QueryGetDutiesRequest, request, q.QueryGetDutiesResponse)).duties;
  }

  async audits(windowId: bigint): Promise<Duty[]> {
    return (await this.duties(windowId)).filter((d) => d.kind === DutyKind.AUDIT);
  }

  async cases(windowId = 0n): Promise<Case[]> {
    const request = q.QueryGetCasesRequest.fromPartial({ windowId, pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetCases', q.QueryGetCasesRequest, request, q.QueryGetCasesResponse)).cases;
  }

  async registration(part: Part, address: string): Promise<Registration | undefined> {
    const response = await this.chain.query('/remes.remes.v1.Query/GetRegistration', q.QueryGetRegistrationRequest.encode({ part, address }).finish());
    return response.code === 0 ? q.QueryGetRegistrationResponse.decode(response.value).registration : undefined;
  }

  async stake(part: Part, address: string): Promise<bigint> {
    return BigInt((await this.registration(part, address))?.stake ?? '0');
  }

  async slashes(): Promise<SlashRecord[]> {
    const request = q.QueryGetSlashesRequest.fromPartial({ pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetSlashes', q.QueryGetSlashesRequest, request, q.QueryGetSlashesResponse)).slashes;
  }

  async rewards(windowId: bigint): Promise<RewardRecord[]> {
    return (await this.chain.ask('/remes.remes.v1.Query/GetWindowRewards', q.QueryGetWindowRewardsRequest, { windowId }, q.QueryGetWindowRewardsResponse)).rewards;
  }

  async reward(windowId: bigint, address: string): Promise<bigint> {
    return (await this.rewards(windowId)).filter((r) => r.address === address).reduce((sum, r) => sum + BigInt(r.amount), 0n);
  }

  async model(): Promise<Model> {
    const { model } = await this.chain.ask('/remes.remes.v1.Query/GetModelParams', q.QueryGetModelParamsRequest, { modelId: 0n }, q.QueryGetModelParamsResponse);
    if (model === undefined) throw new Error('no model');
    return model;
  }

  async minted(): Promise<bigint> {
    const { emission } = await this.chain.ask('/remes.remes.v1.Query/GetEmission', q.QueryGetEmissionRequest, {}, q.QueryGetEmissionResponse);
    return BigInt(emission?.minted ?? '0');
  }

  /** The books: supply = sum of all known balances = genesis + minted − burned; the stake escrow = sum of all stakes. */
  async books(): Promise<{ supply: bigint; balances: bigint; expectedSupply: bigint; escrow: bigint; stakes: bigint }> {
    const accounts = [...this.miners, ...this.proposers, ...this.verifiers].map((a) => a.account.address);
    const all = [...accounts, this.outsider.address, testAccount('treasury').address, ...MODULE_ACCOUNTS];
    let balances = 0n;
    for (const address of all) balances += await this.chain.balance(address);
    let stakes = 0n;
    for (const part of [Part.MINER, Part.PROPOSER, Part.VERIFIER]) for (const address of accounts) stakes += await this.stake(part, address);
    const burnedBySlash = (await this.slashes()).reduce((sum, s) => sum + BigInt(s.burned), 0n);
    return {
      supply: await this.chain.supply(),
      balances,
      expectedSupply: GENESIS_SUPPLY + (await this.minted()) - burnedBySlash - this.burnedBonds - this.trail.feesBurned,
      escrow: await this.chain.balance(moduleAddress('node')),
      stakes,
    };
  }

  /** What the bank's events say was minted and burned, in uremes: a second count beside the modules' own. */
  readonly trail = { minted: 0n, burned: 0n, feesBurned: 0n };

  #follow(events: readonly TestEvent[]): void {
    const amount = (e: TestEvent) => BigInt((e.attributes['amount'] ?? '').replace(/uremes$/, ''));
    for (const e of events) {
      if (e.type === 'coinbase') this.trail.minted += amount(e);
      if (e.type === 'burn') this.trail[e.attributes['burner'] === moduleAddress('fee_collector') ? 'feesBurned' : 'burned'] += amount(e);
    }
  }

  async registrations(part: Part): Promise<Registration[]> {
    const request = q.QueryGetRegistrationsRequest.fromPartial({ part, pagination: { limit: 1000n } });
    return (await this.chain.ask('/remes.remes.v1.Query/GetRegistrations', q.QueryGetRegistrationsRequest, request, q.QueryGetRegistrationsResponse)).registrations;
  }

  /**
   * What every block must leave whole, from three sides: supply = balances = genesis + minted − burned (as the bank's events
   * say), the stake escrow = all stakes, the bond escrow = bonds of open cases, emission = minted + frozen pay.
   */
  async invariants(others: readonly string[] = []): Promise<{ left: Record<string, bigint>; right: Record<string, bigint> }> {
    const accounts = [...this.miners, ...this.proposers, ...this.verifiers].map((a) => a.account.address);
    let balances = 0n;
    for (const address of new Set([...accounts, ...others, ...MODULE_ACCOUNTS, this.outsider.address, testAccount('treasury').address])) {
      balances += await this.chain.balance(address);
    }
    let stakes = 0n;
    for (const part of [Part.MINER, Part.PROPOSER, Part.VERIFIER]) for (const r of await this.registrations(part)) stakes += BigInt(r.stake);
    const open = (await this.cases()).filter((c) => c.phase !== CasePhase.CLOSED);
    const bonds = open.flatMap((c) => c.bonds).reduce((sum, b) => sum + BigInt(b.amount), 0n);
    let frozen = 0n;
    for (let id = (await this.window())?.id ?? 0n; id > 0n; id--) {
      for (const r of await this.rewards(id)) if (r.status === RewardStatus.FROZEN) frozen += BigInt(r.amount);
    }
    const supply = await this.chain.supply();
    return {
      left: { balances, supply, stakes, bonds, emission: await this.minted() },
      right: {
        balances: supply,
        supply: GENESIS_SUPPLY + this.trail.minted - this.trail.burned - this.trail.feesBurned,
        stakes: await this.chain.balance(moduleAddress('node')),
        bonds: await this.chain.balance(moduleAddress('challenge')),
        emission: this.trail.minted + frozen,
      },
    };
  }

  /** Bonds that a test knows to have been burned. */
  burnedBonds = 0n;

  challengeGradient(account: TestAccount, gradientId: bigint, claimedHash: Uint8Array, bond = BigInt(this.profile.challenge.bond)): { account: TestAccount; messages: Any[] } {
    const msg = { challenger: account.address, gradientId, claimedHash, evidenceCid: '', bond: coin(bond) };
    return { account, messages: [message('/remes.remes.v1.MsgChallengeGradient', tx.MsgChallengeGradient, msg)] };
  }

  challengeAggregation(account: TestAccount, windowId: bigint, claimedHash: Uint8Array): { account: TestAccount; messages: Any[] } {
    const msg = { challenger: account.address, windowId, claimedHash, evidenceCid: '', bond: coin(BigInt(this.profile.challenge.bond)) };
    return { account, messages: [message('/remes.remes.v1.MsgChallengeAggregation', tx.MsgChallengeAggregation, msg)] };
  }

  escalate(account: TestAccount, caseId: bigint): { account: TestAccount; messages: Any[] } {
    const msg = { address: account.address, caseId, bond: coin(BigInt(this.profile.challenge.bond)) };
    return { account, messages: [message('/remes.remes.v1.MsgEscalateCase', tx.MsgEscalateCase, msg)] };
  }

  unregister(account: TestAccount, part: Part): { account: TestAccount; messages: Any[] } {
    return { account, messages: [message('/remes.remes.v1.MsgUnregisterNode', tx.MsgUnregisterNode, { address: account.address, part })] };
  }
}

export function honestMiner(): MinerActor {
  return { gradientHash: (job) => trueGradientHash(job.id), serves: () => true };
}

export function cheatingMiner(): MinerActor {
  return { gradientHash: (job) => wrongHash(job.id), serves: () => true };
}

export function honestProposer(): ProposerActor {
  return { attests: true, commits: true, reveals: true, result: (window, included) => trueResult(window, included) };
}

export function honestVerifier(): VerifierActor {
  return { report: (_duty, truth) => truth, reveals: true };
}

export function submission(miner: string, window: TrainingWindow, job: Job, gradientHash: Uint8Array): Any {
  return message('/remes.remes.v1.MsgSubmitGradient', tx.MsgSubmitGradient, {
    miner,
    windowId: window.id,
    jobId: job.id,
    modelVersion: window.modelVersion,
    baseAdapterCid: window.baseAdapterCid,
    layerRange: { start: 0, end: 4 },
    encoding: GradientEncoding.DENSE_F32,
    payloadCid: cidOfBytes(gradientHash).toString(),
    payloadSize: 100n,
    gradientHash,
    possessionRoot: new Uint8Array(32),
    answerCommitment: new Uint8Array(),
    lossBits: 0x40000000,
    arithmeticVersion: 1,
    device: { backend: 'sim', name: '', architecture: '', driver: '' },
  });
}

function testModel(): Model {
  return Model.fromPartial({
    id: 1n,
    name: 'test',
    backboneCid: DUMMY_CID,
    tokenizerCid: DUMMY_CID,
    sequenceLength: 256,
    arithmeticVersion: 1,
    vocabSize: 1024,
    layerCount: 4,
    lora: { rank: 8, alpha: 16, targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] },
    optimizer: {
      learningRateBits: 0x3b03126f,
      beta1Bits: 0x3f666666,
      beta2Bits: 0x3f7fbe77,
      epsilonBits: 0x322bcc77,
      weightDecayBits: 0x3c23d70a,
      clipNormBits: 0x3f800000,
    },
    adapterParameters: 155_648n,
    fullParameters: 3_563_776n,
    adapterCid: DUMMY_CID,
  });
}
