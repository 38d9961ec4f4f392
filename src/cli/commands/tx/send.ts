import { coin } from '../../../protocol/coins.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { remes } from '../../devnet/names.js';
import { openAccount, type SigningArgs } from '../../session/connect.js';
import { mustHold, sendTx, type TxArgs, txResult } from '../../session/send.js';
import { checkedAddress, parseArgument, parsePositiveMoney } from '../../session/values.js';

export async function txSend(ctx: Context, args: SigningArgs & TxArgs & { readonly to: string; readonly amount: string }): Promise<CommandResult> {
  const to = parseArgument('TO', args.to, checkedAddress);
  const amount = parseArgument('AMOUNT', args.amount, parsePositiveMoney);
  const account = await openAccount(ctx, args);
  await mustHold(account, amount);
  const from = account.address;
  const value = { fromAddress: from, toAddress: to, amount: [coin(amount)] };
  const sent = await sendTx(ctx, account, [{ typeUrl: '/cosmos.bank.v1beta1.MsgSend', value }], args);
  return txResult(sent, { from, to, amount }, `sent   ${remes(amount)} to ${to}`);
}
