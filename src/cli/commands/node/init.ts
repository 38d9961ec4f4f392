import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { toHex } from '../../../protocol/bytes.js';
import { MAX_CHAIN_ID_CHARACTERS } from '../../../protocol/genesis-doc.js';
import type { ProfileName } from '../../../protocol/params.js';
import { genesisHash, genesisText, newGenesis } from '../../founding/genesis-file.js';
import { makeValidatorHome, refuseUsedHome } from '../../founding/validator-home.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { missingAnswer, usageError } from '../../frame/errors.js';
import { step } from '../../frame/step.js';
import { readGenesis } from '../../node/genesis.js';
import { nodeHome } from '../../node/home.js';
import { type ListenAddress, OFF } from '../../node/listen-address.js';
import { checkGenesis } from '../../setup/found.js';

type Address = ListenAddress | typeof OFF;

export interface NodeInitArgs {
  readonly chainId: string | undefined;
  readonly genesis: string | undefined;
  readonly profile: ProfileName;
  readonly withModel: boolean;
  readonly moniker: string;
  readonly p2p: Address;
  readonly rpc: Address;
  readonly peer: readonly string[];
  readonly blockMs: number;
}

const CHAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const PEER = /^[0-9a-f]{40}@[^\s@,]{1,120}:[0-9]{1,5}$/;

function listening(given: Address, flag: string): ListenAddress {
  if (given === OFF) throw usageError(`${flag}: expected an address like 127.0.0.1:26656, got off`);
  return given;
}

/** The chain id that is meant. @throws R3mesError MISSING_ANSWER, USAGE */
function chainIdOf(given: string | undefined): string {
  if (given === undefined) throw missingAnswer('chain id of the new chain', '--chain-id ID, or a genesis with --genesis FILE');
  if (given.length > MAX_CHAIN_ID_CHARACTERS || !CHAIN_ID.test(given)) {
    throw usageError(`--chain-id: expected at most ${MAX_CHAIN_ID_CHARACTERS} letters, digits, dots, dashes and underscores, got ${JSON.stringify(given.slice(0, 80))}`);
  }
  return given;
}

/** Makes the home of a validator: keys, configuration, and a genesis that is empty, or the one given. */
export async function nodeInit(ctx: Context, args: NodeInitArgs): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  const p2p = listening(args.p2p, '--p2p');
  const rpc = listening(args.rpc, '--rpc');
  const wrongPeer = args.peer.find((one) => !PEER.test(one));
  if (wrongPeer !== undefined) throw usageError(`--peer: expected NODEID@HOST:PORT, got ${JSON.stringify(wrongPeer.slice(0, 150))}`);
  await refuseUsedHome(home);
  const given = args.genesis === undefined ? undefined : path.resolve(ctx.io.cwd, args.genesis);
  let chainId: string;
  let text: string | undefined;
  if (given === undefined) chainId = chainIdOf(args.chainId);
  else {
    const genesis = await readGenesis(given, args.chainId);
    await checkGenesis(genesis, given);
    chainId = genesis.chainId;
    text = await readFile(given, 'utf8');
  }
  const made = await step(ctx, `making a validator's home for ${chainId}`, (progress) =>
    makeValidatorHome({
      home,
      moniker: args.moniker,
      p2p,
      rpc,
      peers: args.peer,
      commitMs: args.blockMs,
      genesis: async (vrfSecret) =>
        text ??
        genesisText(
          await newGenesis({
            chainId,
            profile: args.profile,
            vrfSecret,
            ...(args.withModel ? { content: ctx.paths.content } : {}),
            nowMs: Date.now(),
            step: (detail) => progress.update({ detail }),
            signal: ctx.signal,
          }),
        ),
    }),
  );
  const validator = toHex(made.validatorKey.address);
  const hash = await genesisHash(home.genesisFile);
  return {
    data: { chainId, moniker: args.moniker, nodeId: made.nodeId, validator, genesisFile: home.genesisFile, genesisHash: hash, configFile: home.cometConfigFile },
    text: [`chain      ${chainId}`, `node id    ${made.nodeId}`, `validator  ${validator}`, `genesis    ${home.genesisFile}`, `SHA-256    ${hash}`, `config     ${home.cometConfigFile}`].join('\n'),
  };
}
