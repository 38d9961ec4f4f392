import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { describe, expect, it } from 'vitest';

import { InvalidInputError } from '../../../src/protocol/errors.js';
import { loadTokenizer } from '../../../src/dataset/tokenizer.js';
import type { TextTokenizer } from '../../../src/dataset/tokenizer.js';
import { failure, listOf } from '../storage/helpers.js';

interface Vectors {
  readonly tokenizer: string;
  readonly texts: readonly { name: string; text: string; ids: number[] }[];
  readonly repeated: readonly { name: string; unit: string; times: number; tokens: number; sha256: string }[];
  readonly files: readonly { path: string; tokens: number; sha256: string }[];
}
const ROOT = resolve(import.meta.dirname, '../../..');
const vectors = JSON.parse(readFileSync(resolve(ROOT, 'test/vectors/dataset/tokens.json'), 'utf8')) as Vectors;
const tokenizerJson = readFileSync(resolve(ROOT, vectors.tokenizer));
const configJson = readFileSync(resolve(ROOT, 'templates/models/bitnet-nano/config.json'));

async function encode(tokenizer: TextTokenizer, text: Iterable<string> | AsyncIterable<string>): Promise<{ ids: number[]; pieces: number }> {
  const ids: number[] = [];
  let pieces = 0;
  for await (const piece of tokenizer.encode(text)) {
    for (const id of piece) ids.push(id);
    pieces++;
  }
  return { ids, pieces };
}

function digest(ids: readonly number[]): string {
  const bytes = Buffer.alloc(ids.length * 4);
  ids.forEach((id, i) => bytes.writeUInt32LE(id, i * 4));
  return createHash('sha256').update(bytes).digest('hex');
}

/** The tokenizer.json of bitnet-nano with parts replaced. */
function changed(change: (json: Record<string, unknown>) => void): Buffer {
  const json = JSON.parse(tokenizerJson.toString()) as Record<string, unknown>;
  change(json);
  return Buffer.from(JSON.stringify(json));
}

describe('ids are those of Python tokenizers', () => {
  const tokenizer = loadTokenizer(tokenizerJson, configJson);

  it('takes vocabulary and EOS from config.json', () => {
    expect([tokenizer.vocabSize, tokenizer.eosTokenId]).toEqual([1024, 1]);
  });

  it.each(vectors.texts)('$name', async ({ text, ids }) => {
    expect((await encode(tokenizer, [text])).ids).toEqual(ids);
  });

  it.each(vectors.repeated)('$name, repeated', async ({ unit, times, tokens, sha256 }) => {
    const { ids } = await encode(tokenizer, [unit.repeat(times)]);
    expect([ids.length, digest(ids)]).toEqual([tokens, sha256]);
  });

  it.for(vectors.files)('$path, in pieces', async ({ path, tokens, sha256 }, context) => {
    const file = resolve(ROOT, path);
    if (!existsSync(file)) {
      console.log(`not run: ${path} is missing`);
      context.skip(`${path} is missing`);
      return;
    }
    const { ids, pieces } = await encode(tokenizer, [readFileSync(file, 'utf8')]);
    expect([ids.length, digest(ids)]).toEqual([tokens, sha256]);
    expect(pieces).toBeGreaterThan(5);
  });
});

