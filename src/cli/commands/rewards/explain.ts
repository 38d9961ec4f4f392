import type { ChainClient } from '../../../client/index.js';
import { equalBytes } from '../../../protocol/bytes.js';
import { type Case, CasePhase, DutyStatus, Verdict } from '../../../protocol/gen/remes/remes/v1/challenge.js';
import { Part, type SlashRecord } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { QueryGetParamsResponse } from '../../../protocol/gen/remes/remes/v1/query.js';
import type { RewardRecord } from '../../../protocol/gen/remes/remes/v1/reward.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { addressOf, connectChain, type NodeArgs } from '../../session/connect.js';
import { enumName, rewardJson, slashJson } from '../../session/records.js';
import { type Flows, type Pinned, pin, readFlows } from './flows.js';
import { settlementOf } from './settlements.js';
import { type MinerHistory, readJobs, readUnpaid, standingAt, type Unpaid } from './standing.js';
import { type Explained, explainRecord, type Settlement } from './terms.js';
import { explanationText } from './text.js';

export interface ExplainedRecord extends Explained {
  readonly record: RewardRecord;
  readonly settlement: Settlement;
}

export interface Explanation {
  readonly address: string;
  readonly chainId: string;
  readonly pinned: Pinned;
  readonly records: readonly ExplainedRecord[];
  readonly unpaid: readonly Unpaid[];
  readonly flows: Flows;
  /** Of this account. */
  readonly slashes: readonly SlashRecord[];
  readonly bonds: readonly { readonly caseId: bigint; readonly amount: bigint; readonly phase: string; readonly verdict: string | null }[];
  readonly slashed: bigint;
  readonly reconciled: boolean;
}

/** Participants of a proposer's accepted reveal, or a verifier's reports that count. */
async function countOf(client: ChainClient, record: RewardRecord): Promise<number> {
  if (record.part === Part.PROPOSER) {
    const aggregation = await client.queries.aggregation(record.windowId);
    const accepted = aggregation?.accepted;
    const own = aggregation?.proposers.find((p) => p.proposer === record.address);
    return own?.result !== undefined && accepted !== undefined && equalBytes(own.result.resultHash, accepted.resultHash) ? own.participants.length : 0;
  }
  const duties = await client.queries.duties(record.windowId);
  return duties.filter((d) => d.verifier === record.address && d.status === DutyStatus.REVEALED && !d.punished).length;
}

/** Reads each window once, whatever the number of its records. */
class Recorder {
  readonly #settlements = new Map<bigint, Promise<Settlement>>();

  constructor(
    private readonly client: ChainClient,
    private readonly params: QueryGetParamsResponse,
    private readonly genesisTime: bigint,
    private readonly leftNow: bigint,
  ) {}

  private settlement(windowId: bigint): Promise<Settlement> {
    const known = this.#settlements.get(windowId) ?? settlementOf(this.client, windowId);
    this.#settlements.set(windowId, known);
    return known;
  }

  async explain(record: RewardRecord, history: MinerHistory): Promise<ExplainedRecord> {
    const { queries } = this.client;
    const settlement = await this.settlement(record.windowId);
    const window = await queries.window(record.windowId);
    if (window === undefined) throw new Error(`window ${record.windowId} of reward ${record.id} is gone`);
    const peers = (await queries.windowRewards(record.windowId)).filter((p) => p.part === record.part);
    const facts = { params: this.params, genesisTime: this.genesisTime, window, settlement, peers, leftNow: this.leftNow };
    const own = record.part === Part.MINER ? { count: 1, standing: standingAt(history, record, settlement.height) } : { count: await countOf(this.client, record) };
    return { record, settlement, ...explainRecord(record, { ...facts, ...own }) };
  }
}

function bondsOf(cases: readonly Case[], address: string): Explanation['bonds'] {
  return cases.flatMap((c) =>
    c.bonds
      .filter((b) => b.address === address)
      .map((b) => ({ caseId: c.id, amount: BigInt(b.amount), phase: enumName(CasePhase, c.phase), verdict: c.verdict === Verdict.UNSPECIFIED ? null : enumName(Verdict, c.verdict) })),
  );
}

export async function explain(client: ChainClient, address: string): Promise<Explanation> {
  const { queries } = client;
  const pinned = await pin({ queries, status: () => client.status() }, address);
  const slashes = await queries.slashes();
  const flows = await readFlows(client, address, pinned.height, slashes);
  const own = slashes.filter((s) => s.address === address);
  const slashed = own.filter((s) => s.height <= pinned.height).reduce((sum, s) => sum + BigInt(s.amount), 0n);
  const all = await queries.rewards(address);
  const cases = await queries.cases();
  const history: MinerHistory = {
    jobs: await readJobs(client, address),
    records: all.filter((r) => r.part === Part.MINER),
    faults: own.filter((s) => s.part === Part.MINER && s.reason === 'wrong_gradient'),
    registeredHeights: flows.registeredHeights,
    cases,
  };
  const params = await queries.params();
  const { genesisTime } = await client.genesis();
  const { reward } = params;
  const leftOfAllocation = BigInt(reward?.miningAllocation ?? '0') - BigInt((await queries.emission())?.minted ?? '0');
  const leftOfCap = BigInt(reward?.supplyCap ?? '0') - (await queries.supply());
  const recorder = new Recorder(client, params, genesisTime.seconds, leftOfAllocation < leftOfCap ? leftOfAllocation : leftOfCap);
  const records: ExplainedRecord[] = [];
  for (const record of all) records.push(await recorder.explain(record, history));
  const stakeExpected = flows.stake.genesis + flows.stake.deposited - flows.stake.returned - slashed;
  return {
    address,
    chainId: client.chainId,
    pinned,
    records,
    unpaid: await readUnpaid(client, history),
    flows,
    slashes: own,
    bonds: bondsOf(cases, address),
    slashed,
    reconciled: records.every((r) => r.equal) && flows.expected === pinned.balance && stakeExpected === pinned.stake,
  };
}

function toData({ address, chainId, pinned, records, unpaid, flows, slashes, bonds, slashed, reconciled }: Explanation) {
  const { opening, bounties, expected, of, stake } = flows;
  const stakeExpected = stake.genesis + stake.deposited - stake.returned - slashed;
  return {
    address,
    chainId,
    height: pinned.height,
    records: records.map(({ record, settlement, terms, why, equal }) => ({ ...rewardJson(record), settledHeight: settlement.height, terms: terms.map((t) => ({ ...t })), why, equal })),
    unpaid: unpaid.map((u) => ({ ...u })),
    flows: {
      opening,
      fees: of('fees'),
      stake: of('stake'),
      bounties,
      bonds: of('bonds'),
      rewards: of('rewards'),
      burned: of('burned'),
      transfers: of('transfers'),
      expected,
      balance: pinned.balance,
      equal: expected === pinned.balance,
    },
    stake: { ...stake, slashed, expected: stakeExpected, now: pinned.stake, equal: stakeExpected === pinned.stake },
    slashes: slashes.map(slashJson),
    bonds: bonds.map((b) => ({ ...b })),
    reconciled,
  };
}

export async function rewardsExplain(ctx: Context, args: NodeArgs & { readonly address: string | undefined; readonly wallet: string | undefined }): Promise<CommandResult> {
  const address = await addressOf(ctx, args.address, args.wallet);
  const explanation = await explain(await connectChain(args), address);
  return { data: toData(explanation), text: explanationText(explanation), exitCode: explanation.reconciled ? EXIT.ok : EXIT.failure };
}
