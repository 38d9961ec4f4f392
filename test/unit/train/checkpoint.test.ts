import { afterEach, describe, expect, it } from 'vitest';

import { TARGETS } from '../../../src/native/index.js';
import { countParameters, evaluate, linearShape, loadCheckpoint, writeSafetensors, type BitNetConfig, type Model, type Tensor } from '../../../src/train/index.js';
import { bf16, checkpointTensors, configJson, encoded, expectRejected, floats, linearSize, readNano, SMALL, tokens, type Json } from './helpers.js';

const loaded: Model[] = [];
afterEach(() => {
  for (const model of loaded.splice(0)) model.dispose();
});

async function load(tensors: ReadonlyMap<string, Tensor>, config: BitNetConfig = SMALL, changes: Json = {}): Promise<Model> {
  const model = await loadCheckpoint({ config: encoded(configJson(config, changes)), weights: writeSafetensors(tensors) });
  loaded.push(model);
  return model;
}
function edited(edit: (tensors: Map<string, Tensor>) => void, config: BitNetConfig = SMALL): Map<string, Tensor> {
  const tensors = checkpointTensors(config);
  edit(tensors);
  return tensors;
}
async function lossOf(model: Model): Promise<number> {
  return (await evaluate(model, undefined, [tokens(32, model.config.vocabSize)], 16)).loss;
}
/** The message of an engine's refusal. */
async function refusal(run: Promise<unknown>): Promise<{ code?: string; message?: string }> {
  return run.then(
    () => ({}),
    (error: unknown) => error as { code: string; message: string },
  );
}

const QUERY = 'model.layers.0.self_attn.q_proj.weight';
const UNTIED: BitNetConfig = { ...SMALL, tiedEmbedding: false };

describe('a checkpoint', () => {
  it('loads, computes, and counts its parameters', async () => {
    const model = await load(checkpointTensors());
    expect(model.config).toEqual(SMALL);
    const ternary = SMALL.layers * TARGETS.map((t) => linearSize(SMALL, t)).reduce((sum, [out, inFeatures]) => sum + out * inFeatures, 0);
    expect(countParameters(SMALL)).toEqual({ ternary, float: 2 * (3 * 16 + 24) + 16 + 20 * 16 });
    expect(model.fullParameters).toBe(ternary + 480);
    expect(await lossOf(model)).toBeGreaterThan(0);
    for (const target of TARGETS) expect(linearShape(SMALL, target)).toEqual(linearSize(SMALL, target));
  });

  it('bitnet-nano has what its README says: 3,145,728 ternary weights and 1,024 × 256 of a tied embedding', async () => {
    const model = await loadCheckpoint({ config: readNano('config.json'), weights: readNano('model.safetensors') });
    loaded.push(model);
    expect(countParameters(model.config)).toEqual({ ternary: 3_145_728, float: 1024 * 256 + 4 * (3 * 256 + 768) + 256 });
    expect(model.fullParameters).toBe(3_414_272);
  });

  it('is the same whether its floats are bf16 or the f32 of the same value', async () => {
    const wide = edited((tensors) => {
      for (const [name, { dtype, shape, bytes }] of tensors) {
        if (dtype !== 'BF16') continue;
        const halves = new Uint16Array(bytes.slice().buffer);
        tensors.set(name, floats(new Float32Array(Uint32Array.from(halves, (h) => h * 65_536).buffer), shape));
      }
    });
    expect([...wide.values()].some((t) => t.dtype === 'BF16')).toBe(false);
    expect(await lossOf(await load(wide))).toBe(await lossOf(await load(checkpointTensors())));
  });

  it('takes norms and scales in bf16, too', async () => {
    const half = (tensors: Map<string, Tensor>, as: (values: Float32Array, shape: readonly number[]) => Tensor): void => {
      tensors.set('model.norm.weight', as(new Float32Array(16).fill(1.5), [16]));
      tensors.set(`${QUERY}_scale`, as(Float32Array.of(0.375), [1]));
    };
    expect(await lossOf(await load(edited((t) => half(t, bf16))))).toBe(await lossOf(await load(edited((t) => half(t, floats)))));
  });

  it('may carry the head of a tied model once more, whatever it holds', async () => {
    const loss = await lossOf(await load(checkpointTensors()));
    const again = edited((t) => t.set('lm_head.weight', bf16(new Float32Array(320).fill(3), [20, 16])));
    const model = await load(again);
    expect(await lossOf(model)).toBe(loss);
    expect(model.fullParameters).toBe(countParameters(SMALL).ternary + countParameters(SMALL).float);
    await expectRejected(() => load(edited((t) => t.set('lm_head.weight', bf16(new Float32Array(64), [4, 16])))), 'tensor lm_head.weight is BF16 [4, 16], expected F32 or BF16 or F16 [20, 16]');
  });

  it('has its own head where it is untied', async () => {
    const model = await load(checkpointTensors(UNTIED), UNTIED);
    expect(model.fullParameters - countParameters(SMALL).ternary - countParameters(SMALL).float).toBe(20 * 16);
    const asTied = await load(edited((t) => t.set('lm_head.weight', t.get('model.embed_tokens.weight')!), UNTIED), UNTIED);
    expect(await lossOf(asTied)).toBe(await lossOf(await load(checkpointTensors())));
    expect(await lossOf(model)).not.toBe(await lossOf(asTied));
    await expectRejected(() => load(checkpointTensors(), UNTIED), 'tensor lm_head.weight is missing');
  });
});

