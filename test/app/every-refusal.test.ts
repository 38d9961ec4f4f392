import { readFileSync } from 'node:fs';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { moduleAddress } from '../../src/protocol/address.js';
import { bitmapOf } from '../../src/protocol/bitmap.js';
import { coin } from '../../src/protocol/coins.js';
import { aggregationCommitment, aggregationResultHash } from '../../src/protocol/commitments.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { CaseLayer, CasePhase, DutyKind, DutyStatus, SubjectKind, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import { GradientEncoding } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowPhase, type AggregationResult } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import * as tx from '../../src/protocol/gen/remes/remes/v1/tx.js';
import type { Profile } from '../../src/protocol/params.js';
import { CHAIN_ID, message, testAccount, type TestAccount } from './harness.js';
import { cheatingMiner, remes, Simulation, submission, trueGradientHash, trueResult, wrongHash, type SimulationOptions } from './simulation.js';

let sim: Simulation;
const provoked = new Set<string>();

async function start(options: SimulationOptions = {}): Promise<void> {
  sim = await Simulation.start(options);
  await sim.step();
}

afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

/** Sends one message that must be refused with this code of a module, and says what was seen and expected. */
async function refused(account: TestAccount, msg: Any, code: string, log: RegExp): Promise<void> {
  const before = sim.failures.length;
  await sim.step([{ account, messages: [msg] }]);
  const failures = sim.failures.slice(before);
  expect(failures.map((f) => `${f.codespace}/${f.code}`)).toEqual([code]);
  expect(failures[0]?.log).toMatch(log);
  provoked.add(code);
}

/** All codes of a module, by their frozen numbers. */
function codesOf(module: string): string[] {
  const text = readFileSync(new URL(`../../src/chain/modules/${module}/errors.ts`, import.meta.url), 'utf8');
  return [...text.matchAll(/^ {2}[A-Z_]+: (\d+),$/gm)].map((m) => `${module}/${m[1]}`);
}

afterAll(() => {
  for (const module of ['node', 'training', 'aggregation', 'challenge']) {
    const codes = codesOf(module);
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter((code) => !provoked.has(code))).toEqual([]);
  }
});

const registerNode = (address: string, part: Part, stake: bigint, payoutAddress = ''): Any =>
  message('/remes.remes.v1.MsgRegisterNode', tx.MsgRegisterNode, { address, part, stake: coin(stake), payoutAddress });

describe('node refuses', () => {
  it('what does not fit a registration', async () => {
    await start();
    const { outsider } = sim;
    const miner = sim.miners[0]!.account;
    await refused(miner, registerNode(miner.address, Part.MINER, remes(1000)), 'node/1', /already registered as miner/);
    const topUp = message('/remes.remes.v1.MsgTopUpStake', tx.MsgTopUpStake, { address: outsider.address, part: Part.MINER, amount: coin(1n) });
    await refused(outsider, topUp, 'node/2', /is not registered as miner/);
    await refused(outsider, registerNode(outsider.address, Part.SERVING, remes(1000)), 'node/3', /expected the part miner, proposer or verifier, got number 4/);
    await refused(outsider, registerNode(outsider.address, Part.MINER, 1n), 'node/4', /at least 1000000000 uremes, got 1/);
    await refused(outsider, registerNode(outsider.address, Part.MINER, remes(99_999)), 'sdk/5', /spendable balance/);
    await refused(outsider, registerNode(outsider.address, Part.MINER, remes(1000), 'remes1x'), 'sdk/18', /expected an address of 44 characters, got 7/);
    await refused(outsider, registerNode(outsider.address, Part.MINER, remes(1000), moduleAddress('node')), 'node/7', /belongs to a module/);
    const reactivate = message('/remes.remes.v1.MsgReactivateNode', tx.MsgReactivateNode, { address: miner.address, part: Part.MINER });
    await refused(miner, reactivate, 'node/6', /expected an inactive registration, got active/);
    await sim.step([sim.unregister(miner, Part.MINER)]);
    await refused(miner, sim.unregister(miner, Part.MINER).messages[0]!, 'node/5', /is already unbonding/);
    const more = message('/remes.remes.v1.MsgTopUpStake', tx.MsgTopUpStake, { address: miner.address, part: Part.MINER, amount: coin(1n) });
    await refused(miner, more, 'node/5', /is unbonding.*register again/);
  });

  it('to reactivate a slashed stake before it is topped up', async () => {
    await start({ miners: 4 });
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    await sim.until(async () => (await sim.stake(Part.MINER, cheater.account.address)) === remes(500));
    const reactivate = message('/remes.remes.v1.MsgReactivateNode', tx.MsgReactivateNode, { address: cheater.account.address, part: Part.MINER });
    await refused(cheater.account, reactivate, 'node/4', /at least 1000000000 uremes, got 500000000 \(top it up\)/);
  });
});

