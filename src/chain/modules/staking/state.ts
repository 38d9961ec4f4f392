import { concatBytes, readU64be, u64be, utf8 } from '../../../protocol/bytes.js';
import {
  Delegation,
  Params,
  Redelegation,
  UnbondingDelegation,
  Validator,
} from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import { GenesisState } from '../../../protocol/gen/cosmos/staking/v1beta1/genesis.js';
import { PubKey } from '../../../protocol/gen/cosmos/crypto/ed25519/keys.js';
import { consensusAddress } from '../../../protocol/genesis-doc.js';
import type { Context, QueryContext } from '../../module.js';
import { type Codec, Counter, Table, TextSet } from '../collections.js';
import { OrderedKeys } from './ordered-keys.js';
import { defaultStakingParams } from './params.js';
import { potentialPower } from './shares.js';

export const STAKING_STORE = 'staking';

const TEXT: Codec<string> = { encode: (text) => ({ finish: () => utf8(text) }), decode: (bytes) => Buffer.from(bytes).toString('utf8') };
const U64_MAX = (1n << 64n) - 1n;
const at = (prefix: number) => ({ store: STAKING_STORE, prefix });

/** The 32 bytes of the key that a validator signs blocks with. */
export function consensusKeyOf(validator: Validator): Uint8Array {
  return PubKey.decode(validator.consensusPubkey?.value ?? new Uint8Array()).key;
}

/** The 20 bytes by which blocks name it. */
export function consensusAddressOf(validator: Validator): Uint8Array {
  return consensusAddress(consensusKeyOf(validator));
}

/** The bonded set as consensus knows it, most powerful first. */
export type LastPowers = readonly { readonly address: string; readonly power: bigint }[];

/** What staking keeps. Every write that the order of validators depends on goes through here, so that it is always right. */
export class StakingState {
  readonly #params = new Table(at(1), Params);
  readonly #validators = new Table(at(2), Validator);
  readonly operators = new TextSet(at(3));
  readonly #operatorByConsAddress = new Table(at(4), TEXT);
  /** Validators that may be bonded: not jailed, at least one unit of power. The most powerful is the smallest key. */
  readonly ranking = new OrderedKeys(at(5));
  readonly #lastPowers = new Table(at(6), GenesisState);
  readonly #flags = new Counter(at(7));
  readonly #delegations = new Table(at(8), Delegation);
  readonly #delegatedBy = new TextSet(at(9));
  readonly #delegatedTo = new TextSet(at(10));
  readonly #unbondings = new Table(at(11), UnbondingDelegation);
  readonly #unbondingOf = new TextSet(at(12));
  readonly #unbondingFrom = new TextSet(at(13));
  readonly #redelegations = new Table(at(14), Redelegation);
  readonly #redelegatedBy = new TextSet(at(15));
  readonly #redelegatedFrom = new TextSet(at(16));
  readonly #redelegatedTo = new Counter(at(17));
  readonly #dueTimes = new OrderedKeys(at(18));
  readonly #due = new TextSet(at(19));
  // 20 to 22: history.ts
  /** Accounts with anything unbonding, and with any redelegation. */
  readonly #unbonders = new TextSet(at(23));
  readonly #redelegators = new TextSet(at(24));

  params(ctx: QueryContext): Params {
    return this.#params.get(ctx) ?? defaultStakingParams();
  }

  setParams(ctx: Context, params: Params): void {
    this.#params.set(ctx, params);
    this.markChanged(ctx);
  }

  /** Whether who is bonded may have changed since `clearChanged`. */
  isChanged(ctx: QueryContext): boolean {
    return this.#flags.get(ctx) > 0n;
  }

  markChanged(ctx: Context): void {
    if (!this.isChanged(ctx)) this.#flags.set(ctx, 1n);
  }

  clearChanged(ctx: Context): void {
    this.#flags.set(ctx, 0n);
  }

  validator(ctx: QueryContext, operator: string): Validator | undefined {
    return this.#validators.get(ctx, operator);
  }

  validatorByConsAddress(ctx: QueryContext, consAddress: Uint8Array): Validator | undefined {
    const operator = this.#operatorByConsAddress.get(ctx, consAddress);
    return operator === undefined ? undefined : this.validator(ctx, operator);
  }

  setValidator(ctx: Context, next: Validator): void {
    const operator = next.operatorAddress;
    const before = this.validator(ctx, operator);
    this.#validators.set(ctx, next, operator);
    if (before === undefined) {
      this.operators.add(ctx, operator);
      this.#operatorByConsAddress.set(ctx, operator, consensusAddressOf(next));
    }
    this.#rank(ctx, before, next);
  }

