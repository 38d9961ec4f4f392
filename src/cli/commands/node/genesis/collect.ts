import { readFile } from 'node:fs/promises';

import { nodeIdOf } from '../../../../chain/comet/files.js';
import { toHex } from '../../../../protocol/bytes.js';
import { consensusAddress } from '../../../../protocol/genesis-doc.js';
import { remes } from '../../../devnet/names.js';
import { writeFileAtomic } from '../../../files/atomic.js';
import { fileExists } from '../../../files/exists.js';
import { collectGentxs } from '../../../founding/collect.js';
import { genesisHash, refuseBegunChain, replaceGenesis } from '../../../founding/genesis-file.js';
import { gentxFolder, readGentxs } from '../../../founding/gentx-files.js';
import { withPeers } from '../../../founding/peers.js';
import type { CommandResult } from '../../../frame/command.js';
import type { Context } from '../../../frame/context.js';
import { readGenesis } from '../../../node/genesis.js';
import { nodeHome } from '../../../node/home.js';

/** Checks every gentx and puts them into the genesis; who they say to connect to goes into config.toml, where there is one. */
export async function collect(ctx: Context, args: { readonly gentxDir: string | undefined }): Promise<CommandResult> {
  const home = nodeHome(ctx.paths);
  const genesis = await readGenesis(home.genesisFile, undefined);
  await refuseBegunChain(home);
  const folder = gentxFolder(home, ctx.io.cwd, args.gentxDir);
  const gentxs = await readGentxs(folder, genesis.chainId);
  const collected = collectGentxs(genesis, gentxs);
  await replaceGenesis(collected.genesis, home);
  const own = (await fileExists(home.nodeKeyFile)) ? nodeIdOf(await readFile(home.nodeKeyFile, 'utf8'), home.nodeKeyFile) : undefined;
  const peers = gentxs.map(({ peer }) => peer).filter((peer) => own === undefined || !peer.startsWith(own));
  if (await fileExists(home.cometConfigFile)) {
    const toml = await readFile(home.cometConfigFile, 'utf8');
    await writeFileAtomic(home.cometConfigFile, withPeers(toml, peers, home.cometConfigFile));
  }
  const validators = gentxs.map((one) => ({ operator: one.operator, moniker: one.description.moniker, stake: one.stake, validator: toHex(consensusAddress(one.consensusKey)), peer: one.peer, file: one.file }));
  const hash = await genesisHash(home.genesisFile);
  const lines = validators.map(({ operator, moniker, stake }) => `  ${operator}  ${remes(stake)}  ${moniker}`);
  return {
    data: { chainId: genesis.chainId, collected: collected.added.length, validators, genesisFile: home.genesisFile, genesisHash: hash },
    text: [`${genesis.chainId}: ${gentxs.length} validators, ${collected.added.length} of them new`, ...lines, `genesis  ${home.genesisFile}`, `SHA-256  ${hash}`, 'every founder starts from this file, or collects the same gentxs into the same genesis: compare the SHA-256'].join('\n'),
  };
}
