import {
  Part,
  Registration,
  RegistrationStatus,
  SlashRecord,
} from '../../../protocol/gen/remes/remes/v1/node.js';
import { NodeParams } from '../../../protocol/gen/remes/remes/v1/params.js';
import { BASIS_POINTS } from '../../../protocol/params.js';
import type { Candidate } from '../../../protocol/sampling.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, NumberList, Table, TextSet } from '../collections.js';
import { nodeError } from './errors.js';

/** What this module needs of the bank. */
export interface Bank {
  send(ctx: Context, from: string, to: string, amount: bigint): void;
  burn(ctx: Context, from: string, amount: bigint): void;
  balance(ctx: QueryContext, address: string): bigint;
}

export interface SlashOrder {
  readonly part: Part;
  readonly address: string;
  readonly bps: number;
  readonly reason: string;
  readonly windowId: bigint;
  readonly caseId?: bigint;
  /** Who proved it; without one all is burned. */
  readonly bountyTo?: string | undefined;
  /** A proved fault takes trust back to nothing and audits start anew. */
  readonly proven?: boolean;
}

const STORE = 'node';
/** Prefixes of this store. 0x00 is not used. */
const PLACES = {
  params: { store: STORE, prefix: 0x01 }, // -> NodeParams
  registrations: { store: STORE, prefix: 0x02 }, // part | address -> Registration
  members: { store: STORE, prefix: 0x03 }, // part -> set of addresses
  unbonding: { store: STORE, prefix: 0x04 }, // queue position -> Registration's key as a record of part and address
  unbondingEnds: { store: STORE, prefix: 0x05 }, // 0 head, 1 tail of the queue
  slashes: { store: STORE, prefix: 0x06 }, // id -> SlashRecord
  slashCount: { store: STORE, prefix: 0x07 },
  slashesOf: { store: STORE, prefix: 0x08 }, // address -> list of slash ids
  freezes: { store: STORE, prefix: 0x09 }, // address -> number of open cases that it is party to
} as const;

/** Parts that can be registered for today. */
export const OPEN_PARTS = [Part.MINER, Part.PROPOSER, Part.VERIFIER] as const;

const HEAD = 0;
const TAIL = 1;

/** Keeps registrations and their escrowed stakes. The escrow is one module account: its balance is the sum of all stakes. */
export class NodeKeeper {
  readonly #params = new Table(PLACES.params, NodeParams);
  readonly #registrations = new Table(PLACES.registrations, Registration);
  readonly #members = new TextSet(PLACES.members);
  readonly #unbonding = new Table(PLACES.unbonding, Registration);
  readonly #unbondingEnds = new Counter(PLACES.unbondingEnds);
  readonly #slashes = new Table(PLACES.slashes, SlashRecord);
  readonly #slashCount = new Counter(PLACES.slashCount);
  readonly #slashesOf = new NumberList(PLACES.slashesOf);
  readonly #freezes = new Counter(PLACES.freezes);

  constructor(
    private readonly bank: Bank,
    readonly escrowAddress: string,
  ) {}

  params(ctx: QueryContext): NodeParams {
    return this.#params.get(ctx) ?? NodeParams.create();
  }

  setParams(ctx: Context, params: NodeParams): void {
    this.#params.set(ctx, params);
  }

  minStake(ctx: QueryContext, part: Part): bigint {
    const p = this.params(ctx);
    switch (part) {
      case Part.MINER:
        return BigInt(p.minStakeMiner);
      case Part.PROPOSER:
        return BigInt(p.minStakeProposer);
      case Part.VERIFIER:
        return BigInt(p.minStakeVerifier);
      default:
        throw nodeError('PART_NOT_OPEN', `expected the part miner, proposer or verifier, got number ${part}`);
    }
  }

  registration(ctx: QueryContext, part: Part, address: string): Registration | undefined {
    return this.#registrations.get(ctx, part, address);
  }

  registrations(ctx: QueryContext, part: Part): Registration[] {
    return this.#members.values(ctx, part).flatMap((address) => this.registration(ctx, part, address) ?? []);
  }

  mustGet(ctx: QueryContext, part: Part, address: string): Registration {
    const found = this.registration(ctx, part, address);
    if (found === undefined) {
      throw nodeError('NOT_REGISTERED', `${address} is not registered as ${Part[part].toLowerCase()}`, 'register it with a stake first');
    }
    return found;
  }

  save(ctx: Context, registration: Registration): void {
    this.#registrations.set(ctx, registration, registration.part, registration.address);
  }

  /** Writes a genesis registration: it counts at once. Its stake must already lie in escrow. */
  addGenesis(ctx: Context, registration: Registration): void {
    this.#members.add(ctx, registration.address, registration.part);
    this.save(ctx, registration);
  }

  /** First height from which a stake put down now counts: the next multiple of the epoch. */
  nextEpoch(ctx: Context): bigint {
    const epoch = this.params(ctx).epochBlocks;
    return (ctx.block.height / epoch + 1n) * epoch;
  }

