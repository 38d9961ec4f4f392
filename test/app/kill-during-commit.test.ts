/** kill −9 at any moment: what was committed stays, what was not is gone as a whole, and the chain goes on as it would have. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ChildScripts, exitOf } from '../unit/storage/child.js';

const KEYS = 300;

/** Executes blocks of a module that rewrites all of its keys in each, until it is killed or has reached a height. */
const SCRIPT = `
import { createHash } from 'node:crypto';
import { createApp } from './chain/app/app.js';
import { createBase } from './chain/app/base.js';
import { LevelDatabase } from './chain/store/level.js';
import { MemoryDatabase } from './chain/store/memory.js';

const [directory, lastText] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
const keyOf = (i) => Uint8Array.of(i >> 8, i & 255);
const valueOf = (height, i) => {
  const seed = createHash('sha512').update(height + '/' + i).digest();
  return new Uint8Array(Buffer.concat(Array(32).fill(seed)));
};
const load = {
  name: 'load',
  messages: [],
  initGenesis: () => undefined,
  endBlock: (ctx) => {
    for (let i = 0; i < ${KEYS}; i++) ctx.store('load').set(keyOf(i), valueOf(ctx.block.height, i));
  },
  queries: [{
    path: '/test/Whole',
    handle: (ctx) => {
      for (let i = 0; i < ${KEYS}; i++) {
        const value = ctx.reader('load').get(keyOf(i));
        if (value === undefined || Buffer.compare(value, valueOf(ctx.block.height, i)) !== 0) return Uint8Array.of(0);
      }
      return Uint8Array.of(1);
    },
  }],
};

const database = directory === 'memory' ? new MemoryDatabase() : await LevelDatabase.open(directory);
const app = createApp({ database, base: createBase([]), modules: [load], report: (text, cause) => { throw cause ?? new Error(text); } });
const info = await app.info({});
let height = info.lastBlockHeight;
let whole = true;
if (height === 0n) {
  const appStateBytes = Buffer.from('{}');
  await app.initChain({ chainId: 'kill', time: { seconds: 1n, nanos: 0 }, consensusParams: undefined, validators: [], initialHeight: 1n, appStateBytes });
} else {
  whole = (await app.query({ path: '/test/Whole', data: new Uint8Array(), height: 0n, prove: false })).value[0] === 1;
}
say({ started: Number(height), appHash: Buffer.from(info.lastBlockAppHash).toString('hex'), whole });
while (height < BigInt(lastText)) {
  height++;
  const { appHash } = await app.finalizeBlock({ txs: [], misbehavior: [], height, time: { seconds: 1n + height, nanos: 0 }, proposerAddress: new Uint8Array(20) });
  await app.commit();
  say({ committed: Number(height), appHash: Buffer.from(appHash).toString('hex') });
}
await database.close();
`;

interface Line {
  readonly started?: number;
  readonly committed?: number;
  readonly appHash: string;
  readonly whole?: boolean;
}

let scripts: ChildScripts;
let directory: string;

beforeAll(async () => {
  const generated = await readdir('src/protocol/gen', { recursive: true, withFileTypes: true });
  const folders = new Set(generated.filter((entry) => entry.name.endsWith('.ts')).map((entry) => path.relative('src', entry.parentPath)));
  scripts = await ChildScripts.compile('protocol', ...folders, 'chain', 'chain/app', 'chain/store', 'chain/store/tree', 'chain/store/snapshot', 'chain/modules', 'chain/modules/auth', 'chain/modules/bank');
  directory = await mkdtemp(path.join(tmpdir(), 'r3mes-kill-'));
});
afterAll(async () => {
  await scripts.remove();
  await rm(directory, { recursive: true, force: true });
});

describe('a node that is killed', () => {
  it('loses no committed block, keeps no half one, and goes on with the same app hashes', async () => {
    const lines = (output: string): Line[] => output.split('\n').filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Line);

    const seen = new Map<number, string>();
    let acknowledged = 0;
    for (let kill = 0; kill < 10; kill++) {
      const child = await scripts.start('chain', SCRIPT, [directory, '1000000']);
      let output = '';
      let begun: () => void = () => undefined;
      const running = new Promise<void>((done) => (begun = done));
      child.stdout?.on('data', (part: Buffer) => {
        output += part.toString();
        if (lines(output).length > 2) begun();
      });
      await running;
      // At least two blocks were made; then any moment of the next few.
      await new Promise((done) => setTimeout(done, (kill * 37) % 50));
      child.kill('SIGKILL');
      await exitOf(child);

      const [first, ...committed] = lines(output);
      expect(first?.whole).toBe(true);
      // The last acknowledgement may have been on its way out when the kill came.
      expect([acknowledged, acknowledged + 1]).toContain(first?.started);
      if (first?.started !== undefined && first.started > 0) {
        const known = seen.get(first.started);
        if (known !== undefined) expect(first.appHash).toBe(known);
        seen.set(first.started, first.appHash);
      }
      acknowledged = first?.started ?? 0;
      for (const line of committed) {
        expect(line.committed).toBe(acknowledged + 1);
        acknowledged++;
        seen.set(acknowledged, line.appHash);
      }
    }
    expect(acknowledged).toBeGreaterThanOrEqual(20);

    const undisturbed = lines(await scripts.run('undisturbed', SCRIPT, ['memory', `${acknowledged}`]));
    for (const { committed, appHash } of undisturbed) {
      if (committed !== undefined && seen.has(committed)) expect(appHash).toBe(seen.get(committed));
    }
  });
});
