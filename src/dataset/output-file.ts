import { randomBytes } from 'node:crypto';
import { access, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { R3mesError } from '../protocol/errors.js';

const BUFFER_BYTES = 65_536;

/** A file that appears at its path whole or not at all. */
export class OutputFile {
  private readonly parts: Uint8Array[] = [];
  private buffered = 0;
  private bytes = 0;

  private constructor(
    readonly path: string,
    private readonly temp: string,
    private readonly force: boolean,
    private readonly file: FileHandle,
  ) {}

  /**
   * Opens a temporary file beside `path`, runs `write`, and moves it there; on any failure nothing is left.
   * @throws R3mesError ALREADY_EXISTS (unless `force`), DISK_FULL, FILE_IO; what `write` throws.
   */
  static async write<T>(path: string, force: boolean, write: (file: OutputFile) => Promise<T>): Promise<T> {
    await refuseExisting(path, force);
    const temp = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
    let output: OutputFile;
    try {
      output = new OutputFile(path, temp, force, await open(temp, 'wx'));
    } catch (cause) {
      throw fileError(cause, `creating ${path}`);
    }
    try {
      const result = await write(output);
      await output.finish();
      return result;
    } catch (cause) {
      await output.file.close();
      await rm(temp, { force: true });
      throw cause;
    }
  }

  get bytesWritten(): number {
    return this.bytes;
  }

  /** Appends; small pieces are gathered. */
  async append(piece: Uint8Array): Promise<void> {
    this.parts.push(piece);
    this.buffered += piece.length;
    this.bytes += piece.length;
    if (this.buffered >= BUFFER_BYTES) await this.flush();
  }

  /** Overwrites the start of the file, e.g. a header whose values are known at the end only. */
  async rewriteStart(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.guard(() => this.file.write(bytes, 0, bytes.length, 0));
  }

  private async flush(): Promise<void> {
    if (this.buffered === 0) return;
    const bytes = Buffer.concat(this.parts);
    this.parts.length = 0;
    this.buffered = 0;
    // At its place: `write` may store less than it was given, and a plain append would then leave a gap unseen.
    const from = this.bytes - bytes.length;
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.guard(() => this.file.write(bytes, done, bytes.length - done, from + done));
      done += bytesWritten;
    }
  }

  private async finish(): Promise<void> {
    await this.flush();
    await this.guard(() => this.file.sync());
    await this.guard(() => this.file.close());
    await refuseExisting(this.path, this.force);
    await this.guard(() => rename(this.temp, this.path));
  }

  private async guard<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      throw fileError(cause, `writing ${this.path}`);
    }
  }
}

async function refuseExisting(path: string, force: boolean): Promise<void> {
  if (force) return;
  try {
    await access(path);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return;
    throw fileError(cause, `looking for ${path}`);
  }
  throw new R3mesError({ code: 'ALREADY_EXISTS', message: `${path} exists already`, hint: 'choose another name, or overwrite it with --force' });
}

function errnoOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
}

export function fileError(cause: unknown, doing: string): R3mesError {
  if (cause instanceof R3mesError) return cause;
  const errno = errnoOf(cause);
  if (errno === 'ENOENT') {
    return new R3mesError({ code: 'NOT_FOUND', message: `no such file or directory while ${doing}`, hint: 'check the path', cause });
  }
  if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG') {
    return new R3mesError({ code: 'DISK_FULL', message: `no space left (${errno}) while ${doing}`, hint: 'free some space and run the same again', retryable: true, cause });
  }
  return new R3mesError({ code: 'FILE_IO', message: `${errno} while ${doing}`, hint: 'check the path and its permissions', cause });
}
