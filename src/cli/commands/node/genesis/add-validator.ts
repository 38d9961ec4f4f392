import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { configValue } from '../../../../chain/comet/config.js';
import { nodeIdOf } from '../../../../chain/comet/files.js';
import { signerFromPrivateKey } from '../../../../client/index.js';
import { parseDecimal } from '../../../../protocol/decimal.js';
import { R3mesError } from '../../../../protocol/errors.js';
import { UREMES_PER_REMES } from '../../../../protocol/params.js';
import { vrfPublicKey } from '../../../../protocol/vrf.js';
import { remes } from '../../../devnet/names.js';
import { createFileAtomic } from '../../../files/atomic.js';
import { balancesOf } from '../../../founding/app-state.js';
import { signGentx } from '../../../founding/gentx.js';
import { gentxFolder } from '../../../founding/gentx-files.js';
import { refuseBegunChain } from '../../../founding/genesis-file.js';
import type { CommandResult } from '../../../frame/command.js';
import type { Context } from '../../../frame/context.js';
import { usageError } from '../../../frame/errors.js';
import { readGenesis, readNodeKeys } from '../../../node/genesis.js';
import { nodeHome, type NodeHome } from '../../../node/home.js';
import { readVrfSecret } from '../../../node/vrf-key.js';
import { parseArgument, parsePositiveMoney } from '../../../session/values.js';
import { passwordSource } from '../../../wallet/password.js';
import { Wallets } from '../../../wallet/wallets.js';
import { operatorOfAccount } from '../../../../protocol/validator-address.js';

export interface AddValidatorArgs {
  readonly coins: string;
  readonly wallet: string | undefined;
  readonly passwordFile: string | undefined;
  readonly moniker: string | undefined;
  readonly peer: string | undefined;
  readonly commissionRate: string;
  readonly commissionMaxRate: string;
  readonly commissionMaxChangeRate: string;
  readonly minSelfDelegation: string;
  readonly identity: string | undefined;
  readonly website: string | undefined;
  readonly securityContact: string | undefined;
  readonly details: string | undefined;
  readonly output: string | undefined;
}

const fraction = (flag: string, text: string): string => parseArgument(flag, text, parseDecimal).toString();

/** What config.toml says of this node, for whoever connects to it. */
async function peerOf(home: NodeHome, toml: string, given: string | undefined): Promise<string> {
  const listen = (configValue(toml, 'p2p', 'laddr') ?? '').replace(/^tcp:\/\//, '');
  const external = configValue(toml, 'p2p', 'external_address') ?? '';
  const place = given ?? (external === '' ? listen : external);
  if (!/^[^\s@,]+:[0-9]{1,5}$/.test(place) || /^(0\.0\.0\.0|\[::\]):/.test(place)) {
    throw usageError(`--peer: expected HOST:PORT at which the others reach this node, got ${JSON.stringify(place.slice(0, 100))}`, 'give it with --peer, e.g. --peer validator.example:26656');
  }
  return `${nodeIdOf(await readFile(home.nodeKeyFile, 'utf8'), home.nodeKeyFile)}@${place}`;
}

function notInitialised(home: NodeHome): R3mesError {
  return new R3mesError({ code: 'VALIDATOR_KEY_MISSING', message: `this home has no validator's keys and configuration (${home.cometConfigFile}, ${home.vrfKeyFile})`, hint: 'make them with: r3mes node init' });
}

async function configOf(home: NodeHome): Promise<string> {
  return readFile(home.cometConfigFile, 'utf8').catch(() => {
    throw notInitialised(home);
  });
}

/** Signs that this home's validator takes part from the first block on. */
export async function addValidator(ctx: Context, args: AddValidatorArgs): Promise<CommandResult> {
  const stake = parseArgument('COINS', args.coins, parsePositiveMoney);
  if (stake < UREMES_PER_REMES) throw usageError(`COINS: expected at least 1 REMES, which is voting power 1, got ${stake} uremes`);
  const minSelfDelegation = parseArgument('--min-self-delegation', args.minSelfDelegation, parsePositiveMoney);
  const commission = {
    rate: fraction('--commission-rate', args.commissionRate),
    maxRate: fraction('--commission-max-rate', args.commissionMaxRate),
    maxChangeRate: fraction('--commission-max-change-rate', args.commissionMaxChangeRate),
  };
  const home = nodeHome(ctx.paths);
  const genesis = await readGenesis(home.genesisFile, undefined);
  await refuseBegunChain(home);
  const toml = await configOf(home);
  const { validatorKey } = await readNodeKeys(home, genesis);
  const vrfSecret = await readVrfSecret(home.vrfKeyFile);
  if (vrfSecret === undefined) throw notInitialised(home);
  const peer = await peerOf(home, toml, args.peer);
  const wallets = new Wallets(ctx.paths.wallets);
  const wallet = await wallets.info(await wallets.choose(args.wallet));
  const has = balancesOf(genesis.appState).get(wallet.address) ?? 0n;
  if (has < stake) {
    throw new R3mesError({
      code: 'INSUFFICIENT_FUNDS',
      message: `the genesis gives ${wallet.address} ${has} uremes, expected at least ${stake}`,
      hint: `whoever keeps the genesis runs: r3mes node genesis add-account ${wallet.address} AMOUNT`,
    });
  }
  const { privateKey } = await wallets.unlock(wallet.name, passwordSource(ctx, args.passwordFile));
  const description = {
    moniker: args.moniker ?? configValue(toml, '', 'moniker') ?? '',
    identity: args.identity ?? '',
    website: args.website ?? '',
    securityContact: args.securityContact ?? '',
    details: args.details ?? '',
  };
  const text = await signGentx(await signerFromPrivateKey(privateKey), genesis.chainId, {
    description,
    commission,
    minSelfDelegation,
    stake,
    consensusKey: validatorKey.publicKey,
    vrfPublicKey: vrfPublicKey(vrfSecret),
    peer,
  });
  const nodeId = peer.slice(0, 40);
  const file = args.output === undefined ? path.join(gentxFolder(home, ctx.io.cwd, undefined), `gentx-${nodeId}.json`) : path.resolve(ctx.io.cwd, args.output);
  await createFileAtomic(file, text);
  const operator = operatorOfAccount(wallet.address);
  return {
    data: { chainId: genesis.chainId, file, operator, address: wallet.address, moniker: description.moniker, stake, peer },
    text: `${operator} validates ${genesis.chainId} with ${remes(stake)}\ngentx  ${file}\npeer   ${peer}\nsend the file to whoever collects them`,
  };
}
