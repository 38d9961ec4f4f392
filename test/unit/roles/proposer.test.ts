import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { R3mesError } from '../../../src/protocol/errors.js';
import { GradientEncoding, GradientStatus } from '../../../src/protocol/gen/remes/remes/v1/stored_gradient.js';
import { WindowOutcome, WindowPhase, type Job, type TrainingWindow } from '../../../src/protocol/gen/remes/remes/v1/training_window.js';
import { possessionRoot } from '../../../src/protocol/merkle.js';
import { outgoing } from '../../../src/roles/messages.js';
import type { Submission } from '../../../src/roles/miner.js';
import { createProposer } from '../../../src/roles/proposer.js';
import type { Role } from '../../../src/roles/role.js';
import { addBytes, memoryStore, readBytes, type ContentStore } from '../../../src/storage/index.js';
import { DEVICE, playJob, World } from './harness.js';

let world: World;
beforeEach(async () => {
  world = await World.start({ miners: 4, verifiers: 3 });
});
afterEach(async () => {
  const { left, right } = await world.sim.invariants();
  expect(left).toEqual(right);
  await world.sim.chain.close();
});

/** Submits the job of `index`, with a file that is not what the submission says. */
function badMiner(index: number, spoil: (good: Submission, store: ContentStore) => Promise<{ cid: string; size: bigint; root: Uint8Array }>): Role {
  const { account } = world.sim.miners[index]!;
  let sent = false;
  return {
    address: account.address,
    async onHeight() {
      const window = await world.view.window();
      if (sent || window?.phase !== WindowPhase.COLLECTING) return;
      const job = (await world.view.job(window.id, account.address))!;
      sent = true;
      await submit(window, job);
    },
  };
  async function submit(window: TrainingWindow, job: Job): Promise<void> {
    const good = await playJob(world.view, window, job);
    const { cid, size, root } = await spoil(good, world.store);
    const value = {
      miner: account.address,
      windowId: window.id,
      jobId: job.id,
      modelVersion: window.modelVersion,
      baseAdapterCid: window.baseAdapterCid,
      layerRange: { start: 0, end: 4 },
      encoding: GradientEncoding.DENSE_F32,
      payloadCid: cid,
      payloadSize: size,
      gradientHash: good.gradientHash,
      possessionRoot: root,
      answerCommitment: new Uint8Array(),
      lossBits: good.lossBits,
      arithmeticVersion: 1,
      device: DEVICE,
    };
    const { message, gasLimit } = outgoing({ typeUrl: '/remes.remes.v1.MsgSubmitGradient', value });
    await (await world.sender(account)).submit(message, gasLimit);
  }
}

async function attested(bad: Role): Promise<{ codes: unknown[]; reasons: string[] }> {
  const { miners, proposers, verifiers } = await world.everybody();
  const all = [bad, ...miners.slice(1), ...proposers, ...verifiers];
  await world.until(all, async () => (await world.sim.window(1n))?.settled === true);
  const window = await world.sim.mustWindow(1n);
  expect([window.gradientCount, window.included.length, window.outcome]).toEqual([4, 3, WindowOutcome.ACCEPTED]);
  const gradient = await world.sim.gradientOf(1n, bad.address);
  expect(gradient.status).toBe(GradientStatus.EXCLUDED);
  expect(await world.sim.reward(1n, bad.address)).toBe(0n);
  const { proposers: records } = await world.sim.aggregation(1n);
  for (const r of records) expect([...r.attestation]).toEqual([15 & ~(1 << gradient.windowIndex)]);
  const unfetched = world.ofType('unfetched');
  expect(unfetched.map((e) => e['gradient'])).toEqual([gradient.id, gradient.id, gradient.id]);
  return { codes: [...new Set(unfetched.map((e) => e['code']))], reasons: unfetched.map((e) => String(e['reason'])) };
}

describe('a proposer does not attest a file', () => {
  it('that is in no store', async () => {
    const elsewhere = memoryStore();
    const { codes } = await attested(
      badMiner(0, async (good) => ({ cid: (await addBytes(elsewhere, good.file)).cid, size: BigInt(good.file.length), root: possessionRoot(good.file) })),
    );
    expect(codes).toEqual(['CONTENT_NOT_FOUND']);
  });

  it('that is larger than its submission says', async () => {
    const { codes, reasons } = await attested(
      badMiner(0, async (good, store) => ({ cid: (await addBytes(store, good.file)).cid, size: 100n, root: possessionRoot(good.file) })),
    );
    expect(codes).toEqual(['CONTENT_TOO_LARGE']);
    expect(reasons[0]).toMatch(/is \d+ bytes long, expected at most 100$/);
  });

  it('that is smaller than its submission says', async () => {
    const { codes, reasons } = await attested(
      badMiner(0, async (good, store) => ({ cid: (await addBytes(store, good.file)).cid, size: 1_000_000n, root: possessionRoot(good.file) })),
    );
    expect(codes).toEqual(['WRONG_SIZE']);
    expect(reasons[0]).toMatch(/expected a file of 1000000 bytes, got \d+/);
  });

  it('with another possession root', async () => {
    const { codes } = await attested(
      badMiner(0, async (good, store) => ({ cid: (await addBytes(store, good.file)).cid, size: BigInt(good.file.length), root: new Uint8Array(32) })),
    );
    expect(codes).toEqual(['WRONG_POSSESSION_ROOT']);
  });

  it('of another gradient than the one that was hashed, or of no gradient', async () => {
    const { codes, reasons } = await attested(
      badMiner(0, async (good, store) => {
        const file = good.file.slice();
        file[file.length - 5] = (file[file.length - 5] ?? 0) ^ 1;
        return { cid: (await addBytes(store, file)).cid, size: BigInt(file.length), root: possessionRoot(file) };
      }),
    );
    expect(codes).toEqual(['INVALID_INPUT']);
    expect(reasons[0]).toMatch(/its hash is [0-9a-f]{64}, the submission says/);
  });

  it('that is no gradient file at all', async () => {
    const { codes } = await attested(
      badMiner(0, async (_good, store) => {
        const file = new Uint8Array(5000).fill(7);
        return { cid: (await addBytes(store, file)).cid, size: 5000n, root: possessionRoot(file) };
      }),
    );
    expect(codes).toEqual(['INVALID_INPUT']);
  });
});

describe('a proposer that could not fetch what the others did', () => {
  it('says so, owes no commit and is neither paid nor slashed', async () => {
    const { miners, proposers, verifiers } = await world.everybody();
    const blind = world.sim.proposers[0]!.account;
    const deps = await world.deps(blind);
    let refused = 0n;
    deps.work.fetchGradient = async (window, gradient) => {
      refused ||= gradient.id;
      if (gradient.id === refused) throw new R3mesError({ code: 'CONTENT_NOT_FOUND', message: 'not served to me' });
      await readBytes(world.store, gradient.payloadCid, { maxBytes: gradient.payloadSize });
      return new Float32Array(window.chunkTokens);
    };
    await world.until([...miners, createProposer(deps), ...proposers.slice(1), ...verifiers], async () => (await world.sim.window(1n))?.settled === true);
    expect((await world.sim.mustWindow(1n)).included).toHaveLength(4);
    const own = (await world.sim.aggregation(1n)).proposers.find((r) => r.proposer === blind.address);
    expect([own?.attested, own?.owesCommit, own?.revealed]).toEqual([true, false, false]);
    expect(await world.sim.reward(1n, blind.address)).toBe(0n);
    expect(await world.sim.slashes()).toEqual([]);
  });
});
