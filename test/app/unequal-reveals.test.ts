import { afterEach, describe, expect, it } from 'vitest';

import { compareBytes } from '../../src/protocol/bytes.js';
import { CaseLayer, CasePhase, DutyKind, Verdict } from '../../src/protocol/gen/remes/remes/v1/challenge.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import type { StoredGradient } from '../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, WindowPhase, type AggregationResult, type TrainingWindow } from '../../src/protocol/gen/remes/remes/v1/training_window.js';
import { remes, Simulation, trueResult, wrongResult } from './simulation.js';

let sim: Simulation;
const BOND = remes(100);
const FEE = 2_500n;

afterEach(async () => {
  const { left, right } = await sim.invariants();
  expect(left).toEqual(right);
  await sim.chain.close();
});

/** A wrong sum whose hash comes before the right one's: among reveals that are all different it is the disputed one. */
function wrongAndFirst(window: TrainingWindow, included: readonly StoredGradient[]): AggregationResult {
  const truth = trueResult(window, included).resultHash;
  for (let i = 0; ; i++) {
    const result = wrongResult(window, included, `first ${i}`);
    if (compareBytes(result.resultHash, truth) < 0) return result;
  }
}

async function untilDecided(layer: CaseLayer): Promise<void> {
  await sim.until(async () => {
    const [c] = await sim.cases(1n);
    return c?.layer === layer && c.phase === CasePhase.DECIDED;
  });
}

/** The verifier of layer 2 says what `lie` yields; everybody else the truth. */
function bribeLayerTwo(lie: (window: TrainingWindow, included: readonly StoredGradient[]) => AggregationResult): void {
  for (const v of sim.verifiers) {
    v.act = {
      reveals: true,
      report: (duty, truth) => (duty.kind === DutyKind.LAYER2 ? { ...truth, hash: lies.get(duty.windowId) ?? truth.hash } : truth),
    };
  }
  const lies = new Map<bigint, Uint8Array>();
  for (const p of sim.proposers) {
    const honest = p.act;
    p.act = {
      ...honest,
      result: (w, g) => {
        lies.set(w.id, lie(w, g).resultHash);
        return honest.result(w, g);
      },
    };
  }
}

describe('three different sums', () => {
  it('let the honest proposer prevail although a bribed verifier names the second cheater: each stands for its own hash', async () => {
    sim = await Simulation.start();
    const [first, second, honest] = [sim.proposers[0]!, sim.proposers[1]!, sim.proposers[2]!];
    first.act = { ...first.act, result: (w, g) => (w.id === 1n ? wrongAndFirst(w, g) : trueResult(w, g)) };
    second.act = { ...second.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g, 'other') : trueResult(w, g)) };
    bribeLayerTwo((w, g) => wrongResult(w, g, 'other'));

    await untilDecided(CaseLayer.TWO);
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.INVALID);
    const before = await sim.chain.balance(honest.account.address);
    await sim.step([sim.escalate(second.account, 1n)]);
    expect(sim.failures.splice(0).map((f) => f.log)).toEqual([expect.stringMatching(/case 1 was not decided against/)]);
    await sim.step([sim.escalate(honest.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await untilDecided(CaseLayer.THREE);
    await sim.until(async () => (await sim.cases(1n))[0]?.phase === CasePhase.CLOSED);

    // The bond is back; the cheaters lose half their stake and the bribed verifier half of its own, all of it burned.
    expect((await sim.chain.balance(honest.account.address)) - before).toBe(-FEE);
    expect(await sim.stake(Part.PROPOSER, honest.account.address)).toBe(remes(50_000));
    for (const bad of [first, second]) expect(await sim.stake(Part.PROPOSER, bad.account.address)).toBe(remes(25_000));
    const bribed = (await sim.duties(1n)).find((d) => d.kind === DutyKind.LAYER2)!.verifier;
    expect(await sim.stake(Part.VERIFIER, bribed)).toBe(remes(5000));
    expect((await sim.slashes()).every((s) => s.bounty === '0' && s.burned === s.amount)).toBe(true);
    // One of three is no majority, right as it is: the adapter stays.
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.NO_MAJORITY);
  });

  it('cost a cheater who escalates for his own hash the bond as well, all of it', async () => {
    sim = await Simulation.start();
    const [first, second] = [sim.proposers[0]!, sim.proposers[1]!];
    first.act = { ...first.act, result: (w, g) => (w.id === 1n ? wrongAndFirst(w, g) : trueResult(w, g)) };
    second.act = { ...second.act, result: (w, g) => (w.id === 1n ? wrongResult(w, g, 'other') : trueResult(w, g)) };
    await untilDecided(CaseLayer.TWO);
    const [balance, burned] = [await sim.chain.balance(second.account.address), sim.trail.burned];
    await sim.step([sim.escalate(second.account, 1n)]);
    expect(sim.failures.map((f) => f.log)).toEqual([]);
    await sim.until(async () => (await sim.cases(1n))[0]?.phase === CasePhase.CLOSED);
    expect((await sim.chain.balance(second.account.address)) - balance).toBe(-BOND - FEE);
    expect(sim.trail.burned - burned).toBe(BOND + 2n * remes(25_000));
  });
});

describe('a verifier bribed by the one proposer with a wrong sum', () => {
  it('loses half its stake, and nothing of it goes back to who bribed it', async () => {
    sim = await Simulation.start();
    for (const p of sim.proposers) {
      p.act = { ...p.act, result: (w, g) => (w.id === 1n && w.proposers[0] === p.account.address ? wrongResult(w, g) : trueResult(w, g)) };
    }
    bribeLayerTwo((w, g) => wrongResult(w, g));
    await sim.untilPhase(1n, WindowPhase.DISPUTED);
    const { proposers } = await sim.mustWindow(1n);
    const [cheater, honest] = [proposers[0]!, sim.proposers.find((p) => p.account.address === proposers[1])!];
    const before = await sim.chain.balance(cheater);
    await untilDecided(CaseLayer.TWO);
    await sim.step([sim.escalate(honest.account, 1n)]);
    await sim.until(async () => (await sim.cases(1n))[0]?.phase === CasePhase.CLOSED);
    expect((await sim.cases(1n))[0]?.verdict).toBe(Verdict.VALID);
    expect((await sim.mustWindow(1n)).outcome).toBe(WindowOutcome.ACCEPTED);
    expect(await sim.chain.balance(cheater)).toBe(before);
    expect((await sim.slashes()).map((s) => [s.reason, s.burned, s.bounty]).sort()).toEqual([
      ['false_report', remes(5000).toString(), '0'],
      ['wrong_aggregation', remes(25_000).toString(), '0'],
    ]);
  });
});
