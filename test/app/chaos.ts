/** Random behaviour of everybody and random messages of anybody, as fast-check draws them. */
import fc from 'fast-check';

import { coin } from '../../src/protocol/coins.js';
import type { Any } from '../../src/protocol/gen/google/protobuf/any.js';
import { Part } from '../../src/protocol/gen/remes/remes/v1/node.js';
import * as tx from '../../src/protocol/gen/remes/remes/v1/tx.js';
import type { Profile } from '../../src/protocol/params.js';
import { message, msgSend, type TestAccount } from './harness.js';
import { cheatingMiner, Simulation, remes, submission, trueGradientHash, trueResult, wrongHash, wrongResult } from './simulation.js';

const KINDS = [
  'send',
  'register',
  'top up',
  'reactivate',
  'unregister',
  'submit',
  'attest',
  'challenge rightly',
  'challenge wrongly',
  'challenge aggregation',
  'escalate',
  'commit report',
  'reveal report',
] as const;

interface Act {
  readonly kind: (typeof KINDS)[number];
  readonly who: number;
  readonly what: number;
  readonly much: number;
}

export interface Chaos {
  /** Of miners, proposers and verifiers: 0 to 3 are honest, others misbehave in their own way. */
  readonly characters: readonly number[];
  /** Messages of each block. */
  readonly blocks: readonly (readonly Act[])[];
}

export function chaos(blocks: number): fc.Arbitrary<Chaos> {
  const act = fc.record({ kind: fc.constantFrom(...KINDS), who: fc.nat(20), what: fc.nat(12), much: fc.nat(3000) });
  return fc.record({
    characters: fc.array(fc.nat(7), { minLength: 10, maxLength: 10 }),
    blocks: fc.array(fc.array(act, { maxLength: 3 }), { minLength: blocks, maxLength: blocks }),
  });
}

/** Windows of seven blocks, so that a run of twenty sees pay, verdicts and returned stakes. */
export const hasty = (p: Profile): Profile => ({
  ...p,
  node: { ...p.node, epochBlocks: 2n, unbondingBlocks: 4n },
  training: { ...p.training, collectingBlocks: 3n },
  aggregation: { ...p.aggregation, attestingBlocks: 2n, committingBlocks: 1n, revealingBlocks: 1n },
  challenge: {
    ...p.challenge,
    challengeBlocks: 5n,
    layer2Blocks: 2n,
    layer3Blocks: 3n,
    appealBlocks: 3n,
    escalationBlocks: 2n,
    redrawBlocks: 2n,
    auditBps: 5000,
    auditFloorBps: 300,
    probationJobs: 0,
  },
});

function giveCharacters(sim: Simulation, characters: readonly number[]): void {
  for (const [i, m] of sim.miners.entries()) {
    const c = characters[i] ?? 0;
    if (c === 4 || c === 5) m.act = cheatingMiner();
    if (c === 6) m.act = { ...m.act, gradientHash: () => undefined };
    if (c === 7) m.act = { ...m.act, serves: () => false };
  }
  for (const [i, p] of sim.proposers.entries()) {
    const c = characters[3 + i] ?? 0;
    if (c === 4) p.act = { ...p.act, result: (w, g) => wrongResult(w, g) };
    if (c === 5) p.act = { ...p.act, result: (w, g) => trueResult(w, g, 'poisoned') };
    if (c === 6) p.act = { ...p.act, reveals: false };
    if (c === 7) p.act = { ...p.act, attests: false, commits: false };
  }
  for (const [i, v] of sim.verifiers.entries()) {
    const c = characters[6 + i] ?? 0;
    if (c === 4) v.act = { ...v.act, report: () => undefined };
    if (c === 5) v.act = { ...v.act, reveals: false };
    if (c === 6) v.act = { reveals: true, report: (_duty, truth) => ({ ...truth, hash: wrongHash('lie') }) };
    if (c === 7) v.act = { reveals: true, report: (_duty, truth) => ({ ...truth, digest: wrongHash('lazy') }) };
  }
}

async function messageOf(sim: Simulation, act: Act, account: TestAccount): Promise<Any | undefined> {
  const { address } = account;
  const part = ([Part.MINER, Part.PROPOSER, Part.VERIFIER, Part.SERVING] as const)[act.what % 4]!;
  const window = await sim.window();
  const id = BigInt(act.what);
  const amount = coin(remes(act.much) + 1n);
  switch (act.kind) {
    case 'send':
      return msgSend(address, sim.miners[act.what % 3]!.account.address, remes(act.much) + 1n);
    case 'register':
      return message('/remes.remes.v1.MsgRegisterNode', tx.MsgRegisterNode, { address, part, stake: amount, payoutAddress: '' });
    case 'top up':
      return message('/remes.remes.v1.MsgTopUpStake', tx.MsgTopUpStake, { address, part, amount });
    case 'reactivate':
      return message('/remes.remes.v1.MsgReactivateNode', tx.MsgReactivateNode, { address, part });
    case 'unregister':
      return message('/remes.remes.v1.MsgUnregisterNode', tx.MsgUnregisterNode, { address, part });
    case 'submit': {
      const job = window && (await sim.jobs(window.id))[act.what % 3];
      return window && job && submission(address, window, job, act.much % 2 === 0 ? trueGradientHash(job.id) : wrongHash(job.id));
    }
    case 'attest':
      return message('/remes.remes.v1.MsgAttestGradients', tx.MsgAttestGradients, { proposer: address, windowId: window?.id ?? 0n, bitmap: Uint8Array.of(act.what) });
    case 'challenge rightly':
    case 'challenge wrongly': {
      const gradient = window && (await sim.gradients(window.id))[act.what % 3];
      if (gradient === undefined) return undefined;
      const claim = act.kind === 'challenge rightly' ? trueGradientHash(gradient.jobId) : wrongHash('bogus');
      return sim.challengeGradient(account, gradient.id, claim).messages[0];
    }
    case 'challenge aggregation':
      return sim.challengeAggregation(account, (window?.id ?? 1n) - BigInt(act.what % 2), wrongHash('bogus')).messages[0];
    case 'escalate':
      return sim.escalate(account, id % 4n).messages[0];
    case 'commit report':
      return message('/remes.remes.v1.MsgCommitReport', tx.MsgCommitReport, { verifier: address, dutyId: id, commitment: wrongHash('commitment') });
    case 'reveal report':
      return message('/remes.remes.v1.MsgRevealReport', tx.MsgRevealReport, {
        verifier: address,
        dutyId: id,
        reportHash: wrongHash('hash'),
        reportDigest: wrongHash('digest'),
        salt: wrongHash('salt'),
      });
  }
}

/** Plays a drawn course of events; `check` runs after each block. */
export async function play(drawn: Chaos, check: (sim: Simulation) => Promise<void>): Promise<Simulation> {
  const sim = await Simulation.start({ miners: 3, proposers: 3, verifiers: 4, change: hasty });
  giveCharacters(sim, drawn.characters);
  const accounts = [...sim.miners, ...sim.proposers, ...sim.verifiers].map((a) => a.account).concat(sim.outsider);
  for (const acts of drawn.blocks) {
    const extra: { account: TestAccount; messages: Any[] }[] = [];
    for (const act of sim.chain.height === 0n ? [] : acts) {
      const account = accounts[act.who % accounts.length]!;
      const one = await messageOf(sim, act, account);
      if (one !== undefined) extra.push({ account, messages: [one] });
    }
    await sim.step(extra);
    await check(sim);
  }
  return sim;
}
