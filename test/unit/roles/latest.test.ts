import { describe, expect, it } from 'vitest';

import { R3mesError } from '../../../src/protocol/errors.js';
import type { Model as ModelRecord } from '../../../src/protocol/gen/remes/remes/v1/model.js';
import { Assets, fromFloatBits, loraSettings, optimizerSettings } from '../../../src/roles/assets.js';
import type { ChainView } from '../../../src/roles/chain-view.js';
import { Latest } from '../../../src/roles/latest.js';
import { memoryStore } from '../../../src/storage/index.js';
import { writeSafetensors } from '../../../src/train/index.js';
import { listOf, streamOf } from '../storage/helpers.js';
import { configJson, encoded, SMALL } from '../train/helpers.js';
import { QUANTIZATION, threeForms } from '../train/masters.js';

describe('the newest of something', () => {
  it('is read once, and again for another CID; what it replaces is dropped', async () => {
    const dropped: string[] = [];
    const latest = new Latest<string>((value) => dropped.push(value));
    let reads = 0;
    const read = (value: string) => () => Promise.resolve(`${value} ${++reads}`);
    expect(await latest.get('a', read('a'))).toBe('a 1');
    expect(await latest.get('a', read('a'))).toBe('a 1');
    expect(await latest.get('b', read('b'))).toBe('b 2');
    expect(dropped).toEqual(['a 1']);
    expect(await latest.get('a', read('a'))).toBe('a 3');
  });

  it('that could not be read is tried again: a file may come a moment later', async () => {
    const latest = new Latest<string>();
    await expect(latest.get('a', () => Promise.reject(new Error('not there yet')))).rejects.toThrow('not there yet');
    expect(await latest.get('a', () => Promise.resolve('there'))).toBe('there');
    await expect(latest.get('b', () => Promise.reject(new Error('not there yet')))).rejects.toThrow('not there yet');
    expect(await latest.get('c', () => Promise.resolve('third'))).toBe('third');
  });

  it('keeps the newer one where an older read fails late', async () => {
    const latest = new Latest<string>();
    let fail: (error: Error) => void = () => undefined;
    const slow = latest.get('a', () => new Promise((_, reject) => (fail = reject)));
    expect(await latest.get('b', () => Promise.resolve('b'))).toBe('b');
    fail(new Error('late'));
    await expect(slow).rejects.toThrow('late');
    expect(await latest.get('b', () => Promise.reject(new Error('read twice')))).toBe('b');
  });
});

describe('assets', () => {
  const CID = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';
  const store = memoryStore();
  const nothing = { model: () => Promise.resolve(undefined), dataset: () => Promise.resolve(undefined) } as unknown as ChainView;
  const assets = new Assets(nothing, { inputs: store, artifacts: store }, {});

  it('name what the chain does not have', async () => {
    await expect(assets.record({ modelId: 3n } as never)).rejects.toMatchObject({ code: 'UNKNOWN_MODEL', message: 'the chain has no model 3' });
    await expect(assets.chunk(5n, 0)).rejects.toMatchObject({ code: 'UNKNOWN_DATASET', message: 'the chain has no dataset 5' });
  });

  it('fail as expected where the store lacks the backbone, the adapter or the optimizer state, and ask again', async () => {
    const record = { backboneCid: CID, lora: { rank: 8, alpha: 16, targets: ['q_proj'] } } as unknown as ModelRecord;
    for (let i = 0; i < 2; i++) {
      await expect(assets.model(record)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
      await expect(assets.adapter(record, {} as never, CID)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
      await expect(assets.optimizer(record, {} as never, CID)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' });
    }
    expect(await assets.optimizer(record, {} as never, '')).toBeUndefined();
  });

  it('read a backbone of any form in parts, and refuse one that is no directory or lacks a file', async () => {
    const forms = threeForms();
    const shards = new Map([...forms.online].map(([name, tensor], i) => [name, { tensor, file: `model-0000${(i % 2) + 1}-of-00002.safetensors` }]));
    const shard = (file: string) => writeSafetensors(new Map([...shards].filter(([, s]) => s.file === file).map(([name, s]) => [name, s.tensor])));
    const files: Record<string, Uint8Array> = {
      'config.json': encoded(configJson(SMALL, { quantization_config: QUANTIZATION.online })),
      'model-00001-of-00002.safetensors': shard('model-00001-of-00002.safetensors'),
      'model-00002-of-00002.safetensors': shard('model-00002-of-00002.safetensors'),
      'model.safetensors.index.json': encoded({ weight_map: Object.fromEntries([...shards].map(([name, s]) => [name, s.file])) }),
    };
    const add = async (names: readonly string[]) => (await store.addDirectory(listOf(...names.map((path) => ({ path, content: streamOf(files[path]!) }))))).cid;
    const model = await assets.model({ backboneCid: await add(Object.keys(files)) } as ModelRecord);
    expect(model.config).toEqual(SMALL);
    model.dispose();
    await expect(assets.model({ backboneCid: await add(Object.keys(files).slice(0, 2)) } as ModelRecord)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(assets.model({ backboneCid: await add(['model-00001-of-00002.safetensors']) } as ModelRecord)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: 'no such file: config.json' });
    const { cid } = await store.add(streamOf('x'));
    await expect(assets.model({ backboneCid: cid } as ModelRecord)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('read settings from bits of binary32', () => {
    expect(fromFloatBits(0x3f800000)).toBe(1);
    expect(fromFloatBits(0x3b03126f)).toBe(Math.fround(2e-3));
    expect(() => optimizerSettings(undefined)).toThrow(R3mesError);
    expect(loraSettings({} as ModelRecord)).toEqual({ rank: 0, alpha: 0, targets: [] });
  });
});
