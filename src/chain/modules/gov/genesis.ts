import { z } from 'zod';

import { coin, coins } from '../../../protocol/coins.js';
import { InvalidInputError, R3mesError } from '../../../protocol/errors.js';
import { ProposalStatus, VoteOption, type Proposal } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import { profile } from '../../../protocol/params.js';
import type { Context, QueryContext } from '../../module.js';
import { AUTHORITY } from '../authority.js';
import { addressField, message, timeField, uint64Field } from '../genesis-fields.js';
import { genesisJson } from '../genesis-json.js';
import { coinsField, parseGenesis } from '../genesis.js';
import { checkOptions } from './checks.js';
import type { GovKeeper } from './keeper.js';
import { govParamsSchema, paramsJson } from './params.js';
import { GOV_STORE } from './state.js';

const countField = z.string().regex(/^(?:0|[1-9][0-9]{0,38})$/, 'expected a whole number as text');
const statusField = z.enum(['DEPOSIT_PERIOD', 'VOTING_PERIOD', 'PASSED', 'REJECTED', 'FAILED'].map((s) => `PROPOSAL_STATUS_${s}`));
const optionField = z.enum(['YES', 'ABSTAIN', 'NO', 'NO_WITH_VETO'].map((o) => `VOTE_OPTION_${o}`));
const anyField = z
  .strictObject({ '@type': z.string().min(1), value: z.base64() })
  .transform((any) => ({ typeUrl: any['@type'], value: new Uint8Array(Buffer.from(any.value, 'base64')) }));

const proposalField = message({
  id: uint64Field.refine((id) => id > 0n, 'expected an id from 1 on'),
  messages: z.array(anyField).max(16),
  status: statusField,
  final_tally_result: message({ yes_count: countField, abstain_count: countField, no_count: countField, no_with_veto_count: countField }),
  submit_time: timeField,
  deposit_end_time: timeField,
  total_deposit: coinsField,
  voting_start_time: timeField.nullish(),
  voting_end_time: timeField.nullish(),
  metadata: z.string(),
  title: z.string(),
  summary: z.string(),
  proposer: addressField,
  expedited: z.literal(false),
  failed_reason: z.string(),
});

const schema = message({
  starting_proposal_id: uint64Field.refine((id) => id > 0n, 'expected an id from 1 on').optional(),
  deposits: z.array(message({ proposal_id: uint64Field, depositor: addressField, amount: coinsField })).optional(),
  votes: z
    .array(message({ proposal_id: uint64Field, voter: addressField, options: z.array(z.strictObject({ option: optionField, weight: z.string() })), metadata: z.string() }))
    .optional(),
  proposals: z.array(proposalField).optional(),
  params: govParamsSchema.optional(),
});

const wrong = (field: string, why: string): InvalidInputError => new InvalidInputError(`app_state.gov.${field}: ${why}`, 'correct the genesis file; nothing was written');
const isOpen = ({ status }: Proposal): boolean => status === ProposalStatus.DEPOSIT_PERIOD || status === ProposalStatus.VOTING_PERIOD;

