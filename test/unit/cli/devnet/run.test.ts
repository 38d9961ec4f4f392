import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { nodeDevnet, type DevnetArgs } from '../../../../src/cli/commands/node/devnet.js';
import { nodeNoun } from '../../../../src/cli/commands/node/index.js';
import type { Noun } from '../../../../src/cli/frame/command.js';
import { run as runCommand } from '../../../../src/cli/main.js';
import { readAdapter, readAdapterConfig, readConfig } from '../../../../src/train/index.js';
import { NANO, ROOT } from '../../train/helpers.js';
import { fakeIo, runCli, temporaryFolder, type Ran } from '../harness.js';

/** Roles are processes, and processes run JavaScript: the built one. Everything else here is the sources. */
const WORKER = path.join(ROOT, 'dist', 'cli', 'devnet', 'worker.js');
const built = existsSync(WORKER);
if (!built) console.log('the devnet is not run: its roles are not built (npm run build)');

const devnet = nodeNoun.commands.find((c) => c.name === 'devnet')!;
const NOUNS: readonly Noun[] = [
  { ...nodeNoun, commands: [{ ...devnet, run: (ctx, values) => nodeDevnet(ctx, values as unknown as DevnetArgs, { workerFile: WORKER }) }] },
];

async function until<T>(seen: () => T | undefined): Promise<T> {
  for (;;) {
    const value = seen();
    if (value !== undefined) return value;
    await setTimeout(50);
  }
}

let home: string;
const FLAGS = ['--rounds', '1', '--chunk-tokens', '256', '--miners', '2', '--cheaters', '1', '--seed', 'unit'];
const run = (...more: string[]): Promise<Ran> => runCli(['node', 'devnet', ...more, '--home', home, '--json'], { nouns: NOUNS });
const inHome = (...parts: string[]): string => path.join(home, 'data', 'devnet', ...parts);
const read = (...parts: string[]): Uint8Array => new Uint8Array(readFileSync(inHome(...parts)));

