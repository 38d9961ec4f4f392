import type { ChainClient } from '../../client/index.js';
import { coin } from '../../protocol/coins.js';
import { R3mesError } from '../../protocol/errors.js';
import { type Registration, RegistrationStatus } from '../../protocol/gen/remes/remes/v1/node.js';
import { remes } from '../devnet/names.js';
import type { Context } from '../frame/context.js';
import type { Account } from './connect.js';
import { mustHold, sendOrThrow } from './send.js';
import { PART_OF, type PartName } from './values.js';

export function registrationOf(client: ChainClient, part: PartName, address: string): Promise<Registration | undefined> {
  return client.queries.registration(PART_OF[part], address);
}

/** Smallest stake of a part, in uremes. */
export async function minStake(client: ChainClient, part: PartName): Promise<bigint> {
  const { node } = await client.queries.params();
  const least = { miner: node?.minStakeMiner, proposer: node?.minStakeProposer, verifier: node?.minStakeVerifier }[part];
  return BigInt(least ?? '0');
}

export function notRegistered(part: PartName, address: string, hint = `register it with r3mes tx register ${part}`): R3mesError {
  return new R3mesError({ code: 'NOT_REGISTERED', message: `${address} is not registered as ${part}`, hint });
}

/**
 * The account's registration for a part. With `register` it is made where it is missing, after a yes.
 * @throws R3mesError NOT_REGISTERED, UNBONDING, INSUFFICIENT_FUNDS, CONFIRMATION_NEEDED
 */
export async function ensureRegistered(
  ctx: Context,
  account: Account,
  part: PartName,
  wanted: { readonly register: boolean; readonly payout: string | undefined },
): Promise<Registration> {
  const { client, address } = account;
  let found = await registrationOf(client, part, address);
  if (found === undefined) {
    const stake = await minStake(client, part);
    if (!wanted.register) {
      throw notRegistered(part, address, `register it with r3mes tx register ${part}, or add --register: it escrows ${remes(stake)} of the wallet`);
    }
    await mustHold(account, stake);
    await ctx.prompt.confirm(`escrow ${remes(stake)} of ${address} as stake for the part ${part}`);
    const value = { address, part: PART_OF[part], stake: coin(stake), payoutAddress: wanted.payout ?? '' };
    await sendOrThrow(ctx, account, { typeUrl: '/remes.remes.v1.MsgRegisterNode', value });
    found = await registrationOf(client, part, address);
    if (found === undefined) throw notRegistered(part, address, 'the node answered that it was registered: ask it again with r3mes query registration');
    ctx.out.note(`registered as ${part} with ${remes(stake)}; counts from height ${found.effectiveHeight} on`);
  }
  if (found.status === RegistrationStatus.UNBONDING) {
    throw new R3mesError({ code: 'UNBONDING', message: `${address} has ended its registration as ${part}`, hint: 'register again when its stake is paid out' });
  }
  if (found.status === RegistrationStatus.INACTIVE) {
    ctx.out.warn(`${address} is inactive as ${part} (stake ${remes(found.stake)}): r3mes tx reactivate ${part}, or r3mes tx top-up ${part} where the stake is too small`);
  }
  return found;
}
