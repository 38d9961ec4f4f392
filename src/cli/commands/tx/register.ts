import { R3mesError } from '../../../protocol/errors.js';
import { coin } from '../../../protocol/coins.js';
import type { Registration } from '../../../protocol/gen/remes/remes/v1/node.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { remes } from '../../devnet/names.js';
import { type Account, openAccount, type SigningArgs } from '../../session/connect.js';
import { minStake, notRegistered, registrationOf } from '../../session/registration.js';
import { mustHold, sendTx, type TxArgs, txResult } from '../../session/send.js';
import { parseArgument, parsePositiveMoney, PART_OF, type PartName } from '../../session/values.js';

type Args = SigningArgs & TxArgs & { readonly part: PartName };

async function mustBeRegistered(account: Account, part: PartName): Promise<Registration> {
  const found = await registrationOf(account.client, part, account.address);
  if (found === undefined) throw notRegistered(part, account.address);
  return found;
}

async function effectiveHeight(account: Account, part: PartName): Promise<bigint | null> {
  return (await registrationOf(account.client, part, account.address))?.effectiveHeight ?? null;
}

export async function txRegister(ctx: Context, args: Args & { readonly stake: string | undefined; readonly payout: string | undefined }): Promise<CommandResult> {
  const { part, payout } = args;
  const given = args.stake === undefined ? undefined : parseArgument('--stake', args.stake, parsePositiveMoney);
  const account = await openAccount(ctx, args);
  const { address, client } = account;
  const least = await minStake(client, part);
  const stake = given ?? least;
  if (stake < least) {
    throw new R3mesError({ code: 'STAKE_TOO_SMALL', message: `expected a stake of at least ${remes(least)} for the part ${part}, got ${remes(stake)}`, hint: 'give more with --stake, or leave it out' });
  }
  if ((await registrationOf(client, part, address)) !== undefined) {
    throw new R3mesError({ code: 'ALREADY_REGISTERED', message: `${address} is registered as ${part} already`, hint: `add to its stake with r3mes tx top-up ${part} AMOUNT` });
  }
  await mustHold(account, stake);
  await ctx.prompt.confirm(`escrow ${remes(stake)} of ${address} as stake for the part ${part}`);
  const value = { address, part: PART_OF[part], stake: coin(stake), payoutAddress: payout ?? '' };
  const sent = await sendTx(ctx, account, [{ typeUrl: '/remes.remes.v1.MsgRegisterNode', value }], args);
  const height = sent.outcome?.code === 0 ? await effectiveHeight(account, part) : null;
  return txResult(sent, { part, address, stake, effectiveHeight: height }, `registered as ${part} with ${remes(stake)}; counts from height ${height ?? '?'} on`);
}

export async function txTopUp(ctx: Context, args: Args & { readonly amount: string }): Promise<CommandResult> {
  const { part } = args;
  const amount = parseArgument('AMOUNT', args.amount, parsePositiveMoney);
  const account = await openAccount(ctx, args);
  const { address } = account;
  const { stake } = await mustBeRegistered(account, part);
  await mustHold(account, amount);
  await ctx.prompt.confirm(`escrow ${remes(amount)} more of ${address} for the part ${part}`);
  const value = { address, part: PART_OF[part], amount: coin(amount) };
  const sent = await sendTx(ctx, account, [{ typeUrl: '/remes.remes.v1.MsgTopUpStake', value }], args);
  const after = BigInt(stake) + amount;
  return txResult(sent, { part, address, stake: after }, `stake  ${remes(after)}`);
}

export async function txReactivate(ctx: Context, args: Args): Promise<CommandResult> {
  const { part } = args;
  const account = await openAccount(ctx, args);
  const { address } = account;
  await mustBeRegistered(account, part);
  const sent = await sendTx(ctx, account, [{ typeUrl: '/remes.remes.v1.MsgReactivateNode', value: { address, part: PART_OF[part] } }], args);
  const height = sent.outcome?.code === 0 ? await effectiveHeight(account, part) : null;
  return txResult(sent, { part, address, effectiveHeight: height }, `active again as ${part} from height ${height ?? '?'} on`);
}

export async function txUnregister(ctx: Context, args: Args): Promise<CommandResult> {
  const { part } = args;
  const account = await openAccount(ctx, args);
  const { address } = account;
  const { stake } = await mustBeRegistered(account, part);
  await ctx.prompt.confirm(`end the registration of ${address} as ${part} (stake ${remes(stake)})`);
  const sent = await sendTx(ctx, account, [{ typeUrl: '/remes.remes.v1.MsgUnregisterNode', value: { address, part: PART_OF[part] } }], args);
  return txResult(sent, { part, address, stake: BigInt(stake) }, `no new duties as ${part}; ${remes(stake)} come back after the unbonding time`);
}
