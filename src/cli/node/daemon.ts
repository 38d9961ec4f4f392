/** Process of a node in the background. It is told its settings over a channel, answers once, and outlives its parent. */
import { describeError } from '../frame/errors.js';
import { runNode } from './run.js';
import type { NodeInfo, NodeSettings } from './settings.js';

export type DaemonMessage =
  | { readonly type: 'ready'; readonly info: NodeInfo }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly hint: string | null; readonly retryable: boolean };

function tell(message: DaemonMessage): Promise<void> {
  return new Promise((resolve) => {
    // The parent may be gone; the node does not need it.
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });
}

async function run(settings: NodeSettings, signal: AbortSignal): Promise<void> {
  const node = await runNode(settings, {}, signal);
  try {
    await tell({ type: 'ready', info: node.info });
    await node.until(signal);
  } finally {
    await node.stop();
  }
}

const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.abort());
process.once('message', (settings: NodeSettings) => {
  run(settings, stopping.signal).then(
    () => process.exit(0),
    async (error: unknown) => {
      const { code, message, hint, retryable, exitCode, stack } = describeError(error);
      console.error(stack); // goes to the crash file
      await tell({ type: 'failed', code, message, hint, retryable });
      process.exit(exitCode);
    },
  );
});
