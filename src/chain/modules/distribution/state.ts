import { formatAddress, parseAddress } from '../../../protocol/address.js';
import { DENOM } from '../../../protocol/coins.js';
import { decimalFromWire } from '../../../protocol/decimal.js';
import type { DecCoin } from '../../../protocol/gen/cosmos/base/v1beta1/coin.js';
import {
  DelegatorStartingInfo,
  FeePool,
  Params,
  ValidatorAccumulatedCommission,
  ValidatorCurrentRewards,
  ValidatorHistoricalRewards,
  ValidatorOutstandingRewards,
  ValidatorSlashEvent,
} from '../../../protocol/gen/cosmos/distribution/v1beta1/distribution.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, Table, TextSet } from '../collections.js';

export const DISTRIBUTION_STORE = 'distribution';
const at = (prefix: number) => ({ store: DISTRIBUTION_STORE, prefix });

/** An amount in 10⁻¹⁸ uremes as messages carry it; nothing for zero. */
export const decCoins = (amount: bigint): DecCoin[] => (amount === 0n ? [] : [{ denom: DENOM, amount: amount.toString() }]);
export const decAmount = (list: readonly DecCoin[] | undefined): bigint => decimalFromWire(list?.[0]?.amount ?? '');

const BYTES = { encode: (bytes: Uint8Array) => ({ finish: () => bytes }), decode: (bytes: Uint8Array) => bytes };

export interface Historical {
  /** Sum of rewards a token of all periods up to this one, in 10⁻¹⁸. */
  readonly ratio: bigint;
  /** How many delegations and slashes begin at the end of this period, and one for the newest. */
  readonly references: number;
}

export interface Current {
  /** Of the running period, 10⁻¹⁸ uremes. */
  readonly rewards: bigint;
  readonly period: bigint;
}

export interface Starting {
  readonly previousPeriod: bigint;
  /** Tokens behind the delegation, 10⁻¹⁸ uremes. */
  readonly stake: bigint;
  readonly height: bigint;
}

export interface Slash {
  readonly height: bigint;
  /** Period that the slash ended. */
  readonly period: bigint;
  readonly fraction: bigint;
}

/** Amounts in 10⁻¹⁸ uremes. Keys by operator address; entries go with their validator or delegation. */
export class DistributionState {
  readonly #params = new Table(at(0x01), Params);
  readonly #pool = new Table(at(0x02), FeePool);
  readonly #outstanding = new Table(at(0x03), ValidatorOutstandingRewards);
  readonly #commission = new Table(at(0x04), ValidatorAccumulatedCommission);
  readonly #current = new Table(at(0x05), ValidatorCurrentRewards);
  readonly #historical = new Table(at(0x06), ValidatorHistoricalRewards);
  readonly #starting = new Table(at(0x07), DelegatorStartingInfo);
  readonly #slashCount = new Counter(at(0x08));
  readonly #slashes = new Table(at(0x09), ValidatorSlashEvent);
  readonly #slashHeights = new Counter(at(0x0a));
  readonly #withdraw = new Table(at(0x0b), BYTES);
  /** Delegators with a withdraw address of their own, for the export. */
  readonly withdrawers = new TextSet(at(0x0c));

  params(ctx: QueryContext): Params {
    const params = this.#params.get(ctx);
    if (params === undefined) throw new Error('distribution parameters are missing: genesis was not run');
    return params;
  }

  setParams(ctx: Context, params: Params): void {
    this.#params.set(ctx, params);
  }

