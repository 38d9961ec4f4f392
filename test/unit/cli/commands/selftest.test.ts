import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { mineNoun } from '../../../../src/cli/commands/mine/index.js';
import { type Backend, allBackends } from '../../../../src/cli/selftest/backends.js';
import { runSelftest, type SelftestPlan } from '../../../../src/cli/selftest/run.js';
import { differenceText } from '../../../../src/cli/selftest/verdict.js';
import type { StepOutcome } from '../../../../src/cli/selftest/worker-protocol.js';
import { toHex } from '../../../../src/protocol/bytes.js';
import type { R3mesError } from '../../../../src/protocol/errors.js';
import { GOLDEN_STEPS, goldenJob, goldenResults, loadCheckpoint, readConfig, runJob } from '../../../../src/train/index.js';
import { temporaryFolder } from '../harness.js';
import { expectDeclaredKeys } from './golden.js';

const ROOT = path.resolve(import.meta.dirname, '../../../..');
const NANO = path.join(ROOT, 'templates/models/bitnet-nano');
const plan: SelftestPlan = {
  golden: goldenResults.parse(JSON.parse(readFileSync(path.join(ROOT, 'templates/selftest.json'), 'utf8'))),
  config: readConfig(readFileSync(path.join(NANO, 'config.json'))),
  modelDirectory: NANO,
  cuts: [{ threads: 2, microBatch: 3 }],
};
const signal = new AbortController().signal;

async function rightOutcomes(): Promise<StepOutcome[]> {
  const model = await loadCheckpoint({ config: readFileSync(path.join(NANO, 'config.json')), weights: readFileSync(path.join(NANO, 'model.safetensors')) });
  const outcomes: StepOutcome[] = [];
  for (const step of GOLDEN_STEPS) {
    const { lossBits, gradientHash, gradients } = await runJob(model, goldenJob(plan.config, step), { threads: 2, microBatch: 3 });
    outcomes.push({ threads: 2, microBatch: 3, step: step.name, lossBits, gradientHash: toHex(gradientHash), gradients });
  }
  model.dispose();
  return outcomes;
}

function fake(name: string, outcomes: readonly StepOutcome[], error?: R3mesError): Backend {
  return {
    name,
    run: (_start, onStep) => {
      outcomes.forEach(onStep);
      return error === undefined ? Promise.resolve() : Promise.reject(error);
    },
  };
}

describe('mine selftest', () => {
  it('finds every instruction set of this machine equal', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ['bin/r3mes.js', 'mine', 'selftest', '--json'], { cwd: ROOT });
    const result = JSON.parse(stdout) as { equal: boolean; backends: { backend: string; verdict: string }[] };
    expectDeclaredKeys(mineNoun, 'selftest', result);
    expect(result.equal).toBe(true);
    expect(result.backends.map(({ backend }) => backend).slice(0, 3)).toEqual(['scalar', 'avx2', 'avx512']);
    expect(result.backends.find(({ backend }) => backend === 'scalar')?.verdict).toBe('equal');
  });

  it('names the first tensor and element of a backend that is wrong in one bit, and goes on with the next', async () => {
    const right = await rightOutcomes();
    const slot = goldenJob(plan.config, GOLDEN_STEPS[1] ?? expect.fail()).adapter.layout.slots[2] ?? expect.fail();
    const wrong = right.map((outcome, i) => {
      if (i !== 1) return outcome;
      const gradients = outcome.gradients.slice();
      const bits = new Uint32Array(gradients.buffer);
      bits[slot.offset + 5] = (bits[slot.offset + 5] ?? 0) ^ 1;
      return { ...outcome, gradients, gradientHash: '00'.repeat(32) };
    });
    const reports = await runSelftest(plan, [fake('right', right), fake('wrong', wrong), fake('also right', right)], () => undefined, signal);
    expect(reports.map(({ verdict }) => verdict)).toEqual(['equal', 'differs', 'equal']);
    const { difference } = reports[1] ?? expect.fail();
    expect(difference).toMatchObject({ step: 'odd', tensor: slot.name, index: 5 });
    expect(differenceText(difference ?? expect.fail())).toMatch(/^step odd, 2 threads, micro-batch 3: .*\[5\] is 0x[0-9a-f]{8}, expected 0x[0-9a-f]{8}$/u);
    expect(reports[0]?.hash).toBe(reports[2]?.hash);
    expect(reports[1]?.hash).not.toBe(reports[0]?.hash);
  });

  it('says that only the loss differs, and names a tensor alone where no right one is at hand', async () => {
    const right = await rightOutcomes();
    const loss = right.map((outcome) => ({ ...outcome, lossBits: outcome.lossBits ^ 1, gradientHash: '11'.repeat(32) }));
    const zeros = right.map((outcome) => ({ ...outcome, gradients: new Float32Array(outcome.gradients.length), gradientHash: '22'.repeat(32) }));
    const [first, second] = await runSelftest(plan, [fake('loss', loss), fake('zeros', zeros)], () => undefined, signal);
    expect(first?.difference).toMatchObject({ step: 'batch', tensor: 'loss' });
    expect(second?.difference?.index).toBeUndefined();
    expect(second?.difference?.tensor).toContain('lora_A');
  });

  it('reports a backend whose process dies, and one that is not here', async () => {
    const file = path.join(temporaryFolder(), 'dies.js');
    writeFileSync(file, "process.on('message', () => process.kill(process.pid, 'SIGILL'));\n");
    const [scalar] = allBackends(file);
    const absent: Backend = { name: 'absent', refusal: 'not built', run: () => Promise.reject(new Error('never asked')) };
    const reports = await runSelftest(plan, [scalar ?? expect.fail(), absent], () => undefined, signal);
    expect(reports).toEqual([
      { backend: 'scalar', verdict: 'failed', hash: '', steps: 0, reason: 'its process ended by SIGILL before it answered' },
      { backend: 'absent', verdict: 'absent', hash: '', steps: 0, reason: 'not built' },
    ]);
  });
});
