import * as hub from '@huggingface/tokenizers';
import { z } from 'zod';

import { InvalidInputError } from '../protocol/errors.js';
import { MAX_ROW_BYTES } from './rows.js';

/** Text to token ids, as `tokenizer.json` says. */
export interface TextTokenizer {
  /** Ids are below this: rows of the model's embedding. */
  readonly vocabSize: number;
  readonly eosTokenId: number;
  /** Every id that config.json names as an end. */
  readonly eosTokenIds: readonly number[];
  /** Text of ids. A character whose last bytes are still missing is U+FFFD. */
  decode(ids: readonly number[]): string;
  /**
   * Ids of a whole text, no special tokens added, in pieces that follow each other. Time is linear in the length.
   * @throws InvalidInputError for an id that the model has no row for.
   */
  encode(text: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly number[]>;
}

/**
 * The part of the library that is used. Its declarations name files without extensions, which TypeScript does not resolve
 * for ES modules, so the class has no usable type there.
 */
interface HubEncoder {
  readonly pre_tokenizer: HubStage | null;
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}
interface HubStage {
  pattern?: unknown;
  /** Of a Sequence. */
  readonly tokenizers?: readonly HubStage[];
}
const HubEncoderClass = (hub as unknown as { Tokenizer: new (tokenizer: object, config: object) => HubEncoder }).Tokenizer;

const MAX_TOKENIZER_BYTES = 64 * 1_048_576;
const MAX_CONFIG_BYTES = 1_048_576;
export const MAX_VOCAB = 16_777_216;

const tokenId = z.number().int().min(0).max(MAX_VOCAB - 1);
const configSchema = z.object({
  vocab_size: z.number().int().min(2).max(MAX_VOCAB),
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)]),
});
const stage = z.looseObject({ type: z.string() }).nullable();
const tokenizerSchema = z.looseObject({
  model: z.looseObject({ type: z.string().optional() }),
  added_tokens: z.array(z.looseObject({ id: tokenId, content: z.string(), lstrip: z.boolean().optional(), rstrip: z.boolean().optional() })),
  normalizer: stage,
  pre_tokenizer: stage,
  post_processor: stage,
  decoder: stage,
});
type TokenizerJson = z.infer<typeof tokenizerSchema>;

/**
 * @param tokenizerJson bytes of the model's tokenizer.json
 * @param configJson bytes of the model's config.json, for vocab_size and eos_token_id (the first where it lists several)
 * @throws InvalidInputError names the file and the field.
 */
export function loadTokenizer(tokenizerJson: Uint8Array, configJson: Uint8Array): TextTokenizer {
  const config = parseJson('config.json', configJson, MAX_CONFIG_BYTES, configSchema);
  const json = parseJson('tokenizer.json', tokenizerJson, MAX_TOKENIZER_BYTES, tokenizerSchema);
  const eosTokenIds = [config.eos_token_id].flat();
  const beyond = eosTokenIds.find((id) => id >= config.vocab_size);
  if (beyond !== undefined) throw new InvalidInputError(`config.json: expected eos_token_id below vocab_size ${config.vocab_size}, got ${beyond}`);
  let tokenizer: HubEncoder;
  try {
    tokenizer = new HubEncoderClass(json, {});
    unicodeWhiteSpace(tokenizer.pre_tokenizer);
  } catch (cause) {
    throw new InvalidInputError(`tokenizer.json: ${cause instanceof Error ? cause.message : String(cause)}`, 'expected the tokenizer.json of a Hugging Face model');
  }
  return new HubTokenizer(tokenizer, config.vocab_size, eosTokenIds, splitsAtLines(json));
}

/**
 * In a JavaScript pattern \s has U+FEFF and lacks U+0085; in the pattern of a tokenizer.json it is Unicode's White_Space.
 * Without this, texts with either character get other tokens than the model was trained on.
 */
function unicodeWhiteSpace(stage: HubStage | null): void {
  if (stage === null) return;
  if (stage.pattern instanceof RegExp && stage.pattern.unicode) {
    const source = stage.pattern.source.replace(/\\([\s\S])/g, (escape, char: string) =>
      char === 's' ? '\\p{White_Space}' : char === 'S' ? '\\P{White_Space}' : escape,
    );
    stage.pattern = new RegExp(source, stage.pattern.flags);
  }
  for (const inner of stage.tokenizers ?? []) unicodeWhiteSpace(inner);
}