  register(ctx: Context, part: Part, address: string, stake: bigint, payoutAddress: string): Registration {
    const min = this.minStake(ctx, part);
    if (this.registration(ctx, part, address) !== undefined) {
      throw nodeError('ALREADY_REGISTERED', `${address} is already registered as ${Part[part].toLowerCase()}`, 'top up its stake instead');
    }
    if (stake < min) throw nodeError('STAKE_TOO_SMALL', `expected a stake of at least ${min} uremes, got ${stake}`);
    this.bank.send(ctx, address, this.escrowAddress, stake);
    const registration = newRegistration(part, address, stake, payoutAddress, ctx.block.height, this.nextEpoch(ctx));
    this.#members.add(ctx, address, part);
    this.save(ctx, registration);
    return registration;
  }

  topUp(ctx: Context, part: Part, address: string, amount: bigint): Registration {
    const r = this.mustGet(ctx, part, address);
    if (r.status === RegistrationStatus.UNBONDING) throw nodeError('UNBONDING', `${address} is unbonding`, 'register again when its stake is paid out');
    this.bank.send(ctx, address, this.escrowAddress, amount);
    // Who was inactive comes back with the epoch, as by MsgReactivateNode; of others the older part goes on counting.
    const priorStake = r.status === RegistrationStatus.ACTIVE ? this.weight(ctx, r).toString() : '0';
    const stake = BigInt(r.stake) + amount;
    const enough = stake >= this.minStake(ctx, part);
    const changed = {
      ...r,
      stake: stake.toString(),
      priorStake,
      effectiveHeight: this.nextEpoch(ctx),
      status: enough ? RegistrationStatus.ACTIVE : r.status,
      missedInARow: enough ? 0 : r.missedInARow,
    };
    this.save(ctx, changed);
    return changed;
  }

  reactivate(ctx: Context, part: Part, address: string): Registration {
    const r = this.mustGet(ctx, part, address);
    if (r.status !== RegistrationStatus.INACTIVE) {
      throw nodeError('NOTHING_TO_REACTIVATE', `expected an inactive registration, got ${RegistrationStatus[r.status].toLowerCase()}`);
    }
    const min = this.minStake(ctx, part);
    if (BigInt(r.stake) < min) throw nodeError('STAKE_TOO_SMALL', `expected a stake of at least ${min} uremes, got ${r.stake}`, 'top it up');
    const changed = { ...r, status: RegistrationStatus.ACTIVE, missedInARow: 0, priorStake: '0', effectiveHeight: this.nextEpoch(ctx) };
    this.save(ctx, changed);
    return changed;
  }

  unregister(ctx: Context, part: Part, address: string): void {
    const r = this.mustGet(ctx, part, address);
    if (r.status === RegistrationStatus.UNBONDING) throw nodeError('UNBONDING', `${address} is already unbonding`);
    const changed = {
      ...r,
      status: RegistrationStatus.UNBONDING,
      unregisteredHeight: ctx.block.height,
      unregisteredTime: ctx.block.timeSeconds,
    };
    this.save(ctx, changed);
    const tail = this.#unbondingEnds.get(ctx, TAIL);
    this.#unbonding.set(ctx, changed, tail);
    this.#unbondingEnds.set(ctx, tail + 1n, TAIL);
  }

  /** Stake that counts in a draw of this block. */
  weight(ctx: QueryContext, r: Registration): bigint {
    return BigInt(ctx.block.height >= r.effectiveHeight ? r.stake : r.priorStake);
  }

  /** Everybody who may be drawn for `part` now. This is the StakeView that draws read. */
  eligible(ctx: QueryContext, part: Part): Candidate[] {
    const min = this.minStake(ctx, part);
    return this.registrations(ctx, part)
      .filter((r) => r.status === RegistrationStatus.ACTIVE)
      .map((r) => ({ address: r.address, stake: this.weight(ctx, r) }))
      .filter((c) => c.stake >= min);
  }

  /** Keeps the stake of (part, address) in escrow until as many `release`s. Does nothing for who is not registered. */
  hold(ctx: Context, part: Part, address: string): void {
    const r = this.registration(ctx, part, address);
    if (r !== undefined) this.save(ctx, { ...r, holds: r.holds + 1 });
  }

  release(ctx: Context, part: Part, address: string): void {
    const r = this.registration(ctx, part, address);
    if (r === undefined || r.holds === 0) return;
    const changed = { ...r, holds: r.holds - 1 };
    this.save(ctx, changed);
    this.payOutIfFree(ctx, changed);
  }

  /** Whether an open case freezes this account's pay and stakes. */
  isFrozen(ctx: QueryContext, address: string): boolean {
    return this.#freezes.get(ctx, address) > 0n;
  }

  /** Keeps all stakes of an account in escrow until as many `unfreeze`s. */
  freeze(ctx: Context, address: string): void {
    this.#freezes.add(ctx, 1n, address);
  }

  unfreeze(ctx: Context, address: string): void {
    this.#freezes.add(ctx, -1n, address);
    for (const part of OPEN_PARTS) {
      const r = this.registration(ctx, part, address);
      if (r !== undefined) this.payOutIfFree(ctx, r);
    }
  }

