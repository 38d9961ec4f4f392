import os from 'node:os';
import path from 'node:path';

import { toHex, utf8 } from '../../../protocol/bytes.js';
import { cidOfBytes } from '../../../protocol/cid.js';
import { taggedHash } from '../../../protocol/hash.js';
import { DrawStream } from '../../../protocol/sampling.js';
import { loadEngine } from '../../../native/index.js';
import { ARITHMETIC_VERSION, initialAdapter, type Job, loadModel, type Model, runJob, TARGETS } from '../../../train/index.js';
import { fileFolder } from '../../files/model-folder.js';
import type { SettingValues } from '../../config/schema.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import { table } from '../../frame/table.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../model-directory.js';
import { chooseDevice, deviceText, threadCount } from '../../session/device.js';

interface Args {
  readonly model: string | undefined;
  readonly threads: number;
  readonly device: SettingValues['device'];
  readonly sequences: number;
  readonly length: number;
  readonly rank: number;
  readonly repeat: number;
}

interface Measured {
  readonly threads: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly gradientHash: string;
}

/** A job on made-up tokens: the same on every machine, so that its hash can be compared. */
function madeUpJob(model: Model, args: Args): Job {
  const stream = new DrawStream(taggedHash('bench'));
  const chunkTokens = args.sequences * args.length;
  const vocabulary = BigInt(model.config.vocabSize);
  const chunk = Int32Array.from({ length: chunkTokens }, () => Number(stream.below(vocabulary)));
  const cid = cidOfBytes(utf8('r3mes mine bench')).toString();
  return {
    backboneCid: cid,
    baseAdapterCid: cid,
    jobId: taggedHash('bench-job'),
    sequenceLength: args.length,
    chunkTokens,
    adapter: initialAdapter(model.config, { rank: args.rank, alpha: 2 * args.rank, targets: [...TARGETS] }, taggedHash('bench-adapter')),
    chunks: [chunk],
  };
}

async function measure(model: Model, job: Job, threads: number, repeat: number, signal: AbortSignal, step: () => void): Promise<Measured> {
  let seconds = Infinity;
  let gradientHash = '';
  for (let i = 0; i < repeat; i++) {
    const startedMs = performance.now();
    gradientHash = toHex((await runJob(model, job, { threads, signal })).gradientHash);
    seconds = Math.min(seconds, (performance.now() - startedMs) / 1000);
    step();
  }
  return { threads, seconds, tokensPerSecond: job.chunkTokens / seconds, gradientHash };
}

function machine() {
  const [cpu] = os.cpus();
  return { cpu: cpu?.model.trim() ?? 'unknown', cores: os.availableParallelism(), memoryBytes: os.totalmem(), architecture: process.arch, platform: `${os.platform()} ${os.release()}`, node: process.version };
}

export async function mineBench(ctx: Context, args: Args): Promise<CommandResult> {
  loadEngine();
  const device = await chooseDevice(args.device, (reason) => ctx.out.warn(reason));
  const all = threadCount(args.threads);
  const folder = args.model === undefined ? DEFAULT_MODEL_DIRECTORY : path.resolve(ctx.io.cwd, args.model);
  const model = await loadModel(fileFolder(folder), { signal: ctx.signal });
  const progress = await ctx.progress('measuring');
  try {
    if (args.length > model.config.maxPositions) throw usageError(`--length: expected at most the model's ${model.config.maxPositions} positions, got ${args.length}`);
    const job = madeUpJob(model, args);
    const counts = all === 1 || device.backend === 'cuda' ? [all] : [1, all];
    const total = counts.length * args.repeat;
    let done = 0;
    const runs: Measured[] = [];
    for (const threads of counts) {
      const detail = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
      runs.push(await measure(model, job, threads, args.repeat, ctx.signal, () => progress.update({ done: ++done, total, detail })));
    }
    progress.succeed();
    return benchResult(model, job, runs, path.basename(folder), deviceText(device, all));
  } catch (error) {
    progress.fail();
    throw error;
  } finally {
    model.dispose();
  }
}

function benchResult(model: Model, job: Job, runs: readonly Measured[], name: string, device: string): CommandResult {
  const on = machine();
  const last = runs.at(-1);
  const adapterParameters = job.adapter.values.length;
  return {
    data: {
      machine: on,
      device,
      arithmeticVersion: ARITHMETIC_VERSION,
      model: name,
      parameters: model.fullParameters,
      adapterParameters,
      tokens: job.chunkTokens,
      runs: runs.map(({ threads, seconds, tokensPerSecond }) => ({ threads, seconds, tokensPerSecond })),
      tokensPerSecond: last?.tokensPerSecond ?? 0,
      gradientHash: last?.gradientHash ?? '',
    },
    text: [
      `machine   ${on.cpu}, ${on.cores} cores, ${(on.memoryBytes / 2 ** 30).toFixed(1)} GiB, ${on.architecture}, ${on.platform}, Node ${on.node}`,
      `model     ${name}: ${model.fullParameters} parameters, adapter ${adapterParameters}`,
      `job       ${job.chunkTokens} tokens in sequences of ${job.sequenceLength}, arithmetic version ${ARITHMETIC_VERSION}`,
      `gradient  ${last?.gradientHash ?? ''}`,
      '',
      table(['threads', 'seconds', 'tokens/s'], runs.map((r) => [String(r.threads), r.seconds.toFixed(3), r.tokensPerSecond.toFixed(0)]), [0, 1, 2]),
    ].join('\n'),
  };
}
