/** One validator under real CometBFT with a genesis of ours, and its files in a folder that goes with it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { findComet } from '../../src/chain/comet/binary.js';
import { prepareCometHome } from '../../src/cli/node/comet-files.js';
import { CometNode } from '../../src/cli/node/comet-node.js';
import { type GenesisDoc, genesisDocToJson } from '../../src/protocol/genesis-doc.js';
import { taggedHash } from '../../src/protocol/hash.js';
import { homeOf, vrfFile } from '../unit/cli/commands/node/home.js';
import { validatorKey } from './cosmjs-harness.js';

/** The compiled application's process, as the node itself starts it. */
const APP = fileURLToPath(new URL('../../dist/cli/node/app-process.js', import.meta.url));
const COMMIT_MS = 100;

export interface CometChain {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param comet path of the binary. Resolves after the second block, from when on headers carry an app hash. */
export async function openCometChain(comet: string, genesis: GenesisDoc): Promise<CometChain> {
  const root = mkdtempSync(path.join(tmpdir(), 'r3mes-cosmjs-comet-'));
  const home = homeOf(root);
  for (const file of [home.genesisFile, home.validatorKeyFile]) mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(home.genesisFile, JSON.stringify(genesisDocToJson(genesis)));
  writeFileSync(home.validatorKeyFile, validatorKey.toFile(), { mode: 0o600 });
  writeFileSync(home.vrfKeyFile, vrfFile(taggedHash('test-vrf')), { mode: 0o600 });
  await prepareCometHome(home, COMMIT_MS);
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const node = await CometNode.open(
    {
      settings: { home, rpcPort: 0, p2pPort: 0, detached: false },
      comet: await findComet({ given: comet, folder: home.engine, search: '' }),
      appEntry: APP,
      onBlock: ({ height }) => {
        if (Number(height) >= 2) begin();
      },
      report: (text) => console.error(text),
      onCometLine: () => undefined,
      onProcesses: () => undefined,
    },
    new AbortController().signal,
  );
  await Promise.race([begun, node.finished]);
  return {
    url: node.start.rpc,
    stop: async () => {
      await node.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
