import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { checkedTokens, decodeTokenHeader, decodeTokens, encodeTokenHeader, encodeTokens, TOKEN_HEADER_BYTES, tokenFormatOf } from '../../../src/dataset/tokens.js';
import type { TokenFileHeader } from '../../../src/dataset/tokens.js';
import { InvalidInputError } from '../../../src/protocol/errors.js';
import { collect, failure, streamOf } from '../storage/helpers.js';

describe('tokens as bytes', () => {
  it('are little-endian, two bytes up to a vocabulary of 65,536, four above', () => {
    expect(Buffer.from(encodeTokens([1, 258, 1023], 1024)).toString('hex')).toBe('01000201ff03');
    expect(Buffer.from(encodeTokens([65_535], 65_536)).toString('hex')).toBe('ffff');
    expect(Buffer.from(encodeTokens([65_536], 65_537)).toString('hex')).toBe('00000100');
    expect([tokenFormatOf(65_536), tokenFormatOf(65_537)]).toEqual(['u16le', 'u32le']);
  });

  it('come back, for any vocabulary', () => {
    const vocabAndIds = fc.integer({ min: 2, max: 200_000 }).chain((vocab) => fc.tuple(fc.constant(vocab), fc.array(fc.nat(vocab - 1), { maxLength: 200 })));
    fc.assert(
      fc.property(vocabAndIds, ([vocab, ids]) => {
        const bytes = encodeTokens(ids, vocab);
        expect([...decodeTokens(bytes, vocab)]).toEqual(ids);
        // Also from the middle of a larger buffer, at an odd place.
        const shifted = Buffer.concat([Buffer.from([7]), bytes]).subarray(1);
        expect([...decodeTokens(shifted, vocab)]).toEqual(ids);
      }),
      { numRuns: 200 },
    );
  });

  it.each([[[0, 1024]], [[0, -1]], [[0, 1.5]], [[0, NaN]], [[0, 2 ** 32]]])('refuse %j under a vocabulary of 1,024', (ids) => {
    expect(() => encodeTokens(ids, 1024, 100)).toThrow(InvalidInputError);
    expect(() => encodeTokens(ids, 1024, 100)).toThrow(/^token 101 is .*expected an id from 0 to 1023/);
  });

  it('are refused when read, too: out of range or cut in half', () => {
    expect(() => decodeTokens(Buffer.from('0004', 'hex'), 1024, 7)).toThrow(/token 7 is 1024/);
    expect(() => decodeTokens(Buffer.from('000400', 'hex'), 2000)).toThrow(/multiple of 2 bytes of tokens, got 3/);
    expect(() => decodeTokens(Buffer.from('0004', 'hex'), 70_000)).toThrow(/multiple of 4 bytes of tokens, got 2/);
  });
});

describe('the header of a token file', () => {
  const header: TokenFileHeader = {
    format: 'r3mes-tokens',
    version: 1,
    token_format: 'u16le',
    vocab_size: 1024,
    eos_token_id: 1,
    tokenizer_cid: 'bafkreig4wnhhityiq62tmo7syf4yjkaik5hse3omivwyecmbooaa7mn5oy',
    rows: 3,
    tokens: 10,
    source_sha256: 'ab'.repeat(32),
    tokens_sha256: 'cd'.repeat(32),
  };
  const size = TOKEN_HEADER_BYTES + 20;

  it('is 1,024 bytes: canonical JSON, spaces, a line feed', () => {
    const bytes = Buffer.from(encodeTokenHeader(header));
    expect(bytes).toHaveLength(1024);
    expect(bytes.toString()).toMatch(/^\{"eos_token_id":1,"format":"r3mes-tokens".*\} *\n$/);
    expect(decodeTokenHeader(bytes, size)).toEqual(header);
    const huge = { ...header, tokenizer_cid: 'x'.repeat(2000) };
    expect(() => encodeTokenHeader(huge)).toThrow(InvalidInputError);
  });

  it.each([
    ['another file', () => decodeTokenHeader(Buffer.from('{"text":"a"}\n'), 13), /token file header/],
    ['text', () => decodeTokenHeader(Buffer.from('hello'), 5), /starts with a JSON header/],
    ['a truncated file', () => decodeTokenHeader(encodeTokenHeader(header), size - 1), /1043 bytes long, expected 1044 for 10 tokens/],
    ['an oversized file', () => decodeTokenHeader(encodeTokenHeader(header), size + 2), /1046 bytes long/],
    ['the wrong width', () => decodeTokenHeader(encodeTokenHeader({ ...header, vocab_size: 70_000 }), size), /expected u32le/],
  ])('of %s is refused', (_, run, message) => {
    expect(run).toThrow(InvalidInputError);
    expect(run).toThrow(message);
  });

  it('guards the tokens by their SHA-256', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect((await collect(checkedTokens(streamOf('a', 'bc'), abc))).toString()).toBe('abc');
    expect(await failure(collect(checkedTokens(streamOf('abd'), abc)))).toMatchObject({ code: 'INVALID_INPUT', message: expect.stringContaining(`expected ${abc}`) as string });
  });
});
