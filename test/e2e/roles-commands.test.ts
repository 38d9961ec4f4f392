/** The commands of miners, proposers and verifiers on a live chain with a real model: from the first job to the books. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { aggregateNoun } from '../../src/cli/commands/aggregate/index.js';
import { challengeNoun } from '../../src/cli/commands/challenge/index.js';
import { mineNoun } from '../../src/cli/commands/mine/index.js';
import { ChainClient, signerFromPrivateKey } from '../../src/client/index.js';
import { cheatingProducer } from '../../src/cli/devnet/cheat.js';
import { CasePhase, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { taggedHash } from '../../src/protocol/hash.js';
import { Assets } from '../../src/roles/assets.js';
import { chainView, createSender } from '../../src/roles/chain-view.js';
import { createMiner } from '../../src/roles/miner.js';
import { runRoles } from '../../src/roles/runner.js';
import { Work } from '../../src/roles/work.js';
import { openLocalStore } from '../../src/storage/index.js';
import { expectDeclaredKeys } from '../unit/cli/commands/golden.js';
import { RolesNet, type Started } from './roles-harness.js';

const VERIFIERS = [1, 2, 3, 4, 5].map((i) => `verifier-${i}`);
const LIMIT_MS = 240_000;

let net: RolesNet;
let client: ChainClient;
const roles = new Map<string, Started>();
const stopCheating = new AbortController();
let cheating: Promise<void>;

async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = Date.now() + LIMIT_MS / 2;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what} (height ${net.height})`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Submits noise in window 1. Nothing of ours offers that, so it does not come from a command. */
async function cheat(): Promise<void> {
  const { privateKey } = net.accounts['cheater']!;
  const chain = chainView(client);
  const store = await openLocalStore(path.join(net.home, 'data', 'content'));
  const work = new Work(chain, new Assets(chain, { inputs: store, artifacts: store }, { threads: 1 }));
  const sender = createSender(client, await signerFromPrivateKey(privateKey), taggedHash('salt-seed', privateKey));
  const emit = (): void => undefined;
  const device = { backend: 'cpu', name: 'test', architecture: '', driver: '' };
  const role = createMiner({ chain, sender, work, emit }, { device, lastWindow: 1n, produce: cheatingProducer('noise', chain, work) });
  await runRoles([role], client.blocks(stopCheating.signal), { emit });
  await store.close();
}

const gradientOf = (name: string) => until(`the gradient of ${name}`, async () => (await client.queries.gradients(1n)).find((g) => g.miner === net.accounts[name]!.address));

beforeAll(async () => {
  net = await RolesNet.start();
  await until('the first block', () => (net.height > 0n ? true : undefined));
  client = await ChainClient.connect(net.url);
  roles.set('miner', net.cli('miner', ['mine', 'start']));
  roles.set('proposer', net.cli('proposer', ['aggregate', 'start']));
  for (const name of VERIFIERS) roles.set(name, net.cli(name, ['challenge', 'start']));
  cheating = cheat();
}, LIMIT_MS);

afterAll(async () => {
  stopCheating.abort();
  for (const started of roles.values()) started.fake.signal('SIGINT');
  await Promise.all([...roles.values()].map((r) => r.ended));
  await cheating;
  await net.close();
}, LIMIT_MS);

