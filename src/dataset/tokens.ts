import { createHash } from 'node:crypto';

import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { canonicalJson } from './canonical-json.js';
import { MAX_VOCAB } from './tokenizer.js';

/** Little-endian unsigned integers, one a token, nothing between them. */
export type TokenFormat = 'u16le' | 'u32le';

/** uint16 holds every id of a vocabulary of at most this many. */
const U16_VOCAB = 65_536;

export function tokenFormatOf(vocabSize: number): TokenFormat {
  return vocabSize <= U16_VOCAB ? 'u16le' : 'u32le';
}

export function tokenBytes(format: TokenFormat): 2 | 4 {
  return format === 'u16le' ? 2 : 4;
}

/** @throws InvalidInputError for an id outside 0 … vocabSize − 1; names its place, counted from `firstIndex`. */
export function encodeTokens(ids: ArrayLike<number>, vocabSize: number, firstIndex = 0): Uint8Array {
  const width = tokenBytes(tokenFormatOf(vocabSize));
  const out = new Uint8Array(ids.length * width);
  const view = new DataView(out.buffer);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? -1;
    checkToken(id, vocabSize, firstIndex + i);
    if (width === 2) view.setUint16(i * 2, id, true);
    else view.setUint32(i * 4, id, true);
  }
  return out;
}

/** @throws InvalidInputError for half a token, or an id outside 0 … vocabSize − 1. */
export function decodeTokens(bytes: Uint8Array, vocabSize: number, firstIndex = 0): Uint32Array {
  const width = tokenBytes(tokenFormatOf(vocabSize));
  if (bytes.length % width !== 0) throw new InvalidInputError(`expected a multiple of ${width} bytes of tokens, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Uint32Array(bytes.length / width);
  for (let i = 0; i < out.length; i++) {
    const id = width === 2 ? view.getUint16(i * 2, true) : view.getUint32(i * 4, true);
    checkToken(id, vocabSize, firstIndex + i);
    out[i] = id;
  }
  return out;
}

function checkToken(id: number, vocabSize: number, index: number): void {
  if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
    throw new InvalidInputError(`token ${index} is ${id}, expected an id from 0 to ${vocabSize - 1}`);
  }
}

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** What stands before the tokens in a token file: enough to shard them without the text or the tokenizer. */
export const tokenFileHeaderSchema = z.strictObject({
  format: z.literal('r3mes-tokens'),
  version: z.literal(1),
  token_format: z.enum(['u16le', 'u32le']),
  vocab_size: z.number().int().min(2).max(MAX_VOCAB),
  eos_token_id: count,
  tokenizer_cid: z.string().max(80),
  /** Rows that gave tokens; an EOS stands between each two. */
  rows: count,
  tokens: count,
  /** SHA-256 of the file that was tokenised, as it lay on disk. */
  source_sha256: sha256Hex,
  /** SHA-256 of the bytes behind this header. */
  tokens_sha256: sha256Hex,
});
export type TokenFileHeader = z.infer<typeof tokenFileHeaderSchema>;

/** The header is canonical JSON, padded with spaces; its last byte is a line feed. The tokens follow. */
export const TOKEN_HEADER_BYTES = 1_024;

export function encodeTokenHeader(header: TokenFileHeader): Uint8Array {
  const json = Buffer.from(canonicalJson(header));
  if (json.length >= TOKEN_HEADER_BYTES) throw new InvalidInputError(`a token file header of ${json.length} bytes`);
  const out = Buffer.alloc(TOKEN_HEADER_BYTES, ' ');
  json.copy(out);
  out[TOKEN_HEADER_BYTES - 1] = 0x0a;
  return out;
}

/** @param fileBytes size of the whole file. @throws InvalidInputError for another file, or a truncated one. */
export function decodeTokenHeader(bytes: Uint8Array, fileBytes: number): TokenFileHeader {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.subarray(0, TOKEN_HEADER_BYTES)).toString('utf8'));
  } catch {
    throw new InvalidInputError('expected a token file, which starts with a JSON header', 'make one with: r3mes dataset tokenize');
  }
  const parsed = tokenFileHeaderSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(`token file header: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
  const header = parsed.data;
  if (header.token_format !== tokenFormatOf(header.vocab_size)) {
    throw new InvalidInputError(`token file header: expected ${tokenFormatOf(header.vocab_size)} for a vocabulary of ${header.vocab_size}, got ${header.token_format}`);
  }
  const expected = TOKEN_HEADER_BYTES + header.tokens * tokenBytes(header.token_format);
  if (fileBytes !== expected) {
    throw new InvalidInputError(`the token file is ${fileBytes} bytes long, expected ${expected} for ${header.tokens} tokens`, 'make it again: it is truncated or was changed');
  }
  return header;
}

/** Passes bytes through and fails at their end unless they have this SHA-256. */
export async function* checkedTokens(source: AsyncIterable<Uint8Array>, sha256: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const bytes of source) {
    hash.update(bytes);
    yield bytes;
  }
  const seen = hash.digest('hex');
  if (seen !== sha256) throw new InvalidInputError(`the tokens have the SHA-256 ${seen}, expected ${sha256}`, 'make the token file again: it was changed');
}