describe('cutting a long text', () => {
  const tokenizer = loadTokenizer(tokenizerJson, configJson);
  // Line ends of every kind around places where a cut is allowed: after punctuation, digits, spaces; before marks and letters.
  const lines = ['word\nword', 'end.\nNext', '42\n43', 'gap\n\ngap', 'tab\n\tin', 'sp \nx', 'é\né', 'x\n\u0301mark', '😀\n😀', "it\n's", 'a\r\nb'];
  let seed = 7;
  const random = (n: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % n;
  const text = Array.from({ length: 60_000 }, () => lines[random(lines.length)]).join('');

  it('gives the tokens of the whole, however the text arrives', async () => {
    // A normalizer switches cutting off; lower-casing changes nothing in a text that is lower case already.
    const whole = loadTokenizer(changed((json) => (json['normalizer'] = { type: 'Lowercase' })), configJson);
    const lower = text.toLowerCase();
    const expected = await encode(whole, [lower]);
    expect(expected.pieces).toBe(1);
    const cut = await encode(tokenizer, [lower]);
    expect(cut.pieces).toBeGreaterThan(2);
    expect(digest(cut.ids)).toBe(digest(expected.ids));
    const pieces = Array.from({ length: Math.ceil(lower.length / 777) }, (_, i) => lower.slice(i * 777, (i + 1) * 777));
    expect(digest((await encode(tokenizer, listOf(...pieces))).ids)).toBe(digest(expected.ids));
  });

  it('holds for the pre-tokenizer of Llama 3 too', async () => {
    const llama = (normalizer: unknown) =>
      changed((json) => {
        json['normalizer'] = normalizer;
        json['pre_tokenizer'] = {
          type: 'Sequence',
          pretokenizers: [
            {
              type: 'Split',
              pattern: {
                Regex:
                  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
              },
              behavior: 'Isolated',
              invert: false,
            },
            { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
          ],
        };
      });
    const lower = text.toLowerCase().slice(0, 300_000);
    const cut = await encode(loadTokenizer(llama(null), configJson), [lower]);
    const whole = await encode(loadTokenizer(llama({ type: 'Lowercase' }), configJson), [lower]);
    expect([cut.pieces > 1, whole.pieces]).toEqual([true, 1]);
    expect(digest(cut.ids)).toBe(digest(whole.ids));
  });

  it.each([
    ['a prefix space', (json: Record<string, unknown>) => (json['pre_tokenizer'] = { type: 'ByteLevel', add_prefix_space: true, use_regex: true })],
    ['another sequence', (json: Record<string, unknown>) => (json['pre_tokenizer'] = { type: 'Sequence', pretokenizers: [{ type: 'Whitespace' }] })],
    ['no pre-tokenizer', (json: Record<string, unknown>) => (json['pre_tokenizer'] = null)],
    ['an added token that swallows spaces', (json: Record<string, unknown>) => {
      (json['added_tokens'] as Record<string, unknown>[])[0]!['lstrip'] = true;
    }],
  ])('is not done with %s', async (_, change) => {
    const short = 'word\nword\n'.repeat(15_000);
    expect((await encode(loadTokenizer(changed(change), configJson), [short])).pieces).toBe(1);
  });

  it('refuses a row that is too long to be encoded at once', async () => {
    const prefixed = loadTokenizer(changed((json) => (json['pre_tokenizer'] = { type: 'ByteLevel', add_prefix_space: true })), configJson);
    const pieces = Array.from({ length: 18 }, () => 'a b '.repeat(262_144));
    for (const t of [tokenizer, prefixed]) {
      expect(await failure(encode(t, listOf(...pieces)))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining('16777216') as string });
    }
  });
});

describe('bad model files', () => {
  const load = (tokenizer: Uint8Array | string, config: Uint8Array | string) => () => loadTokenizer(Buffer.from(tokenizer), Buffer.from(config));

  it.each([
    ['config.json that is no JSON', load(tokenizerJson, '{'), /config\.json is no JSON/],
    ['config.json without a vocabulary', load(tokenizerJson, '{"eos_token_id":1}'), /config\.json.*vocab_size/],
    ['config.json without an EOS', load(tokenizerJson, '{"vocab_size":1024}'), /config\.json.*eos_token_id/],
    ['an EOS beyond the vocabulary', load(tokenizerJson, '{"vocab_size":1024,"eos_token_id":1024}'), /below vocab_size 1024, got 1024/],
    ['tokenizer.json that is no UTF-8', load(Buffer.from([0x7b, 0xff, 0x7d]), configJson), /tokenizer\.json is no JSON/],
    ['tokenizer.json of another kind', load('{"model":{}}', configJson), /tokenizer\.json/],
    ['a model that the library does not know', load(changed((json) => (json['model'] = { type: 'Magic' })), configJson), /tokenizer\.json/],
    ['a config.json of megabytes', load(tokenizerJson, ' '.repeat(1_100_000)), /at most 1048576 bytes, got 1100000/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow(message);
  });

  it('takes the first of several EOS ids', () => {
    expect(loadTokenizer(tokenizerJson, Buffer.from('{"vocab_size":1024,"eos_token_id":[5,1]}')).eosTokenId).toBe(5);
  });

  it('refuses ids that the model has no row for', async () => {
    const small = loadTokenizer(tokenizerJson, Buffer.from('{"vocab_size":300,"eos_token_id":1}'));
    expect(await failure(encode(small, ['the fellow citizens']))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringMatching(/has the id \d+, expected one below vocab_size 300/) as string });
  });
});