describe('training refuses', () => {
  const small = (p: Profile): Profile => ({ ...p, training: { ...p.training, maxGradientsPerBlock: 1, maxPayloadBytes: 1000n } });

  it('a submission that does not fit its job, its window or the model', async () => {
    await start({ change: (p) => ({ ...small(p), training: { ...small(p).training, collectingBlocks: 40n } }) });
    for (const m of sim.miners) m.act = { ...m.act, gradientHash: () => undefined };
    await sim.step();
    const [a, b] = [sim.miners[0]!.account, sim.miners[1]!.account];
    const window = await sim.mustWindow(1n);
    const job = (await sim.job(1n, a.address))!;
    const good = tx.MsgSubmitGradient.decode(submission(a.address, window, job, trueGradientHash(job.id)).value);
    const changed = (change: Partial<tx.MsgSubmitGradient>): Any => message('/remes.remes.v1.MsgSubmitGradient', tx.MsgSubmitGradient, { ...good, ...change });
    const short = new Uint8Array(31);
    const device = { backend: 'x'.repeat(65), name: '', architecture: '', driver: '' };

    const malformed: readonly [Partial<tx.MsgSubmitGradient>, RegExp][] = [
      [{ jobId: short }, /job_id: expected 32 bytes, got 31/],
      [{ gradientHash: short }, /gradient_hash: expected 32 bytes, got 31/],
      [{ possessionRoot: new Uint8Array() }, /possession_root: expected 32 bytes, got 0/],
      [{ payloadSize: 0n }, /payload_size: expected more than 0 bytes/],
      [{ encoding: GradientEncoding.UNSPECIFIED }, /encoding: expected dense_f32 \(1\), got 0/],
      [{ answerCommitment: short }, /answer_commitment: expected no bytes, got 31/],
      [{ lossBits: 0x7f800000 }, /loss_bits: expected a finite loss of at least 0, got 0x7f800000/],
      [{ lossBits: 0x80000000 }, /loss_bits: .* got 0x80000000/],
      [{ device }, /device\.backend: expected at most 64 characters, got 65/],
    ];
    for (const [change, log] of malformed) await refused(a, changed(change), 'training/1', log);
    await refused(a, changed({ payloadCid: 'bafy' }), 'sdk/18', /CID/i);
    await refused(a, changed({ jobId: wrongHash('job') }), 'training/2', /window 1 has no such job/);
    await refused(a, changed({ windowId: 2n }), 'training/2', /window 2 has no such job/);
    await refused(b, changed({ miner: b.address }), 'training/4', new RegExp(`expected a submission of ${a.address}, got one of ${b.address}`));
    await refused(a, changed({ modelVersion: 7n }), 'training/6', /expected model version 0, got 7/);
    await refused(a, changed({ baseAdapterCid: good.payloadCid }), 'training/7', /expected base adapter \w+, got \w+/);
    await refused(a, changed({ arithmeticVersion: 2 }), 'training/8', /expected arithmetic version 1, got 2/);
    await refused(a, changed({ payloadSize: 1001n }), 'training/10', /expected at most 1000 bytes, got 1001/);
    await refused(a, changed({ layerRange: { start: 1, end: 4 } }), 'training/12', /expected \[0, 4\), got \[1, 4\)/);
    await refused(a, changed({ layerRange: undefined }), 'training/12', /expected \[0, 4\), got \[0, 0\)/);

    // A block takes one submission here: the second must come again.
    const other = (await sim.job(1n, b.address))!;
    const second = submission(b.address, window, other, trueGradientHash(other.id));
    await sim.step([{ account: a, messages: [changed({})] }, { account: b, messages: [second] }]);
    const [full] = sim.failures.splice(0).slice(-1);
    expect([full?.codespace, full?.code]).toEqual(['training', 11]);
    expect(full?.log).toMatch(/a block takes at most 1 submissions .*next block/);
    provoked.add('training/11');
    await refused(a, changed({}), 'training/5', /this job already has gradient 1/);
    await sim.step([{ account: b, messages: [second] }]);
    expect(await sim.gradients(1n)).toHaveLength(2);

    const [third] = [sim.miners[2]!.account];
    const late = (await sim.job(1n, third.address))!;
    await sim.until(async () => (await sim.mustWindow(1n)).phase !== WindowPhase.COLLECTING);
    await refused(third, submission(third.address, window, late, trueGradientHash(late.id)), 'training/3', /collected until height \d+, this is height \d+/);
  });

  it('a submission of a miner whose stake was slashed while the window was collecting', async () => {
    await start({ miners: 4, change: (p) => ({ ...p, challenge: { ...p.challenge, escalationBlocks: 7n, challengeBlocks: 30n } }) });
    const cheater = sim.miners[0]!;
    cheater.act = { ...cheater.act, gradientHash: (job) => (job.windowId === 1n ? wrongHash(job.id) : undefined) };
    await sim.until(async () => (await sim.stake(Part.MINER, cheater.account.address)) === remes(500));
    const window = (await sim.window())!;
    expect([window.id, window.phase]).toEqual([2n, WindowPhase.COLLECTING]);
    const job = (await sim.job(2n, cheater.account.address))!;
    await refused(cheater.account, submission(cheater.account.address, window, job, trueGradientHash(job.id)), 'training/9', /at least 1000000000 uremes, got 500000000/);
  });
});

