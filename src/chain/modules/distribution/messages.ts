import { parseAddress } from '../../../protocol/address.js';
import { coins, oneCoin } from '../../../protocol/coins.js';
import { CommunityPoolSpendProposal } from '../../../protocol/gen/cosmos/distribution/v1beta1/distribution.js';
import * as tx from '../../../protocol/gen/cosmos/distribution/v1beta1/tx.js';
import { accountOfOperator, checkOperatorAddress } from '../../../protocol/validator-address.js';
import { type Context, type MessageHandler, defineMessage } from '../../module.js';
import { defineAuthorityMessage } from '../authority.js';
import type { DistributionKeeper } from './keeper.js';
import { checkDistributionParams } from './params.js';

const PACKAGE = '/cosmos.distribution.v1beta1';

/** What governance may do with the community pool, as a v1beta1 proposal. Gov declares the shape. */
export function communityPoolSpend(keeper: DistributionKeeper) {
  return {
    typeUrl: `${PACKAGE}.CommunityPoolSpendProposal`,
    message: CommunityPoolSpendProposal,
    checkStateless: ({ recipient, amount }: CommunityPoolSpendProposal): void => {
      parseAddress(recipient);
      oneCoin(amount, 'amount');
    },
    execute: (ctx: Context, { recipient, amount }: CommunityPoolSpendProposal): void => keeper.spendPool(ctx, recipient, oneCoin(amount, 'amount')),
  };
}

export function distributionMessages(keeper: DistributionKeeper): readonly MessageHandler[] {
  return [
    defineMessage({
      typeUrl: `${PACKAGE}.MsgSetWithdrawAddress`,
      message: tx.MsgSetWithdrawAddress,
      response: tx.MsgSetWithdrawAddressResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: (msg) => {
        parseAddress(msg.delegatorAddress);
        parseAddress(msg.withdrawAddress);
      },
      execute: (ctx, msg) => {
        keeper.setWithdrawAddress(ctx, msg.delegatorAddress, msg.withdrawAddress);
        return {};
      },
    }),
    defineMessage({
      typeUrl: `${PACKAGE}.MsgWithdrawDelegatorReward`,
      message: tx.MsgWithdrawDelegatorReward,
      response: tx.MsgWithdrawDelegatorRewardResponse,
      signer: (msg) => msg.delegatorAddress,
      checkStateless: (msg) => {
        parseAddress(msg.delegatorAddress);
        checkOperatorAddress(msg.validatorAddress);
      },
      execute: (ctx, msg) => ({ amount: coins(keeper.withdrawRewards(ctx, msg.delegatorAddress, msg.validatorAddress)) }),
    }),
    defineMessage({
      typeUrl: `${PACKAGE}.MsgWithdrawValidatorCommission`,
      message: tx.MsgWithdrawValidatorCommission,
      response: tx.MsgWithdrawValidatorCommissionResponse,
      signer: (msg) => accountOfOperator(msg.validatorAddress),
      checkStateless: (msg) => checkOperatorAddress(msg.validatorAddress),
      execute: (ctx, msg) => ({ amount: coins(keeper.withdrawCommission(ctx, msg.validatorAddress)) }),
    }),
    defineMessage({
      typeUrl: `${PACKAGE}.MsgFundCommunityPool`,
      message: tx.MsgFundCommunityPool,
      response: tx.MsgFundCommunityPoolResponse,
      signer: (msg) => msg.depositor,
      checkStateless: (msg) => {
        parseAddress(msg.depositor);
        oneCoin(msg.amount, 'amount');
      },
      execute: (ctx, msg) => {
        keeper.fundPool(ctx, msg.depositor, oneCoin(msg.amount, 'amount'));
        return {};
      },
    }),
    defineAuthorityMessage({
      typeUrl: `${PACKAGE}.MsgCommunityPoolSpend`,
      message: tx.MsgCommunityPoolSpend,
      response: tx.MsgCommunityPoolSpendResponse,
      checkStateless: (msg) => {
        parseAddress(msg.recipient);
        oneCoin(msg.amount, 'amount');
      },
      execute: (ctx, msg) => {
        keeper.spendPool(ctx, msg.recipient, oneCoin(msg.amount, 'amount'));
        return {};
      },
    }),
    defineAuthorityMessage({
      typeUrl: `${PACKAGE}.MsgUpdateParams`,
      message: tx.MsgUpdateParams,
      response: tx.MsgUpdateParamsResponse,
      checkStateless: (msg) => void checkDistributionParams(msg.params),
      execute: (ctx, msg) => {
        keeper.state.setParams(ctx, checkDistributionParams(msg.params));
        return {};
      },
    }),
  ];
}
