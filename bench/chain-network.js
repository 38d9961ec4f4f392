// A network of validators on this machine, each with the real CometBFT and our application: transactions of many accounts over
// broadcast_tx_sync at a steady rate; how many are committed a second, and how long from submission to inclusion.
/* global fetch, AbortController */
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makeTestnet } from '../dist/cli/node/testnet.js';
import { BaseAccount } from '../dist/protocol/gen/cosmos/auth/v1beta1/auth.js';
import { QueryAccountRequest, QueryAccountResponse } from '../dist/protocol/gen/cosmos/auth/v1beta1/query.js';
import { makeAccounts, sendMessage, sign } from './chain/accounts.js';
import { median, quantile, rssBytesOf } from './chain/process.js';

const { values: flags } = parseArgs({
  options: {
    cometbft: { type: 'string', default: fileURLToPath(new URL('../build/engine-comet/cometbft', import.meta.url)) },
    validators: { type: 'string', default: '4' },
    accounts: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '400' }, // transactions offered a second
    seconds: { type: 'string', default: '60' },
    'block-ms': { type: 'string', default: '1000' }, // from a block's commit to the next proposal
    directory: { type: 'string', default: os.tmpdir() },
  },
});
const BIN = fileURLToPath(new URL('../bin/r3mes.js', import.meta.url));
const CHAIN_ID = 'r3mes-load';
const DENOM = 'uremes';
const FEE = { chainId: CHAIN_ID, denom: DENOM, fee: 500n, gas: 200_000n };
const BALANCE = 1_000_000_000n;
const SECONDS = Number(flags.seconds);
const RATE = Number(flags.rate);
const TICK_MS = 20;
const DRAIN_MS = 30_000;

async function rpc(url, method, params = {}) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
  const { result, error } = await response.json();
  if (result === undefined) throw new Error(`${method}: ${error?.message ?? ''} ${error?.data ?? ''}`);
  return result;
}

/** One validator: our node, which runs CometBFT and the application. */
class Validator {
  constructor({ root, rpc: address }) {
    this.url = `http://${address}`;
    const argv = ['node', 'start', '--engine', 'comet', '--cometbft', flags.cometbft, '--home', root, '--json'];
    this.child = spawn(process.execPath, [BIN, ...argv], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.ended = once(this.child, 'exit');
    this.started = new Promise((resolve, reject) => {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        const event = JSON.parse(line);
        if (event.type === 'started') resolve();
      });
      this.ended.then(([code]) => reject(new Error(`a node ended with ${code}`)));
    });
  }

  async stop() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    await this.ended;
  }
}

/** Follows the blocks of one node. @returns what stops it; its result says when each transaction was seen in a block. */
function follow(url, onTx) {
  let isRunning = true;
  const blocks = [];
  const done = (async () => {
    let height = Number((await rpc(url, 'status')).sync_info.latest_block_height);
    while (isRunning) {
      const latest = Number((await rpc(url, 'status')).sync_info.latest_block_height);
      const seenMs = performance.now();
      for (; height < latest; height++) {
        const { block } = await rpc(url, 'block', { height: String(height + 1) });
        for (const tx of block.data.txs) onTx(tx, seenMs);
        blocks.push({ atMs: seenMs, txs: block.data.txs.length });
      }
      await sleep(50);
    }
  })();
  return async () => {
    isRunning = false;
    await done;
    return blocks;
  };
}

const hashOf = (base64) => createHash('sha256').update(base64, 'base64').digest('base64');

