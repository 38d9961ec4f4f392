import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { beforeEach, describe, expect, it } from 'vitest';

import { modelNoun } from '../../../../../src/cli/commands/model/index.js';
import { readSafetensors, writeSafetensors } from '../../../../../src/train/index.js';
import type { Tensor } from '../../../../../src/train/index.js';
import { runCli, type Ran, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys } from '../golden.js';

const CASES = path.resolve(fileURLToPath(new URL('../../../../../', import.meta.url)), '../shared/reference-models');
const there = existsSync(CASES);
if (!there) console.log(`model check is not run: the reference cases are not in ${CASES}`);

let cwd: string;
beforeEach(() => {
  cwd = temporaryFolder();
});

function check(directory: string, ...more: string[]): Promise<Ran> {
  return runCli(['model', 'check', directory, ...more, '--json'], { cwd });
}
function copyOf(name: string): string {
  cpSync(path.join(CASES, name), path.join(cwd, 'case'), { recursive: true });
  return path.join(cwd, 'case');
}
function editIo(folder: string, edit: (tensors: Map<string, Tensor>) => void): void {
  const file = path.join(folder, 'io.safetensors');
  const tensors = readSafetensors(new Uint8Array(readFileSync(file)), 'io');
  edit(tensors);
  // The tensors are views into the file: their bytes were changed in place.
  writeFileSync(file, writeSafetensors(tensors));
}
function addTo(tensor: Tensor, change: number): void {
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.length);
  view.setFloat32(0, view.getFloat32(0, true) + change, true);
}

describe.skipIf(!there)('model check', () => {
  it.each(['gqa-tied', 'mha-all-linear', 'odd-shapes'])('%s is within the bounds, with the same numbers however it is computed', async (name) => {
    const first = await check(path.join(CASES, name), '--threads', '1', '--micro-batch', '1');
    expect(first).toMatchObject({ code: 0, stderr: '', json: { case: name, withinBounds: true, steps: 20, threads: 1, bounds: { lossDifference: 0.005, gradientCosine: 0.999, curveDifference: 0.1 } } });
    expectDeclaredKeys(modelNoun, 'check', first.json);
    const { lossDifference, smallestCosine, curveDifference, smallestCosineTensor } = first.json as Record<string, number>;
    expect(lossDifference).toBeLessThanOrEqual(5e-3);
    expect(smallestCosine).toBeGreaterThanOrEqual(0.999);
    expect(curveDifference).toBeLessThanOrEqual(0.1);
    expect(smallestCosineTensor).toMatch(/^base_model\.model\.model\.layers\.[0-9]\..*\.lora_[AB]\.weight$/);
    const second = await check(path.join(CASES, name), '--threads', '2', '--micro-batch', '3');
    expect(second.json).toEqual({ ...first.json, threads: 2 });
  });

  it('prints for people what was measured and what is allowed', async () => {
    const ran = await runCli(['model', 'check', path.join(CASES, 'gqa-tied')], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^loss +[0-9.]+, reference [0-9.]+\nloss difference .*bound 0\.005\nsmallest gradient cosine .*bound 0\.999: base_model.*\nlargest curve difference .*bound 0\.1\n/);
    expect(ran.stdout).toMatch(/within the bounds +yes\n$/);
  });

  it.each<[string, (tensors: Map<string, Tensor>) => void, (measured: Record<string, number>) => boolean]>([
    ['loss', (t) => addTo(t.get('loss')!, 0.1), (m) => m['lossDifference']! > 5e-3 && m['curveDifference']! <= 0.1],
    ['curve', (t) => addTo(t.get('losses')!, 0.2), (m) => m['curveDifference']! > 0.1 && m['lossDifference']! <= 5e-3],
    ['gradient', (t) => addTo([...t].find(([name]) => name.startsWith('grad.') && name.endsWith('lora_B.weight'))![1], 1000), (m) => m['smallestCosine']! < 0.999 && m['lossDifference']! <= 5e-3],
  ])('ends with 1 where the %s is beyond its bound', async (_what, edit, isBeyond) => {
    const folder = copyOf('gqa-tied');
    editIo(folder, edit);
    const ran = await check(folder);
    expect(ran).toMatchObject({ code: 1, json: { case: 'case', withinBounds: false } });
    expect(isBeyond(ran.json as Record<string, number>)).toBe(true);
  });

  it.each<[string, (folder: string) => void, string, RegExp]>([
    ['a missing file', (f) => rmSync(path.join(f, 'io.safetensors')), 'FILE_NOT_FOUND', /io\.safetensors/],
    ['a missing adapter', (f) => rmSync(path.join(f, 'adapter'), { recursive: true }), 'FILE_NOT_FOUND', /adapter_config\.json/],
    ['settings that are no JSON', (f) => writeFileSync(path.join(f, 'case.json'), '{'), 'INVALID_INPUT', /case\.json is no JSON/],
    ['settings without an optimizer', (f) => writeFileSync(path.join(f, 'case.json'), '{}'), 'INVALID_INPUT', /case\.json: .*adamw/],
    ['a tensor that is missing', (f) => editIo(f, (t) => t.delete('losses')), 'INVALID_INPUT', /losses is missing/],
    ['a token out of range', (f) => editIo(f, (t) => t.get('input_ids')!.bytes.fill(0x7f, 0, 4)), 'BAD_TOKEN', /./],
    ['weights that were cut off', (f) => writeFileSync(path.join(f, 'model.safetensors'), readFileSync(path.join(f, 'model.safetensors')).subarray(0, 5000)), 'INVALID_INPUT', /model\.safetensors/],
  ])('refuses a case with %s', async (_what, change, code, message) => {
    const folder = copyOf('gqa-tied');
    change(folder);
    expect(await check(folder)).toMatchObject({ code: 1, json: { type: 'error', code, message: expect.stringMatching(message) as string } });
  });

  it('refuses a folder that is not there', async () => {
    expect(await check('nowhere')).toMatchObject({ code: 1, json: { code: 'FILE_NOT_FOUND' } });
  });
});
