import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { InvalidInputError, R3mesError } from '../../../protocol/errors.js';
import { isMissing } from '../../files/atomic.js';
import type { JsonObject } from '../../frame/json.js';

/** Names of the files that count, of those that are there. */
export const KNOWN_FILES = ['config.json', 'model.safetensors', 'model.safetensors.index.json', 'tokenizer.json', 'adapter_config.json', 'adapter_model.safetensors'] as const;

/** More is no settings file; the weights have no such limit. */
const MAX_JSON_BYTES = 16 * 1_048_576;

export interface FileSize {
  readonly name: string;
  readonly sizeBytes: number;
}

/** What is in a directory of a model or an adapter. @throws R3mesError FILE_NOT_FOUND, InvalidInputError for a file. */
export async function listFiles(directory: string): Promise<readonly FileSize[]> {
  let folder;
  try {
    folder = await stat(directory);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `no such directory: ${directory}`, hint: 'check the path', cause });
  }
  if (!folder.isDirectory()) throw new InvalidInputError(`${directory} is a file, expected a directory`, `name the directory: ${path.dirname(directory)}`);
  const sizes = await Promise.all(KNOWN_FILES.map((name) => sizeOf(directory, name)));
  return sizes.filter((size) => size !== undefined);
}

/** Size of a file in a directory; nothing where there is none. */
export async function sizeOf(directory: string, name: string): Promise<FileSize | undefined> {
  try {
    const { size } = await stat(path.join(directory, name));
    return { name, sizeBytes: size };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** @throws R3mesError FILE_NOT_FOUND naming the file; InvalidInputError where it is too large to be one. */
export async function readNamed(directory: string, name: string): Promise<Uint8Array> {
  const file = path.join(directory, name);
  const size = await sizeOf(directory, name);
  if (size === undefined) throw new R3mesError({ code: 'FILE_NOT_FOUND', message: `no such file: ${file}`, hint: `expected ${name} in that directory` });
  if (name.endsWith('.json') && size.sizeBytes > MAX_JSON_BYTES) throw new InvalidInputError(`${file} has ${size.sizeBytes} bytes, expected at most ${MAX_JSON_BYTES}`);
  return readFile(file);
}

/** Something that r3mes would not take. */
export interface Refusal extends JsonObject {
  readonly file: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** What says that a file is not what it must be; everything else (no engine, no memory) says nothing about the file. */
const REFUSING: ReadonlySet<string> = new Set(['INVALID_INPUT', 'FILE_NOT_FOUND', 'NOT_FOUND', 'BAD_SHAPE', 'BAD_VALUE', 'NOT_FINITE']);

/** Collects refusals, so that one look shows all of them. */
export class Refusals {
  readonly list: Refusal[] = [];

  /** What `read` gives; nothing where it refuses the file. */
  async of<T>(file: string, read: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof R3mesError) || !REFUSING.has(error.code)) throw error;
      const { code, message, hint } = error;
      this.list.push({ file, code, message, hint: hint ?? null });
      return undefined;
    }
  }

  get text(): readonly (readonly [string, string])[] {
    return this.list.map(({ message, hint }) => ['refused', hint === null ? message : `${message} (${hint})`] as const);
  }
}
