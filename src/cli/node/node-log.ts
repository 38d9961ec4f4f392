/** The log of a node: lines for people, or one JSON object a line for machines. It rotates. */
import { type LogFile, type LogFileOptions, openLogFile } from '../files/log-file.js';

export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];
export type LogLevel = 'info' | 'warn' | 'error';
/** Who says it. */
export type LogModule = 'node' | 'chain' | 'engine';

export type LogFields = Readonly<Record<string, string | number | boolean>>;

export interface NodeLog {
  /** @param fields what machines want to know of it; in a text log `text` says it. */
  write(level: LogLevel, module: LogModule, text: string, fields?: LogFields): void;
  close(): Promise<void>;
}

/** One line, whatever the text holds. */
export function logLine(format: LogFormat, time: Date, level: LogLevel, module: LogModule, text: string, fields: LogFields = {}): string {
  if (format === 'text') return `${time.toISOString()} ${level.padEnd(5)} ${text}`;
  return JSON.stringify({ time: time.toISOString(), level, module, message: text, fields });
}

/** @throws as `openLogFile` does. */
export async function openNodeLog(folder: string, name: string, format: LogFormat, options: LogFileOptions): Promise<NodeLog> {
  const file: LogFile = await openLogFile(folder, name, options);
  return {
    write: (level, module, text, fields) => file.write(logLine(format, new Date(), level, module, text, fields)),
    close: () => file.close(),
  };
}
