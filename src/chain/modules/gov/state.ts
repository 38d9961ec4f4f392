import { Deposit, Params, Proposal, Vote } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import type { Context, QueryContext } from '../../module.js';
import { Counter, Table, TextSet } from '../collections.js';
import { TimeQueue } from '../time-queue.js';
import { type GovParams, paramsMessage, paramsOf } from './params.js';

export const GOV_STORE = 'gov';
const at = (prefix: number) => ({ store: GOV_STORE, prefix });

/** What governance keeps. Votes and deposits go when their proposal is decided. */
export class GovState {
  readonly #params = new Table(at(0x01), Params);
  readonly #lastId = new Counter(at(0x02));
  readonly #proposals = new Table(at(0x03), Proposal);
  readonly #deposits = new Table(at(0x04), Deposit);
  readonly depositors = new TextSet(at(0x05));
  readonly #votes = new Table(at(0x06), Vote);
  readonly voters = new TextSet(at(0x07));
  /** Ends of deposit periods, and of voting periods. */
  readonly depositEnds = new TimeQueue(GOV_STORE, 0x08, 0x09);
  readonly votingEnds = new TimeQueue(GOV_STORE, 0x0a, 0x0b);

  paramsMessage(ctx: QueryContext): Params {
    const params = this.#params.get(ctx);
    if (params === undefined) throw new Error('gov parameters are missing: genesis was not run');
    return params;
  }

  params(ctx: QueryContext): GovParams {
    return paramsOf(this.paramsMessage(ctx));
  }

  setParams(ctx: Context, params: GovParams): void {
    this.#params.set(ctx, paramsMessage(params));
  }

  /** Ids count from 1 without gaps, though proposals go whose deposit was never paid. */
  lastId(ctx: QueryContext): bigint {
    return this.#lastId.get(ctx);
  }

  setLastId(ctx: Context, id: bigint): void {
    this.#lastId.set(ctx, id);
  }

  nextId(ctx: Context): bigint {
    return this.#lastId.add(ctx, 1n);
  }

  proposal(ctx: QueryContext, id: bigint): Proposal | undefined {
    return this.#proposals.get(ctx, id);
  }

  setProposal(ctx: Context, proposal: Proposal): void {
    this.#proposals.set(ctx, proposal, proposal.id);
  }

  deleteProposal(ctx: Context, id: bigint): void {
    this.#proposals.delete(ctx, id);
  }

  proposals(ctx: QueryContext): Proposal[] {
    const all: Proposal[] = [];
    for (let id = 1n; id <= this.lastId(ctx); id++) {
      const proposal = this.proposal(ctx, id);
      if (proposal !== undefined) all.push(proposal);
    }
    return all;
  }

  deposit(ctx: QueryContext, id: bigint, depositor: string): Deposit | undefined {
    return this.#deposits.get(ctx, id, depositor);
  }

  setDeposit(ctx: Context, deposit: Deposit): void {
    this.#deposits.set(ctx, deposit, deposit.proposalId, deposit.depositor);
    this.depositors.add(ctx, deposit.depositor, deposit.proposalId);
  }

  deposits(ctx: QueryContext, id: bigint): Deposit[] {
    return this.depositors.values(ctx, id).flatMap((depositor) => this.deposit(ctx, id, depositor) ?? []);
  }

  deleteDeposits(ctx: Context, id: bigint): void {
    for (const depositor of this.depositors.values(ctx, id).reverse()) {
      this.#deposits.delete(ctx, id, depositor);
      this.depositors.remove(ctx, depositor, id);
    }
  }

  vote(ctx: QueryContext, id: bigint, voter: string): Vote | undefined {
    return this.#votes.get(ctx, id, voter);
  }

  setVote(ctx: Context, vote: Vote): void {
    this.#votes.set(ctx, vote, vote.proposalId, vote.voter);
    this.voters.add(ctx, vote.voter, vote.proposalId);
  }

  votes(ctx: QueryContext, id: bigint): Vote[] {
    return this.voters.values(ctx, id).flatMap((voter) => this.vote(ctx, id, voter) ?? []);
  }

  deleteVotes(ctx: Context, id: bigint): void {
    for (const voter of this.voters.values(ctx, id).reverse()) {
      this.#votes.delete(ctx, id, voter);
      this.voters.remove(ctx, voter, id);
    }
  }
}
