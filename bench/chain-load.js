// What a full block takes: submissions of 2,000 miners (and more) through the application's ABCI socket, as CometBFT drives it; and,
// with --simd, bank sends through ours and through a Cosmos SDK simapp, turn about (bench/simapp.md says how to build one).
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { median, quantile, rssBytesOf } from './chain/process.js';
import { R3mesApp } from './chain/r3mes-app.js';
import { SimApp } from './chain/simapp.js';

const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '2000' }, // transactions a block, and miners
    blocks: { type: 'string', default: '10' }, // full blocks of each kind
    unseen: { type: 'boolean', default: false }, // blocks whose transactions were not checked before, as in a replay
    simd: { type: 'string' },
    'node-arg': { type: 'string', multiple: true, default: [] }, // V8 flags for the application's process
    directory: { type: 'string', default: os.tmpdir() },
  },
});
const COUNT = Number(flags.count);
const BLOCKS = Number(flags.blocks);
const MB = 1_000_000;
const ms = (value, digits = 0) => value.toFixed(digits).padStart(8);
const range = (list, digits = 0) => `${ms(Math.min(...list), digits)} ${ms(median(list), digits)} ${ms(Math.max(...list), digits)}`;

/** What is measured: full blocks of one kind of transaction through one application. */
class Series {
  constructor(name, subject, make, before = async () => undefined) {
    Object.assign(this, { name, subject, make, before, bytes: 0, txBytes: 0 });
    this.times = { check: [], finalize: [], cpu: [], commit: [], prepare: [], process: [] };
    this.rss = [];
  }

  async block() {
    const { subject, times } = this;
    await this.before();
    const txs = Array.from({ length: COUNT }, (_, index) => this.make(index));
    if (!flags.unseen) times.check.push(...(await subject.check(txs)));
    const bytesBefore = subject.databaseBytes;
    const took = await subject.block(txs);
    for (const name of ['finalize', 'cpu', 'commit', 'prepare', 'process']) times[name].push(took[`${name}Ms`]);
    this.bytes += subject.databaseBytes - bytesBefore;
    this.rss.push(rssBytesOf(subject.pid));
    this.txBytes = txs[0].length;
  }
}

function print({ name, times, rss, bytes, txBytes }) {
  console.log(`\n${name}: ${BLOCKS} blocks of ${COUNT} transactions of ${txBytes} B${flags.unseen ? ', none of them checked before' : ''}`);
  console.log('                          min   median      max   (ms)');
  console.log(`  FinalizeBlock      ${range(times.finalize)}`);
  console.log(`    processor time   ${range(times.cpu)}`);
  console.log(`  Commit             ${range(times.commit)}`);
  console.log(`  PrepareProposal    ${range(times.prepare)}`);
  console.log(`  ProcessProposal    ${range(times.process)}`);
  if (times.check.length > 0) console.log(`  CheckTx            ${range(times.check, 3)}   p99 ${quantile(times.check, 0.99).toFixed(3)}`);
  const highest = [0, 1, 2, 3].map((quarter) => Math.max(0, ...rss.slice(Math.floor((quarter * BLOCKS) / 4), Math.ceil(((quarter + 1) * BLOCKS) / 4))));
  console.log(`  RSS (MB)           ${highest.map((value) => (value / MB).toFixed(0)).join(', ')}   highest in each quarter of the run`);
  console.log(`  database           ${(bytes / (BLOCKS * COUNT)).toFixed(0)} B a transaction`);
}

const directory = await mkdtemp(path.join(flags.directory, 'r3mes-load-'));
let app;
let simapp;
try {
  app = await R3mesApp.start(path.join(directory, 'r3mes'), COUNT, flags['node-arg']);
  if (flags.simd !== undefined) simapp = await SimApp.start(path.join(directory, 'simapp'), COUNT, flags.simd);
  console.log(`machine  ${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores, load ${os.loadavg()[0].toFixed(1)}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
  console.log(`command  node bench/chain-load.js ${process.argv.slice(2).join(' ')}`);
  console.log(`flags    ${app.flags.join(' ')} (the application's process, as a node starts it)`);

  const between = [];
  const submissions = new Series('r3mes, MsgSubmitGradient', app, (index) => app.submission(index), async () => between.push(...(await app.untilCollecting())));
  const sends = new Series('r3mes, MsgSend', app, (index) => app.send(index));
  const theirs = simapp === undefined ? undefined : new Series('Cosmos SDK simapp, MsgSend', simapp, (index) => simapp.send(index));
  for (let i = 0; i < BLOCKS; i++) {
    await submissions.block();
    await sends.block();
    await theirs?.block();
  }
  print(submissions);
  if (between.length > 0) console.log(`  between them       ${range(between)}   ${between.length} blocks without transactions, which end a window or begin one for ${COUNT} miners`);
  print(sends);
  if (theirs !== undefined) {
    print(theirs);
    console.log('\nsimapp / r3mes, medians');
    const ratio = (theirList, ourList) => (ourList.length === 0 ? '   –' : `${(median(theirList) / median(ourList)).toFixed(2)} ×`);
    const row = (name, of) => console.log(`  ${name.padEnd(14)} sends ${ratio(of(theirs), of(sends))}   submissions ${ratio(of(theirs), of(submissions))}`);
    for (const name of ['finalize', 'cpu', 'commit', 'check']) row(name, ({ times }) => times[name]);
    row('rss', ({ rss }) => rss);
    row('database', ({ bytes }) => [bytes]);
  }
} finally {
  await app?.stop();
  await simapp?.stop();
  await rm(directory, { recursive: true, force: true });
}