  removeValidator(ctx: Context, validator: Validator): void {
    this.#rank(ctx, this.validator(ctx, validator.operatorAddress), undefined);
    this.#validators.delete(ctx, validator.operatorAddress);
    this.operators.remove(ctx, validator.operatorAddress);
    this.#operatorByConsAddress.delete(ctx, consensusAddressOf(validator));
  }

  /** Operators of the `count` most powerful validators that may be bonded. */
  topOperators(ctx: QueryContext, count: number): string[] {
    return this.ranking.smallest(ctx, count).map((key) => TEXT.decode(key.subarray(8)));
  }

  lastPowers(ctx: QueryContext): LastPowers {
    return this.#lastPowers.get(ctx)?.lastValidatorPowers ?? [];
  }

  setLastPowers(ctx: Context, powers: LastPowers): void {
    this.#lastPowers.set(ctx, GenesisState.fromPartial({ lastValidatorPowers: [...powers] }));
  }

  delegation(ctx: QueryContext, delegator: string, operator: string): Delegation | undefined {
    return this.#delegations.get(ctx, delegator, operator);
  }

  setDelegation(ctx: Context, delegation: Delegation): void {
    const { delegatorAddress: delegator, validatorAddress: operator } = delegation;
    this.#delegations.set(ctx, delegation, delegator, operator);
    this.#delegatedBy.add(ctx, operator, delegator);
    this.#delegatedTo.add(ctx, delegator, operator);
  }

  removeDelegation(ctx: Context, delegator: string, operator: string): void {
    this.#delegations.delete(ctx, delegator, operator);
    this.#delegatedBy.remove(ctx, operator, delegator);
    this.#delegatedTo.remove(ctx, delegator, operator);
  }

  /** Validators that an account delegates to. */
  delegationCountOf(ctx: QueryContext, delegator: string): bigint {
    return this.#delegatedBy.size(ctx, delegator);
  }

  delegationOfAt(ctx: QueryContext, delegator: string, index: bigint): Delegation | undefined {
    const operator = this.#delegatedBy.at(ctx, index, delegator);
    return operator === undefined ? undefined : this.delegation(ctx, delegator, operator);
  }

  delegationCountTo(ctx: QueryContext, operator: string): bigint {
    return this.#delegatedTo.size(ctx, operator);
  }

  delegationToAt(ctx: QueryContext, operator: string, index: bigint): Delegation | undefined {
    const delegator = this.#delegatedTo.at(ctx, index, operator);
    return delegator === undefined ? undefined : this.delegation(ctx, delegator, operator);
  }

  unbonding(ctx: QueryContext, delegator: string, operator: string): UnbondingDelegation | undefined {
    return this.#unbondings.get(ctx, delegator, operator);
  }

  /** Removes it where no entry is left. */
  setUnbonding(ctx: Context, unbonding: UnbondingDelegation): void {
    const { delegatorAddress: delegator, validatorAddress: operator, entries } = unbonding;
    if (entries.length === 0) {
      this.#unbondings.delete(ctx, delegator, operator);
      this.#unbondingOf.remove(ctx, operator, delegator);
      this.#unbondingFrom.remove(ctx, delegator, operator);
      if (this.unbondingCountOf(ctx, delegator) === 0n) this.#unbonders.remove(ctx, delegator);
      return;
    }
    this.#unbondings.set(ctx, unbonding, delegator, operator);
    this.#unbondingOf.add(ctx, operator, delegator);
    this.#unbondingFrom.add(ctx, delegator, operator);
    this.#unbonders.add(ctx, delegator);
  }

