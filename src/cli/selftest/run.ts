/** Asks every backend for the golden steps. */
import { R3mesError } from '../../protocol/errors.js';
import { taggedHash } from '../../protocol/hash.js';
import { toHex } from '../../protocol/bytes.js';
import type { BitNetConfig, GoldenResults } from '../../train/index.js';
import type { Backend } from './backends.js';
import { type Difference, differenceFrom } from './verdict.js';
import type { SelftestStart, StepOutcome } from './worker-protocol.js';

export interface BackendReport {
  readonly backend: string;
  readonly verdict: 'equal' | 'differs' | 'failed' | 'absent';
  /** Over the hashes of all steps; empty where none was computed. */
  readonly hash: string;
  readonly steps: number;
  readonly difference?: Difference;
  /** Why it is absent or failed. */
  readonly reason?: string;
}

export interface SelftestPlan extends SelftestStart {
  readonly golden: GoldenResults;
  readonly config: BitNetConfig;
}

function combined(outcomes: readonly StepOutcome[]): string {
  if (outcomes.length === 0) return '';
  const first = outcomes.filter(({ threads, microBatch }) => threads === outcomes[0]?.threads && microBatch === outcomes[0].microBatch);
  return toHex(taggedHash('selftest', ...first.map(({ gradientHash }) => gradientHash)));
}

/** Steps of each backend; a later one is compared, element by element, with the right gradients of an earlier one. */
export async function runSelftest(plan: SelftestPlan, backends: readonly Backend[], onStep: (backend: string) => void, signal: AbortSignal): Promise<BackendReport[]> {
  const right = new Map<string, Float32Array>();
  const reports: BackendReport[] = [];
  for (const backend of backends) {
    if (backend.refusal !== undefined) {
      reports.push({ backend: backend.name, verdict: 'absent', hash: '', steps: 0, reason: backend.refusal });
      continue;
    }
    const outcomes: StepOutcome[] = [];
    let difference: Difference | undefined;
    const take = (outcome: StepOutcome): void => {
      outcomes.push(outcome);
      const found = differenceFrom(plan.golden, plan.config, outcome, right.get(outcome.step));
      if (found === undefined && !right.has(outcome.step)) right.set(outcome.step, outcome.gradients);
      difference ??= found;
      onStep(backend.name);
    };
    let reason: string | undefined;
    try {
      await backend.run({ modelDirectory: plan.modelDirectory, cuts: plan.cuts }, take, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof R3mesError)) throw error;
      reason = error.message;
    }
    const verdict = difference !== undefined ? 'differs' : reason !== undefined ? 'failed' : 'equal';
    reports.push({
      backend: backend.name,
      verdict,
      hash: combined(outcomes),
      steps: outcomes.length,
      ...(difference === undefined ? {} : { difference }),
      ...(reason === undefined ? {} : { reason }),
    });
  }
  return reports;
}
