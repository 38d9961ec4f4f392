import { parseAddress } from '../../../protocol/address.js';
import { oneCoin } from '../../../protocol/coins.js';
import { decimalFromWire, formatDecimal } from '../../../protocol/decimal.js';
import { MsgExecLegacyContent } from '../../../protocol/gen/cosmos/gov/v1/tx.js';
import type { WeightedVoteOption } from '../../../protocol/gen/cosmos/gov/v1/gov.js';
import * as v1beta1 from '../../../protocol/gen/cosmos/gov/v1beta1/tx.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { AUTHORITY } from '../authority.js';
import { checkOptions, oneOption } from './checks.js';
import { type Contents, EXEC_LEGACY_CONTENT } from './contents.js';
import type { GovKeeper } from './keeper.js';
import { newOption } from './legacy-enums.js';
import { depositAmount } from './messages.js';

/** The same proposals, deposits and votes by the messages of v1beta1: a content becomes a message that carries it. */
export function legacyGovMessages(keeper: GovKeeper, contents: Contents): readonly MessageHandler[] {
  const weighted = (msg: v1beta1.MsgVoteWeighted): WeightedVoteOption[] =>
    msg.options.map(({ option, weight }) => ({ option: newOption(option), weight: formatDecimal(decimalFromWire(weight)) }));
  return [
    defineMessage({
      typeUrl: '/cosmos.gov.v1beta1.MsgSubmitProposal',
      message: v1beta1.MsgSubmitProposal,
      response: v1beta1.MsgSubmitProposalResponse,
      signer: (msg) => msg.proposer,
      checkStateless: (msg) => {
        parseAddress(msg.proposer);
        depositAmount(msg.initialDeposit, 'initial_deposit');
        const { handler, value } = contents.handler(msg.content);
        handler.checkStateless(value);
      },
      execute: (ctx, msg) => {
        const { handler, value } = contents.handler(msg.content);
        const { title, description } = handler.title(value);
        const carrier = MsgExecLegacyContent.encode({ content: msg.content, authority: AUTHORITY }).finish();
        const initialDeposit = depositAmount(msg.initialDeposit, 'initial_deposit');
        const messages = [{ typeUrl: EXEC_LEGACY_CONTENT, value: carrier }];
        return { proposalId: keeper.submit(ctx, { messages, initialDeposit, proposer: msg.proposer, metadata: '', title, summary: description }).id };
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1beta1.MsgDeposit',
      message: v1beta1.MsgDeposit,
      response: v1beta1.MsgDepositResponse,
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
      typeUrl: '/cosmos.gov.v1beta1.MsgVote',
      message: v1beta1.MsgVote,
      response: v1beta1.MsgVoteResponse,
      signer: (msg) => msg.voter,
      checkStateless: (msg) => {
        parseAddress(msg.voter);
        checkOptions(oneOption(newOption(msg.option)));
      },
      execute: (ctx, msg) => {
        keeper.vote(ctx, msg.proposalId, msg.voter, oneOption(newOption(msg.option)), '');
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.gov.v1beta1.MsgVoteWeighted',
      message: v1beta1.MsgVoteWeighted,
      response: v1beta1.MsgVoteWeightedResponse,
      signer: (msg) => msg.voter,
      checkStateless: (msg) => {
        parseAddress(msg.voter);
        checkOptions(weighted(msg));
      },
      execute: (ctx, msg) => {
        keeper.vote(ctx, msg.proposalId, msg.voter, weighted(msg), '');
        return {};
      },
    }),
  ];
}
