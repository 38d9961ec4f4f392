/** kill −9 of a node process at random moments, under load: no block is lost, nothing happens twice. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { BlockStore } from '../../src/chain/solo/block-store.js';
import { type ChainMessage, ChainClient, type SubmittedTx, signerFromPrivateKey } from '../../src/client/index.js';
import { toHex, utf8 } from '../../src/protocol/bytes.js';
import { MsgSend } from '../../src/protocol/gen/cosmos/bank/v1beta1/tx.js';
import { genesisDocToJson } from '../../src/protocol/genesis-doc.js';
import { sha256, taggedHash } from '../../src/protocol/hash.js';
import { BALANCE, cosmjsGenesis, validatorKey } from './cosmjs-harness.js';

const KILLS = 12;
/** What the application's process may take, without the store's memory maps of larger chains. */
const MAX_RSS_KIB = 100 * 1024;
const SCRIPT = path.resolve('test/e2e/cosmjs-solo-node.js');
const isBuilt = existsSync('dist/chain/solo/index.js') && existsSync('dist/chain/rpc/index.js');
if (!isBuilt) console.warn('skipped: dist/ is missing; build it with node scripts/prepare.js');

const home = mkdtempSync(path.join(tmpdir(), 'r3mes-kill-'));
let child: ChildProcess | undefined;

async function start(): Promise<{ client: ChainClient; height: bigint }> {
  child = spawn(process.execPath, ['--max-semi-space-size=1', '--max-old-space-size=64', SCRIPT, home, '15'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! });
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    child!.once('exit', (code) => reject(new Error(`the node ended with code ${code ?? 'none'}`)));
  });
  const { url, height } = JSON.parse(line) as { url: string; height: string };
  return { client: await ChainClient.connect(url), height: BigInt(height) };
}

async function kill(): Promise<void> {
  const dying = child!;
  const gone = new Promise((resolve) => dying.once('exit', resolve));
  dying.kill('SIGKILL');
  await gone;
}

afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(home, { recursive: true, force: true });
});

describe.skipIf(!isBuilt)('a node that is killed', () => {
  it('goes on with every block and every coin in place', { timeout: 180_000 }, async () => {
    const [alice, bob, miner] = await Promise.all(['alice', 'bob', 'miner'].map((name) => signerFromPrivateKey(sha256(utf8(`kill test ${name}`)))));
    writeFileSync(path.join(home, 'genesis.json'), JSON.stringify(genesisDocToJson(cosmjsGenesis([alice!.address, bob!.address], miner!.address))));
    writeFileSync(path.join(home, 'priv_validator_key.json'), validatorKey.toFile(), { mode: 0o600 });
    writeFileSync(path.join(home, 'vrf'), taggedHash('test-vrf'));
    const message: ChainMessage = {
      typeUrl: '/cosmos.bank.v1beta1.MsgSend',
      value: MsgSend.fromPartial({ fromAddress: alice!.address, toAddress: bob!.address, amount: [{ denom: 'uremes', amount: '1' }] }),
    };
    const seen = new Map<bigint, string>();
    let delivered = 0n;
    let maxRssKib = 0;
    for (let round = 0; round <= KILLS; round++) {
      const { client, height } = await start();
      // What a client was told of before the kill is still there, unchanged.
      for (const [known, hash] of seen) {
        expect(height).toBeGreaterThanOrEqual(known);
        expect(toHex((await client.header(known)).hash)).toBe(hash);
      }
      while ((await client.status()).height <= height) await new Promise((resolve) => setTimeout(resolve, 5));
      const header = await client.header();
      seen.clear();
      seen.set(header.height, toHex(header.hash));
      const sent: SubmittedTx[] = [];
      for (let i = 0; i < 5; i++) sent.push(await client.submit(alice!, [message], { gas: 150_000n }));
      if (round < KILLS) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
        const status = readFileSync(`/proc/${child!.pid!}/status`, 'utf8');
        maxRssKib = Math.max(maxRssKib, Number(/VmHWM:\s+([0-9]+)/.exec(status)![1]));
        await kill();
        continue;
      }
      for (const tx of sent) expect((await client.wait(tx)).code).toBe(0);
      delivered = (await client.queries.balance(bob!.address)) - BALANCE;
      expect((await client.queries.account(alice!.address))!.sequence).toBe(delivered);
      await kill();
    }
    expect(delivered).toBeGreaterThanOrEqual(5n);
    console.log(`killed ${KILLS} times, ${delivered} transfers, peak RSS of the node ${(maxRssKib / 1024).toFixed(1)} MiB`);
    expect(maxRssKib).toBeLessThan(MAX_RSS_KIB);

    const store = await BlockStore.open(path.join(home, 'blocks'));
    const included = new Set<string>();
    let transfers = 0n;
    for (let height = 1n; height <= store.height; height++) {
      const block = store.block(height)!;
      if (height > 1n) {
        expect(block.header!.lastBlockId).toEqual(store.meta(height - 1n)!.blockId);
        expect(block.header!.appHash).toEqual(store.results(height - 1n)!.appHash);
      }
      for (const [index, tx] of block.data!.txs.entries()) {
        const hash = toHex(sha256(tx));
        expect(included.has(hash)).toBe(false);
        included.add(hash);
        const result = store.results(height)?.txResults[index];
        if (result?.events.some((event) => event.attributes.some(({ key, value }) => key === 'amount' && value === '1uremes')) === true) transfers++;
      }
    }
    await store.close();
    // The very last block may be stored but not executed; its transfers, if any, are beyond what was counted.
    expect(transfers).toBeGreaterThanOrEqual(delivered);
  });
});