  pool(ctx: QueryContext): bigint {
    return decAmount(this.#pool.get(ctx)?.communityPool);
  }

  addToPool(ctx: Context, amount: bigint): void {
    if (amount !== 0n) this.#pool.set(ctx, { communityPool: decCoins(this.pool(ctx) + amount) });
  }

  outstanding(ctx: QueryContext, operator: string): bigint {
    return decAmount(this.#outstanding.get(ctx, operator)?.rewards);
  }

  setOutstanding(ctx: Context, operator: string, amount: bigint): void {
    if (amount < 0n) throw new Error(`outstanding rewards of ${operator} would be ${amount}`);
    this.#outstanding.set(ctx, { rewards: decCoins(amount) }, operator);
  }

  commission(ctx: QueryContext, operator: string): bigint {
    return decAmount(this.#commission.get(ctx, operator)?.commission);
  }

  setCommission(ctx: Context, operator: string, amount: bigint): void {
    this.#commission.set(ctx, { commission: decCoins(amount) }, operator);
  }

  current(ctx: QueryContext, operator: string): Current | undefined {
    const value = this.#current.get(ctx, operator);
    return value === undefined ? undefined : { rewards: decAmount(value.rewards), period: value.period };
  }

  setCurrent(ctx: Context, operator: string, { rewards, period }: Current): void {
    this.#current.set(ctx, { rewards: decCoins(rewards), period }, operator);
  }

  historical(ctx: QueryContext, operator: string, period: bigint): Historical | undefined {
    const value = this.#historical.get(ctx, operator, period);
    return value === undefined ? undefined : { ratio: decAmount(value.cumulativeRewardRatio), references: value.referenceCount };
  }

  setHistorical(ctx: Context, operator: string, period: bigint, { ratio, references }: Historical): void {
    this.#historical.set(ctx, { cumulativeRewardRatio: decCoins(ratio), referenceCount: references }, operator, period);
  }

  /** Nothing refers to a period any more when its count is 0: it goes. */
  addReference(ctx: Context, operator: string, period: bigint, change: 1 | -1): void {
    const historical = this.historical(ctx, operator, period);
    if (historical === undefined) throw new Error(`no historical rewards of ${operator} at period ${period}`);
    const references = historical.references + change;
    if (references === 0) this.#historical.delete(ctx, operator, period);
    else this.setHistorical(ctx, operator, period, { ...historical, references });
  }

  deleteHistorical(ctx: Context, operator: string, period: bigint): void {
    this.#historical.delete(ctx, operator, period);
  }

  starting(ctx: QueryContext, operator: string, delegator: string): Starting | undefined {
    const value = this.#starting.get(ctx, operator, delegator);
    return value === undefined ? undefined : { previousPeriod: value.previousPeriod, stake: decimalFromWire(value.stake), height: value.height };
  }

  setStarting(ctx: Context, operator: string, delegator: string, { previousPeriod, stake, height }: Starting): void {
    this.#starting.set(ctx, { previousPeriod, stake: stake.toString(), height }, operator, delegator);
  }

  deleteStarting(ctx: Context, operator: string, delegator: string): void {
    this.#starting.delete(ctx, operator, delegator);
  }

  slashCount(ctx: QueryContext, operator: string): bigint {
    return this.#slashCount.get(ctx, operator);
  }

  slashAt(ctx: QueryContext, operator: string, index: bigint): Slash | undefined {
    const event = this.#slashes.get(ctx, operator, index);
    if (event === undefined) return undefined;
    return { height: this.#slashHeights.get(ctx, operator, index), period: event.validatorPeriod, fraction: decimalFromWire(event.fraction) };
  }

  addSlash(ctx: Context, operator: string, { height, period, fraction }: Slash): void {
    const index = this.#slashCount.add(ctx, 1n, operator) - 1n;
    this.#slashes.set(ctx, { validatorPeriod: period, fraction: fraction.toString() }, operator, index);
    this.#slashHeights.set(ctx, height, operator, index);
  }

  slashes(ctx: QueryContext, operator: string): Slash[] {
    const all: Slash[] = [];
    for (let i = 0n; i < this.slashCount(ctx, operator); i++) {
      const slash = this.slashAt(ctx, operator, i);
      if (slash !== undefined) all.push(slash);
    }
    return all;
  }

  /** Everything of a validator that has no delegations left. */
  deleteValidator(ctx: Context, operator: string): void {
    const current = this.current(ctx, operator);
    for (const { period } of this.slashes(ctx, operator)) this.deleteHistorical(ctx, operator, period);
    if (current !== undefined) this.deleteHistorical(ctx, operator, current.period - 1n);
    for (let i = 0n; i < this.slashCount(ctx, operator); i++) {
      this.#slashes.delete(ctx, operator, i);
      this.#slashHeights.set(ctx, 0n, operator, i);
    }
    this.#slashCount.set(ctx, 0n, operator);
    this.#current.delete(ctx, operator);
    this.#commission.delete(ctx, operator);
    this.#outstanding.delete(ctx, operator);
  }

  withdrawAddress(ctx: QueryContext, delegator: string): string {
    const bytes = this.#withdraw.get(ctx, delegator);
    return bytes === undefined ? delegator : formatAddress(bytes);
  }

  setWithdrawAddress(ctx: Context, delegator: string, address: string): void {
    if (address === delegator) {
      this.#withdraw.delete(ctx, delegator);
      this.withdrawers.remove(ctx, delegator);
      return;
    }
    this.#withdraw.set(ctx, parseAddress(address), delegator);
    this.withdrawers.add(ctx, delegator);
  }
}
