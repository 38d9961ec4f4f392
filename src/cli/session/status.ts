/** What every `status` command shows of an account. */
import type { ChainClient } from '../../client/index.js';
import { Part, type Registration, RegistrationStatus } from '../../protocol/gen/remes/remes/v1/node.js';
import { type RewardRecord, RewardStatus } from '../../protocol/gen/remes/remes/v1/reward.js';
import type { TrainingWindow } from '../../protocol/gen/remes/remes/v1/training_window.js';
import { remes } from '../devnet/names.js';
import { holderOf } from '../files/pid-file.js';
import type { Context } from '../frame/context.js';
import { Wallets } from '../wallet/wallets.js';
import { enumName } from './records.js';
import { lockFile } from './role-run.js';

/** The newest windows, newest first. */
export async function newestWindows(client: ChainClient, count: number): Promise<TrainingWindow[]> {
  const newest = await client.queries.window();
  if (newest === undefined) return [];
  const windows = [newest];
  for (let id = newest.id - 1n; id >= 1n && windows.length < count; id--) {
    const window = await client.queries.window(id);
    if (window !== undefined) windows.push(window);
  }
  return windows;
}

export interface Pay {
  readonly records: readonly RewardRecord[];
  /** In uremes. */
  readonly paid: bigint;
  readonly frozen: bigint;
}

/** Pay of an account for one part. */
export async function payOf(client: ChainClient, address: string, part: Part): Promise<Pay> {
  const records = (await client.queries.rewards(address)).filter((r) => r.part === part);
  const sum = (status: RewardStatus): bigint => records.filter((r) => r.status === status).reduce((all, r) => all + BigInt(r.amount), 0n);
  return { records, paid: sum(RewardStatus.PAID), frozen: sum(RewardStatus.FROZEN) };
}

/** The process that runs `noun start` here for a wallet of this address; null if none. */
export async function runningPid(ctx: Context, noun: string, address: string): Promise<number | null> {
  const wallets = new Wallets(ctx.paths.wallets);
  for (const name of await wallets.names()) {
    if ((await wallets.info(name)).address !== address) continue;
    const holder = await holderOf(lockFile(ctx, noun, name));
    if (holder !== undefined) return holder.pid;
  }
  return null;
}

export function registrationText(r: Registration | undefined): string {
  if (r === undefined) return 'none';
  const effective = r.status === RegistrationStatus.ACTIVE ? `, counts from height ${r.effectiveHeight} on` : '';
  const slashed = r.slashed === '0' ? '' : `, ${remes(r.slashed)} slashed so far`;
  const record = r.part === Part.MINER ? `; trust ${r.trustBps / 100} %, ${r.jobsFinalized} of ${r.jobsAssigned} jobs paid` : '';
  return `${enumName(RegistrationStatus, r.status)}, stake ${remes(r.stake)}${effective}${slashed}${record}`;
}

/** Lines of a name and a value, and a table below. */
export function statusText(lines: readonly (readonly [string, string])[], below: string): string {
  const width = Math.max(...lines.map(([name]) => name.length));
  return [...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`), ...(below === '' ? [] : ['', below])].join('\n');
}
