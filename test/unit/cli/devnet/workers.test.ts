import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { beforeEach, describe, expect, it } from 'vitest';

import { devnetRoles, makeKeys } from '../../../../src/cli/devnet/keys.js';
import { devnetHome } from '../../../../src/cli/devnet/settings.js';
import type { WorkerStart } from '../../../../src/cli/devnet/worker-protocol.js';
import { Workers } from '../../../../src/cli/devnet/workers.js';
import type { R3mesError } from '../../../../src/protocol/errors.js';
import type { RoleEvent } from '../../../../src/roles/role.js';
import { temporaryFolder } from '../harness.js';

const KEYS = makeKeys({ rounds: 1, miners: 1, cheaters: 3, proposers: 2, verifiers: 1, chunkTokens: 256, seed: 's' });
const ROLES = devnetRoles(KEYS);
const MINER = ROLES[0]!;

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

interface Running {
  readonly workers: Workers;
  readonly events: [string, RoleEvent][];
  readonly failures: R3mesError[];
}

/** Workers whose processes run `script`; `start` is there what they are told. */
function running(script: string): Running {
  const workerFile = path.join(folder, 'worker.mjs');
  writeFileSync(workerFile, `process.on('disconnect', () => process.exit(0));\nprocess.on('message', (start) => { ${script} });\n`);
  const events: [string, RoleEvent][] = [];
  const failures: R3mesError[] = [];
  const workers = new Workers({
    home: devnetHome(folder),
    chain: { url: 'http://127.0.0.1:1', otherUrls: [], isPaced: true },
    lastWindow: 3n,
    onEvent: (role, event) => void events.push([role, event]),
    onFailure: (error) => void failures.push(error),
    workerFile,
  });
  return { workers, events, failures };
}
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(20);
}
const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // no process of this id
  }
};

describe('the processes of a devnet', () => {
  it('are told who they are, in the order of their roles; odd cheaters send noise, even ones copy', async () => {
    const { workers, events, failures } = running("process.send({ type: 'event', event: { type: 'told', start: JSON.stringify(start, (k, v) => (typeof v === 'bigint' ? `${v}` : v instanceof Uint8Array ? v.length : v)) } });");
    for (const role of ROLES) workers.start(role);
    await until(() => events.length === ROLES.length);
    await workers.stop();
    expect(failures).toEqual([]);
    const told = new Map(events.map(([role, event]) => [role, JSON.parse(String(event['start'])) as WorkerStart]));
    const account = (name: string, part: string, cheat?: string) => ({ name, part, privateKey: 32, ...(cheat === undefined ? {} : { cheat }) });
    expect(told.get('miner-1')).toEqual({ type: 'start', role: 'miner-1', nodeUrl: 'http://127.0.0.1:1', otherUrls: [], isPaced: true, content: path.join(folder, 'content'), trafficFile: path.join(folder, 'traffic', 'miner-1'), accounts: [account('miner-1', 'miner')], lastWindow: '3' });
    expect(told.get('cheater-1')?.accounts).toEqual([account('cheater-1', 'miner', 'noise')]);
    expect(told.get('cheater-2')?.accounts).toEqual([account('cheater-2', 'miner', 'copy')]);
    expect(told.get('cheater-3')?.accounts).toEqual([account('cheater-3', 'miner', 'noise')]);
    expect(told.get('proposers')?.accounts).toEqual([account('proposer-1', 'proposer'), account('proposer-2', 'proposer')]);
    expect(told.get('verifiers')?.accounts).toEqual([account('verifier-1', 'verifier')]);
  });

  it('are started again when they die, three times; then the run fails with the way they ended', async () => {
    const { workers, events, failures } = running('process.exit(9);');
    workers.start(MINER);
    await until(() => failures.length > 0);
    await workers.stop();
    expect(events).toEqual(new Array(3).fill(['miner-1', { type: 'restarted', role: 'miner-1', because: 'exit code 9' }]));
    expect(failures).toMatchObject([{ code: 'ROLE_FAILED', message: 'role miner-1 ended 4 times, last by exit code 9' }]);
  });

  it('that were killed go on as another process', async () => {
    const { workers, events, failures } = running("process.send({ type: 'event', event: { type: 'pid', pid: process.pid } });");
    workers.start(MINER);
    await until(() => events.length === 1);
    process.kill(Number(events[0]![1]['pid']), 'SIGKILL');
    await until(() => events.length === 3);
    await workers.stop();
    expect(events[1]).toEqual(['miner-1', { type: 'restarted', role: 'miner-1', because: 'SIGKILL' }]);
    expect(events[2]![1]['pid']).not.toBe(events[0]![1]['pid']);
    expect(failures).toEqual([]);
  });

  it('that cannot go on say why', async () => {
    const { workers, failures } = running("process.send({ type: 'fatal', code: 'UNKNOWN_MODEL', message: 'the chain has no model 1' }, () => process.exit(1));");
    workers.start(MINER);
    await until(() => failures.length > 0);
    await workers.stop();
    expect(failures).toMatchObject([{ code: 'UNKNOWN_MODEL', message: 'role miner-1 stopped: the chain has no model 1' }]);
  });

  it('end with their channel when all is over, and no later death starts them again', async () => {
    const { workers, events, failures } = running(`import('node:fs').then((fs) => { process.once('exit', (code) => fs.writeFileSync(${JSON.stringify(path.join(folder, 'ended'))}, String(code))); process.send({ type: 'event', event: { type: 'pid', pid: process.pid } }); });`);
    workers.start(MINER);
    await until(() => events.length === 1);
    const pid = Number(events[0]![1]['pid']);
    await workers.stop();
    await workers.stop();
    expect(readFileSync(path.join(folder, 'ended'), 'utf8')).toBe('0');
    expect({ isThere: isThere(pid), events: events.length, failures }).toEqual({ isThere: false, events: 1, failures: [] });
  });

  it('are ended by force where they do not end by themselves', async () => {
    const { workers, events } = running("process.removeAllListeners('disconnect'); setInterval(() => undefined, 1000); process.send({ type: 'event', event: { type: 'pid', pid: process.pid } });");
    workers.start(MINER);
    await until(() => events.length === 1);
    await workers.stop();
    expect(isThere(Number(events[0]![1]['pid']))).toBe(false);
  });
});
