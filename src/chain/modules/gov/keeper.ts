import { coin, formatAmount, parseAmount } from '../../../protocol/coins.js';
import { DECIMAL_ONE, parseDecimal, decimalFromWire } from '../../../protocol/decimal.js';
import { ProposalStatus, type Proposal, type TallyResult, type WeightedVoteOption } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import type { Validator, Delegation } from '../../../protocol/gen/cosmos/staking/v1beta1/staking.js';
import type { Any } from '../../../protocol/gen/google/protobuf/any.js';
import { accountOfOperator } from '../../../protocol/validator-address.js';
import type { Context, MessageHandler, QueryContext } from '../../module.js';
import { AUTHORITY } from '../authority.js';
import { ceilShare, checkMetadata, checkTexts, optionName } from './checks.js';
import { govError } from './errors.js';
import { GovState } from './state.js';
import { type Outcome, NO_VOTES, type Tally, outcomeOf, tallyMessage, tallyVotes } from './tally.js';

export interface Bank {
  send(ctx: Context, from: string, to: string, amount: bigint): void;
  burn(ctx: Context, from: string, amount: bigint): void;
}

export interface Staking {
  bondedValidators(ctx: QueryContext): readonly Validator[];
  delegationsOf(ctx: QueryContext, delegator: string): readonly Delegation[];
  totalBonded(ctx: QueryContext): bigint;
}

/** What the application lends to governance, which executes messages of all modules. */
export interface Executor {
  handler(typeUrl: string): MessageHandler | undefined;
  /**
   * Runs on a branch. Its writes and events stay if nothing is thrown and `keep` is set.
   * @returns what was thrown, as clients see it.
   */
  attempt(ctx: Context, run: (ctx: Context) => void, keep: boolean): string | undefined;
}

export interface Submission {
  readonly messages: readonly Any[];
  readonly initialDeposit: bigint;
  readonly proposer: string;
  readonly metadata: string;
  readonly title: string;
  readonly summary: string;
}

export const timestamp = (seconds: bigint): { seconds: bigint; nanos: number } => ({ seconds, nanos: 0 });
export const depositOf = (proposal: Proposal): bigint => parseAmount(proposal.totalDeposit[0]?.amount ?? '0');

/** Proposals: deposits make them open to votes, votes decide, and what passed is executed in the name of this module. */
export class GovKeeper {
  readonly state = new GovState();
  readonly #bank: Bank;
  readonly #staking: Staking;
  #executor: Executor | undefined;

  constructor(bank: Bank, staking: Staking) {
    this.#bank = bank;
    this.#staking = staking;
  }

  /** Called once all modules are there. */
  connect(executor: Executor): void {
    this.#executor = executor;
  }

  get #connected(): Executor {
    if (this.#executor === undefined) throw new Error('governance was not connected to the messages of the modules');
    return this.#executor;
  }

  mustGet(ctx: QueryContext, id: bigint): Proposal {
    const proposal = this.state.proposal(ctx, id);
    if (proposal === undefined) throw govError('UNKNOWN_PROPOSAL', `proposal ${id} does not exist: unknown proposal`);
    return proposal;
  }

  /** @throws ChainError where a message is not one for governance, or could not be executed as it stands. */
  submit(ctx: Context, submission: Submission): Proposal {
    const params = this.state.params(ctx);
    checkTexts(submission);
    for (const message of submission.messages) this.#checkMessage(ctx, message);
    const least = ceilShare(params.minDeposit, params.minInitialDepositRatio);
    if (submission.initialDeposit < least) {
      throw govError('DEPOSIT_TOO_SMALL', `expected an initial deposit of at least ${formatAmount(least)}, got ${formatAmount(submission.initialDeposit)}`);
    }
    const now = ctx.block.timeSeconds;
    const proposal: Proposal = {
      id: this.state.nextId(ctx),
      messages: [...submission.messages],
      status: ProposalStatus.DEPOSIT_PERIOD,
      finalTallyResult: NO_VOTES,
      submitTime: timestamp(now),
      depositEndTime: timestamp(now + params.maxDepositSeconds),
      totalDeposit: [],
      votingStartTime: undefined,
      votingEndTime: undefined,
      metadata: submission.metadata,
      title: submission.title,
      summary: submission.summary,
      proposer: submission.proposer,
      expedited: false,
      failedReason: '',
    };
    this.state.setProposal(ctx, proposal);
    this.state.depositEnds.push(ctx, now + params.maxDepositSeconds, proposal.id);
    ctx.emit({
      type: 'submit_proposal',
      attributes: {
        proposal_id: proposal.id.toString(),
        proposal_proposer: submission.proposer,
        proposal_messages: submission.messages.map(({ typeUrl }) => typeUrl).join(','),
      },
    });
    if (submission.initialDeposit > 0n) this.#addDeposit(ctx, proposal, submission.proposer, submission.initialDeposit);
    return this.mustGet(ctx, proposal.id);
  }

