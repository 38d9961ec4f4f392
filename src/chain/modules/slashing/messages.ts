import { InvalidInputError } from '../../../protocol/errors.js';
import { MsgUnjail, MsgUnjailResponse, MsgUpdateParams, MsgUpdateParamsResponse } from '../../../protocol/gen/cosmos/slashing/v1beta1/tx.js';
import { accountOfOperator, checkOperatorAddress } from '../../../protocol/validator-address.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { defineAuthorityMessage } from '../authority.js';
import type { SlashingKeeper } from './keeper.js';
import { checkSlashingParams } from './params.js';

export function slashingMessages(keeper: SlashingKeeper): readonly MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/cosmos.slashing.v1beta1.MsgUnjail',
      message: MsgUnjail,
      response: MsgUnjailResponse,
      signer: (msg) => accountOfOperator(msg.validatorAddr),
      checkStateless: (msg) => checkOperatorAddress(msg.validatorAddr),
      execute: (ctx, msg) => {
        keeper.unjail(ctx, msg.validatorAddr);
        return {};
      },
    }),
    defineAuthorityMessage({
      typeUrl: '/cosmos.slashing.v1beta1.MsgUpdateParams',
      message: MsgUpdateParams,
      response: MsgUpdateParamsResponse,
      checkStateless: (msg) => {
        if (msg.params === undefined) throw new InvalidInputError('params: expected them, got none');
        checkSlashingParams(msg.params);
      },
      execute: (ctx, msg) => {
        if (msg.params !== undefined) keeper.state.setParams(ctx, msg.params);
        return {};
      },
    }),
  ];
}