describe('aggregation refuses', () => {
  it('what comes in another phase, from another account, twice, or is not what was committed to', async () => {
    await start({ proposers: 4, change: (p) => ({ ...p, aggregation: { ...p.aggregation, attestingBlocks: 12n, committingBlocks: 12n, revealingBlocks: 14n } }) });
    const attest = (account: TestAccount, bitmap: Uint8Array, windowId = 1n): Any =>
      message('/remes.remes.v1.MsgAttestGradients', tx.MsgAttestGradients, { proposer: account.address, windowId, bitmap });
    const commit = (account: TestAccount, commitment: Uint8Array): Any =>
      message('/remes.remes.v1.MsgCommitAggregation', tx.MsgCommitAggregation, { proposer: account.address, windowId: 1n, commitment });
    for (const p of sim.proposers) p.act = { ...p.act, attests: false, commits: false };
    const anybody = sim.proposers[0]!.account;
    await refused(anybody, attest(anybody, Uint8Array.of(7)), 'aggregation/2', /expected window 1 to be attesting, it is collecting/);
    await refused(anybody, attest(anybody, Uint8Array.of(7), 9n), 'aggregation/8', /window 9 does not exist/);

    await sim.untilPhase(1n, WindowPhase.ATTESTING);
    await sim.step();
    const drawn = (await sim.mustWindow(1n)).proposers;
    const [first, second] = drawn.map((address) => sim.proposers.find((p) => p.account.address === address)!.account) as [TestAccount, TestAccount];
    const third = sim.proposers.find((p) => p.account.address === drawn[2])!.account;
    const idle = sim.proposers.find((p) => !drawn.includes(p.account.address))!.account;
    await refused(idle, attest(idle, Uint8Array.of(7)), 'aggregation/3', /was not drawn as proposer of window 1/);
    await refused(first, attest(first, Uint8Array.of(15)), 'aggregation/1', /bitmap: expected 3 bits without others set/);
    await refused(first, attest(first, new Uint8Array(2)), 'aggregation/1', /bitmap: expected 3 bits .* got 2 bytes/);
    await refused(first, attest(first, new Uint8Array(16_385)), 'aggregation/1', /bitmap: expected at most 16384 bytes, got 16385/);
    await refused(first, commit(first, wrongHash('early')), 'aggregation/2', /expected window 1 to be committing, it is attesting/);
    const all = bitmapOf([true, true, true]);
    await sim.step([first, second].map((account) => ({ account, messages: [attest(account, all)] })));
    await sim.step([{ account: third, messages: [attest(third, bitmapOf([true, false, true]))] }]);
    await refused(first, attest(first, all), 'aggregation/4', /has attested window 1 already/);

    const window = await sim.untilPhase(1n, WindowPhase.COMMITTING);
    expect(window.included).toHaveLength(3);
    const right = trueResult(window, await sim.gradients(1n));
    const salt = wrongHash('salt');
    const commitmentTo = (account: TestAccount, result: AggregationResult, participants = window.included): Uint8Array =>
      aggregationCommitment(CHAIN_ID, 1n, account.address, result.resultHash, participants, salt);
    const reveal = (account: TestAccount, result: AggregationResult | undefined, change: Partial<tx.MsgRevealAggregation> = {}): Any =>
      message('/remes.remes.v1.MsgRevealAggregation', tx.MsgRevealAggregation, { proposer: account.address, windowId: 1n, result, participants: window.included, salt, ...change });
    await refused(third, commit(third, wrongHash('x')), 'aggregation/5', /did not attest every included gradient of window 1/);
    await refused(first, commit(first, new Uint8Array(31)), 'aggregation/1', /commitment: expected 32 bytes, got 31/);
    await refused(first, reveal(first, right), 'aggregation/2', /expected window 1 to be revealing, it is committing/);
    await sim.step([{ account: first, messages: [commit(first, commitmentTo(first, right))] }]);
    // The second commits to a set of participants that is not the included one.
    await sim.step([{ account: second, messages: [commit(second, commitmentTo(second, right, [1n, 2n]))] }]);
    await refused(first, commit(first, wrongHash('other')), 'aggregation/4', /has committed for window 1 already/);

    await sim.untilPhase(1n, WindowPhase.REVEALING);
    await refused(first, commit(first, wrongHash('late')), 'aggregation/2', /expected window 1 to be committing, it is revealing/);
    await refused(first, reveal(first, right, { salt: wrongHash('another salt') }), 'aggregation/6', /expected the values and the salt that were committed to/);
    await refused(first, reveal(first, right, { salt: new Uint8Array(3) }), 'aggregation/1', /salt: expected 32 bytes, got 3/);
    await refused(first, reveal(first, { ...right, step: 2n }), 'aggregation/1', /result_hash: expected the hash of the other fields/);
    await refused(first, reveal(first, { ...right, merkleRoot: new Uint8Array(5) }), 'aggregation/1', /merkle_root: expected 32 bytes, got 5/);
    await refused(first, reveal(first, { ...right, adapterCid: '' }), 'sdk/18', /CID/i);
    await refused(second, reveal(second, right, { participants: [1n, 2n] }), 'aggregation/7', /expected participants 1,2,3, got 1,2/);
    await sim.step([{ account: first, messages: [reveal(first, right)] }]);
    await refused(first, reveal(first, right), 'aggregation/4', /has revealed for window 1 already/);
  });

  it.each([
    ['step', (r: AggregationResult) => ({ ...r, step: r.step + 1n }), /step: expected 1, got 2/],
    ['merkle_root', (r: AggregationResult) => ({ ...r, merkleRoot: wrongHash('root') }), /merkle_root: expected the root over the included gradients/],
  ])('a revealed result with another %s, well committed to as it is', async (_name, change, log) => {
    await start();
    const bad = sim.proposers[0]!;
    bad.act = {
      ...bad.act,
      result: (w, g) => {
        const result = change(trueResult(w, g));
        return { ...result, resultHash: aggregationResultHash(w.baseAdapterCid, result) };
      },
    };
    await sim.until(() => Promise.resolve(sim.failures.length > 0));
    expect(sim.failures.map((f) => [f.codespace, f.code])).toEqual([['aggregation', 1]]);
    expect(sim.failures[0]?.log).toMatch(log);
    await sim.until(async () => (await sim.mustWindow(1n)).closedHeight > 0n);
    expect((await sim.slashes()).map((s) => [s.address, s.reason])).toEqual([[bad.account.address, 'missing_reveal']]);
  });
});

