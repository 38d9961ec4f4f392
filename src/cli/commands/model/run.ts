import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { loadModelTokenizer, type TextTokenizer } from '../../../dataset/index.js';
import { utf8 } from '../../../protocol/bytes.js';
import { InvalidInputError, R3mesError } from '../../../protocol/errors.js';
import { taggedHash } from '../../../protocol/hash.js';
import { type Adapter, generate, loadModel, type Model, openSession, readAdapterConfig, readPeftAdapter } from '../../../train/index.js';
import { isMissing } from '../../files/atomic.js';
import { fileFolder } from '../../files/model-folder.js';
import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { usageError } from '../../frame/errors.js';
import { step } from '../../frame/step.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../model-directory.js';
import { threadCount } from '../../session/device.js';
import { listFiles, readNamed } from './files.js';

export interface RunArgs {
  readonly directory: string | undefined;
  readonly adapter: string | undefined;
  readonly prompt: string | undefined;
  readonly promptFile: string | undefined;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly seed: string;
  readonly ignoreEos: boolean;
  readonly threads: number;
}

const MAX_PROMPT_BYTES = 4 * 1_048_576;

/** @throws R3mesError USAGE, FILE_NOT_FOUND; InvalidInputError */
async function promptText(cwd: string, { prompt, promptFile }: RunArgs): Promise<string> {
  if ((prompt === undefined) === (promptFile === undefined)) throw usageError('expected either --prompt or --prompt-file');
  if (promptFile === undefined) return prompt ?? '';
  const file = path.resolve(cwd, promptFile);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `no such file: ${file}`, hint: 'check --prompt-file', cause });
  }
  if (bytes.length > MAX_PROMPT_BYTES) throw new InvalidInputError(`${file} has ${bytes.length} bytes, expected at most ${MAX_PROMPT_BYTES}`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InvalidInputError(`${file} is no UTF-8 text`);
  }
}

async function promptTokens(tokenizer: TextTokenizer, text: string): Promise<number[]> {
  const tokens: number[] = [];
  for await (const piece of tokenizer.encode([text])) tokens.push(...piece);
  if (tokens.length === 0) throw new InvalidInputError('the prompt has no tokens, expected some text');
  return tokens;
}

async function readAdapterOf(model: Model, directory: string): Promise<Adapter> {
  const lora = readAdapterConfig(await readNamed(directory, 'adapter_config.json'));
  return readPeftAdapter(await readNamed(directory, 'adapter_model.safetensors'), model.config, lora);
}

/** Text of tokens piece by piece: a character that is not complete waits for its last token. */
function textStream(tokenizer: TextTokenizer): (tokens: readonly number[], isLast: boolean) => string {
  let shown = '';
  return (tokens, isLast) => {
    const text = tokenizer.decode(tokens);
    if (!isLast && text.endsWith('\uFFFD')) return '';
    const piece = text.slice(shown.length);
    shown = text;
    return piece;
  };
}

export async function modelRun(ctx: Context, args: RunArgs): Promise<CommandResult> {
  const text = await promptText(ctx.io.cwd, args);
  const directory = args.directory === undefined ? DEFAULT_MODEL_DIRECTORY : path.resolve(ctx.io.cwd, args.directory);
  await listFiles(directory); // names a directory that is not there
  const { tokenizer } = await loadModelTokenizer(directory);
  const prompt = await promptTokens(tokenizer, text);
  const model = await step(ctx, `loading ${path.basename(directory)}`, (progress) =>
    loadModel(fileFolder(directory), { signal: ctx.signal, onLayer: (done, total) => progress.update({ done, total }) }),
  );
  try {
    return await runModel(ctx, args, { model, tokenizer, prompt, directory });
  } finally {
    model.dispose();
  }
}

interface Loaded {
  readonly model: Model;
  readonly tokenizer: TextTokenizer;
  readonly prompt: readonly number[];
  readonly directory: string;
}

async function runModel(ctx: Context, args: RunArgs, { model, tokenizer, prompt, directory }: Loaded): Promise<CommandResult> {
  const room = model.config.maxPositions - prompt.length;
  if (room < 1) throw new InvalidInputError(`the prompt has ${prompt.length} tokens, expected fewer than the model's ${model.config.maxPositions} positions`);
  const maxTokens = Math.min(args.maxTokens, room);
  const adapter = args.adapter === undefined ? undefined : await readAdapterOf(model, path.resolve(ctx.io.cwd, args.adapter));
  const threads = threadCount(args.threads);
  const session = await openSession(model, adapter, prompt.length + maxTokens, threads);
  const stopTokens = new Set(args.ignoreEos ? [] : tokenizer.eosTokenIds);
  const { temperature, topK, topP } = args;
  const request = { prompt, maxTokens, sampling: { temperature, topK, topP }, seed: taggedHash('generate', utf8(args.seed)), stopTokens };
  const tokens: number[] = [];
  const pieceOf = textStream(tokenizer);
  const startedMs = performance.now();
  let firstMs = startedMs;
  let stopped: 'end' | 'length' = 'length';
  const show = (piece: string): void => {
    if (piece !== '') ctx.out.piece('text', { text: piece }, piece);
  };
  try {
    for await (const token of generate(session, request, { threads, signal: ctx.signal })) {
      if (tokens.length === 0) firstMs = performance.now();
      tokens.push(token);
      if (stopTokens.has(token)) stopped = 'end';
      show(pieceOf(tokens, false));
    }
  } finally {
    session.dispose();
  }
  show(pieceOf(tokens, true));
  const endMs = performance.now();
  const prefillSeconds = (firstMs - startedMs) / 1000;
  const decodeSeconds = (endMs - firstMs) / 1000;
  const decoded = tokens.length - 1;
  const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);
  ctx.out.note(`\n${prompt.length} tokens read at ${rate(prompt.length, prefillSeconds).toFixed(1)} a second, ${tokens.length} written at ${rate(decoded, decodeSeconds).toFixed(1)} a second`);
  return {
    data: {
      model: path.basename(directory),
      text: tokenizer.decode(tokens),
      tokens,
      promptTokens: prompt.length,
      stopped,
      seed: args.seed,
      threads,
      prefillTokensPerSecond: rate(prompt.length, prefillSeconds),
      decodeTokensPerSecond: rate(decoded, decodeSeconds),
    },
    text: '',
  };
}
