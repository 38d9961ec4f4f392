import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';

import { InvalidInputError } from '../protocol/errors.js';
import { csvRows, newCsvCounts } from './csv.js';
import type { CsvCounts, CsvOptions } from './csv.js';
import { InputFile, readSmallFile } from './input-file.js';
import { OutputFile } from './output-file.js';
import { jsonlRows, renderRow, txtPieces } from './rows.js';
import { shardTokens } from './shard.js';
import type { Sharded, ShardOptions } from './shard.js';
import { addAll } from './store.js';
import type { ContentWriter } from './store.js';
import { loadTokenizer } from './tokenizer.js';
import type { TextTokenizer } from './tokenizer.js';
import { checkedTokens, decodeTokenHeader, decodeTokens, encodeTokenHeader, encodeTokens, TOKEN_HEADER_BYTES, tokenFormatOf } from './tokens.js';

/** How far a job is. Bytes are of the input file. */
export interface FileProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Rows read so far; for tokens already made, 0. */
  readonly rows: number;
}

export interface JobOptions {
  readonly signal?: AbortSignal;
  /** Called after every 256 KiB of input. */
  readonly onProgress?: (progress: FileProgress) => void;
}

export interface OutputOptions {
  readonly output: string;
  /** Overwrites `output` where it exists. */
  readonly force?: boolean;
}

export type ConvertFileOptions = JobOptions & OutputOptions & CsvOptions & { readonly input: string };

export interface ConvertResult extends CsvCounts {
  readonly output: string;
  readonly bytesWritten: number;
}

/**
 * CSV to JSONL (docs/dataset.md), in constant memory.
 * @throws InvalidInputError names row and column, or row and byte; R3mesError NOT_FOUND, ALREADY_EXISTS, DISK_FULL, FILE_IO.
 */
export function convertFile(options: ConvertFileOptions): Promise<ConvertResult> {
  return InputFile.read(options.input, (input) =>
    OutputFile.write(options.output, options.force ?? false, async (output) => {
      const counts = newCsvCounts();
      for await (const row of csvRows(watched(input, options, () => counts.rowsRead), options, counts)) {
        await output.append(Buffer.from(`${JSON.stringify(row)}\n`));
      }
      return { ...counts, output: options.output, bytesWritten: output.bytesWritten };
    }),
  );
}

/** tokenizer.json and config.json of a model, loaded, with the bytes of the former for the content store. */
export interface ModelTokenizer {
  readonly tokenizer: TextTokenizer;
  readonly tokenizerJson: Uint8Array;
}

/** @param modelDir a Hugging Face model directory. @throws InvalidInputError, R3mesError NOT_FOUND. */
export async function loadModelTokenizer(modelDir: string): Promise<ModelTokenizer> {
  const tokenizerJson = await readSmallFile(join(modelDir, 'tokenizer.json'), 64 * 1_048_576);
  const configJson = await readSmallFile(join(modelDir, 'config.json'), 1_048_576);
  return { tokenizer: loadTokenizer(tokenizerJson, configJson), tokenizerJson };
}

export interface TokenizeFileOptions extends JobOptions, OutputOptions {
  /** .jsonl, or .txt, which is one row. */
  readonly input: string;
  readonly model: ModelTokenizer;
  /** Takes tokenizer.json, whose CID goes into the token file. */
  readonly store: ContentWriter;
}

export interface TokenizeResult {
  readonly output: string;
  readonly rows: number;
  /** Rows that gave no token and were left out. */
  readonly rowsEmpty: number;
  /** EOS between rows included. */
  readonly tokens: number;
  readonly tokenizerCid: string;
  readonly bytesWritten: number;
}

/**
 * Text to a token file (docs/dataset.md). No special tokens but one EOS between each two rows.
 * @throws InvalidInputError names row, member or byte; R3mesError NOT_FOUND, ALREADY_EXISTS, DISK_FULL, FILE_IO.
 */
export function tokenizeFile(options: TokenizeFileOptions): Promise<TokenizeResult> {
  const { model, store, signal } = options;
  return InputFile.read(options.input, (input) =>
    OutputFile.write(options.output, options.force ?? false, async (output) => {
      const { vocabSize, eosTokenId } = model.tokenizer;
      const text = new TokenStream(input, model.tokenizer, options);
      const hash = createHash('sha256');
      let tokens = 0;
      await output.append(new Uint8Array(TOKEN_HEADER_BYTES));
      for await (const ids of text.tokens()) {
        const bytes = encodeTokens(ids, vocabSize, tokens);
        tokens += ids.length;
        hash.update(bytes);
        await output.append(bytes);
      }
      const tokenizerCid = await addAll(store, model.tokenizerJson, signal);
      const header = encodeTokenHeader({
        format: 'r3mes-tokens',
        version: 1,
        token_format: tokenFormatOf(vocabSize),
        vocab_size: vocabSize,
        eos_token_id: eosTokenId,
        tokenizer_cid: tokenizerCid,
        rows: text.rows,
        tokens,
        source_sha256: input.sha256(),
        tokens_sha256: hash.digest('hex'),
      });
      await output.rewriteStart(header);
      return { output: options.output, rows: text.rows, rowsEmpty: text.rowsEmpty, tokens, tokenizerCid, bytesWritten: output.bytesWritten };
    }),
  );
}

