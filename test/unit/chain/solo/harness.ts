import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach } from 'vitest';

import { SoloEngine, type SoloOptions } from '../../../../src/chain/solo/engine.js';
import { FakeApp, TEST_KEY, testGenesis } from './fake-app.js';

const folders: string[] = [];
const engines: SoloEngine[] = [];

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'r3mes-solo-'));
  folders.push(folder);
  return folder;
}

afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** An engine with a fake application, sealing every millisecond unless told otherwise; stopped after the test. */
export async function openEngine(options: Partial<SoloOptions> = {}): Promise<SoloEngine> {
  const engine = await SoloEngine.open({
    app: new FakeApp(),
    genesis: testGenesis(),
    validatorKey: TEST_KEY,
    directory: path.join(temporaryFolder(), 'blocks'),
    sealing: { kind: 'interval', intervalMs: 1 },
    ...options,
  });
  engines.push(engine);
  return engine;
}

/** Resolves when the block of this height is committed. */
export function reached(engine: SoloEngine, height: bigint): Promise<void> {
  return new Promise((resolve, reject) => {
    if (engine.height >= height) {
      resolve();
      return;
    }
    const end = engine.subscribe(({ block }) => {
      if ((block.header?.height ?? 0n) < height) return;
      end();
      resolve();
    });
    engine.finished.then(() => resolve(), reject);
  });
}
