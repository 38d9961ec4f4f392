import { parseAddress } from '../../../protocol/address.js';
import { formatAmount, oneCoin } from '../../../protocol/coins.js';
import { InvalidInputError } from '../../../protocol/errors.js';
import { MsgMultiSend, MsgMultiSendResponse, MsgSend, MsgSendResponse } from '../../../protocol/gen/cosmos/bank/v1beta1/tx.js';
import { type MessageHandler, defineMessage } from '../../module.js';
import { sdkError } from '../sdk-errors.js';
import type { BankKeeper } from './keeper.js';

/** @param closed addresses of module accounts, which receive by their modules' messages only: an escrow must sum up. */
export function bankMessages(keeper: BankKeeper, closed: ReadonlySet<string>): readonly MessageHandler[] {
  const requireOpen = (address: string): void => {
    if (!closed.has(address)) return;
    throw sdkError('UNAUTHORIZED', `${address} is a module's account and is not allowed to receive funds`, "use that module's own message");
  };
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
        requireOpen(msg.toAddress);
        keeper.send(ctx, msg.fromAddress, msg.toAddress, oneCoin(msg.amount, 'amount'));
        return {};
      },
    }),
    defineMessage({
      typeUrl: '/cosmos.bank.v1beta1.MsgMultiSend',
      message: MsgMultiSend,
      response: MsgMultiSendResponse,
      signer: (msg) => msg.inputs.map((input) => input.address),
      checkStateless: checkMultiSend,
      execute: (ctx, msg) => {
        for (const { address } of msg.outputs) requireOpen(address);
        // Each output is filled from the inputs in order, so that every coin that moves has a sender and a receiver.
        const left = msg.inputs.map(({ address, coins }) => ({ address, amount: oneCoin(coins, 'inputs') }));
        for (const { address: to, coins } of msg.outputs) {
          let wanted = oneCoin(coins, 'outputs');
          for (const input of left) {
            const part = input.amount < wanted ? input.amount : wanted;
            if (part === 0n) continue;
            keeper.send(ctx, input.address, to, part);
            input.amount -= part;
            wanted -= part;
          }
        }
        return {};
      },
    }),
  ];
}

function checkMultiSend({ inputs, outputs }: MsgMultiSend): void {
  if (inputs.length === 0 || outputs.length === 0) {
    throw new InvalidInputError(`expected at least one input and one output, got ${inputs.length} and ${outputs.length}`);
  }
  const sumOf = (list: typeof inputs, what: string): bigint =>
    list.reduce((sum, { address, coins }) => {
      parseAddress(address);
      return sum + oneCoin(coins, what);
    }, 0n);
  const given = sumOf(inputs, 'inputs');
  const taken = sumOf(outputs, 'outputs');
  if (given !== taken) throw new InvalidInputError(`expected inputs and outputs of the same sum, got ${formatAmount(given)} and ${formatAmount(taken)}`);
}
