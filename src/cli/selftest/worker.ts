/** Process of one backend in a self-test: an instruction that the machine has not got ends this process, not the command. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { toHex } from '../../protocol/bytes.js';
import { useGpu } from '../../native/index.js';
import { GOLDEN_STEPS, goldenJob, loadCheckpoint, runJob } from '../../train/index.js';
import type { SelftestMessage, SelftestStart } from './worker-protocol.js';

function tell(message: SelftestMessage): void {
  process.send?.(message);
}

async function run(start: SelftestStart): Promise<void> {
  if (start.gpu !== undefined) useGpu(start.gpu);
  const read = (name: string): Promise<Uint8Array> => readFile(path.join(start.modelDirectory, name));
  const model = await loadCheckpoint({ config: await read('config.json'), weights: await read('model.safetensors') });
  for (const cut of start.cuts) {
    for (const step of GOLDEN_STEPS) {
      const { lossBits, gradientHash, gradients } = await runJob(model, goldenJob(model.config, step), cut);
      tell({ type: 'step', outcome: { ...cut, step: step.name, lossBits, gradientHash: toHex(gradientHash), gradients } });
    }
  }
  model.dispose();
  tell({ type: 'done' });
}

process.on('disconnect', () => process.exit(0));
process.on('message', (start: SelftestStart) => {
  run(start).catch((error: unknown) => {
    tell({ type: 'fatal', message: error instanceof Error ? error.message : String(error) });
  });
});
