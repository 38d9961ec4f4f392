// A Cosmos SDK simapp (bench/simapp.md) behind its ABCI socket, without CometBFT, on a chain of the same accounts.
import { execFileSync, spawn } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { DEFAULT_CONSENSUS_PARAMS } from '../../dist/protocol/genesis-doc.js';
import { AbciClient } from './abci.js';
import { makeAccounts, sendMessage, sign } from './accounts.js';
import { Subject } from './subject.js';

const CHAIN_ID = 'simapp-bench';
const DENOM = 'stake';
const FEE = { chainId: CHAIN_ID, denom: DENOM, fee: 1000n, gas: 200_000n };
const BALANCE = '20000000000';
const GENESIS_SECONDS = 1_700_000_000n;
const DIAL_TRIES = 100;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The validator's own account is number 0; ours come behind it. */
function makeGenesis(simd, home, accounts) {
  const run = (...argv) => execFileSync(simd, [...argv, '--home', home], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const keyring = ['--keyring-backend', 'test'];
  run('init', 'bench', '--chain-id', CHAIN_ID);
  run('keys', 'add', 'validator', ...keyring);
  run('genesis', 'add-genesis-account', run('keys', 'show', 'validator', '-a', ...keyring), '1000000000000stake');
  run('genesis', 'gentx', 'validator', '1000000000stake', '--chain-id', CHAIN_ID, ...keyring);
  run('genesis', 'collect-gentxs');
  const file = path.join(home, 'config', 'genesis.json');
  const genesis = JSON.parse(readFileSync(file, 'utf8'));
  const { auth, bank } = genesis.app_state;
  accounts.forEach((account, index) => {
    account.number = BigInt(index + 1);
    auth.accounts.push({ '@type': '/cosmos.auth.v1beta1.BaseAccount', address: account.address, pub_key: null, account_number: String(index + 1), sequence: '0' });
    bank.balances.push({ address: account.address, coins: [{ denom: DENOM, amount: BALANCE }] });
  });
  bank.supply[0].amount = bank.balances.reduce((sum, { coins }) => sum + BigInt(coins[0].amount), 0n).toString();
  writeFileSync(file, JSON.stringify(genesis));
  const key = JSON.parse(readFileSync(path.join(home, 'config', 'priv_validator_key.json'), 'utf8'));
  return { appState: genesis.app_state, proposer: new Uint8Array(Buffer.from(key.address, 'hex')) };
}

async function dial(address) {
  for (let tries = 0; ; tries++) {
    try {
      return await AbciClient.open(address);
    } catch (error) {
      if (tries >= DIAL_TRIES) throw error;
      await sleep(200);
    }
  }
}

export class SimApp extends Subject {
  #child;

  static async start(home, count, simd) {
    const accounts = makeAccounts(count, 'cosmos');
    const { appState, proposer } = makeGenesis(simd, home, accounts);
    const address = `tcp://127.0.0.1:${await freePort()}`;
    const argv = ['start', '--home', home, '--with-comet=false', '--transport', 'socket', '--address', address, '--minimum-gas-prices', '0stake', '--grpc.enable=false', '--log_level', 'error'];
    const child = spawn(simd, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`simapp ended with ${code}`);
    });
    ended.catch(() => undefined);
    const client = await Promise.race([dial(address), ended]);
    const app = new SimApp({ name: 'simapp', client, pid: child.pid, folder: path.join(home, 'data'), proposer, accounts, firstSeconds: GENESIS_SECONDS });
    app.#child = child;
    await client.ask('initChain', {
      time: { seconds: GENESIS_SECONDS, nanos: 0 },
      chainId: CHAIN_ID,
      consensusParams: DEFAULT_CONSENSUS_PARAMS,
      validators: [],
      appStateBytes: Buffer.from(JSON.stringify(appState)),
      initialHeight: 1n,
    });
    await app.block([]);
    return app;
  }

  send(index) {
    const from = this.accounts[index];
    return sign(from, [sendMessage(from, this.accounts[(index + 1) % this.accounts.length], DENOM)], FEE);
  }

  async stop() {
    this.client.close();
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