  /** Takes `bps` of the stake: at most half of that to who proved it, the rest burned. Returns the amount taken. */
  slash(ctx: Context, order: SlashOrder): bigint {
    const r = this.registration(ctx, order.part, order.address);
    if (r === undefined) return 0n;
    const amount = (BigInt(r.stake) * BigInt(order.bps)) / BASIS_POINTS;
    const bounty = order.bountyTo === undefined ? 0n : (amount * BigInt(this.params(ctx).bountyBps)) / BASIS_POINTS;
    if (bounty > 0n && order.bountyTo !== undefined) this.bank.send(ctx, this.escrowAddress, order.bountyTo, bounty);
    if (amount > bounty) this.bank.burn(ctx, this.escrowAddress, amount - bounty);
    const stake = BigInt(r.stake) - amount;
    const prior = BigInt(r.priorStake);
    const tooSmall = r.status === RegistrationStatus.ACTIVE && stake < this.minStake(ctx, r.part);
    this.save(ctx, {
      ...r,
      stake: stake.toString(),
      priorStake: (prior < stake ? prior : stake).toString(),
      slashed: (BigInt(r.slashed) + amount).toString(),
      status: tooSmall ? RegistrationStatus.INACTIVE : r.status,
      ...(order.proven === true ? { trustBps: 0, jobsSinceFault: 0n } : {}),
    });
    this.record(ctx, order, amount, bounty);
    return amount;
  }

  slashRecord(ctx: QueryContext, id: bigint): SlashRecord | undefined {
    return this.#slashes.get(ctx, id);
  }

  slashCount(ctx: QueryContext): bigint {
    return this.#slashCount.get(ctx);
  }

  slashIdsOf(ctx: QueryContext, address: string): bigint[] {
    return this.#slashesOf.values(ctx, address);
  }

  members(ctx: QueryContext, part: Part): bigint {
    return this.#members.size(ctx, part);
  }

  memberAt(ctx: QueryContext, part: Part, index: bigint): Registration | undefined {
    const address = this.#members.at(ctx, index, part);
    return address === undefined ? undefined : this.registration(ctx, part, address);
  }

  /** Pays out what has waited long enough and is not held; what is held leaves with its last hold. */
  endBlock(ctx: Context): void {
    const { unbondingBlocks, unbondingSeconds } = this.params(ctx);
    let head = this.#unbondingEnds.get(ctx, HEAD);
    const tail = this.#unbondingEnds.get(ctx, TAIL);
    for (; head < tail; head++) {
      const entry = this.#unbonding.get(ctx, head);
      if (entry === undefined) break;
      const due =
        ctx.block.height >= entry.unregisteredHeight + unbondingBlocks &&
        ctx.block.timeSeconds >= entry.unregisteredTime + unbondingSeconds;
      if (!due) break;
      this.#unbonding.delete(ctx, head);
      const r = this.registration(ctx, entry.part, entry.address);
      if (r === undefined) continue;
      const matured = { ...r, matured: true };
      this.save(ctx, matured);
      this.payOutIfFree(ctx, matured);
    }
    this.#unbondingEnds.set(ctx, head, HEAD);
  }

  private payOutIfFree(ctx: Context, r: Registration): void {
    if (!r.matured || r.holds > 0 || this.isFrozen(ctx, r.address)) return;
    const stake = BigInt(r.stake);
    if (stake > 0n) this.bank.send(ctx, this.escrowAddress, r.payoutAddress, stake);
    this.#registrations.delete(ctx, r.part, r.address);
    this.#members.remove(ctx, r.address, r.part);
    ctx.emit({ type: 'stake_returned', attributes: { address: r.address, part: Part[r.part].toLowerCase(), amount: r.stake } });
  }

  private record(ctx: Context, order: SlashOrder, amount: bigint, bounty: bigint): void {
    const id = this.#slashCount.add(ctx, 1n);
    this.#slashes.set(
      ctx,
      {
        id,
        address: order.address,
        part: order.part,
        amount: amount.toString(),
        burned: (amount - bounty).toString(),
        bounty: bounty.toString(),
        bountyAddress: bounty > 0n ? (order.bountyTo ?? '') : '',
        reason: order.reason,
        caseId: order.caseId ?? 0n,
        windowId: order.windowId,
        height: ctx.block.height,
      },
      id,
    );
    this.#slashesOf.push(ctx, id, order.address);
    ctx.emit({
      type: 'slash',
      attributes: { address: order.address, part: Part[order.part].toLowerCase(), amount: amount.toString(), reason: order.reason },
    });
  }
}

/** Trust of a new registration, in basis points. */
export const INITIAL_TRUST_BPS = 5000;

export function newRegistration(
  part: Part,
  address: string,
  stake: bigint,
  payoutAddress: string,
  registeredHeight: bigint,
  effectiveHeight: bigint,
): Registration {
  return Registration.fromPartial({
    address,
    part,
    status: RegistrationStatus.ACTIVE,
    stake: stake.toString(),
    payoutAddress: payoutAddress === '' ? address : payoutAddress,
    registeredHeight,
    effectiveHeight,
    trustBps: INITIAL_TRUST_BPS,
    slashed: '0',
    priorStake: '0',
  });
}
