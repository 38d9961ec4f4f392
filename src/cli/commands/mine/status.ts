import type { ChainClient } from '../../../client/index.js';
import { JobStatus, WindowPhase, type Job } from '../../../protocol/gen/remes/remes/v1/training_window.js';
import { Part } from '../../../protocol/gen/remes/remes/v1/node.js';
import { GradientStatus } from '../../../protocol/gen/remes/remes/v1/stored_gradient.js';
import type { RewardRecord } from '../../../protocol/gen/remes/remes/v1/reward.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import type { JsonObject } from '../../frame/json.js';
import { table } from '../../frame/table.js';
import { remes, short } from '../../devnet/names.js';
import { addressOf, connectChain, type NodeArgs } from '../../session/connect.js';
import { enumName, floatOf, gradientJson, jobJson, registrationJson } from '../../session/records.js';
import { newestWindows, payOf, registrationText, runningPid, statusText } from '../../session/status.js';

interface Args extends NodeArgs {
  readonly address: string | undefined;
  readonly wallet: string | undefined;
  readonly recent: number;
}

interface Past {
  readonly settled: boolean;
  readonly data: JsonObject;
  readonly row: readonly string[];
}

/** A submitted job with what became of it. */
async function past(client: ChainClient, job: Job, settled: boolean, rewards: readonly RewardRecord[]): Promise<Past | undefined> {
  if (job.status !== JobStatus.SUBMITTED) return undefined;
  const gradient = await client.queries.gradient(job.gradientId);
  if (gradient === undefined) return undefined;
  const reward = rewards.find((r) => r.gradientId === gradient.id);
  const pay = reward === undefined ? (settled ? 'none' : 'window not settled') : remes(reward.amount);
  return {
    settled,
    data: { ...gradientJson(gradient), reward: reward === undefined ? null : BigInt(reward.amount) },
    row: [String(job.windowId), String(gradient.id), enumName(GradientStatus, gradient.status), floatOf(gradient.lossBits).toFixed(4), short(gradient.payloadCid), pay],
  };
}

export async function mineStatus(ctx: Context, args: Args): Promise<CommandResult> {
  const address = await addressOf(ctx, args.address, args.wallet);
  const client = await connectChain(args);
  const { queries } = client;
  const registration = await queries.registration(Part.MINER, address);
  const pay = await payOf(client, address, Part.MINER);
  const windows = await newestWindows(client, args.recent);
  const newest = windows[0];
  let current: Job | undefined;
  const gradients: Past[] = [];
  for (const window of windows) {
    const job = await queries.job(window.id, address);
    if (window === newest) current = job;
    const found = job === undefined ? undefined : await past(client, job, window.settled, pay.records);
    if (found !== undefined) gradients.push(found);
  }
  const running = await runningPid(ctx, 'mine', address);
  const awaiting = gradients.filter((g) => !g.settled).length;
  const phase = newest === undefined ? null : enumName(WindowPhase, newest.phase);
  const job = current === undefined ? 'no job' : `job ${enumName(JobStatus, current.status)}, ${current.chunks.length} chunks`;
  return {
    data: {
      address,
      running,
      registration: registration === undefined ? null : registrationJson(registration),
      windowId: newest?.id ?? null,
      phase,
      job: current === undefined ? null : jobJson(current),
      gradients: gradients.map((g) => g.data),
      paid: pay.paid,
      frozen: pay.frozen,
      awaiting,
    },
    text: statusText([
      ['account', address],
      ['running', running === null ? 'no' : `process ${running}`],
      ['registration', registrationText(registration)],
      ['window', newest === undefined ? 'none yet' : `${newest.id}, ${phase ?? ''}: ${job}`],
      ['paid', remes(pay.paid)],
      ['held back', `${remes(pay.frozen)} by open cases; ${awaiting} gradients wait for their window to be settled`],
    ], gradients.length === 0 ? '' : table(['window', 'gradient', 'state', 'loss', 'file', 'pay'], gradients.map((g) => g.row))),
  };
}