describe('a window played by commands', () => {
  it('tells equal from different, takes a dispute with a bond, and an answer to it', { timeout: LIMIT_MS }, async () => {
    const [honest, wrong] = [await gradientOf('miner'), await gradientOf('cheater')];
    const unconfirmed = await net.ran('outsider', ['challenge', 'open', `gradient/${wrong.id}`]);
    expect(unconfirmed).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    const opened = await net.ran('outsider', ['challenge', 'open', `gradient/${wrong.id}`, '--yes']);
    expectDeclaredKeys(challengeNoun, 'open', opened.json);
    expect(opened).toMatchObject({ code: 0, json: { code: 0, bond: '100000000', subject: 'gradient', caseId: '1' } });

    const nothing = await net.ran('outsider', ['challenge', 'open', `gradient/${honest.id}`, '--yes']);
    expect(nothing).toMatchObject({ code: 1, json: { type: 'error', code: 'NOTHING_TO_DISPUTE' } });
    const equal = await net.ran('outsider', ['challenge', 'replay', honest.id.toString()]);
    expect(equal.stderr).toBe('');
    expect(equal).toMatchObject({ code: 0, json: { equal: true, difference: null, note: '' } });
    expectDeclaredKeys(challengeNoun, 'replay', equal.json);
    const different = await net.ran('outsider', ['challenge', 'replay', wrong.id.toString()]);
    expect(different).toMatchObject({ code: 1, json: { equal: false, note: '', difference: { index: expect.any(Number) as number, tensor: expect.stringContaining('lora_A') as string } } });

    const decided = await until('a verdict', async () => {
      const found = await client.queries.case(1n);
      return found?.case?.phase === CasePhase.DECIDED ? found.case : undefined;
    });
    expect(decided.verdict).toBe(Verdict.INVALID);
    const stands = await net.ran('cheater', ['challenge', 'respond', '1', '--yes']);
    expect(stands).toMatchObject({ code: 1, json: { code: 'VERDICT_RIGHT' } });
    const escalated = await net.ran('cheater', ['challenge', 'respond', '1', '--yes', '--force']);
    expectDeclaredKeys(challengeNoun, 'respond', escalated.json);
    expect(escalated).toMatchObject({ code: 0, json: { caseId: '1', layer: 'three', verdict: 'invalid' } });
    const closed = await until('the end of the case', async () => {
      const found = await client.queries.case(1n);
      return found?.case?.phase === CasePhase.CLOSED ? found.case : undefined;
    });
    expect(closed.verdict).toBe(Verdict.INVALID);
    const late = await net.ran('cheater', ['challenge', 'respond', '1', '--yes', '--force']);
    expect(late).toMatchObject({ code: 1, json: { code: 'CASE_NOT_OPEN' } });
  });

  it('recomputes what was accepted, and shows the state of every part', { timeout: LIMIT_MS }, async () => {
    await until('the settlement of window 1', async () => ((await client.queries.window(1n))?.settled === true ? true : undefined));
    const verified = await net.ran('outsider', ['aggregate', 'verify', '1']);
    expect(verified).toMatchObject({ code: 0, json: { windowId: '1', equal: true } });
    expectDeclaredKeys(aggregateNoun, 'verify', verified.json);
    expect(verified.json['comparisons']).toHaveLength(6);
    const tooLate = await net.ran('outsider', ['challenge', 'open', 'aggregation/1', '--yes']);
    expect(tooLate).toMatchObject({ code: 1, json: { code: 'TOO_LATE' } });
    expect(await net.ran('outsider', ['aggregate', 'verify', '999'])).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });

    const mine = await net.ran('miner', ['mine', 'status']);
    expect(mine).toMatchObject({ code: 0, json: { running: process.pid, registration: { status: 'active' } } });
    expect(Number(mine.json['paid'])).toBeGreaterThan(0);
    expect(await net.ran('proposer', ['aggregate', 'status'])).toMatchObject({ code: 0, json: { running: process.pid } });
    const duties = await Promise.all(VERIFIERS.map(async (name) => (await net.ran(name, ['challenge', 'status'])).json['duties'] as unknown[]));
    expect(duties.flat().length).toBeGreaterThanOrEqual(4); // one of layer two, three of the panel
  });

  it('refuses a second process of the same wallet and part, and work without registration', { timeout: LIMIT_MS }, async () => {
    expect(await net.ran('miner', ['mine', 'once'])).toMatchObject({ code: 1, json: { code: 'ALREADY_RUNNING' } });
    const unknown = await net.ran('outsider', ['mine', 'start']);
    expect(unknown).toMatchObject({ code: 1, json: { code: 'NOT_REGISTERED', hint: expect.stringContaining('--register') as string } });
    expect(await net.ran('outsider', ['mine', 'start', '--register'])).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
    expect(await net.ran('outsider', ['aggregate', 'start', '--register', '--yes'])).toMatchObject({ code: 1, json: { code: 'INSUFFICIENT_FUNDS' } });
    const idle = await net.ran('cheater', ['mine', 'once', '--timeout', '2']);
    expect(idle).toMatchObject({ code: 8, json: { code: 'TIMED_OUT', retryable: true } });
  });

  it('waits for a node that restarts and goes on', { timeout: LIMIT_MS }, async () => {
    const miner = roles.get('miner')!;
    await net.stopNode();
    await until('that the miner misses the node', () => miner.lines().find((l) => l['type'] === 'node_unreachable'));
    await net.startNode();
    await until('that the miner finds it again', () => miner.lines().find((l) => l['type'] === 'node_back'));
    const before = miner.lines().filter((l) => l['type'] === 'gradient').length;
    await until('another gradient', () => (miner.lines().filter((l) => l['type'] === 'gradient').length > before ? true : undefined));
  });

  it('stops cleanly on one Ctrl-C, with a result and without its lock', { timeout: LIMIT_MS }, async () => {
    const miner = roles.get('miner')!;
    miner.fake.signal('SIGINT');
    expect(await miner.ended).toBe(130);
    const last = miner.lines().at(-1);
    expect(last).toMatchObject({ type: 'result', part: 'miner', gradients: expect.any(Number) as number });
    expectDeclaredKeys(mineNoun, 'start', last ?? {});
    expect(miner.lines().filter((l) => l['type'] === 'result')).toHaveLength(1);
    expect(existsSync(path.join(net.home, 'state', 'mine-miner.pid'))).toBe(false);
  });

  it('does the work of one window and ends', { timeout: LIMIT_MS }, async () => {
    for (const name of ['proposer', ...VERIFIERS]) roles.get(name)?.fake.signal('SIGINT');
    await Promise.all([...roles.values()].map((r) => r.ended));
    const [mined, aggregated, ...audited] = await Promise.all([
      net.ran('miner', ['mine', 'once', '--timeout', '120']),
      net.ran('proposer', ['aggregate', 'once', '--timeout', '120']),
      ...VERIFIERS.map((name) => net.ran(name, ['challenge', 'once', '--timeout', '60'])),
    ]);
    expect(mined).toMatchObject({ code: 0, json: { type: 'result', windowId: expect.any(String) as string, tokens: 256 } });
    expectDeclaredKeys(mineNoun, 'once', mined.json);
    expect(aggregated).toMatchObject({ code: 0, json: { type: 'result', attested: true, revealed: true } });
    expectDeclaredKeys(aggregateNoun, 'once', aggregated.json);
    // One of them audits the aggregation; the others wait in vain.
    const [auditor] = audited.filter(({ code }) => code === 0);
    expect(auditor?.json).toMatchObject({ type: 'result', reports: [expect.objectContaining({ kind: 'audit' })] });
    expectDeclaredKeys(challengeNoun, 'once', auditor?.json ?? {});
    for (const { code, json } of audited) if (code !== 0) expect([code, json['code']]).toEqual([8, 'TIMED_OUT']);
    expect(readdirSync(path.join(net.home, 'state')).filter((file) => file.endsWith('.pid'))).toEqual([]);
  });

  it('explains every account to the last uremes', { timeout: LIMIT_MS }, async () => {
    for (const name of ['miner', 'cheater', 'proposer', 'outsider', ...VERIFIERS]) {
      const { code, json } = await net.ran(name, ['rewards', 'explain']);
      expect([name, code, json['reconciled'], json['flows'], json['stake']]).toEqual([
        name,
        0,
        true,
        expect.objectContaining({ equal: true }),
        expect.objectContaining({ equal: true }),
      ]);
    }
    const cheater = await net.ran('cheater', ['rewards', 'explain']);
    // Whether the case closed before the window was settled or after is up to the machine; paid it is never.
    const { records, unpaid } = cheater.json as Record<'records' | 'unpaid', { windowId: string; status?: string; why: string }[]>;
    expect(records.filter((r) => r.status !== 'forfeited')).toEqual([]);
    expect([...records, ...unpaid].find((r) => r.windowId === '1')?.why).toMatch(/proved wrong: never paid|a case was lost: it was never paid/);
    expect(cheater.json).toMatchObject({
      slashes: [expect.objectContaining({ reason: 'wrong_gradient', amount: '500000000' })],
      bonds: [{ caseId: '1', amount: '100000000', phase: 'closed', verdict: 'invalid' }],
    });
    const outsider = await net.ran('outsider', ['rewards', 'explain']);
    expect(outsider.json).toMatchObject({ flows: { bounties: '250000000' } });
    const forPeople = net.cli('miner', ['rewards', 'explain']);
    expect(await forPeople.ended).toBe(0);
  });
});
