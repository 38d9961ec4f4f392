import { parseAddress } from '../../../protocol/address.js';
import { oneCoin } from '../../../protocol/coins.js';
import { MsgSend, MsgSendResponse } from '../../../protocol/gen/cosmos/bank/v1beta1/tx.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import type { BankKeeper } from './keeper.js';

/** @param closed addresses of module accounts, which receive by their modules' messages only: an escrow must sum up. */
export function bankMessages(keeper: BankKeeper, closed: ReadonlySet<string>): readonly MessageHandler[] {
  return [
    defineMessage({
      typeUrl: '/cosmos.bank.v1beta1.MsgSend',
      message: MsgSend,
      response: MsgSendResponse,
      signer: (msg) => msg.fromAddress,
      checkStateless: (msg) => {
        parseAddress(msg.fromAddress);
        parseAddress(msg.toAddress);
        oneCoin(msg.amount, 'amount');
      },
      execute: (ctx, msg) => {
        if (closed.has(msg.toAddress)) {
          throw sdkError(
            'UNAUTHORIZED',
            `${msg.toAddress} is a module's account and is not allowed to receive funds`,
            "use that module's own message",
          );
        }
        keeper.send(ctx, msg.fromAddress, msg.toAddress, oneCoin(msg.amount, 'amount'));
        return {};
      },
    }),
  ];
}