  /** Everything that is unbonding, for an export or a check. */
  unbondings(ctx: QueryContext): UnbondingDelegation[] {
    return this.#unbonders.values(ctx).flatMap((delegator) => {
      const operators = this.#unbondingOf.values(ctx, delegator);
      return operators.map((operator) => this.unbonding(ctx, delegator, operator)).filter((one) => one !== undefined);
    });
  }

  unbondingCountOf(ctx: QueryContext, delegator: string): bigint {
    return this.#unbondingOf.size(ctx, delegator);
  }

  unbondingOfAt(ctx: QueryContext, delegator: string, index: bigint): UnbondingDelegation | undefined {
    const operator = this.#unbondingOf.at(ctx, index, delegator);
    return operator === undefined ? undefined : this.unbonding(ctx, delegator, operator);
  }

  unbondingCountFrom(ctx: QueryContext, operator: string): bigint {
    return this.#unbondingFrom.size(ctx, operator);
  }

  unbondingFromAt(ctx: QueryContext, operator: string, index: bigint): UnbondingDelegation | undefined {
    const delegator = this.#unbondingFrom.at(ctx, index, operator);
    return delegator === undefined ? undefined : this.unbonding(ctx, delegator, operator);
  }

  redelegation(ctx: QueryContext, delegator: string, source: string, target: string): Redelegation | undefined {
    return this.#redelegations.get(ctx, delegator, source, target);
  }

  /** Removes it where no entry is left. */
  setRedelegation(ctx: Context, redelegation: Redelegation): void {
    const { delegatorAddress: delegator, validatorSrcAddress: source, validatorDstAddress: target, entries } = redelegation;
    const isNew = this.redelegation(ctx, delegator, source, target) === undefined;
    if (entries.length === 0) {
      if (isNew) return;
      this.#redelegations.delete(ctx, delegator, source, target);
      this.#redelegatedBy.remove(ctx, `${source}/${target}`, delegator);
      this.#redelegatedFrom.remove(ctx, `${delegator}/${target}`, source);
      this.#redelegatedTo.add(ctx, -1n, delegator, target);
      if (this.redelegationCountOf(ctx, delegator) === 0n) this.#redelegators.remove(ctx, delegator);
      return;
    }
    this.#redelegations.set(ctx, redelegation, delegator, source, target);
    if (!isNew) return;
    this.#redelegatedBy.add(ctx, `${source}/${target}`, delegator);
    this.#redelegatedFrom.add(ctx, `${delegator}/${target}`, source);
    this.#redelegatedTo.add(ctx, 1n, delegator, target);
    this.#redelegators.add(ctx, delegator);
  }

  /** All redelegations that a slash can still reach, for an export. */
  redelegations(ctx: QueryContext): Redelegation[] {
    return this.#redelegators.values(ctx).flatMap((delegator) => {
      const count = Number(this.redelegationCountOf(ctx, delegator));
      return Array.from({ length: count }, (_, i) => this.redelegationOfAt(ctx, delegator, BigInt(i))).filter((one) => one !== undefined);
    });
  }

  /** Whether tokens on their way to `operator` belong to this account: they must not hop on. */
  isReceiving(ctx: QueryContext, delegator: string, operator: string): boolean {
    return this.#redelegatedTo.get(ctx, delegator, operator) > 0n;
  }

  redelegationCountOf(ctx: QueryContext, delegator: string): bigint {
    return this.#redelegatedBy.size(ctx, delegator);
  }

  redelegationOfAt(ctx: QueryContext, delegator: string, index: bigint): Redelegation | undefined {
    const [source = '', target = ''] = this.#redelegatedBy.at(ctx, index, delegator)?.split('/') ?? [];
    return this.redelegation(ctx, delegator, source, target);
  }

  redelegationCountFrom(ctx: QueryContext, source: string): bigint {
    return this.#redelegatedFrom.size(ctx, source);
  }

  redelegationFromAt(ctx: QueryContext, source: string, index: bigint): Redelegation | undefined {
    const [delegator = '', target = ''] = this.#redelegatedFrom.at(ctx, index, source)?.split('/') ?? [];
    return this.redelegation(ctx, delegator, source, target);
  }

  /** Has `what` come back from `takeDue` in the first block at or after `timeSeconds`. */
  pushDue(ctx: Context, timeSeconds: bigint, what: string): void {
    this.#dueTimes.add(ctx, u64be(timeSeconds));
    this.#due.add(ctx, what, timeSeconds);
  }

  removeDue(ctx: Context, timeSeconds: bigint, what: string): void {
    this.#due.remove(ctx, what, timeSeconds);
    if (this.#due.size(ctx, timeSeconds) === 0n) this.#dueTimes.remove(ctx, u64be(timeSeconds));
  }

  /** All that is due by now, the earliest first; it is gone from the queue. */
  takeDue(ctx: Context): string[] {
    const all: string[] = [];
    for (;;) {
      const first = this.#dueTimes.first(ctx);
      if (first === undefined || readU64be(first) > ctx.block.timeSeconds) return all;
      const time = readU64be(first);
      const here = this.#due.values(ctx, time);
      // From the end, so that nothing moves.
      for (const what of [...here].reverse()) this.#due.remove(ctx, what, time);
      this.#dueTimes.remove(ctx, first);
      all.push(...here);
    }
  }

  #rank(ctx: Context, before: Validator | undefined, after: Validator | undefined): void {
    const was = rankKey(before);
    const is = rankKey(after);
    if (was !== undefined && is !== undefined) {
      if (Buffer.compare(was, is) === 0) return;
      this.ranking.replace(ctx, was, is);
    } else if (is !== undefined) this.ranking.add(ctx, is);
    else if (was !== undefined) this.ranking.remove(ctx, was);
    else return;
    this.markChanged(ctx);
  }
}

/** Order of validators: more power first, then the address. Nothing for one that cannot be bonded. */
function rankKey(validator: Validator | undefined): Uint8Array | undefined {
  if (validator === undefined || validator.jailed) return undefined;
  const power = potentialPower(validator);
  return power === 0n ? undefined : concatBytes(u64be(U64_MAX - power), utf8(validator.operatorAddress));
}