describe.skipIf(!built)('a devnet in this process', () => {
  let ran: Ran;
  beforeAll(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'r3mes-devnet-unit-'));
    ran = await run(...FLAGS);
  }, 240_000);
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  const of = (type: string) => ran.lines.filter((l) => l['type'] === type);

  it('plays its round and proves its numbers', () => {
    expect(ran.stderr).toBe('');
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ type: 'result', honestSlashed: 0, cheatersSlashed: 1, balancesReconciled: true });
    const result = ran.json as Record<string, number> & { adapterCid: string; appHash: string };
    expect(result['heldOutLossAfter']).not.toBe(result['heldOutLossBefore']);
    expect(result['tokensTrained']).toBeGreaterThanOrEqual(2 * 256);
    expect(result['bytesFullModel']).toBeGreaterThan(result['bytesMoved']!);
    expect(result.appHash).toMatch(/^[0-9a-f]{64}$/);
    expect(of('block').at(-1)).toMatchObject({ height: String(result['height']), appHash: result.appHash });
  });

  it('tells every step by the names of its accounts', () => {
    for (const type of ['devnet', 'window_opened', 'gradient', 'attestation', 'reveal', 'report', 'gradients_included', 'aggregation_accepted', 'case_opened', 'case_decided', 'case_closed', 'slash', 'window_settled']) {
      expect([type, of(type).length > 0]).toEqual([type, true]);
    }
    expect(of('tx_failed')).toEqual([]);
    const [round] = of('round') as unknown as [{ miners: { name: string; slashed: number | string; verdict?: string }[]; submitted: number }];
    expect(round.miners.map((m) => m.name).sort()).toEqual(['cheater-1', 'miner-1', 'miner-2']);
    expect(round.miners.filter((m) => String(m.slashed) !== '0').map((m) => [m.name, m.verdict])).toEqual([['cheater-1', 'invalid']]);
    expect(round.submitted).toBe(3);
  });

  it('leaves the trained adapter in PEFT form, a finished run, and secrets for nobody else', () => {
    const lora = readAdapterConfig(read('adapter', 'adapter_config.json'));
    const config = readConfig(new Uint8Array(readFileSync(path.join(NANO, 'config.json'))));
    const adapter = readAdapter(read('adapter', 'adapter_model.safetensors'), config, lora);
    expect(adapter.values.some((x) => x !== 0)).toBe(true);
    expect(JSON.parse(readFileSync(inHome('devnet.json'), 'utf8'))).toMatchObject({ version: 1, finished: true, settings: { rounds: 1, miners: 2, cheaters: 1, seed: 'unit' } });
    for (const secret of ['keys.json', path.join('chain', 'priv_validator_key.json')]) expect(statSync(inHome(secret)).mode & 0o777).toBe(0o600);
  });

  const edit = (change: (run: Record<string, unknown>) => void): void => {
    const state = JSON.parse(readFileSync(inHome('devnet.json'), 'utf8')) as Record<string, unknown>;
    change(state);
    writeFileSync(inHome('devnet.json'), JSON.stringify(state));
  };

  it('that was killed behind its last round goes on there, proves the same numbers, and stays up for clients if asked', async () => {
    edit((state) => (state['finished'] = false));
    const fake = fakeIo();
    const code = runCommand(['node', 'devnet', ...FLAGS, '--keep', '--home', home], fake.io, {}, NOUNS);
    const url = await until(() => /staying up for clients at (http:\S+) /.exec(fake.stderr())?.[1]);
    const status = (await (await fetch(`${url}/status`)).json()) as { result: { sync_info: { latest_block_height: string } } };
    expect(Number(status.result.sync_info.latest_block_height)).toBeGreaterThanOrEqual(Number(ran.json['height']));
    fake.signal('SIGINT');
    expect(await code).toBe(130);
    const { adapterCid, height, appHash, bytesMoved, heldOutLossBefore, heldOutLossAfter } = ran.json as Record<string, string> & Record<'heldOutLossBefore' | 'heldOutLossAfter', number>;
    for (const part of [adapterCid, `height ${height},`, appHash!.slice(0, 14), `bytes moved    ${bytesMoved},`, `${heldOutLossBefore.toFixed(4)} → ${heldOutLossAfter.toFixed(4)} nats`]) expect(fake.stdout()).toContain(part);
    await expect(fetch(`${url}/status`)).rejects.toThrow();
    expect(fake.stderr()).toContain('going on with the unfinished run in ');
    // Told before, and not once more.
    expect(fake.stderr()).not.toContain(': gradient ');
    expect(JSON.parse(readFileSync(inHome('devnet.json'), 'utf8'))).toMatchObject({ finished: true });
  });

  it('that is not finished is not given up for other settings unless that was said', async () => {
    edit((state) => (state['finished'] = false));
    const other = await run('--rounds', '2', '--seed', 'unit');
    expect(other.code).not.toBe(0);
    expect(other.json).toMatchObject({ type: 'error', code: 'CONFIRMATION_NEEDED' });
    expect(JSON.parse(readFileSync(inHome('devnet.json'), 'utf8'))).toMatchObject({ finished: false, settings: { rounds: 1 } });
  });

  it('whose marker is damaged says so', async () => {
    writeFileSync(inHome('devnet.json'), '{');
    expect(await run(...FLAGS)).toMatchObject({ code: 2, json: { type: 'error', code: 'CONFIG_INVALID', message: expect.stringMatching(/devnet\.json is damaged/) as string } });
  });

  it('with too little text for its miners is refused, and no run is left', async () => {
    writeFileSync(path.join(home, 'short.txt'), 'A text of one line.\n'.repeat(40));
    const folder = temporaryFolder();
    const refused = await runCli(['node', 'devnet', '--data', path.join(home, 'short.txt'), '--miners', '50', '--chunk-tokens', '256', '--home', folder, '--json'], { nouns: NOUNS });
    expect(refused.code).toBe(1);
    expect(refused.json).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
    expect(existsSync(path.join(folder, 'data', 'devnet', 'devnet.json'))).toBe(false);
  });

  it.each([
    [['--validators', '4'], /--validators is 4, expected 1: several validators need --engine comet/],
    [['--engine', 'comet', '--seed', 'unit'], /--seed needs --engine solo/],
  ])('with %j is refused: they do not go together', async (flags, message) => {
    expect(await run(...flags)).toMatchObject({ code: 2, json: { type: 'error', code: 'USAGE', message: expect.stringMatching(message) as string } });
  });

  it('on a CometBFT that is not there is refused before anything is made', async () => {
    const folder = temporaryFolder();
    const refused = await runCli(['node', 'devnet', '--engine', 'comet', '--cometbft', 'no-such-binary', '--home', folder, '--json'], { nouns: NOUNS });
    expect(refused.json).toMatchObject({ type: 'error', code: 'COMET_MISSING' });
    expect(existsSync(path.join(folder, 'data', 'devnet', 'devnet.json'))).toBe(false);
  });

  it('of chunks that are no whole sequences is refused before anything is made', async () => {
    expect(await run('--chunk-tokens', '300')).toMatchObject({ code: 2, json: { type: 'error', message: expect.stringMatching(/--chunk-tokens is 300/) as string } });
  });
});
