import { balancesOf, totalOf, withBalances } from '../../../founding/app-state.js';
import { genesisHash, refuseBegunChain, replaceGenesis } from '../../../founding/genesis-file.js';
import type { CommandResult } from '../../../frame/command.js';
import type { Context } from '../../../frame/context.js';
import { usageError } from '../../../frame/errors.js';
import { remes } from '../../../devnet/names.js';
import { readGenesis } from '../../../node/genesis.js';
import { nodeHome } from '../../../node/home.js';
import { checkedAddress, parseArgument, parsePositiveMoney } from '../../../session/values.js';
import { GENESIS_SUPPLY } from '../../../setup/supply.js';

/** Gives an account its coins. What it has already stays: a typo is corrected by hand, not by adding up. */
export async function addAccount(ctx: Context, args: { readonly address: string; readonly coins: string }): Promise<CommandResult> {
  const address = parseArgument('ADDRESS', args.address, checkedAddress);
  const amount = parseArgument('COINS', args.coins, parsePositiveMoney);
  const home = nodeHome(ctx.paths);
  const genesis = await readGenesis(home.genesisFile, undefined);
  await refuseBegunChain(home);
  const balances = balancesOf(genesis.appState);
  const before = balances.get(address);
  if (before !== undefined) throw usageError(`ADDRESS: ${address} is in the genesis already, with ${before} uremes`, `to give it another amount, edit ${home.genesisFile}`);
  balances.set(address, amount);
  const supply = totalOf(balances);
  if (supply > GENESIS_SUPPLY) {
    throw usageError(`COINS: expected at most ${GENESIS_SUPPLY - supply + amount} uremes, which is what the accounts before leave of the ${GENESIS_SUPPLY} at genesis, got ${amount}`);
  }
  await replaceGenesis({ ...genesis, appState: withBalances(genesis.appState, balances) }, home);
  return {
    data: { chainId: genesis.chainId, address, amount, supply, genesisFile: home.genesisFile, genesisHash: await genesisHash(home.genesisFile) },
    text: `${address} has ${remes(amount)} at genesis; all accounts ${remes(supply)}`,
  };
}