/** @throws InvalidInputError naming the wrong field; the module's account must hold exactly the open deposits. */
export function initGovGenesis(keeper: GovKeeper, bank: { balance(ctx: QueryContext, address: string): bigint }, ctx: Context, raw: unknown): void {
  const { state } = keeper;
  const genesis = parseGenesis(GOV_STORE, schema, raw);
  state.setParams(ctx, genesis.params ?? parseGenesis(GOV_STORE, govParamsSchema, paramsJson(profile('network').gov)));
  let lastId = (genesis.startingProposalId ?? 1n) - 1n;
  for (const [i, p] of (genesis.proposals ?? []).entries()) {
    if (state.proposal(ctx, p.id) !== undefined) throw wrong(`proposals[${i}].id`, `proposal ${p.id} stands twice`);
    if (genesis.startingProposalId !== undefined && p.id > lastId) throw wrong(`proposals[${i}].id`, `expected an id below starting_proposal_id, got ${p.id}`);
    if (genesis.startingProposalId === undefined && p.id > lastId) lastId = p.id;
    const proposal: Proposal = {
      ...p,
      status: ProposalStatus[p.status.replace('PROPOSAL_STATUS_', '') as keyof typeof ProposalStatus],
      totalDeposit: coins(p.totalDeposit),
      votingStartTime: p.votingStartTime ?? undefined,
      votingEndTime: p.votingEndTime ?? undefined,
    };
    state.setProposal(ctx, proposal);
    if (proposal.status === ProposalStatus.DEPOSIT_PERIOD) state.depositEnds.push(ctx, p.depositEndTime.seconds, p.id);
    if (proposal.status === ProposalStatus.VOTING_PERIOD) {
      if (proposal.votingEndTime === undefined) throw wrong(`proposals[${i}].voting_end_time`, 'expected a time for a proposal in its voting period');
      state.votingEnds.push(ctx, proposal.votingEndTime.seconds, p.id);
    }
  }
  state.setLastId(ctx, lastId);
  for (const [i, { proposalId, depositor, amount }] of (genesis.deposits ?? []).entries()) {
    const proposal = state.proposal(ctx, proposalId);
    if (proposal === undefined || !isOpen(proposal)) throw wrong(`deposits[${i}].proposal_id`, `proposal ${proposalId} is not open`);
    if (state.deposit(ctx, proposalId, depositor) !== undefined) throw wrong(`deposits[${i}].depositor`, `${depositor} stands twice for proposal ${proposalId}`);
    if (amount === 0n) throw wrong(`deposits[${i}].amount`, 'expected an amount above 0');
    state.setDeposit(ctx, { proposalId, depositor, amount: [coin(amount)] });
  }
  for (const [i, vote] of (genesis.votes ?? []).entries()) {
    if (state.proposal(ctx, vote.proposalId)?.status !== ProposalStatus.VOTING_PERIOD) {
      throw wrong(`votes[${i}].proposal_id`, `proposal ${vote.proposalId} is not in its voting period`);
    }
    const options = vote.options.map(({ option, weight }) => ({ option: VoteOption[option.replace('VOTE_OPTION_', '') as keyof typeof VoteOption], weight }));
    try {
      checkOptions(options);
    } catch (error) {
      if (!(error instanceof R3mesError)) throw error;
      throw wrong(`votes[${i}].options`, error.message);
    }
    state.setVote(ctx, { ...vote, options });
  }
  checkDeposits(keeper, bank.balance(ctx, AUTHORITY), ctx);
}

function checkDeposits(keeper: GovKeeper, held: bigint, ctx: QueryContext): void {
  for (const { id, totalDeposit } of keeper.state.proposals(ctx)) {
    const sum = keeper.state.deposits(ctx, id).reduce((s, d) => s + BigInt(d.amount[0]?.amount ?? '0'), 0n);
    const isDecided = !isOpen(keeper.mustGet(ctx, id));
    const total = BigInt(totalDeposit[0]?.amount ?? '0');
    if (!isDecided && sum !== total) throw wrong(`proposals[id ${id}].total_deposit`, `expected the sum of its deposits ${sum}, got ${total}`);
  }
  const open = keeper.openDeposits(ctx);
  if (held !== open) throw new InvalidInputError(`app_state.bank.balances: expected ${open} uremes for the gov account ${AUTHORITY}, got ${held}`, 'give it exactly the open deposits');
}

export function exportGovGenesis({ state }: GovKeeper, ctx: QueryContext): unknown {
  const proposals = state.proposals(ctx);
  const votes = proposals.flatMap(({ id }) => state.votes(ctx, id));
  return {
    starting_proposal_id: (state.lastId(ctx) + 1n).toString(),
    deposits: genesisJson(proposals.flatMap(({ id }) => state.deposits(ctx, id))),
    votes: genesisJson(
      votes.map((vote) => ({ ...vote, options: vote.options.map(({ option, weight }) => ({ option: `VOTE_OPTION_${VoteOption[option]}`, weight })) })),
    ),
    proposals: genesisJson(proposals.map((p) => ({ ...p, status: `PROPOSAL_STATUS_${ProposalStatus[p.status]}` }))),
    params: paramsJson(state.paramsMessage(ctx)),
  };
}
