import { createStream } from 'rotating-file-stream';

import { ensureFolder, SECRET_FILE } from './atomic.js';

export interface LogFileOptions {
  /** The file is rotated when it grows beyond this. */
  readonly maxBytes?: number;
  /** How many compressed old files are kept. */
  readonly keepFiles?: number;
  /** Called for errors of the stream: a full disk must not end a node. */
  readonly onError: (error: Error) => void;
}

export interface LogFile {
  write(line: string): void;
  /** Ends after everything written is with the system. */
  close(): Promise<void>;
}

/** A log file `folder/name` that rotates by size and keeps a bounded number of gzipped old ones. */
export async function openLogFile(folder: string, name: string, options: LogFileOptions): Promise<LogFile> {
  await ensureFolder(folder);
  // As logrotate does: name, name.1.gz, name.2.gz …
  const stream = createStream((index: number | Date | null) => (typeof index === 'number' ? `${name}.${index}.gz` : name), {
    path: folder,
    size: `${Math.max(1, Math.floor((options.maxBytes ?? 16 * 1024 * 1024) / 1024))}K`,
    rotate: options.keepFiles ?? 5,
    compress: 'gzip',
    mode: SECRET_FILE,
  });
  stream.on('error', options.onError);
  stream.on('warning', options.onError);
  return {
    write: (line) => void stream.write(line.endsWith('\n') ? line : `${line}\n`),
    close: () =>
      new Promise((resolve) => {
        stream.end(() => resolve());
      }),
  };
}
