import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { modelNoun } from '../../../../../src/cli/commands/model/index.js';
import { addBytes, openLocalStore } from '../../../../../src/storage/index.js';
import { adapterLayout, readAdapterConfig, writeAdapter } from '../../../../../src/train/index.js';
import { cosmjsGenesis, type RunningNode, startNode } from '../../../../e2e/cosmjs-harness.js';
import { listOf, streamOf } from '../../../storage/helpers.js';
import { configJson, SMALL } from '../../../train/helpers.js';
import { account } from '../chain.js';
import { expectDeclaredKeys } from '../golden.js';
import { type Ran, runCli } from '../../harness.js';

const LORA = { rank: 8, alpha: 16, targets: ['q_proj'] as const };
const layout = adapterLayout(SMALL, LORA);
const adapter = { layout, values: Float32Array.from({ length: layout.size }, (_, i) => Math.sin(i)) };
let cwd: string;
let node: RunningNode;

beforeAll(async () => {
  cwd = mkdtempSync(path.join(tmpdir(), 'r3mes-export-'));
  const store = await openLocalStore(path.join(cwd, 'store'));
  const backbone = await store.addDirectory(listOf({ path: 'config.json', content: streamOf(JSON.stringify(configJson())) }));
  const stored = await addBytes(store, writeAdapter(adapter));
  await store.close();
  const genesis = cosmjsGenesis([account('rich').address], account('miner').address);
  const state = JSON.stringify(genesis.appState)
    .replace(/"(backbone_?[cC]id)":"[^"]*"/u, `"$1":"${backbone.cid}"`)
    .replace(/"(adapter_?[cC]id)":"[^"]*"/u, `"$1":"${stored.cid}"`);
  node = await startNode({ ...genesis, appState: JSON.parse(state) as typeof genesis.appState });
});
afterAll(async () => {
  await node.stop();
  rmSync(cwd, { recursive: true });
});

function exported(...argv: string[]): Promise<Ran> {
  return runCli(['model', 'export-adapter', '--json', ...(argv.includes('--content') ? [] : ['--content', 'store']), ...argv], { cwd, env: { R3MES_NODE: node.url } });
}

it('writes the newest adapter of the chain as PEFT loads it', async () => {
  const ran = await exported('-o', 'adapter', '--base', './backbone');
  expect(ran).toMatchObject({ code: 0, json: { modelId: '1', output: path.join(cwd, 'adapter'), rank: 8, alpha: 16, targets: ['q_proj'], parameters: layout.size, baseModel: './backbone' } });
  expectDeclaredKeys(modelNoun, 'export-adapter', ran.json);
  expect(readFileSync(path.join(cwd, 'adapter/adapter_model.safetensors')).equals(writeAdapter(adapter))).toBe(true);
  const config = readFileSync(path.join(cwd, 'adapter/adapter_config.json'));
  expect(readAdapterConfig(config)).toEqual(LORA);
  expect(JSON.parse(config.toString())).toMatchObject({ base_model_name_or_path: './backbone' });
});

it('names what the chain or the store does not have, and replaces nothing unasked', async () => {
  expect(await exported('9', '-o', 'other')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND', message: 'the chain has no model 9' } });
  expect(await exported('-o', 'other', '--window', '77')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND', message: 'the chain has no window 77 of model 1' } });
  expect(await exported('-o', 'other', '--content', 'empty')).toMatchObject({ code: 1, json: { code: 'CONTENT_NOT_FOUND' } });
  await exported('-o', 'twice');
  expect(await exported('-o', 'twice')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED' } });
  expect(await exported('-o', 'twice', '--force')).toMatchObject({ code: 0 });
});
