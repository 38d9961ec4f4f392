import type { Output } from './output.js';

export interface ProgressState {
  readonly done?: number;
  readonly total?: number;
  readonly detail?: string;
}

/** One step of long work: what, how far, how long. */
export interface Progress {
  update(state: ProgressState): void;
  /** Ends the step well. */
  succeed(detail?: string): void;
  /** Ends the step badly; the error itself is thrown by the caller. */
  fail(): void;
}

const JSON_INTERVAL_MS = 1000;
const LINE_INTERVAL_MS = 10_000;

/** `1.2 s`, `3 min 20 s`, `2 h 5 min` */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How far and how long yet: `40 %, 3.0 s left`. */
export function describeState(state: ProgressState, elapsedMs: number): string {
  const { done, total, detail } = state;
  const parts: string[] = [];
  if (done !== undefined && total !== undefined && total > 0) {
    parts.push(`${Math.floor((100 * done) / total)} %`);
    if (done > 0 && done < total && elapsedMs > 1000) parts.push(`${formatDuration((elapsedMs * (total - done)) / done)} left`);
  } else if (done !== undefined) parts.push(String(done));
  if (detail !== undefined) parts.push(detail);
  return parts.join(', ');
}

interface Face {
  show(text: string): void;
  end(ok: boolean, text: string): void;
}

/** Starts a step. A spinner for a person, one line a step for a log, NDJSON for a script. */
export async function startProgress(output: Output, what: string): Promise<Progress> {
  const startedMs = performance.now();
  const { json, stream, quiet, person } = output.mode;
  let face: Face;
  let intervalMs = LINE_INTERVAL_MS;
  // A terminal of 0 columns, which does not know its width, would have ora clear lines for ever.
  if (person && !quiet && process.stderr.columns !== 0) {
    const { default: ora } = await import('ora');
    // ora's own handling of stdin would swallow Ctrl-C, which is ours
    const spinner = ora({ text: what, stream: process.stderr, discardStdin: false }).start();
    intervalMs = 80;
    face = {
      show(text) {
        spinner.text = text;
      },
      end(ok, text) {
        if (ok) spinner.succeed(text);
        else spinner.fail(text);
      },
    };
  } else {
    output.note(`${what} …`);
    face = { show: (text) => output.note(text), end: (_ok, text) => output.note(text) };
  }
  if (json && stream) intervalMs = JSON_INTERVAL_MS;
  let shownMs = -Infinity;
  let ended = false;
  const line = (suffix: string): string => (suffix === '' ? what : `${what}: ${suffix}`);
  const emit = (state: ProgressState, status: 'running' | 'done' | 'failed'): void => {
    const { done = null, total = null, detail = null } = state;
    if (json) output.event('progress', { step: what, status, done, total, detail, elapsedMs: Math.round(performance.now() - startedMs) }, '');
  };
  let last: ProgressState = {};
  emit(last, 'running');
  return {
    update(state) {
      last = state;
      const nowMs = performance.now();
      if (ended || nowMs - shownMs < intervalMs) return;
      if (shownMs === -Infinity && intervalMs === LINE_INTERVAL_MS && nowMs - startedMs < intervalMs) return;
      shownMs = nowMs;
      emit(state, 'running');
      if (!json) face.show(line(describeState(state, nowMs - startedMs)));
    },
    succeed(detail) {
      if (ended) return;
      ended = true;
      emit(detail === undefined ? last : { ...last, detail }, 'done');
      const took = formatDuration(performance.now() - startedMs);
      face.end(true, line(detail === undefined ? `done in ${took}` : `${detail} (${took})`));
    },
    fail() {
      if (ended) return;
      ended = true;
      emit(last, 'failed');
      face.end(false, line(`failed after ${formatDuration(performance.now() - startedMs)}`));
    },
  };
}
