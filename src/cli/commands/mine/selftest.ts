import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { R3mesError } from '../../../protocol/errors.js';
import { ARITHMETIC_VERSION, GOLDEN_STEPS, goldenResults, readConfig } from '../../../train/index.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { EXIT } from '../../frame/exit-codes.js';
import { table } from '../../frame/table.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../model-directory.js';
import { allBackends } from '../../selftest/backends.js';
import { type BackendReport, runSelftest } from '../../selftest/run.js';
import { differenceText } from '../../selftest/verdict.js';

const GOLDEN_FILE = fileURLToPath(new URL('../../../../templates/selftest.json', import.meta.url));

/** One thread, as many as most machines have, and a number that divides no work evenly; sequences one by one and together. */
const CUTS = [
  { threads: 1, microBatch: 1 },
  { threads: 2, microBatch: 4 },
  { threads: 7, microBatch: 2 },
];

function line(report: BackendReport): string[] {
  const { backend, verdict, hash, difference, reason } = report;
  if (difference !== undefined) return [backend, hash.slice(0, 16), `differs: ${differenceText(difference)}`];
  return [backend, hash === '' ? '-' : hash.slice(0, 16), reason === undefined ? verdict : `${verdict}: ${reason}`];
}

export async function mineSelftest(ctx: Context): Promise<CommandResult> {
  const golden = goldenResults.parse(JSON.parse(await readFile(GOLDEN_FILE, 'utf8')));
  if (golden.arithmeticVersion !== ARITHMETIC_VERSION) {
    throw new R3mesError({ code: 'ENGINE_UNAVAILABLE', message: `the golden results are of arithmetic version ${golden.arithmeticVersion}, the engine of ${ARITHMETIC_VERSION}`, hint: 'install the package again' });
  }
  const config = readConfig(await readFile(path.join(DEFAULT_MODEL_DIRECTORY, 'config.json')));
  const asked = allBackends();
  const progress = await ctx.progress('computing golden steps');
  const total = asked.filter(({ refusal }) => refusal === undefined).length * CUTS.length * GOLDEN_STEPS.length;
  let done = 0;
  let reports: BackendReport[];
  try {
    reports = await runSelftest({ golden, config, modelDirectory: DEFAULT_MODEL_DIRECTORY, cuts: CUTS }, asked, (backend) => progress.update({ done: ++done, total, detail: backend }), ctx.signal);
  } catch (error) {
    progress.fail();
    throw error;
  }
  progress.succeed();
  const right = reports.every(({ verdict }) => verdict === 'equal' || verdict === 'absent');
  return {
    data: {
      equal: right,
      arithmeticVersion: ARITHMETIC_VERSION,
      steps: GOLDEN_STEPS.map(({ name }) => name),
      cuts: CUTS.map((cut) => ({ ...cut })),
      backends: reports.map((report) => ({ backend: report.backend, verdict: report.verdict, hash: report.hash, steps: report.steps, difference: report.difference === undefined ? null : { ...report.difference }, reason: report.reason ?? null })),
    },
    text: [
      table(['backend', 'hash', 'verdict'], reports.map(line)),
      '',
      right ? 'This machine computes right.' : 'Do not mine with a backend that differs: its gradients would be taken for fraud. R3MES_ISA chooses another one.',
    ].join('\n'),
    exitCode: right ? EXIT.ok : EXIT.device,
  };
}
