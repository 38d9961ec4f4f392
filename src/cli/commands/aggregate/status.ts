import type { ChainClient } from '../../../client/index.js';
import { equalBytes } from '../../../protocol/bytes.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { RewardRecord } from '../../../protocol/gen/remes/remes/v1/reward.js';
import { type TrainingWindow, WindowOutcome, WindowPhase } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import type { JsonObject } from '../../frame/json.js';
import { table } from '../../frame/table.js';
import { remes } from '../../devnet/names.js';
import { addressOf, connectChain, type NodeArgs } from '../../session/connect.js';
import { enumName, registrationJson } from '../../session/records.js';
import { newestWindows, payOf, registrationText, runningPid, statusText } from '../../session/status.js';

interface Args extends NodeArgs {
  readonly address: string | undefined;
  readonly wallet: string | undefined;
  readonly recent: number;
}

interface Past {
  readonly data: JsonObject;
  readonly row: readonly string[];
}

async function past(client: ChainClient, address: string, window: TrainingWindow, rewards: readonly RewardRecord[]): Promise<Past | undefined> {
  if (!window.proposers.includes(address)) return undefined;
  const own = (await client.queries.aggregation(window.id))?.proposers.find((p) => p.proposer === address);
  if (own === undefined) return undefined;
  const { attested, owesCommit, revealed, result } = own;
  const committed = own.commitment.length > 0;
  const isAccepted = result !== undefined && window.accepted !== undefined && equalBytes(result.resultHash, window.accepted.resultHash);
  const reward = rewards.find((r) => r.windowId === window.id);
  const phase = enumName(WindowPhase, window.phase);
  const outcome = window.outcome === WindowOutcome.UNSPECIFIED ? null : enumName(WindowOutcome, window.outcome);
  const yes = (value: boolean): string => (value ? 'yes' : 'no');
  return {
    data: { windowId: window.id, phase, outcome, attested, owesCommit, committed, revealed, accepted: isAccepted, reward: reward === undefined ? null : BigInt(reward.amount) },
    row: [String(window.id), phase, yes(attested), yes(committed), yes(revealed), yes(isAccepted), reward === undefined ? '-' : remes(reward.amount)],
  };
}

export async function aggregateStatus(ctx: Context, args: Args): Promise<CommandResult> {
  const address = await addressOf(ctx, args.address, args.wallet);
  const client = await connectChain(args);
  const registration = await client.queries.registration(Part.PROPOSER, address);
  const pay = await payOf(client, address, Part.PROPOSER);
  const windows = await newestWindows(client, args.recent);
  const newest = windows[0];
  const drawn: Past[] = [];
  for (const window of windows) {
    const found = await past(client, address, window, pay.records);
    if (found !== undefined) drawn.push(found);
  }
  const running = await runningPid(ctx, 'aggregate', address);
  const phase = newest === undefined ? null : enumName(WindowPhase, newest.phase);
  const isDrawn = newest?.proposers.includes(address) ?? false;
  return {
    data: {
      address,
      running,
      registration: registration === undefined ? null : registrationJson(registration),
      windowId: newest?.id ?? null,
      phase,
      isDrawn,
      windows: drawn.map((d) => d.data),
      paid: pay.paid,
      frozen: pay.frozen,
    },
    text: statusText(
      [
        ['account', address],
        ['running', running === null ? 'no' : `process ${running}`],
        ['registration', registrationText(registration)],
        ['window', newest === undefined ? 'none yet' : `${newest.id}, ${phase ?? ''}: ${isDrawn ? 'drawn as proposer' : newest.proposers.length === 0 ? 'proposers are not drawn yet' : 'not drawn'}`],
        ['paid', remes(pay.paid)],
        ['held back', `${remes(pay.frozen)} by open cases`],
      ],
      drawn.length === 0 ? '' : table(['window', 'phase', 'attested', 'committed', 'revealed', 'accepted', 'pay'], drawn.map((d) => d.row)),
    ),
  };
}
