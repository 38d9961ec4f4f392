/** Doing work again from chain and store alone, and saying where it differs. */
import type { ChainClient } from '../../client/index.js';
import { equalBytes, toHex } from '../../protocol/bytes.js';
import { R3mesError } from '../../protocol/errors.js';
import type { StoredGradient } from '../../protocol/gen/remes/remes/v1/stored_gradient.js';
import { type AggregationResult, type TrainingWindow, WindowOutcome } from '../../protocol/gen/remes/remes/v1/training_window.js';
import { loraSettings } from '../../roles/assets.js';
import { readBytes } from '../../storage/index.js';
import { adapterLayout, type AdapterLayout, type JobResult, readGradientFile } from '../../train/index.js';
import type { Bench } from './compute.js';
import { notFound } from './not-found.js';
import { floatOf } from './records.js';

/** One value as the chain has it and as it was found again. */
export interface Compared {
  readonly what: string;
  readonly onChain: string;
  readonly recomputed: string;
  readonly equal: boolean;
}

function compared(what: string, onChain: string, recomputed: string): Compared {
  return { what, onChain, recomputed, equal: onChain === recomputed };
}

/** The window that was named, or the newest whose aggregation was accepted. @throws R3mesError NOT_FOUND, NOTHING_ACCEPTED */
export async function aggregatedWindow(client: ChainClient, windowId: bigint | undefined): Promise<TrainingWindow & { readonly accepted: AggregationResult }> {
  if (windowId === 0n) throw notFound('window 0: windows count from 1');
  const newest = await client.queries.window(windowId ?? 0n);
  if (newest === undefined) throw notFound(windowId === undefined ? 'window yet' : `window ${windowId}`);
  for (let id = newest.id; id >= 1n; id--) {
    const window = id === newest.id ? newest : await client.queries.window(id);
    if (window?.accepted !== undefined) return { ...window, accepted: window.accepted };
    if (windowId !== undefined) {
      const why = newest.outcome === WindowOutcome.UNSPECIFIED ? 'it is not finished yet' : `its outcome is ${WindowOutcome[newest.outcome].toLowerCase()}`;
      throw new R3mesError({ code: 'NOTHING_ACCEPTED', message: `window ${windowId} has no accepted aggregation: ${why}`, hint: 'name another window; r3mes query window shows the newest' });
    }
  }
  throw new R3mesError({ code: 'NOTHING_ACCEPTED', message: 'no window has an accepted aggregation yet', hint: 'wait for the first window to be aggregated', retryable: true });
}

export interface VerifiedAggregation {
  readonly result: AggregationResult;
  readonly comparisons: readonly Compared[];
}

/** Aggregates a window's included gradients again, whatever was accepted. */
export async function verifyAggregation(bench: Bench, window: TrainingWindow & { readonly accepted: AggregationResult }): Promise<VerifiedAggregation> {
  const { accepted } = window;
  const { result } = await bench.work.aggregation(window);
  const comparisons = [
    compared('adapter CID', accepted.adapterCid, result.adapterCid),
    compared('optimizer CID', accepted.optimizerCid, result.optimizerCid),
    compared('step', accepted.step.toString(), result.step.toString()),
    compared('aggregate hash', toHex(accepted.aggregateHash), toHex(result.aggregateHash)),
    compared('Merkle root', toHex(accepted.merkleRoot), toHex(result.merkleRoot)),
    compared('result hash', toHex(accepted.resultHash), toHex(result.resultHash)),
  ];
  return { result, comparisons };
}

/** The first value that differs between the submitted file and the recomputed gradient. */
export interface FirstDifference {
  readonly tensor: string;
  /** Counted from 0 within the tensor, row by row. */
  readonly index: number;
  readonly submitted: number;
  readonly recomputed: number;
}

export interface Replayed {
  readonly job: JobResult;
  readonly comparisons: readonly Compared[];
  readonly equal: boolean;
  /** Why no value can be named, or the value; nothing where all is equal. */
  readonly difference: FirstDifference | undefined;
  readonly differenceNote: string;
}

function firstDifference(layout: AdapterLayout, submitted: Float32Array, recomputed: Float32Array): FirstDifference | undefined {
  const bitsOf = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
  const [a, b] = [bitsOf(submitted), bitsOf(recomputed)];
  const at = a.findIndex((bits, i) => bits !== b[i]);
  if (at === -1) return undefined;
  const slot = layout.slots.filter(({ offset }) => offset <= at).reduce((last, one) => (one.offset >= last.offset ? one : last));
  return { tensor: slot.name, index: at - slot.offset, submitted: submitted[at] ?? NaN, recomputed: recomputed[at] ?? NaN };
}

async function compareFiles(bench: Bench, window: TrainingWindow, gradient: StoredGradient, job: JobResult): Promise<{ difference: FirstDifference | undefined; differenceNote: string }> {
  try {
    const { assets } = bench.work;
    const record = await assets.record(window);
    const layout = adapterLayout((await assets.model(record)).config, loraSettings(record));
    const bytes = await readBytes(bench.store, gradient.payloadCid, { maxBytes: gradient.payloadSize });
    const difference = firstDifference(layout, readGradientFile(bytes, layout), job.gradients);
    return { difference, differenceNote: difference === undefined ? 'the submitted file holds the right values: its hash or its loss was stated wrongly' : '' };
  } catch (error) {
    if (!(error instanceof R3mesError)) throw error;
    return { difference: undefined, differenceNote: `the submitted file cannot be compared: ${error.message}` };
  }
}

/** Trains the job behind a submission again. */
export async function replayGradient(bench: Bench, gradient: StoredGradient): Promise<Replayed> {
  const job = await bench.work.replay(gradient);
  const comparisons = [
    compared('gradient hash', toHex(gradient.gradientHash), toHex(job.gradientHash)),
    compared('loss', String(floatOf(gradient.lossBits)), String(floatOf(job.lossBits))),
  ];
  const equal = equalBytes(gradient.gradientHash, job.gradientHash);
  const window = equal ? undefined : await bench.chain.window(gradient.windowId);
  const found = window === undefined ? { difference: undefined, differenceNote: '' } : await compareFiles(bench, window, gradient, job);
  return { job, comparisons, equal, ...found };
}