const directory = await mkdtemp(path.join(flags.directory, 'r3mes-network-'));
const validators = [];
try {
  const accounts = makeAccounts(Number(flags.accounts), 'remes');
  const nodes = await makeTestnet({
    folder: path.join(directory, 'net'),
    chainId: CHAIN_ID,
    profile: 'network',
    validators: Number(flags.validators),
    basePort: 0,
    blockMs: Number(flags['block-ms']),
    accounts: new Map(accounts.map(({ address }) => [address, BALANCE])),
    step: () => undefined,
    signal: new AbortController().signal,
  });
  for (const node of nodes) validators.push(new Validator(node));
  await Promise.all(validators.map(({ started }) => started));
  const [{ url }] = validators;
  while (Number((await rpc(url, 'status')).sync_info.latest_block_height) < 2) await sleep(200);
  for (const account of accounts) {
    const data = Buffer.from(QueryAccountRequest.encode({ address: account.address }).finish()).toString('hex');
    const { response } = await rpc(url, 'abci_query', { path: '/cosmos.auth.v1beta1.Query/Account', data, height: '0', prove: false });
    account.number = BaseAccount.decode(QueryAccountResponse.decode(Buffer.from(response.value, 'base64')).account.value).accountNumber;
  }

  console.log(`machine  ${os.cpus()[0]?.model.trim()}, ${os.availableParallelism()} cores, load ${os.loadavg()[0].toFixed(1)}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
  console.log(`command  node bench/chain-network.js ${process.argv.slice(2).join(' ')}`);
  const submitted = new Map();
  const latencies = [];
  let committed = 0;
  let refused = 0;
  let inFlight = 0;
  const stopFollowing = follow(url, (tx, seenMs) => {
    const hash = hashOf(tx);
    if (!submitted.has(hash)) return;
    latencies.push(seenMs - submitted.get(hash));
    submitted.delete(hash);
    committed++;
  });

  // An account always asks the same node, which knows its sequence, and waits for the answer before it sends again.
  const idle = accounts.map((account, index) => ({ account, index, url: validators[index % validators.length].url }));
  const submit = async (sender) => {
    const { account, index } = sender;
    const tx = Buffer.from(sign(account, [sendMessage(account, accounts[(index + 1) % accounts.length], DENOM)], FEE)).toString('base64');
    submitted.set(hashOf(tx), performance.now());
    inFlight++;
    try {
      const { code } = await rpc(sender.url, 'broadcast_tx_sync', { tx });
      if (code !== 0) throw new Error(`code ${code}`);
    } catch {
      refused++; // the mempool is full: the next one has the same sequence
      account.sequence--;
      submitted.delete(hashOf(tx));
    }
    inFlight--;
    idle.push(sender);
  };
  const startedMs = performance.now();
  let offered = 0;
  for (let nowMs = startedMs; nowMs < startedMs + SECONDS * 1000; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startedMs) / 1000) * RATE);
    for (; offered < due && idle.length > 0; offered++) void submit(idle.shift());
    await sleep(TICK_MS);
  }
  const endedMs = performance.now();
  const inTime = committed;
  while ((submitted.size > 0 || inFlight > 0) && performance.now() < endedMs + DRAIN_MS) await sleep(100);
  const blocks = (await stopFollowing()).filter(({ atMs }) => atMs <= endedMs);
  const intervals = blocks.slice(1).map(({ atMs }, i) => atMs - blocks[i].atMs);
  const s = (ms) => (ms / 1000).toFixed(2);
  console.log(`network  ${flags.validators} validators, timeout_commit ${flags['block-ms']} ms, ${accounts.length} accounts, MsgSend, ${RATE} a second offered`);
  console.log(`offered ${offered}, refused ${refused}, committed ${inTime} in ${SECONDS} s: ${(inTime / SECONDS).toFixed(0)} a second; ${submitted.size} not within ${DRAIN_MS / 1000} s after`);
  console.log(`submission to inclusion  median ${s(median(latencies))} s, p99 ${s(quantile(latencies, 0.99))} s, max ${s(Math.max(0, ...latencies))} s`);
  console.log(`blocks  ${blocks.length}, every ${s(median(intervals))} s (longest ${s(Math.max(0, ...intervals))} s), at most ${Math.max(0, ...blocks.map(({ txs }) => txs))} transactions`);
  console.log(`RSS of the nodes' first processes  ${validators.map(({ child }) => `${(rssBytesOf(child.pid) / 1e6).toFixed(0)} MB`).join(', ')}`);
} finally {
  await Promise.all(validators.map((validator) => validator.stop()));
  await rm(directory, { recursive: true, force: true });
}
