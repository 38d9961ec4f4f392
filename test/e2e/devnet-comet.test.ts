/**
 * The devnet on four validators under CometBFT: left alone, and while one validator at a time is killed.
 * R3MES_KILLS: how often; 3 where it is not set.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { homeOf } from '../unit/cli/commands/node/home.js';
import { appHashIn, cometForTests, processesOf, rpc } from './comet-harness.js';
import { resultOf, startDevnet, withHome, type DevnetExit } from './devnet-harness.js';

const KILLS = Number(process.env['R3MES_KILLS'] ?? '3');
const VALIDATORS = 4;
const PEOPLE = ['--miners', '2', '--cheaters', '1', '--chunk-tokens', '256'];
const PROVEN = { honestSlashed: 0, cheatersSlashed: 1, balancesReconciled: true };

const comet = cometForTests();
const ARGS = ['--engine', 'comet', '--validators', String(VALIDATORS), '--cometbft', comet ?? '', ...PEOPLE];

interface Node {
  readonly pidFile: string;
  readonly url: string;
}

/** The devnet's nodes, once all of them answer. */
async function nodesOf(home: string): Promise<Node[]> {
  const files = Array.from({ length: VALIDATORS }, (_, i) => homeOf(path.join(home, 'data', 'devnet', 'nodes', `node${i}`)).pidFile);
  for (;;) {
    const found = files.map((pidFile) => ({ pidFile, url: urlIn(pidFile) }));
    if (found.every((node): node is Node => node.url !== undefined)) return found;
    await sleep(100);
  }
}

function urlIn(pidFile: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(pidFile, 'utf8')) as { info: { rpc?: string } }).info.rpc;
  } catch {
    return undefined; // not there yet, or just being written
  }
}

/** Height of the application; -1 while the node does not answer. */
async function heightOf(url: string): Promise<number> {
  try {
    const { response } = (await rpc(url, 'abci_info')) as { response: { last_block_height?: string } };
    return Number(response.last_block_height ?? '0');
  } catch {
    return -1;
  }
}

async function reach({ url }: Node, height: number): Promise<void> {
  while ((await heightOf(url)) < height) await sleep(100);
}

/** The application and CometBFT of a validator at once. */
function killBoth(pidFile: string): void {
  const { appPid, cometPid } = processesOf(pidFile);
  for (const pid of [cometPid, appPid]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it ended with the other one
    }
  }
}

/** Kills validators in turn, each at a random moment, and each time waits until it has caught up. @returns what it did, for people. */
async function killInTurn(nodes: readonly Node[], kills: number): Promise<string[]> {
  const told: string[] = [];
  for (let i = 0; i < kills; i++) {
    const victim = nodes[i % nodes.length]!;
    const witness = nodes[(i + 1) % nodes.length]!;
    const delayMs = Math.floor(Math.random() * 1500);
    await sleep(delayMs);
    killBoth(victim.pidFile);
    const height = await heightOf(witness.url);
    told.push(`node${i % nodes.length} at height ${height} after ${delayMs} ms`);
    await reach(witness, height + 2); // the others go on
    await reach(victim, height + 2); // and it comes back
  }
  return told;
}

/** The application hashes of all nodes at each height up to the lowest node's. */
async function expectOneHistory(nodes: readonly Node[]): Promise<number> {
  const top = Math.min(...(await Promise.all(nodes.map(({ url }) => heightOf(url)))));
  for (let height = 1; height <= top; height++) {
    const hashes = await Promise.all(nodes.map(({ url }) => appHashIn(url, height)));
    expect({ height, hashes: new Set(hashes).size }).toEqual({ height, hashes: 1 });
  }
  return top;
}

function expectPaid(exit: DevnetExit): void {
  const round = exit.lines.find((l) => l.type === 'round') as unknown as { miners: { name: string; reward: string | number }[] };
  expect(Object.fromEntries(round.miners.map((m) => [m.name, BigInt(m.reward) > 0n]))).toEqual({ 'miner-1': true, 'miner-2': true, 'cheater-1': false });
}

describe.skipIf(comet === undefined)(`a devnet of ${VALIDATORS} validators under CometBFT`, () => {
  it('pays the honest, slashes the cheater, and its books balance', { timeout: 900_000 }, async () => {
    await withHome(async (home) => {
      const exit = await startDevnet(home, [...ARGS, '--rounds', '1']).exit;
      expect(resultOf(exit)).toMatchObject(PROVEN);
      expectPaid(exit);
    });
  });

  it(`neither halts nor forks while validators are killed ${KILLS} times, and completes`, { timeout: 3_600_000 }, async () => {
    await withHome(async (home) => {
      // It stays up after the round until the kills are done and the histories are compared.
      const devnet = startDevnet(home, [...ARGS, '--rounds', '1', '--keep']);
      try {
        const finished = devnet.said('"type":"staying_up"');
        finished.catch(() => undefined); // thrown below, where it is waited for
        const ended = devnet.exit.then((exit): never => {
          throw new Error(`the devnet ended too early: ${exit.stderr}`);
        });
        ended.catch(() => undefined);
        const nodes = await Promise.race([ended, nodesOf(home)]);
        const told = await Promise.race([ended, killInTurn(nodes, KILLS)]);
        await finished;
        const top = await expectOneHistory(nodes);
        console.log(`killed ${told.join('; ')}; one history up to height ${top}`);
        devnet.interrupt();
        const exit = await devnet.exit;
        expect(exit.code, exit.stderr).toBe(130); // interrupted, after it had proved its numbers
        expect(exit.lines.find((l) => l.type === 'result'), told.join('; ')).toMatchObject(PROVEN);
        expectPaid(exit);
      } finally {
        devnet.kill();
        await devnet.exit;
      }
    });
  });
});