  #checkMessage(ctx: Context, { typeUrl, value }: Any): void {
    const handler = this.#connected.handler(typeUrl);
    if (handler?.byAuthority !== true) {
      throw govError(
        'NO_HANDLER',
        `${JSON.stringify(typeUrl.slice(0, 120))} is no message for proposals: no message handler exists`,
        'a proposal holds messages whose signer is their authority, such as MsgUpdateParams',
      );
    }
    handler.checkStateless(value);
    const [signer] = handler.signers(value);
    if (signer !== AUTHORITY) throw govError('WRONG_SIGNER', `expected the gov account ${AUTHORITY} as the only signer of ${typeUrl}, got ${signer ?? 'none'}`);
    // What cannot be executed now is refused at once: a wrong value should not cost a vote.
    const refusal = this.#connected.attempt(ctx, (trial) => handler.execute(trial, value), false);
    if (refusal !== undefined) throw govError('INVALID_MESSAGE', `${typeUrl} could not be executed as it stands: ${refusal}`);
  }

  deposit(ctx: Context, id: bigint, depositor: string, amount: bigint): void {
    const proposal = this.mustGet(ctx, id);
    if (proposal.status !== ProposalStatus.DEPOSIT_PERIOD && proposal.status !== ProposalStatus.VOTING_PERIOD) {
      throw govError('INACTIVE_PROPOSAL', `proposal ${id} takes no more deposits: inactive proposal`);
    }
    const params = this.state.params(ctx);
    const least = ceilShare(params.minDeposit, params.minDepositRatio);
    if (amount < least) throw govError('DEPOSIT_TOO_SMALL', `expected a deposit of at least ${formatAmount(least)}, got ${formatAmount(amount)}`);
    this.#addDeposit(ctx, proposal, depositor, amount);
  }

  #addDeposit(ctx: Context, before: Proposal, depositor: string, amount: bigint): void {
    this.#bank.send(ctx, depositor, AUTHORITY, amount);
    const given = parseAmount(this.state.deposit(ctx, before.id, depositor)?.amount[0]?.amount ?? '0');
    this.state.setDeposit(ctx, { proposalId: before.id, depositor, amount: [coin(given + amount)] });
    const proposal = { ...before, totalDeposit: [coin(depositOf(before) + amount)] };
    const proposalId = before.id.toString();
    ctx.emit({ type: 'proposal_deposit', attributes: { depositor, amount: formatAmount(amount), proposal_id: proposalId } });
    const params = this.state.params(ctx);
    if (proposal.status === ProposalStatus.DEPOSIT_PERIOD && depositOf(proposal) >= params.minDeposit) {
      const now = ctx.block.timeSeconds;
      proposal.status = ProposalStatus.VOTING_PERIOD;
      proposal.votingStartTime = timestamp(now);
      proposal.votingEndTime = timestamp(now + params.votingSeconds);
      this.state.votingEnds.push(ctx, now + params.votingSeconds, proposal.id);
      ctx.emit({ type: 'proposal_deposit', attributes: { voting_period_start: proposalId, proposal_id: proposalId } });
    }
    this.state.setProposal(ctx, proposal);
  }

  /** A later vote of the same account takes the place of its earlier one. */
  vote(ctx: Context, id: bigint, voter: string, options: readonly WeightedVoteOption[], metadata: string): void {
    if (this.mustGet(ctx, id).status !== ProposalStatus.VOTING_PERIOD) {
      throw govError('INACTIVE_PROPOSAL', `proposal ${id} is not in its voting period: inactive proposal`);
    }
    checkMetadata(metadata);
    this.state.setVote(ctx, { proposalId: id, voter, options: [...options], metadata });
    const option = options.map((one) => `${optionName(one.option)}=${one.weight}`).join(',');
    ctx.emit({ type: 'proposal_vote', attributes: { voter, option, proposal_id: id.toString() } });
  }

  /** The proposer takes it back; its share of the deposits is burned. */
  cancel(ctx: Context, id: bigint, proposer: string): void {
    const proposal = this.mustGet(ctx, id);
    if (proposal.proposer !== proposer) throw govError('INVALID_PROPOSER', `expected the proposer ${proposal.proposer} to cancel proposal ${id}, got ${proposer}`);
    const isOpen = proposal.status === ProposalStatus.DEPOSIT_PERIOD || proposal.status === ProposalStatus.VOTING_PERIOD;
    if (!isOpen) throw govError('INACTIVE_PROPOSAL', `proposal ${id} is decided: inactive proposal`);
    const { cancelRatio } = this.state.params(ctx);
    for (const { depositor, amount } of this.state.deposits(ctx, id)) {
      const given = parseAmount(amount[0]?.amount ?? '0');
      const lost = (given * cancelRatio) / DECIMAL_ONE;
      if (lost > 0n) this.#bank.burn(ctx, AUTHORITY, lost);
      if (given > lost) this.#bank.send(ctx, AUTHORITY, depositor, given - lost);
    }
    this.state.deleteDeposits(ctx, id);
    this.state.deleteVotes(ctx, id);
    this.state.deleteProposal(ctx, id);
    ctx.emit({ type: 'cancel_proposal', attributes: { sender: proposer, proposal_id: id.toString() } });
  }

  tally(ctx: QueryContext, id: bigint): Tally {
    const votes = this.state.votes(ctx, id).map(({ voter, options }) => ({
      voter,
      options: options.map(({ option, weight }) => ({ option, weight: parseDecimal(weight) })),
    }));
    const validators = this.#staking.bondedValidators(ctx).map(({ operatorAddress, tokens, delegatorShares }) => ({
      operator: operatorAddress,
      account: accountOfOperator(operatorAddress),
      tokens: BigInt(tokens),
      shares: decimalFromWire(delegatorShares),
    }));
    return tallyVotes(votes, validators, (voter) =>
      this.#staking.delegationsOf(ctx, voter).map(({ validatorAddress, shares }) => ({ operator: validatorAddress, shares: decimalFromWire(shares) })),
    );
  }

  /** The result as it stands: final where the proposal is decided. */
  tallyResult(ctx: QueryContext, proposal: Proposal): TallyResult {
    if (proposal.status === ProposalStatus.VOTING_PERIOD) return tallyMessage(this.tally(ctx, proposal.id));
    return proposal.finalTallyResult ?? NO_VOTES;
  }

  endBlock(ctx: Context): void {
    const now = ctx.block.timeSeconds;
    for (const id of this.state.depositEnds.drain(ctx, now)) {
      const proposal = this.state.proposal(ctx, id);
      if (proposal?.status === ProposalStatus.DEPOSIT_PERIOD) this.#expire(ctx, proposal);
    }
    for (const id of this.state.votingEnds.drain(ctx, now)) {
      const proposal = this.state.proposal(ctx, id);
      if (proposal?.status === ProposalStatus.VOTING_PERIOD) this.#decide(ctx, proposal);
    }
  }

  #expire(ctx: Context, { id }: Proposal): void {
    this.#closeDeposits(ctx, id, this.state.params(ctx).burnPrevote);
    this.state.deleteProposal(ctx, id);
    ctx.emit({ type: 'inactive_proposal', attributes: { proposal_id: id.toString(), proposal_result: 'proposal_dropped' } });
  }

  #decide(ctx: Context, proposal: Proposal): void {
    const params = this.state.params(ctx);
    const tally = this.tally(ctx, proposal.id);
    const outcome = outcomeOf(tally, this.#staking.totalBonded(ctx), params);
    this.#closeDeposits(ctx, proposal.id, (outcome === 'vetoed' && params.burnVeto) || (outcome === 'no_quorum' && params.burnVoteQuorum));
    this.state.deleteVotes(ctx, proposal.id);
    const failedReason = outcome === 'passed' ? (this.#connected.attempt(ctx, (branch) => this.#execute(branch, proposal), true) ?? '') : '';
    const status = outcome !== 'passed' ? ProposalStatus.REJECTED : failedReason === '' ? ProposalStatus.PASSED : ProposalStatus.FAILED;
    this.state.setProposal(ctx, { ...proposal, status, failedReason, finalTallyResult: tallyMessage(tally) });
    const proposalResult = status === ProposalStatus.FAILED ? 'proposal_failed' : RESULTS[outcome];
    const log = failedReason === '' ? RESULTS[outcome] : failedReason;
    ctx.emit({ type: 'active_proposal', attributes: { proposal_id: proposal.id.toString(), proposal_result: proposalResult, proposal_log: log } });
  }

  #execute(ctx: Context, proposal: Proposal): void {
    for (const { typeUrl, value } of proposal.messages) {
      const handler = this.#connected.handler(typeUrl);
      if (handler?.byAuthority !== true) throw govError('NO_HANDLER', `no message handler for ${typeUrl}`);
      handler.checkStateless(value);
      handler.execute(ctx, value);
    }
  }

  #closeDeposits(ctx: Context, id: bigint, burn: boolean): void {
    for (const { depositor, amount } of this.state.deposits(ctx, id)) {
      const given = parseAmount(amount[0]?.amount ?? '0');
      if (burn) this.#bank.burn(ctx, AUTHORITY, given);
      else this.#bank.send(ctx, AUTHORITY, depositor, given);
    }
    this.state.deleteDeposits(ctx, id);
  }

  /** Invariant: what the module's account holds is what open proposals were given. */
  openDeposits(ctx: QueryContext): bigint {
    return this.state.proposals(ctx).reduce((sum, { id }) => sum + this.state.deposits(ctx, id).reduce((s, d) => s + parseAmount(d.amount[0]?.amount ?? '0'), 0n), 0n);
  }
}

const RESULTS: Readonly<Record<Outcome, string>> = {
  passed: 'proposal_passed',
  rejected: 'proposal_rejected',
  no_quorum: 'proposal_rejected',
  vetoed: 'proposal_rejected',
};