export interface ShardFileOptions extends JobOptions, ShardOptions {
  /** A token file made by `tokenizeFile`. */
  readonly input: string;
  readonly store: ContentWriter;
}

/**
 * A token file to chunks, shards and a manifest in the content store. The same tokens and options give the same manifest CID
 * on every machine. @throws InvalidInputError for too little text or another file; what the store throws.
 */
export function shardFile(options: ShardFileOptions): Promise<Sharded> {
  return InputFile.read(options.input, async (input) => {
    const header = decodeTokenHeader(await input.head(TOKEN_HEADER_BYTES), input.sizeBytes);
    const source = { tokenizerCid: header.tokenizer_cid, vocabSize: header.vocab_size, eosTokenId: header.eos_token_id };
    const bytes = checkedTokens(watched(input, options, () => 0, TOKEN_HEADER_BYTES), header.tokens_sha256);
    return shardTokens(options.store, decoded(bytes, header.vocab_size), source, options, () => ({ rows: header.rows, sha256: header.source_sha256 }));
  });
}

async function* decoded(source: AsyncIterable<Uint8Array>, vocabSize: number): AsyncGenerator<Uint32Array> {
  const width = tokenFormatOf(vocabSize) === 'u16le' ? 2 : 4;
  let held: Uint8Array = new Uint8Array();
  let index = 0;
  for await (const piece of source) {
    const bytes = held.length === 0 ? piece : Buffer.concat([held, piece]);
    const whole = bytes.length - (bytes.length % width);
    const ids = decodeTokens(bytes.subarray(0, whole), vocabSize, index);
    index += ids.length;
    held = bytes.subarray(whole);
    yield ids;
  }
}

export interface BuildDatasetOptions extends JobOptions, ShardOptions {
  /** .csv, .jsonl or .txt */
  readonly input: string;
  readonly model: ModelTokenizer;
  readonly store: ContentWriter;
  /** For .csv only. */
  readonly csv?: CsvOptions;
}

export interface BuiltDataset extends Sharded {
  readonly rows: number;
  readonly rowsEmpty: number;
  readonly tokens: number;
}

/**
 * All steps in one, without files in between: text to a dataset in the content store, its tokenizer included.
 * @throws as `convertFile`, `tokenizeFile` and `shardFile` do.
 */
export function buildDataset(options: BuildDatasetOptions): Promise<BuiltDataset> {
  const { model, store, signal } = options;
  return InputFile.read(options.input, async (input) => {
    const text = new TokenStream(input, model.tokenizer, options, options.csv ?? { category: true });
    const tokenizerCid = await addAll(store, model.tokenizerJson, signal);
    const { vocabSize, eosTokenId } = model.tokenizer;
    const source = { tokenizerCid, vocabSize, eosTokenId };
    const sharded = await shardTokens(store, text.tokens(), source, options, () => ({ rows: text.rows, sha256: input.sha256() }));
    return { ...sharded, rows: text.rows, rowsEmpty: text.rowsEmpty, tokens: sharded.manifest.source_tokens };
  });
}

/** The rows of a text file as tokens, joined by EOS; counts as it goes. */
class TokenStream {
  rows = 0;
  rowsEmpty = 0;

  constructor(
    private readonly input: InputFile,
    private readonly tokenizer: TextTokenizer,
    private readonly job: JobOptions,
    private readonly csv?: CsvOptions,
  ) {}

  async *tokens(): AsyncGenerator<readonly number[]> {
    for await (const text of this.texts()) {
      let tokens = 0;
      for await (const ids of this.tokenizer.encode(text)) {
        if (ids.length === 0) continue;
        if (tokens === 0 && this.rows > 0) yield [this.tokenizer.eosTokenId];
        tokens += ids.length;
        yield ids;
      }
      if (tokens > 0) this.rows++;
      else this.rowsEmpty++;
    }
    if (this.rows === 0) throw new InvalidInputError(`${this.input.path} has no text in its rows`);
  }

  private async *texts(): AsyncGenerator<Iterable<string> | AsyncIterable<string>> {
    const bytes = watched(this.input, this.job, () => this.rows);
    const kind = extname(this.input.path).toLowerCase();
    if (kind === '.txt') yield txtPieces(bytes);
    else if (kind === '.jsonl') for await (const { text } of jsonlRows(bytes)) yield [text];
    else if (kind === '.csv' && this.csv !== undefined) for await (const row of csvRows(bytes, this.csv, newCsvCounts())) yield [renderRow(row)];
    else {
      const kinds = this.csv === undefined ? '.jsonl or .txt' : '.csv, .jsonl or .txt';
      throw new InvalidInputError(
        `expected a file named ${kinds}, got ${this.input.path}`,
        kind === '.csv' ? 'convert it first: r3mes dataset convert IN.csv -o OUT.jsonl' : 'the ending says how rows are written',
      );
    }
  }
}

/** The bytes of an input file, with progress. */
async function* watched(input: InputFile, job: JobOptions, rows: () => number, offset = 0): AsyncGenerator<Buffer> {
  for await (const piece of input.pieces(job.signal, offset)) {
    yield piece;
    job.onProgress?.({ bytesDone: input.bytesRead, bytesTotal: input.sizeBytes, rows: rows() });
  }
}
