import { parseAddress } from '../../../protocol/address.js';
import { oneCoin } from '../../../protocol/coins.js';
import type { Coin } from '../../../protocol/gen/cosmos/base/v1beta1/coin.js';
import * as v1 from '../../../protocol/gen/cosmos/gov/v1/tx.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { defineAuthorityMessage } from '../authority.js';
import { parseFields } from '../genesis.js';
import { sdkError } from '../sdk-errors.js';
import { checkOptions, oneOption } from './checks.js';
import { type Contents, EXEC_LEGACY_CONTENT } from './contents.js';
import type { GovKeeper } from './keeper.js';
import { govParamsSchema, paramsJson } from './params.js';
import { timestamp } from './keeper.js';

/** None, or one of our denom. */
export const depositAmount = (list: readonly Coin[], what: string): bigint => (list.length === 0 ? 0n : oneCoin(list, what));

export function govMessages(keeper: GovKeeper, contents: Contents): readonly MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/cosmos.gov.v1.MsgSubmitProposal',
      message: v1.MsgSubmitProposal,
      response: v1.MsgSubmitProposalResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => {
        parseAddress(msg.proposer);
        depositAmount(msg.initialDeposit, 'initial_deposit');
        if (msg.expedited) throw sdkError('NOT_SUPPORTED', 'expedited proposals are not supported: expected expedited to be false');
      },
      execute: (ctx, msg) => {
        const { messages, proposer, metadata, title, summary } = msg;
        const initialDeposit = depositAmount(msg.initialDeposit, 'initial_deposit');
        return { proposalId: keeper.submit(ctx, { messages, initialDeposit, proposer, metadata, title, summary }).id };
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1.MsgDeposit',
      message: v1.MsgDeposit,
      response: v1.MsgDepositResponse,
      signer: (msg) => msg.depositor,
      checkStateless: (msg) => {
        parseAddress(msg.depositor);
        oneCoin(msg.amount, 'amount');
      },
      execute: (ctx, msg) => {
        keeper.deposit(ctx, msg.proposalId, msg.depositor, oneCoin(msg.amount, 'amount'));
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1.MsgVote',
      message: v1.MsgVote,
      response: v1.MsgVoteResponse,
      signer: (msg) => msg.voter,
      checkStateless: (msg) => {
        parseAddress(msg.voter);
        checkOptions(oneOption(msg.option));
      },
      execute: (ctx, msg) => {
        keeper.vote(ctx, msg.proposalId, msg.voter, oneOption(msg.option), msg.metadata);
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1.MsgVoteWeighted',
      message: v1.MsgVoteWeighted,
      response: v1.MsgVoteWeightedResponse,
      signer: (msg) => msg.voter,
      checkStateless: (msg) => {
        parseAddress(msg.voter);
        checkOptions(msg.options);
      },
      execute: (ctx, msg) => {
        keeper.vote(ctx, msg.proposalId, msg.voter, msg.options, msg.metadata);
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1.MsgCancelProposal',
      message: v1.MsgCancelProposal,
      response: v1.MsgCancelProposalResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => void parseAddress(msg.proposer),
      execute: (ctx, { proposalId, proposer }) => {
        keeper.cancel(ctx, proposalId, proposer);
        return { proposalId, canceledTime: timestamp(ctx.block.timeSeconds), canceledHeight: ctx.block.height };
      },
    }),
    defineAuthorityMessage({
      typeUrl: EXEC_LEGACY_CONTENT,
      message: v1.MsgExecLegacyContent,
      response: v1.MsgExecLegacyContentResponse,
      checkStateless: ({ content }) => {
        const { handler, value } = contents.handler(content);
        handler.checkStateless(value);
      },
      execute: (ctx, { content }) => {
        const { handler, value } = contents.handler(content);
        handler.execute(ctx, value);
        return {};
      },
    }),
    defineAuthorityMessage({
      typeUrl: '/cosmos.gov.v1.MsgUpdateParams',
      message: v1.MsgUpdateParams,
      response: v1.MsgUpdateParamsResponse,
      checkStateless: ({ params }) => void parseFields('params', govParamsSchema, params === undefined ? undefined : paramsJson(params)),
      execute: (ctx, { params }) => {
        keeper.state.setParams(ctx, parseFields('params', govParamsSchema, params === undefined ? undefined : paramsJson(params)));
        return {};
      },
    }),
  ];
}
