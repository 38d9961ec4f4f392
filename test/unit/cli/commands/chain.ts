/** A real chain in this process for commands: accounts with wallets in one home, a node, and a way to run the CLI. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { plainKey, publicPart, sealKey } from '../../../../src/cli/wallet/keystore.js';
import { taggedHash } from '../../../../src/protocol/hash.js';
import { cosmjsGenesis, type RunningNode, startNode } from '../../../e2e/cosmjs-harness.js';
import { type Given, type Ran, runCli } from '../harness.js';

export interface TestAccount {
  readonly name: string;
  readonly address: string;
  readonly privateKey: Uint8Array;
}

export function account(name: string): TestAccount {
  const privateKey = taggedHash('cli-test-key', name);
  return { name, privateKey, address: publicPart(privateKey).address };
}

export const PASSWORD = 'correct horse';

/** Writes wallets into a home; one with a password where that is asked for. */
export async function writeWallets(home: string, accounts: readonly TestAccount[], locked: readonly string[] = []): Promise<void> {
  const folder = path.join(home, 'data', 'wallets');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const { name, privateKey } of accounts) {
    const keystore = locked.includes(name) ? await sealKey(privateKey, PASSWORD) : plainKey(privateKey);
    writeFileSync(path.join(folder, `${name}.json`), JSON.stringify(keystore), { mode: 0o600 });
  }
}

export interface TestNet {
  readonly node: RunningNode;
  /** Accounts with coins; `miner` is registered as well. */
  readonly miner: TestAccount;
  readonly rich: TestAccount;
  readonly poor: TestAccount;
  /** Runs `r3mes … --home HOME --node URL`, as `rich` unless another wallet is named. */
  readonly cli: (argv: readonly string[], given?: Given) => Promise<Ran>;
  stop(): Promise<void>;
}

/** @param home a folder that the caller removes. */
export async function startTestNet(home: string): Promise<TestNet> {
  const [miner, rich, poor] = [account('miner'), account('rich'), account('poor')];
  await writeWallets(home, [miner, rich, poor]);
  const node = await startNode(cosmjsGenesis([rich.address], miner.address));
  return {
    node,
    miner,
    rich,
    poor,
    cli: (argv, given = {}) => runCli(argv, { ...given, env: { R3MES_HOME: home, R3MES_NODE: node.url, R3MES_WALLET: 'rich', ...given.env } }),
    stop: () => node.stop(),
  };
}

/** An address that nobody has. */
export function freshAddress(): string {
  return publicPart(new Uint8Array(randomBytes(32))).address;
}
