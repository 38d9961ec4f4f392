/** The tensors of a checkpoint, in one safetensors file or in shards that an index lists; read one by one, or in parts. */
import { z } from 'zod';

import { InvalidInputError, R3mesError } from '../protocol/errors.js';
import { PART_BYTES, readParts, readSmall, type ByteSource, type ModelFolder } from './byte-source.js';
import { describeIssue, shownName } from './describe.js';
import { dataOffset, PREFIX_BYTES, readEntries, type Tensor, type TensorEntry, type TensorInfo } from './safetensors.js';

export const WEIGHTS_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';
const MAX_INDEX_BYTES = 67_108_864;
const MAX_SHARDS = 10_000;

/** A shard lies beside its index: no name leads out of the folder. */
const shardName = z.string().regex(/^[A-Za-z0-9_][\w.-]{0,200}\.safetensors$/, 'a file name that ends in .safetensors');
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), shardName) });

interface Place extends TensorInfo {
  readonly file: string;
  readonly source: ByteSource;
  readonly begin: number;
  readonly end: number;
}

/** One file's tensors. @throws InvalidInputError where its header is not what it must be. */
async function placesOf(source: ByteSource, file: string): Promise<Map<string, Place>> {
  const prefix = await source.read(0, Math.min(PREFIX_BYTES, source.sizeBytes));
  const data = dataOffset(prefix, source.sizeBytes, file);
  const entries = readEntries(await source.read(PREFIX_BYTES, data - PREFIX_BYTES), source.sizeBytes - data, file);
  const place = ({ dtype, shape, begin, end }: TensorEntry): Place => ({ dtype, shape, file, source, begin: data + begin, end: data + end });
  return new Map([...entries].map(([name, entry]) => [name, place(entry)]));
}

async function readIndex(source: ByteSource): Promise<Readonly<Record<string, string>>> {
  const bytes = await readSmall(source, INDEX_FILE, MAX_INDEX_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidInputError(`${INDEX_FILE}: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const index = indexSchema.safeParse(value);
  if (!index.success) throw new InvalidInputError(`${INDEX_FILE}: ${describeIssue(index.error, value, 'the file')}`);
  return index.data.weight_map;
}

function missing(file: string): R3mesError {
  return new R3mesError({ code: 'FILE_NOT_FOUND', message: `no such file: ${file}`, hint: 'a checkpoint has model.safetensors, or model.safetensors.index.json and the shards that it lists' });
}

/** The tensors of every shard; the index and the shards must tell the same of where each one lies. */
async function placesOfShards(folder: ModelFolder, index: Readonly<Record<string, string>>): Promise<Map<string, Place>> {
  const files = [...new Set(Object.values(index))];
  if (files.length > MAX_SHARDS) throw new InvalidInputError(`${INDEX_FILE} lists ${files.length} files, expected at most ${MAX_SHARDS}`);
  const all = new Map<string, Place>();
  for (const file of files) {
    const source = await folder.open(file);
    if (source === undefined) throw missing(file);
    for (const [name, place] of await placesOf(source, file)) {
      const listed = Object.hasOwn(index, name) ? index[name] : undefined;
      if (listed !== file) throw new InvalidInputError(`${file} has tensor ${shownName(name)}, of which ${INDEX_FILE} says ${listed === undefined ? 'nothing' : `that it is in ${listed}`}`);
      all.set(name, place);
    }
  }
  const absent = Object.keys(index).find((name) => !all.has(name));
  if (absent !== undefined) throw new InvalidInputError(`${index[absent] ?? ''}: tensor ${shownName(absent)} is missing, which ${INDEX_FILE} says it holds`);
  return all;
}

export class TensorFiles {
  private constructor(
    /** What stands for the whole in messages. */
    readonly what: string,
    private readonly places: ReadonlyMap<string, Place>,
  ) {}

  /** Reads headers only. @throws R3mesError FILE_NOT_FOUND; InvalidInputError naming file and tensor. */
  static async open(folder: ModelFolder): Promise<TensorFiles> {
    const single = await folder.open(WEIGHTS_FILE);
    if (single !== undefined) return new TensorFiles(WEIGHTS_FILE, await placesOf(single, WEIGHTS_FILE));
    const index = await folder.open(INDEX_FILE);
    if (index === undefined) throw missing(WEIGHTS_FILE);
    return new TensorFiles(INDEX_FILE, await placesOfShards(folder, await readIndex(index)));
  }

  get infos(): ReadonlyMap<string, TensorInfo> {
    return this.places;
  }

  /** Files that hold the tensors. */
  get files(): readonly string[] {
    return [...new Set([...this.places.values()].map(({ file }) => file))];
  }

  /** The file of a tensor, for messages. */
  fileOf(name: string): string {
    return this.places.get(name)?.file ?? this.what;
  }

  /** A tensor as a whole. @throws R3mesError OUT_OF_MEMORY naming it; InvalidInputError where there is none. */
  async read(name: string): Promise<Tensor> {
    const { dtype, shape, source, begin, end } = this.place(name);
    if (end - begin <= PART_BYTES) return { dtype, shape, bytes: await source.read(begin, end - begin) };
    try {
      const bytes = new Uint8Array(end - begin);
      if (source.readInto !== undefined) {
        await source.readInto(begin, bytes);
        return { dtype, shape, bytes };
      }
      let at = 0;
      for await (const part of readParts(source, begin, end)) {
        bytes.set(part, at);
        at += part.length;
      }
      return { dtype, shape, bytes };
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new R3mesError({ code: 'OUT_OF_MEMORY', message: `no memory for tensor ${name} of ${end - begin} bytes`, hint: 'close other programs, or take a machine with more memory', cause: error });
    }
  }

  /** The bytes of a tensor in parts of whole elements. */
  parts(name: string): AsyncGenerator<Uint8Array> {
    const { source, begin, end } = this.place(name);
    return readParts(source, begin, end);
  }

  private place(name: string): Place {
    const place = this.places.get(name);
    if (place === undefined) throw new InvalidInputError(`${this.what}: tensor ${shownName(name)} is missing`);
    return place;
  }
}
