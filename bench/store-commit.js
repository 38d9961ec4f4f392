// What it takes to commit a block to the state: new trees and app hash, then the synced write, at a million keys; beside it a
// plain classic-level batch of the same keys and values, turn about. Two kinds of blocks: records that follow one another, as
// submissions do, with the accounts that sent them; and keys spread over everything, the worst case. The plain batch is
// written by another process, so that the memory of this one is the state's alone.
import { mkdtemp, rm } from 'node:fs/promises';
import { Buffer } from 'node:buffer';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import { ClassicLevel } from 'classic-level';

import { BranchStore } from '../dist/chain/store/branch.js';
import { LevelDatabase } from '../dist/chain/store/level.js';
import { StateStore } from '../dist/chain/store/state.js';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    blocks: { type: 'string', default: '15' },
    keep: { type: 'string', default: '100' },
    directory: { type: 'string', default: os.tmpdir() },
  },
});
const KEYS = Number(flags.keys);
const BLOCKS = Number(flags.blocks);
const ACCOUNTS = 2000;
const VALUE_BYTES = 100;
const MB = 1024 * 1024;

let random = 1;
function draw(below) {
  random = (Math.imul(random, 1103515245) + 12345) >>> 0;
  return Math.floor((random / 2 ** 32) * below);
}

function keyOf(prefix, number) {
  const key = Buffer.alloc(21, prefix);
  key.writeUInt32BE(number, 17);
  return key;
}

function valueOf() {
  const value = Buffer.alloc(VALUE_BYTES);
  for (let i = 0; i < VALUE_BYTES; i += 4) value.writeUInt32LE(draw(2 ** 32), i);
  return value;
}

const kinds = {
  // Of five changes two are of the sender's account, the other three are new records.
  submissions: (count) => {
    const changes = [];
    for (let i = 0; i < count; i += 5) {
      const account = (i / 5) % ACCOUNTS;
      changes.push(['auth', keyOf(1, account)], ['bank', keyOf(2, account)]);
      for (let k = 0; k < 3; k++) changes.push(['training', keyOf(3, next++)]);
    }
    return changes;
  },
  spread: (count) => Array.from({ length: count }, () => ['training', keyOf(3, draw(KEYS))]),
};
let next = 0;

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// The other process: writes the blocks that it is sent and answers how long that took.
if (process.send !== undefined) {
  const level = new ClassicLevel(flags.directory, { keyEncoding: 'view', valueEncoding: 'view', maxOpenFiles: 64, cacheSize: 4 * MB, writeBufferSize: 2 * MB });
  await level.open();
  process.on('message', async (changes) => {
    const startedMs = performance.now();
    const batch = level.batch();
    for (const [name, key, value] of changes) batch.put(Buffer.concat([Buffer.from(name), key]), value);
    await batch.write({ sync: true });
    process.send(performance.now() - startedMs);
  });
  await once(process, 'disconnect');
  await level.close();
  process.exit();
}

const directory = await mkdtemp(path.join(flags.directory, 'r3mes-bench-'));
const store = new StateStore(await LevelDatabase.open(path.join(directory, 'state')), { keepVersions: Number(flags.keep) });
const plain = fork(process.argv[1], ['--directory', path.join(directory, 'plain')], { serialization: 'advanced' });
let height = 0n;
let peakRss = 0;

async function commit(changes) {
  const branch = store.branch();
  const stores = new Map();
  for (const [name, key, value] of changes) {
    if (!stores.has(name)) stores.set(name, new BranchStore(branch, name));
    stores.get(name).set(key, value);
  }
  const startedMs = performance.now();
  const prepared = store.prepare(++height, branch.changes());
  const hashedMs = performance.now();
  await store.commit(height, prepared);
  const endedMs = performance.now();
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
  return { hashMs: hashedMs - startedMs, totalMs: endedMs - startedMs };
}

async function commitPlain(changes) {
  plain.send(changes);
  const [ms] = await once(plain, 'message');
  return ms;
}

try {
  console.log(`machine  ${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
  console.log(`command  node ${[...process.execArgv, 'bench/store-commit.js'].join(' ')} --keys ${KEYS} --blocks ${BLOCKS} --keep ${flags.keep}`);
  const fillStartedMs = performance.now();
  for (let account = 0; account < ACCOUNTS; account += 500) {
    const numbers = Array.from({ length: 500 }, (_, i) => account + i);
    await commit(numbers.flatMap((n) => [['auth', keyOf(1, n), valueOf()], ['bank', keyOf(2, n), valueOf()]]));
  }
  while (next < KEYS) {
    const changes = Array.from({ length: Math.min(10_000, KEYS - next) }, () => ['training', keyOf(3, next++), valueOf()]);
    await commit(changes);
    await commitPlain(changes);
  }
  console.log(`filled   ${KEYS} keys of 21 B with values of ${VALUE_BYTES} B in ${((performance.now() - fillStartedMs) / 1000).toFixed(0)} s, RSS ${(process.memoryUsage.rss() / MB).toFixed(0)} MB`);
  console.log('changes  block        hash ms  commit ms  plain ms  ratio   RSS MB   (medians; commit = hash + write)');
  for (const count of [2000, 10_000]) {
    for (const [kind, make] of Object.entries(kinds)) {
      const hash = [];
      const total = [];
      const beside = [];
      for (let i = 0; i < BLOCKS; i++) {
        const changes = make(count).map(([name, key]) => [name, key, valueOf()]);
        // A block reads what it changes before it changes it, as modules do.
        for (const [name, key] of changes) new BranchStore(store.branch(), name).get(key);
        const ours = await commit(changes);
        hash.push(ours.hashMs);
        total.push(ours.totalMs);
        beside.push(await commitPlain(changes));
      }
      const cells = [hash, total, beside].map((list) => median(list).toFixed(1));
      console.log(
        `${String(count).padEnd(8)} ${kind.padEnd(12)} ${cells[0].padStart(7)} ${cells[1].padStart(10)} ${cells[2].padStart(9)} ${(median(total) / median(beside)).toFixed(1).padStart(6)} ${(process.memoryUsage.rss() / MB).toFixed(0).padStart(8)}`,
      );
    }
  }
  console.log(`peak RSS ${(peakRss / MB).toFixed(0)} MB`);
} finally {
  await store.close();
  plain.disconnect();
  await once(plain, 'exit');
  await rm(directory, { recursive: true, force: true });
}
