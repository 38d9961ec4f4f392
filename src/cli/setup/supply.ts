/** Who has which coins when a chain begins. */
import { UREMES_PER_REMES } from '../../protocol/params.js';
import { usageError } from '../frame/errors.js';
import { checkedAddress, parseArgument, parsePositiveMoney } from '../session/values.js';

/** What exists at height 0; all else is mined. */
export const GENESIS_SUPPLY = 300_000_000n * UREMES_PER_REMES;

const FLAG = '--account';

function total(accounts: ReadonlyMap<string, bigint>): bigint {
  return [...accounts.values()].reduce((sum, amount) => sum + amount, 0n);
}

/** `remes1…=5000remes`, by address in uremes. @throws R3mesError USAGE, also where it is more than there is */
export function parseAccounts(given: readonly string[]): Map<string, bigint> {
  const accounts = new Map<string, bigint>();
  for (const entry of given) {
    const at = entry.indexOf('=');
    if (at === -1) throw usageError(`${FLAG}: expected ADDRESS=AMOUNT, got ${JSON.stringify(entry.slice(0, 100))}`);
    const address = parseArgument(FLAG, entry.slice(0, at), checkedAddress);
    const amount = parseArgument(FLAG, entry.slice(at + 1), parsePositiveMoney);
    if (accounts.has(address)) throw usageError(`${FLAG}: ${address} is named twice`);
    accounts.set(address, amount);
  }
  if (total(accounts) > GENESIS_SUPPLY) {
    throw usageError(`${FLAG}: expected at most ${GENESIS_SUPPLY} uremes together, the supply at genesis, got ${total(accounts)}`);
  }
  return accounts;
}

/** What a founder delegates to its own validator, in whole REMES: a small part of the supply, so that the rest stays at hand. */
const FOUNDER_STAKE_REMES = 100_000n;

/** In whole REMES: at most half of what the other accounts leave the founder; 0 where that is nothing. */
export function founderStake(accounts: ReadonlyMap<string, bigint>): bigint {
  const half = (GENESIS_SUPPLY - total(accounts)) / (2n * UREMES_PER_REMES);
  return half < FOUNDER_STAKE_REMES ? half : FOUNDER_STAKE_REMES;
}

/** The founder gets what the others leave of the supply. @param delegated uremes that validators stake at genesis. */
export function genesisBalances(founder: string, accounts: ReadonlyMap<string, bigint>, delegated = 0n): Map<string, bigint> {
  const balances = new Map(accounts);
  balances.set(founder, (accounts.get(founder) ?? 0n) + GENESIS_SUPPLY - delegated - total(accounts));
  return balances;
}
