/** Four validators under CometBFT on loopback: they agree, go on without one that is killed, and it catches up. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { GasPrice, SigningStargateClient } from '@cosmjs/stargate';
import { DirectSecp256k1Wallet } from '@cosmjs/proto-signing';
import { afterAll, describe, expect, it } from 'vitest';

import { holderOf } from '../../src/cli/files/pid-file.js';
import { resolvePaths } from '../../src/cli/config/paths.js';
import { Wallets } from '../../src/cli/wallet/wallets.js';
import { homeOf } from '../unit/cli/commands/node/home.js';
import { cometForTests, processesOf, r3mes, rpc } from './comet-harness.js';

interface TestnetNode {
  readonly name: string;
  readonly home: string;
  readonly rpc: string;
  readonly address: string;
  readonly validator: string;
}

const comet = cometForTests();
const root = mkdtempSync(path.join(tmpdir(), 'r3mes-testnet-'));

interface Header {
  readonly app_hash: string;
  readonly proposer_address: string;
}

describe.skipIf(comet === undefined)('a network of four validators', () => {
  let nodes: TestnetNode[] = [];

  const start = (node: TestnetNode) => r3mes(node.home, 'node', 'start', '--detach', '--cometbft', comet!);

  async function heightOf(url: string): Promise<number> {
    const status = (await rpc(url, 'status')) as { sync_info: { latest_block_height: string } };
    return Number(status.sync_info.latest_block_height);
  }

  async function reach(url: string, height: number): Promise<void> {
    while ((await heightOf(url)) < height) await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async function header(url: string, height: number): Promise<Header> {
    const { block } = (await rpc(url, 'block', { height: String(height) })) as { block: { header: Header } };
    return block.header;
  }

  afterAll(async () => {
    for (const { home } of nodes) {
      const { pidFile, appPidFile, cometPidFile } = homeOf(home);
      for (const file of [pidFile, appPidFile, cometPidFile]) {
        const holder = await holderOf(file);
        if (holder !== undefined) process.kill(holder.pid, 'SIGKILL');
      }
    }
    rmSync(root, { recursive: true, force: true });
  });

  it('is made in one command, and never over another', async () => {
    const argv = ['node', 'testnet', '--validators', '4', '--output', path.join(root, 'net'), '--base-port', '0', '--block-ms', '300', '--chain-id', 'four-1'];
    const ran = await r3mes(path.join(root, 'unused'), ...argv);
    expect(ran).toMatchObject({ code: 0, json: { chainId: 'four-1', folder: path.join(root, 'net') } });
    nodes = ran.json['nodes'] as TestnetNode[];
    expect(nodes.map(({ name }) => name)).toEqual(['node0', 'node1', 'node2', 'node3']);
    expect(await r3mes(path.join(root, 'unused'), ...argv)).toMatchObject({ code: 1, json: { code: 'FILE_EXISTS' } });
  });

  it('agrees: each proposes, with its own beacon, and all have the same state', { timeout: 120_000 }, async () => {
    for (const node of nodes) expect(await start(node)).toMatchObject({ code: 0, json: { chainId: 'four-1' } });
    for (const node of nodes) await reach(node.rpc, 9);
    const proposers = new Set<string>();
    for (let height = 2; height <= 9; height++) {
      const headers = await Promise.all(nodes.map((node) => header(node.rpc, height)));
      expect(new Set(headers.map(({ app_hash }) => app_hash)).size).toBe(1);
      proposers.add(headers[0]!.proposer_address.toLowerCase());
    }
    expect([...proposers].sort()).toEqual(nodes.map(({ validator }) => validator).sort());
    expect((await r3mes(nodes[1]!.home, 'node', 'status')).json).toMatchObject({ engine: 'comet', peers: 3, votingPower: '100000', catchingUp: false });
  });

  it('takes a transfer at one node and tells of it at another', async () => {
    const [first, , , last] = nodes;
    const { privateKey } = await new Wallets(resolvePaths(first!.home, {}, '/').wallets).unlock('operator', () => Promise.resolve(undefined));
    const client = await SigningStargateClient.connectWithSigner(first!.rpc, await DirectSecp256k1Wallet.fromKey(privateKey, 'remes'), { gasPrice: GasPrice.fromString('0.0025uremes') });
    const before = BigInt((await client.getBalance(last!.address, 'uremes')).amount);
    const sent = await client.sendTokens(first!.address, last!.address, [{ denom: 'uremes', amount: '5' }], 'auto');
    client.disconnect();
    expect(sent.code).toBe(0);
    await reach(last!.rpc, sent.height + 1);
    const elsewhere = await SigningStargateClient.connect(last!.rpc);
    expect(BigInt((await elsewhere.getBalance(last!.address, 'uremes')).amount)).toBe(before + 5n);
    elsewhere.disconnect();
  });

  it('goes on without a validator that is killed, which catches up', { timeout: 120_000 }, async () => {
    const [first, , victim] = nodes;
    for (const pid of Object.values(processesOf(homeOf(victim!.home).pidFile))) process.kill(pid, 'SIGKILL');
    const height = await heightOf(first!.rpc);
    await reach(first!.rpc, height + 6);
    expect(await start(victim!)).toMatchObject({ code: 0 });
    const goal = (await heightOf(first!.rpc)) + 2;
    await reach(victim!.rpc, goal);
    expect(await header(victim!.rpc, goal)).toEqual(await header(first!.rpc, goal));
    // It signs again.
    for (;;) {
      const at = await heightOf(first!.rpc);
      const { signed_header: signed } = (await rpc(first!.rpc, 'commit', { height: String(at) })) as { signed_header: { commit: { signatures: { validator_address: string }[] } } };
      if (signed.commit.signatures.some((one) => one.validator_address.toLowerCase() === victim!.validator)) break;
      await reach(first!.rpc, at + 1);
    }
  });

  it('stops', async () => {
    for (const node of nodes) expect(await r3mes(node.home, 'node', 'stop')).toMatchObject({ code: 0, json: { stopped: true, forced: false } });
  });
});
