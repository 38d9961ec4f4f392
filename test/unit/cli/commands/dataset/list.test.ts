import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { datasetNoun } from '../../../../../src/cli/commands/dataset/index.js';
import { CHAIN_ID } from '../../../../e2e/cosmjs-harness.js';
import { startTestNet, type TestNet } from '../chain.js';
import { expectDeclaredKeys } from '../golden.js';

const home = mkdtempSync(path.join(os.tmpdir(), 'r3mes-datasets-'));
let net: TestNet;
beforeAll(async () => {
  net = await startTestNet(home);
});
afterAll(async () => {
  await net.stop();
  rmSync(home, { recursive: true, force: true });
});

it('dataset list shows the datasets of the chain', async () => {
  const ran = await net.cli(['dataset', 'list', '--json']);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.json).toMatchObject({ chainId: CHAIN_ID, datasets: [{ id: '1', name: 'test', status: 'approved', trainingChunks: 100 }] });
  expectDeclaredKeys(datasetNoun, 'list', ran.json);
  const { manifestCid } = (ran.json['datasets'] as { manifestCid: string }[])[0]!;
  const forPeople = await net.cli(['dataset', 'list']);
  expect(forPeople.stdout).toContain(manifestCid);
  expect(await net.cli(['dataset', 'list', '--network', 'another', '--json'])).toMatchObject({ code: 2, json: { code: 'WRONG_NETWORK' } });
});
