import path from 'node:path';

import { toHex } from '../../../protocol/bytes.js';
import type { ProfileName } from '../../../protocol/params.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import { step } from '../../frame/step.js';
import { makeTestnet } from '../../node/testnet.js';
import { parseAccounts } from '../../setup/supply.js';

export interface TestnetArgs {
  readonly validators: number;
  readonly output: string;
  readonly chainId: string;
  readonly profile: ProfileName;
  readonly basePort: number;
  readonly blockMs: number;
  readonly account: readonly string[];
}

const HIGHEST_PORT = 65_535;

export async function nodeTestnet(ctx: Context, args: TestnetArgs): Promise<CommandResult> {
  const { validators, basePort, chainId, profile, blockMs } = args;
  const highest = basePort + 10 * (validators - 1) + 1;
  if (basePort !== 0 && highest > HIGHEST_PORT) throw usageError(`--base-port: ${validators} nodes need the ports up to ${highest}, expected at most ${HIGHEST_PORT}`);
  const folder = path.resolve(ctx.io.cwd, args.output);
  const accounts = parseAccounts(args.account);
  const nodes = await step(ctx, `making a network of ${validators} validators`, (progress) =>
    makeTestnet({ folder, chainId, profile, validators, basePort, blockMs, accounts, step: (detail) => progress.update({ detail }), signal: ctx.signal }),
  );
  ctx.out.note('the wallets in it are not encrypted: a network for trying things out');
  const list = nodes.map(({ name, root, nodeId, p2p, rpc, address, validator }) => ({ name, home: root, nodeId, p2p, rpc: `http://${rpc}`, address, validator: toHex(validator.address) }));
  const lines = list.map(({ home, rpc }) => `r3mes node start --detach --home ${home}    # RPC ${rpc}`);
  return { data: { chainId, folder, nodes: list }, text: [`chain ${chainId} in ${folder}; start every node:`, ...lines].join('\n') };
}
