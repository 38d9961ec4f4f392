import type { R3mesError } from '../../protocol/errors.js';
import { stoppedBy } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Io } from './io.js';
import type { Output } from './output.js';

/** How a running command is asked to end. */
export interface Stopping {
  readonly signal: AbortSignal;
  /** The signal that came, as the error that ends the command. */
  readonly stopped: () => R3mesError | undefined;
  /** Whether whoever read stdout went away. */
  readonly unread: () => boolean;
  readonly holdFor: (what: string | undefined) => void;
  dispose(): void;
}

/** Watches for signals and for a closed stdout: the first signal aborts and says what is waited for, the second forces. */
export function watchForStop(io: Io, output: Output): Stopping {
  const controller = new AbortController();
  let stopped: R3mesError | undefined;
  let unread = false;
  let held: string | undefined;
  const offSignals = io.onSignal((name) => {
    if (stopped !== undefined) {
      io.exit(name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
      return;
    }
    stopped = stoppedBy(name);
    output.note(held === undefined ? 'stopping (Ctrl-C again forces)' : `stopping: waiting for ${held} (Ctrl-C again forces)`);
    controller.abort(stopped);
  });
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    unread = true;
    controller.abort(error);
  };
  // Without a listener a write to a closed stderr would be an uncaught error; there is nobody left to tell.
  const onStderr = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
  };
  io.stdout.on('error', onPipe);
  io.stderr.on('error', onStderr);
  return {
    signal: controller.signal,
    stopped: () => stopped,
    unread: () => unread,
    holdFor: (what) => void (held = what),
    dispose() {
      offSignals();
      // The pipe listeners stay: the last lines may still be under way.
    },
  };
}