function parseJson<T extends z.ZodType>(file: string, bytes: Uint8Array, maxBytes: number, schema: T): z.infer<T> {
  if (bytes.length > maxBytes) throw new InvalidInputError(`${file}: expected at most ${maxBytes} bytes, got ${bytes.length}`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidInputError(`${file} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new InvalidInputError(`${file}: ${z.prettifyError(result.error).replaceAll('\n', ' ')}`);
  return result.data;
}

/** Pre-tokenizer of Llama 3 and of the models that took over its tokenizer. */
const LLAMA3_SPLIT =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * Whether a text may be cut behind a line feed that stands between two letters or digits without changing its tokens.
 * True for the two pre-tokenizers below: in both, such a line feed is a piece of its own whatever surrounds it (only
 * white-space alternatives match it, the run is one character long, and the piece before ends at a letter or digit), and
 * merges never cross pieces. Added tokens that hold or swallow white space would break that, and so would a normalizer.
 */
function splitsAtLines(json: TokenizerJson): boolean {
  if (json.normalizer !== null || json.pre_tokenizer === null) return false;
  if (json.added_tokens.some((t) => t.lstrip === true || t.rstrip === true || t.content.includes('\n'))) return false;
  const { pre_tokenizer: pre } = json;
  if (pre.type === 'ByteLevel') return pre['add_prefix_space'] === false && pre['use_regex'] !== false;
  if (pre.type !== 'Sequence') return false;
  const parsed = llama3Sequence.safeParse(pre);
  return parsed.success && parsed.data.pretokenizers[0].pattern.Regex === LLAMA3_SPLIT;
}

const llama3Sequence = z.looseObject({
  pretokenizers: z.tuple([
    z.looseObject({ type: z.literal('Split'), pattern: z.object({ Regex: z.string() }), behavior: z.literal('Isolated'), invert: z.literal(false) }),
    z.looseObject({ type: z.literal('ByteLevel'), add_prefix_space: z.literal(false), use_regex: z.literal(false) }),
  ]),
});

/** About a quarter of a second of work: how often a caller may stop or show progress. */
const PIECE_CHARS = 131_072;

class HubTokenizer implements TextTokenizer {
  constructor(
    private readonly tokenizer: HubEncoder,
    readonly vocabSize: number,
    readonly eosTokenIds: readonly number[],
    private readonly canSplit: boolean,
  ) {}

  get eosTokenId(): number {
    return this.eosTokenIds[0] ?? 0;
  }

  decode(ids: readonly number[]): string {
    return this.tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  async *encode(text: Iterable<string> | AsyncIterable<string>): AsyncGenerator<readonly number[]> {
    let held = '';
    for await (const piece of text) {
      held += piece;
      while (this.canSplit && held.length >= PIECE_CHARS) {
        const cut = lastCut(held, PIECE_CHARS);
        if (cut === 0) break;
        yield this.encodePiece(held.slice(0, cut));
        held = held.slice(cut);
      }
      if (held.length > MAX_ROW_BYTES) throw this.tooLong();
    }
    if (held !== '') yield this.encodePiece(held);
  }

  private encodePiece(text: string): readonly number[] {
    const { ids } = this.tokenizer.encode(text, { add_special_tokens: false });
    for (const [index, id] of ids.entries()) {
      // Undefined at run time for a piece that the vocabulary cannot spell.
      if (!Number.isInteger(id) || id < 0 || id >= this.vocabSize) {
        throw new InvalidInputError(
          `token ${index} of the text ${JSON.stringify(text.slice(0, 40))} has the id ${String(id)}, expected one below vocab_size ${this.vocabSize}`,
          'tokenizer.json and config.json do not belong together',
        );
      }
    }
    return ids;
  }

  private tooLong(): InvalidInputError {
    return this.canSplit
      ? new InvalidInputError(`${MAX_ROW_BYTES} characters of text without a line break between two words`, 'is this really text?')
      : new InvalidInputError(`a row is longer than ${MAX_ROW_BYTES} characters, which this tokenizer cannot cut`, 'split the text into rows of a .jsonl file');
  }
}

const WORD = /[\p{L}\p{N}]/u;

/** Where the last line of the first `limit` characters starts that may begin a piece of its own; 0 where none does. */
function lastCut(text: string, limit: number): number {
  for (let at = text.lastIndexOf('\n', limit - 2); at > 0; at = text.lastIndexOf('\n', at - 1)) {
    if (WORD.test(text.charAt(at - 1)) && WORD.test(text.charAt(at + 1))) return at + 1;
  }
  // No place in the usual length: the first one behind it.
  for (let at = text.indexOf('\n', limit - 1); at > 0; at = text.indexOf('\n', at + 1)) {
    if (WORD.test(text.charAt(at - 1)) && WORD.test(text.charAt(at + 1))) return at + 1;
  }
  return 0;
}
