import path from 'node:path';

import { toHex } from '../../../../protocol/bytes.js';
import type { GenesisDoc } from '../../../../protocol/genesis-doc.js';
import { formatRfc3339 } from '../../../../protocol/rfc3339.js';
import { remes } from '../../../devnet/names.js';
import { balancesOf, totalOf } from '../../../founding/app-state.js';
import { genesisHash, validateGenesis } from '../../../founding/genesis-file.js';
import type { CommandResult } from '../../../frame/command.js';
import type { Context } from '../../../frame/context.js';
import { readGenesis } from '../../../node/genesis.js';
import { nodeHome } from '../../../node/home.js';

interface Args {
  readonly file: string | undefined;
}

const fileOf = (ctx: Context, { file }: Args): string => (file === undefined ? nodeHome(ctx.paths).genesisFile : path.resolve(ctx.io.cwd, file));

async function summary(genesis: GenesisDoc, file: string) {
  const balances = balancesOf(genesis.appState);
  return {
    file,
    sha256: await genesisHash(file),
    chainId: genesis.chainId,
    genesisTime: formatRfc3339(genesis.genesisTime),
    initialHeight: genesis.initialHeight,
    validators: genesis.validators.map(({ address, power, name }) => ({ validator: toHex(address), power, name })),
    totalPower: genesis.validators.reduce((sum, { power }) => sum + power, 0n),
    accounts: balances.size,
    supply: totalOf(balances),
  };
}

/** What people compare before they start. */
export async function show(ctx: Context, args: Args): Promise<CommandResult> {
  const file = fileOf(ctx, args);
  const data = await summary(await readGenesis(file, undefined), file);
  const lines = data.validators.map(({ validator, power, name }) => `  ${validator}  power ${power}  ${name}`);
  return {
    data,
    text: [`chain       ${data.chainId}`, `file        ${file}`, `SHA-256     ${data.sha256}`, `time        ${data.genesisTime}`, `accounts    ${data.accounts}`, `supply      ${remes(data.supply)}`, `validators  ${data.validators.length}`, ...lines].join('\n'),
  };
}

/** @throws R3mesError GENESIS_MISSING, GENESIS_INVALID naming the wrong field. */
export async function validate(ctx: Context, args: Args): Promise<CommandResult> {
  const file = fileOf(ctx, args);
  const genesis = await readGenesis(file, undefined);
  await validateGenesis(genesis, file);
  const data = await summary(genesis, file);
  return { data: { valid: true, ...data }, text: `${file} is a valid genesis of ${data.chainId} with ${data.validators.length} validators\nSHA-256  ${data.sha256}` };
}
