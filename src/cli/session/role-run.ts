/** Runs one account's part in training: lock, node, password, registration, engine, then block after block. */
import path from 'node:path';

import { R3mesError } from '../../protocol/errors.js';
import { createSender } from '../../roles/chain-view.js';
import type { Role, RoleDeps, RoleEvent } from '../../roles/role.js';
import { runRoles } from '../../roles/runner.js';
import { acquirePidFile } from '../files/pid-file.js';
import type { CommandResult } from '../frame/command.js';
import type { Context } from '../frame/context.js';
import type { JsonObject } from '../frame/json.js';
import { Wallets } from '../wallet/wallets.js';
import { type Bench, type ComputeArgs, withBench } from './compute.js';
import { type Account, openAccount, type SigningArgs } from './connect.js';
import { deviceText } from './device.js';
import { watchedHeights } from './heights.js';
import { ensureRegistered } from './registration.js';
import { roleLine } from './role-lines.js';
import type { PartName } from './values.js';

export interface RoleArgs extends SigningArgs, ComputeArgs {
  readonly payout: string | undefined;
  readonly register: boolean;
}

/** What a part does beyond acting at every height. */
export interface RolePlan {
  readonly part: PartName;
  /** The command's noun, which also names the lock. */
  readonly noun: string;
  create(deps: RoleDeps, bench: Bench): Role;
  /** What is worth telling at a height: a new window, a new duty. */
  news(account: Account, height: bigint): Promise<readonly RoleEvent[]>;
  /** What would be slashed if this part stays away from now on. */
  owed(account: Account): Promise<readonly string[]>;
  /** The work of one window, once it is done; for `once`. @throws R3mesError where it can no longer be done. */
  done(account: Account, events: readonly RoleEvent[]): Promise<{ readonly data: JsonObject; readonly text: string } | undefined>;
}

export function lockFile(ctx: Context, noun: string, wallet: string): string {
  return path.join(ctx.paths.state, `${noun}-${wallet}.pid`);
}

/** Events that are kept for `done`: more than one window of any part yields. */
const MAX_EVENTS = 500;

function tally(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const of = (type: string): number => counts.get(type) ?? 0;
  return {
    gradients: of('gradient'),
    missed: of('missed'),
    attestations: of('attestation'),
    reveals: of('reveal'),
    reports: of('report'),
    escalations: of('escalation'),
    refused: of('refused'),
    problems: of('problem'),
  };
}

class Run {
  readonly events: RoleEvent[] = [];
  readonly #counts = new Map<string, number>();
  #height = 0n;
  #result: CommandResult | undefined;

  constructor(
    private readonly ctx: Context,
    private readonly plan: RolePlan,
    private readonly account: Account,
  ) {}

  readonly tell = (event: RoleEvent): void => {
    const { type, ...fields } = event;
    if (type === 'problem' && event['code'] === 'TIMED_OUT') return; // what the time-out cut off; it is told at the end
    this.#counts.set(type, (this.#counts.get(type) ?? 0) + 1);
    this.events.push(event);
    if (this.events.length > MAX_EVENTS) this.events.shift();
    this.ctx.out.event(type, { ...fields }, roleLine(event));
    if (type === 'computing') this.ctx.holdFor(roleLine(event).replace(/ …$/, ''));
  };

  /** Acts at every height until a stop, or until one window's work is done. */
  async play(bench: Bench, finished: AbortController, once: { readonly timeoutMs: number } | undefined): Promise<CommandResult> {
    const { ctx, plan, account } = this;
    const { client, address } = account;
    const sender = createSender(client, account.signer, account.saltSeed);
    const role = plan.create({ chain: bench.chain, sender, work: bench.work, emit: this.tell }, bench);
    const device = deviceText(bench.device, bench.threads);
    this.tell({ type: 'started', part: plan.part, address, chainId: client.chainId, node: client.url, height: (await client.status()).height, device });
    const timer = once === undefined ? undefined : setTimeout(() => finished.abort(this.#timedOut(once.timeoutMs)), once.timeoutMs);
    const heights = watchedHeights(client, AbortSignal.any([ctx.signal, finished.signal]), this.tell);
    try {
      await runRoles([this.#held(role)], heights, {
        emit: this.tell,
        afterHeight: async (height) => {
          this.#height = height;
          if (once !== undefined && (await this.#isDone())) finished.abort();
        },
      });
    } finally {
      clearTimeout(timer);
      ctx.holdFor(undefined);
    }
    if (this.#result !== undefined) return this.#result;
    if (once !== undefined && !ctx.signal.aborted) throw this.#timedOut(once.timeoutMs);
    for (const what of await this.#owed()) this.tell({ type: 'owed', what });
    const data = { part: plan.part, address, height: this.#height, ...tally(this.#counts) };
    return { data, text: `stopped at height ${this.#height}: ${this.#summary()}` };
  }

  #summary(): string {
    const counted = Object.entries(tally(this.#counts)).filter(([, count]) => count !== 0);
    return counted.length === 0 ? 'nothing was due' : counted.map(([what, count]) => `${count} ${what}`).join(', ');
  }

  /** The role with news told first, and a stop that says what it waits for. */
  #held(role: Role): Role {
    return {
      address: role.address,
      onHeight: async (height) => {
        for (const event of await this.plan.news(this.account, height)) this.tell(event);
        this.ctx.holdFor(`what is due at height ${height}`);
        try {
          await role.onHeight(height);
        } finally {
          this.ctx.holdFor(undefined);
        }
      },
    };
  }

  async #isDone(): Promise<boolean> {
    try {
      this.#result = await this.plan.done(this.account, this.events);
    } catch (error) {
      if (error instanceof R3mesError && error.retryable) return false; // asked again at the next height
      throw error;
    }
    return this.#result !== undefined;
  }

  /** A node that is gone cannot be asked, and that must not keep anybody from stopping. */
  async #owed(): Promise<readonly string[]> {
    try {
      return await this.plan.owed(this.account);
    } catch (error) {
      if (error instanceof R3mesError) return [];
      throw error;
    }
  }

  #timedOut(timeoutMs: number): R3mesError {
    const seen = this.events.filter(({ type }) => type === 'window').at(-1);
    return new R3mesError({
      code: 'TIMED_OUT',
      message: `no window's work was done within ${timeoutMs / 1000} s (height ${this.#height}${seen === undefined ? '' : `, ${roleLine(seen)}`})`,
      hint: 'try again, or give more time with --timeout SECONDS',
      retryable: true,
    });
  }
}

/** @param once absent: until it is stopped. */
export async function runRole(ctx: Context, args: RoleArgs, plan: RolePlan, once?: { readonly timeoutMs: number }): Promise<CommandResult> {
  const wallet = await new Wallets(ctx.paths.wallets).choose(args.wallet);
  const lock = await acquirePidFile(lockFile(ctx, plan.noun, wallet), `${plan.noun} with the wallet ${wallet}`, { node: args.node, wallet });
  try {
    const account = await openAccount(ctx, { ...args, wallet });
    await ensureRegistered(ctx, account, plan.part, args);
    const run = new Run(ctx, plan, account);
    const finished = new AbortController();
    return await withBench(ctx, account.client, args, { signal: finished.signal, tell: run.tell }, (bench) => run.play(bench, finished, once));
  } finally {
    await lock.release();
  }
}
