/** Validators and delegations in a map, with the hooks that the real module calls, in its order. */
import type { Context, QueryContext } from '../../../../../src/chain/module.js';
import type { StakingHooks } from '../../../../../src/chain/modules/staking/hooks.js';
import { DECIMAL_ONE } from '../../../../../src/protocol/decimal.js';
import type { Delegation} from '../../../../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import { BondStatus, Validator } from '../../../../../src/protocol/gen/cosmos/staking/v1beta1/staking.js';
import { operatorOfAccount } from '../../../../../src/protocol/validator-address.js';
import { testAccount } from '../../../../app/harness.js';

export interface FakeValidator {
  readonly operator: string;
  readonly consAddress: Uint8Array;
  tokens: bigint;
  shares: bigint;
  readonly delegations: Map<string, bigint>;
  rate: bigint;
}

export class FakeStaking {
  readonly all = new Map<string, FakeValidator>();
  hooks: StakingHooks = {};

  create(ctx: Context, name: string, rate = DECIMAL_ONE / 10n): FakeValidator {
    const operator = operatorOfAccount(testAccount(name).address);
    const validator = { operator, consAddress: new Uint8Array(20).fill(this.all.size + 1), tokens: 0n, shares: 0n, delegations: new Map<string, bigint>(), rate };
    this.all.set(operator, validator);
    this.hooks.afterValidatorCreated?.(ctx, operator);
    return validator;
  }

  /** @param shares may be negative. */
  change(ctx: Context, v: FakeValidator, delegator: string, tokens: bigint): void {
    const before = v.delegations.get(delegator);
    if (before === undefined) this.hooks.beforeDelegationCreated?.(ctx, delegator, v.operator);
    else this.hooks.beforeDelegationSharesModified?.(ctx, delegator, v.operator);
    let shares: bigint;
    if (tokens >= 0n) shares = v.shares === 0n ? tokens * DECIMAL_ONE : (tokens * v.shares) / v.tokens;
    else {
      shares = -((-tokens * v.shares) / v.tokens);
      if (-shares > (before ?? 0n)) shares = -(before ?? 0n);
      tokens = v.shares + shares === 0n ? -v.tokens : -((-shares * v.tokens) / v.shares);
    }
    v.shares += shares;
    v.tokens += tokens;
    const after = (before ?? 0n) + shares;
    if (after === 0n) {
      v.delegations.delete(delegator);
      this.hooks.beforeDelegationRemoved?.(ctx, delegator, v.operator);
    } else {
      v.delegations.set(delegator, after);
      this.hooks.afterDelegationModified?.(ctx, delegator, v.operator);
    }
  }

  slash(ctx: Context, v: FakeValidator, fraction: bigint): void {
    this.hooks.beforeValidatorSlashed?.(ctx, v.operator, fraction);
    v.tokens -= (v.tokens * fraction) / DECIMAL_ONE;
  }

  remove(ctx: Context, v: FakeValidator): void {
    this.all.delete(v.operator);
    this.hooks.afterValidatorRemoved?.(ctx, v.consAddress, v.operator);
  }

  #message({ operator, tokens, shares, rate }: FakeValidator): Validator {
    return Validator.fromPartial({
      operatorAddress: operator,
      status: BondStatus.BONDED,
      tokens: tokens.toString(),
      delegatorShares: shares.toString(),
      commission: { commissionRates: { rate: rate.toString(), maxRate: rate.toString(), maxChangeRate: '0' } },
    });
  }

  validator(_ctx: QueryContext, operator: string): Validator | undefined {
    const v = this.all.get(operator);
    return v === undefined ? undefined : this.#message(v);
  }

  validatorByConsAddress(_ctx: QueryContext, address: Uint8Array): Validator | undefined {
    const v = [...this.all.values()].find(({ consAddress }) => Buffer.compare(consAddress, address) === 0);
    return v === undefined ? undefined : this.#message(v);
  }

  validators(): Validator[] {
    return [...this.all.values()].map((v) => this.#message(v));
  }

  bondedValidators(): Validator[] {
    return this.validators();
  }

  totalBonded(): bigint {
    return [...this.all.values()].reduce((sum, { tokens }) => sum + tokens, 0n);
  }

  delegation(_ctx: QueryContext, delegator: string, operator: string): Delegation | undefined {
    const shares = this.all.get(operator)?.delegations.get(delegator);
    return shares === undefined ? undefined : { delegatorAddress: delegator, validatorAddress: operator, shares: shares.toString() };
  }

  delegationsOf(ctx: QueryContext, delegator: string): Delegation[] {
    return [...this.all.keys()].flatMap((operator) => this.delegation(ctx, delegator, operator) ?? []);
  }

  delegationsTo(ctx: QueryContext, operator: string): Delegation[] {
    return [...(this.all.get(operator)?.delegations.keys() ?? [])].flatMap((delegator) => this.delegation(ctx, delegator, operator) ?? []);
  }
}