describe('a checkpoint is refused by the name of the tensor', () => {
  it('whichever is missing', async () => {
    for (const name of checkpointTensors(UNTIED).keys()) {
      await expectRejected(() => load(edited((t) => t.delete(name), UNTIED), UNTIED), `model.safetensors: tensor ${name} is missing`);
    }
  });

  it('that is left over, be it a bias, another layer or a strange name', async () => {
    for (const name of ['model.layers.0.self_attn.q_proj.bias', 'model.layers.2.input_layernorm.weight', '__proto__', 'w'.repeat(10_000)]) {
      await expectRejected(() => load(edited((t) => t.set(name, floats([1])))), `model.safetensors: unexpected tensor ${name.length > 99 ? '"www' : name}`);
    }
  });

  it.each<[string, Tensor, string]>([
    ['model.norm.weight', floats(new Float32Array(17)), 'F32 [17], expected F32 or BF16 or F16 [16]'],
    ['model.norm.weight', floats(new Float32Array(16), [1, 16]), 'F32 [1, 16], expected F32 or BF16 or F16 [16]'],
    ['model.norm.weight', { dtype: 'I32', shape: [16], bytes: new Uint8Array(64) }, 'I32 [16], expected F32 or BF16 or F16 [16]'],
    ['model.embed_tokens.weight', floats(new Float32Array(21 * 16), [21, 16]), 'F32 [21, 16], expected F32 or BF16 or F16 [20, 16]'],
    ['model.embed_tokens.weight', { dtype: 'F64', shape: [20, 16], bytes: new Uint8Array(2560) }, 'F64 [20, 16], expected F32 or BF16 or F16 [20, 16]'],
    [QUERY, bf16(new Float32Array(256), [16, 16]), 'BF16 [16, 16], expected U8 [4, 16]'],
    [QUERY, { dtype: 'U8', shape: [16, 4], bytes: new Uint8Array(64) }, 'U8 [16, 4], expected U8 [4, 16]'],
    [QUERY, { dtype: 'I8', shape: [4, 16], bytes: new Uint8Array(64) }, 'I8 [4, 16], expected U8 [4, 16]'],
    [`${QUERY}_scale`, floats([1], []), 'F32 [], expected F32 or BF16 or F16 [1]'],
    [`${QUERY}_scale`, floats(new Float32Array(16).fill(1)), 'F32 [16], expected F32 or BF16 or F16 [1]'],
  ])('%s of another form', async (name, tensor, says) => {
    await expectRejected(() => load(edited((t) => t.set(name, tensor))), `model.safetensors: tensor ${name} is ${says}`);
  });

  it.each([0, -0, -1, NaN, Infinity])('with the scale %d', async (scale) => {
    await expectRejected(() => load(edited((t) => t.set(`${QUERY}_scale`, floats([scale])))), `tensor ${QUERY}_scale is ${scale}, expected a finite number above 0`);
  });

  it('with the code 3 in a packed byte, at any of its places; the engine finds it', async () => {
    for (const shift of [0, 2, 4, 6]) {
      const broken = edited((t) => {
        const { bytes } = t.get('model.layers.1.mlp.down_proj.weight')!;
        bytes[17] = (bytes[17]! & ~(3 << shift)) | (3 << shift);
      });
      const seen = await refusal(load(broken));
      expect(seen).toMatchObject({ code: 'BAD_VALUE' });
      expect(seen.message).toMatch(/layers\.1\.mlp\.down_proj.* 3/);
    }
  });

  it.each<[string, number]>([
    ['model.norm.weight', NaN],
    ['model.norm.weight', -Infinity],
    ['model.layers.1.mlp.ffn_sub_norm.weight', NaN],
    ['model.layers.0.self_attn.attn_sub_norm.weight', Infinity],
  ])('where %s holds %d', async (name, value) => {
    const broken = edited((t) => {
      const size = t.get(name)!.shape[0]!;
      t.set(name, floats(new Float32Array(size).fill(1).fill(value, 3, 4)));
    });
    const seen = await refusal(load(broken));
    expect(seen).toMatchObject({ code: 'NOT_FINITE' });
    expect(seen.message).toContain(`${name.replace(/^model\./, '').replace(/\.weight$/, '')} is `);
    expect(seen.message).toMatch(/at \[0, 3\], expected a finite value$/);
  });

  it('where the embedding holds NaN', async () => {
    const seen = await refusal(load(edited((t) => t.set('model.embed_tokens.weight', bf16(new Float32Array(320).fill(NaN, 33, 34), [20, 16])))));
    expect(seen).toMatchObject({ code: 'NOT_FINITE' });
    expect(seen.message).toMatch(/embed.* is NaN at \[2, 1\]/);
  });

  it('that is one shard of several, cut off, or longer than it says', async () => {
    const shard = edited((t) => {
      for (const name of [...t.keys()]) if (!name.startsWith('model.layers.1')) t.delete(name);
    });
    await expectRejected(() => load(shard), 'tensor model.layers.0.input_layernorm.weight is missing');
    const config = encoded(configJson());
    const whole = writeSafetensors(checkpointTensors());
    for (const end of [0, 7, 100, whole.length - 1]) await expectRejected(() => loadCheckpoint({ config, weights: whole.subarray(0, end) }), 'model.safetensors: ');
    await expectRejected(() => loadCheckpoint({ config, weights: Uint8Array.of(...whole, 0) }), 'model.safetensors: the tensors take', 'too long');
  });

  it('for sizes that the file has not, however large', async () => {
    const huge = 2 ** 31 - 1;
    for (const changes of [{ num_hidden_layers: huge }, { vocab_size: huge }, { intermediate_size: huge - 3 }, { hidden_size: 2 ** 30, num_attention_heads: 4 }]) {
      await expectRejected(() => load(checkpointTensors(), SMALL, changes), 'model.safetensors: tensor ');
    }
    const norms = edited((t) => {
      for (const layer of [0, 1]) t.set(`model.layers.${layer}.mlp.ffn_sub_norm.weight`, floats(new Float32Array(26).fill(1)));
    });
    await expectRejected(() => load(norms, SMALL, { intermediate_size: 26 }), 'gate_proj would have 26 outputs, expected a multiple of 4');
  });
});
