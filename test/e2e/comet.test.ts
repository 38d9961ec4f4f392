/** One validator under a real CometBFT: an unmodified client, and kills at the moments that matter. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { DirectSecp256k1Wallet } from '@cosmjs/proto-signing';
import { GasPrice, SigningStargateClient } from '@cosmjs/stargate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findComet } from '../../src/chain/comet/binary.js';
import type { BlockLine } from '../../src/cli/node/block-line.js';
import { prepareCometHome } from '../../src/cli/node/comet-files.js';
import { CometNode } from '../../src/cli/node/comet-node.js';
import { utf8 } from '../../src/protocol/bytes.js';
import { genesisDocToJson } from '../../src/protocol/genesis-doc.js';
import { sha256, taggedHash } from '../../src/protocol/hash.js';
import { homeOf, vrfFile } from '../unit/cli/commands/node/home.js';
import { appHashIn, cometForTests, rpc } from './comet-harness.js';
import { BALANCE, cosmjsGenesis, validatorKey } from './cosmjs-harness.js';

const APP = fileURLToPath(new URL('./comet-app.js', import.meta.url));
const comet = cometForTests();
const root = mkdtempSync(path.join(tmpdir(), 'r3mes-comet-e2e-'));
const kills = path.join(root, 'kills');

describe.skipIf(comet === undefined)('one validator under CometBFT', () => {
  const home = homeOf(root);
  const blocks = new Map<number, string>();
  const reports: string[] = [];
  let node: CometNode;
  let client: SigningStargateClient;
  let alice: string;
  let bob: string;
  let processes = { appPid: 0, cometPid: 0 };
  let wake: () => void = () => undefined;

  const onBlock = ({ height, appHash }: BlockLine): void => {
    // A block that is executed again after a kill gives the same hash.
    const before = blocks.get(Number(height));
    if (before !== undefined && before !== appHash) throw new Error(`block ${height}: ${before}, then ${appHash}`);
    blocks.set(Number(height), appHash);
    wake();
  };

  async function until(what: () => boolean): Promise<void> {
    while (!what()) {
      await Promise.race([
        node.finished,
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
      ]);
    }
  }
  const height = (): number => Math.max(0, ...blocks.keys());
  async function moreBlocks(count: number): Promise<void> {
    const from = height();
    await until(() => height() >= from + count);
  }

  async function send(): Promise<void> {
    const { code } = await client.sendTokens(alice, bob, [{ denom: 'uremes', amount: '1' }], 'auto');
    expect(code).toBe(0);
  }

  beforeAll(async () => {
    const [a, b] = await Promise.all(['alice', 'bob'].map((name) => DirectSecp256k1Wallet.fromKey(sha256(utf8(`comet test ${name}`)), 'remes')));
    [alice, bob] = [(await a!.getAccounts())[0]!.address, (await b!.getAccounts())[0]!.address];
    for (const file of [home.genesisFile, home.validatorKeyFile]) mkdirSync(path.dirname(file), { recursive: true });
    mkdirSync(kills);
    process.env['R3MES_TEST_KILLS'] = kills;
    writeFileSync(home.genesisFile, JSON.stringify(genesisDocToJson(cosmjsGenesis([alice, bob], alice))));
    writeFileSync(home.validatorKeyFile, validatorKey.toFile(), { mode: 0o600 });
    writeFileSync(home.vrfKeyFile, vrfFile(taggedHash('test-vrf')), { mode: 0o600 });
    await prepareCometHome(home, 200);
    node = await CometNode.open(
      {
        settings: { home, rpcPort: 0, p2pPort: 0, detached: false },
        comet: await findComet({ given: comet, folder: home.engine, search: '' }),
        appEntry: APP,
        onBlock,
        report: (text) => {
          reports.push(text);
          wake();
        },
        onCometLine: () => undefined,
        onProcesses: (appPid, cometPid) => {
          processes = { appPid, cometPid };
        },
      },
      new AbortController().signal,
    );
    await moreBlocks(1); // before the first block CometBFT has no app hash to tell, which cosmjs insists on
    client = await SigningStargateClient.connectWithSigner(node.start.rpc, a!, { gasPrice: GasPrice.fromString('0.0025uremes'), broadcastPollIntervalMs: 100 });
  });

  afterAll(async () => {
    client?.disconnect();
    await node?.stop();
    delete process.env['R3MES_TEST_KILLS'];
    rmSync(root, { recursive: true, force: true });
  });

  it('serves an unmodified client: chain id, account, a transfer, the index', async () => {
    expect(await client.getChainId()).toBe('cosmjs-1');
    const sent = await client.sendTokens(alice, bob, [{ denom: 'uremes', amount: '7' }], 'auto', 'hello');
    expect(sent.code).toBe(0);
    expect((await client.getBalance(bob, 'uremes')).amount).toBe((BALANCE + 7n).toString());
    expect((await client.getTx(sent.transactionHash))!.height).toBe(sent.height);
    expect((await client.searchTx([{ key: 'transfer.recipient', value: bob }])).map(({ hash }) => hash)).toEqual([sent.transactionHash]);
    const status = (await rpc(node.start.rpc, 'status')) as { node_info: { version: string; network: string }; validator_info: { voting_power: string } };
    expect(status).toMatchObject({ node_info: { version: expect.stringMatching(/^0\.38\./) as string, network: 'cosmjs-1' }, validator_info: { voting_power: '10' } });
  });

  it.each(['finalized', 'committing', 'committed'])('goes on by itself after the application is killed when it has %s', async (phase) => {
    await send();
    const { appPid, cometPid } = processes;
    const seen = reports.length;
    writeFileSync(path.join(kills, `${phase}-next`), '');
    await until(() => reports.slice(seen).some((text) => text.startsWith('the application ended (SIGKILL)')));
    await moreBlocks(3);
    expect(processes.appPid).not.toBe(appPid);
    expect(processes.cometPid).not.toBe(cometPid);
    await send();
  });

  it('goes on by itself after CometBFT is killed', async () => {
    const { appPid, cometPid } = processes;
    process.kill(cometPid, 'SIGKILL');
    await until(() => reports.some((text) => text.startsWith('CometBFT ended (SIGKILL)')));
    await moreBlocks(3);
    expect(processes.appPid).toBe(appPid);
    await send();
  });

  it('has every block with the hash that it was executed to, and every coin', async () => {
    await moreBlocks(1);
    const last = height();
    for (let at = 1; at < last; at++) {
      // A block whose news was lost with the process is still in the chain.
      const seen = blocks.get(at);
      if (seen !== undefined) expect((await appHashIn(node.start.rpc, at + 1)).toLowerCase()).toBe(seen);
    }
    expect((await client.getBalance(bob, 'uremes')).amount).toBe((BALANCE + 7n + 7n).toString());
    expect((await client.getSequence(alice)).sequence).toBe(8);
  });
});