describe('challenge refuses', () => {
  const slow = (p: Profile): Profile => ({ ...p, challenge: { ...p.challenge, doubleAuditBps: 10_000, challengeBlocks: 60n } });
  const commitReport = (account: TestAccount, dutyId: bigint, commitment = wrongHash('c')): Any =>
    message('/remes.remes.v1.MsgCommitReport', tx.MsgCommitReport, { verifier: account.address, dutyId, commitment });
  const revealReport = (account: TestAccount, dutyId: bigint, change: Partial<tx.MsgRevealReport> = {}): Any =>
    message('/remes.remes.v1.MsgRevealReport', tx.MsgRevealReport, {
      verifier: account.address,
      dutyId,
      reportHash: wrongHash('hash'),
      reportDigest: wrongHash('digest'),
      salt: wrongHash('salt'),
      ...change,
    });

  it('reports that are early, late, foreign, done or not what was committed to', async () => {
    await start({ change: (p) => ({ ...slow(p), challenge: { ...slow(p).challenge, challengeBlocks: 14n } }) });
    for (const v of sim.verifiers) v.act = { ...v.act, report: () => undefined };
    await sim.until(async () => (await sim.audits(1n)).length > 0);
    const [duty, other] = (await sim.audits(1n)).filter((d) => d.subjectKind === SubjectKind.GRADIENT && d.subjectId === 1n);
    const [mine, foreign] = [sim.verifierOf(duty!.verifier).account, sim.verifierOf(other!.verifier).account];
    await refused(mine, commitReport(mine, 99n), 'challenge/2', /duty 99 does not exist/);
    await refused(foreign, commitReport(foreign, duty!.id), 'challenge/3', new RegExp(`expected a report of ${mine.address}, got one of ${foreign.address}`));
    await refused(mine, commitReport(mine, duty!.id, new Uint8Array(7)), 'challenge/1', /commitment: expected 32 bytes, got 7/);
    await refused(mine, revealReport(mine, duty!.id), 'challenge/4', /expected duty \d+ to wait for a reveal, it is drawn/);
    await sim.step([{ account: mine, messages: [commitReport(mine, duty!.id)] }]);
    await refused(mine, commitReport(mine, duty!.id), 'challenge/4', /to wait for a commitment, it is committed/);
    await refused(mine, revealReport(mine, duty!.id), 'challenge/6', /another verifier of the same duty has not committed yet/);
    await sim.step([{ account: foreign, messages: [commitReport(foreign, other!.id)] }]);
    await refused(mine, revealReport(mine, duty!.id), 'challenge/7', /expected the hash, digest and salt that were committed to/);
    await refused(mine, revealReport(mine, duty!.id, { reportDigest: new Uint8Array() }), 'challenge/1', /report_digest: expected 32 bytes, got 0/);
    const missed = async () => (await sim.audits(1n)).filter((d) => d.status === DutyStatus.MISSED);
    await sim.until(async () => (await missed()).some((d) => d.id === duty!.id));
    await refused(mine, revealReport(mine, duty!.id), 'challenge/5', /the report was due at height \d+, this is height \d+/);
    const silent = (await missed()).find((d) => d.commitment.length === 0)!;
    const { account } = sim.verifierOf(silent.verifier);
    await refused(account, commitReport(account, silent.id), 'challenge/5', /the commitment was due at height \d+, this is height \d+/);
  });

  it('the seventeenth claim in a case', async () => {
    await start({ miners: 4, change: slow });
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
    const gradient = await sim.gradientOf(1n, sim.miners[0]!.account.address);
    const others = [...sim.miners.slice(1), ...sim.proposers, ...sim.verifiers.slice(0, 9)].map((a) => a.account);
    await sim.step([sim.outsider, ...others].map((account) => sim.challengeGradient(account, gradient.id, wrongHash(account.address))));
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    const late = testAccount('treasury');
    await refused(late, sim.challengeGradient(late, gradient.id, wrongHash('late')).messages[0]!, 'challenge/19', /fewer than 16 claims in case 1, it has 16/);
  });

  it('cases and escalations that do not fit', async () => {
    await start({ miners: 4, change: (p) => ({ ...slow(p), challenge: { ...slow(p).challenge, auditBps: 0, auditFloorBps: 300, probationJobs: 0 } }) });
    const { outsider } = sim;
    const cheater = sim.miners[0]!;
    cheater.act = cheatingMiner();
    await sim.until(async () => (await sim.mustWindow(1n)).gradientCount === 4);
    const gradient = await sim.gradientOf(1n, cheater.account.address);
    const right = trueGradientHash(gradient.jobId);
    const challenge = (account: TestAccount, hash: Uint8Array, bond?: bigint, id = gradient.id): Any => sim.challengeGradient(account, id, hash, bond).messages[0]!;
    await refused(outsider, challenge(outsider, right.subarray(1)), 'challenge/1', /claimed_hash: expected 32 bytes, got 31/);
    await refused(outsider, challenge(outsider, right, remes(99)), 'challenge/12', /expected a bond of 100000000 uremes, got 99000000/);
    await refused(outsider, challenge(outsider, right, remes(101)), 'challenge/12', /expected a bond of 100000000 uremes, got 101000000/);
    await refused(outsider, challenge(outsider, gradient.gradientHash), 'challenge/9', /layer 1 finds nothing to dispute/);
    await refused(cheater.account, challenge(cheater.account, right), 'challenge/13', /cannot challenge its own work/);
    await refused(outsider, challenge(outsider, right, undefined, 99n), 'challenge/8', /gradient 99 does not exist/);
    await refused(outsider, sim.challengeAggregation(outsider, 1n, right).messages[0]!, 'challenge/8', /window 1 has no accepted aggregation/);
    await refused(outsider, sim.escalate(outsider, 1n).messages[0]!, 'challenge/14', /case 1 does not exist/);

    await sim.step([sim.challengeGradient(outsider, gradient.id, right)]);
    await refused(outsider, challenge(outsider, right), 'challenge/18', /is a party of case 1 already/);
    await refused(cheater.account, sim.escalate(cheater.account, 1n).messages[0]!, 'challenge/15', /expected case 1 to be decided and open to escalation, it is voting/);
    const decided = async (layer: CaseLayer) => {
      const [c] = await sim.cases(1n);
      return c?.layer === layer && c.phase === CasePhase.DECIDED;
    };
    await sim.until(() => decided(CaseLayer.TWO));
    await refused(outsider, sim.escalate(outsider, 1n).messages[0]!, 'challenge/16', /case 1 was not decided against/);
    await sim.step([sim.escalate(cheater.account, 1n)]);
    await sim.until(() => decided(CaseLayer.THREE));
    const [friend] = [sim.miners[1]!.account];
    await refused(friend, challenge(friend, right), 'challenge/15', /case 1 is decided/);
    await sim.step([sim.escalate(cheater.account, 1n)]);
    await sim.until(async () => (await sim.cases(1n))[0]?.phase === CasePhase.CLOSED);
    expect([(await sim.cases(1n))[0]?.layer, (await sim.cases(1n))[0]?.verdict]).toEqual([CaseLayer.APPEAL, Verdict.INVALID]);
    await refused(cheater.account, sim.escalate(cheater.account, 1n).messages[0]!, 'challenge/17', /case 1 was decided on appeal/);
    await refused(outsider, challenge(outsider, right), 'challenge/11', /gradient \d+ is condemned already/);
    const innocent = (await sim.gradients(1n)).find((g) => g.id !== gradient.id)!;
    await sim.untilSettled(1n);
    await refused(outsider, challenge(outsider, right, undefined, innocent.id), 'challenge/10', /challenge phase of window 1 ended at height \d+/);
    expect((await sim.duties(1n)).filter((d) => d.kind !== DutyKind.AUDIT)).toHaveLength(9);
  });
});
