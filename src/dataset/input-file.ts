import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { InvalidInputError } from '../protocol/errors.js';
import { fileError } from './output-file.js';

const PIECE_BYTES = 262_144;

/** A file that is read once, from start to end, while its SHA-256 is taken. */
export class InputFile {
  private readonly hash: Hash = createHash('sha256');
  private done = 0;

  private constructor(
    readonly path: string,
    readonly sizeBytes: number,
    private readonly file: FileHandle,
  ) {}

  /** @throws R3mesError NOT_FOUND, FILE_IO; InvalidInputError for an empty file or no file. */
  static async read<T>(path: string, use: (file: InputFile) => Promise<T>): Promise<T> {
    let file: FileHandle;
    try {
      file = await open(path, 'r');
    } catch (cause) {
      throw fileError(cause, `opening ${path}`);
    }
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new InvalidInputError(`${path} is a directory, expected a file`);
      if (stat.isFile() && stat.size === 0) throw new InvalidInputError(`${path} is empty`, 'expected a file with text');
      return await use(new InputFile(path, stat.size, file));
    } finally {
      await file.close();
    }
  }

  get bytesRead(): number {
    return this.done;
  }

  /** Pieces of the file from `offset` on; each is a buffer of its own. */
  async *pieces(signal?: AbortSignal, offset = 0): AsyncGenerator<Buffer> {
    for (let at = offset; ; ) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafe(PIECE_BYTES);
      const bytesRead = await this.readAt(buffer, at);
      if (bytesRead === 0) return;
      const piece = buffer.subarray(0, bytesRead);
      this.hash.update(piece);
      at += bytesRead;
      this.done = at;
      yield piece;
    }
  }

  /** The first `length` bytes, or fewer where the file is shorter. */
  async head(length: number): Promise<Buffer> {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, await this.readAt(buffer, 0));
  }

  /** SHA-256 of what `pieces` gave, to be called at its end. */
  sha256(): string {
    return this.hash.digest('hex');
  }

  private async readAt(buffer: Buffer, position: number): Promise<number> {
    try {
      return (await this.file.read(buffer, 0, buffer.length, position)).bytesRead;
    } catch (cause) {
      throw fileError(cause, `reading ${this.path}`);
    }
  }
}

/** A small file as a whole. @throws R3mesError NOT_FOUND, FILE_IO; InvalidInputError above `maxBytes`. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  return InputFile.read(path, async (file) => {
    if (file.sizeBytes > maxBytes) throw new InvalidInputError(`${path} is ${file.sizeBytes} bytes long, expected at most ${maxBytes}`);
    return file.head(file.sizeBytes);
  });
}
