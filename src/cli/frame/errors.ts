import { R3mesError } from '../../protocol/errors.js';
import { type ExitCode, exitCodeOf } from './exit-codes.js';

/** The command line was used wrongly: exit code 2. */
export function usageError(message: string, hint?: string): R3mesError {
  return new R3mesError({ code: 'USAGE', message, ...(hint === undefined ? {} : { hint }) });
}

/** A question nobody is there to answer, or that --yes cannot answer: exit code 2. */
export function missingAnswer(what: string, flag: string): R3mesError {
  return new R3mesError({ code: 'MISSING_ANSWER', message: `missing answer: ${what}`, hint: `give it with ${flag}` });
}

/** An act that needs a yes while nobody is there to give it: exit code 3. */
export function confirmationNeeded(what: string): R3mesError {
  return new R3mesError({ code: 'CONFIRMATION_NEEDED', message: `not confirmed: ${what}`, hint: 'add --yes to confirm' });
}

/** The user said no: exit code 3. */
export function cancelled(what: string): R3mesError {
  return new R3mesError({ code: 'CANCELLED', message: `cancelled: ${what}` });
}

/** Ended by a signal: exit code 130 or 143. */
export function stoppedBy(signal: 'SIGINT' | 'SIGTERM'): R3mesError {
  return signal === 'SIGINT'
    ? new R3mesError({ code: 'INTERRUPTED', message: 'interrupted' })
    : new R3mesError({ code: 'TERMINATED', message: 'terminated' });
}

/** What is printed of an error, for people and as the JSON object. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly retryable: boolean;
  readonly exitCode: ExitCode;
  readonly stack: string;
}

interface SystemMeaning {
  readonly code: string;
  readonly hint: string;
  readonly retryable?: boolean;
}

/** Errors of the operating system that a user can do something about. */
const SYSTEM: Readonly<Record<string, SystemMeaning>> = {
  ENOSPC: { code: 'DISK_FULL', hint: 'free some space and run the command again', retryable: true },
  EDQUOT: { code: 'DISK_FULL', hint: 'your disk quota is used up: free some space and run the command again', retryable: true },
  EFBIG: { code: 'DISK_FULL', hint: 'the file would be larger than this system or its limits (ulimit -f) allow', retryable: true },
  EACCES: { code: 'PERMISSION_DENIED', hint: 'check the owner and mode of the file, or choose another place with --home' },
  EPERM: { code: 'PERMISSION_DENIED', hint: 'check the owner and mode of the file, or choose another place with --home' },
  EROFS: { code: 'PERMISSION_DENIED', hint: 'the file system is read-only: choose another place with --home' },
  ENOENT: { code: 'FILE_NOT_FOUND', hint: 'check the path' },
  EISDIR: { code: 'FILE_NOT_FOUND', hint: 'expected a file, got a folder' },
  ENOTDIR: { code: 'FILE_NOT_FOUND', hint: 'a part of the path is a file, not a folder' },
  EADDRINUSE: { code: 'PORT_IN_USE', hint: 'another program listens there: stop it or choose another port', retryable: true },
  EMFILE: { code: 'TOO_MANY_FILES', hint: 'raise the limit of open files (ulimit -n)', retryable: true },
  ECONNREFUSED: { code: 'NODE_UNREACHABLE', hint: 'is the node running? name another one with --node', retryable: true },
  ECONNRESET: { code: 'NODE_UNREACHABLE', hint: 'the other side closed the connection: try again', retryable: true },
  ENOTFOUND: { code: 'NODE_UNREACHABLE', hint: 'the host name is unknown: check --node', retryable: true },
  EAI_AGAIN: { code: 'NODE_UNREACHABLE', hint: 'the host name could not be looked up: check the network', retryable: true },
  EHOSTUNREACH: { code: 'NODE_UNREACHABLE', hint: 'no route to the host: check the network and --node', retryable: true },
  ENETUNREACH: { code: 'NODE_UNREACHABLE', hint: 'no route to the network', retryable: true },
  ETIMEDOUT: { code: 'NODE_UNREACHABLE', hint: 'no answer in time: try again or check --node', retryable: true },
  UND_ERR_CONNECT_TIMEOUT: { code: 'NODE_UNREACHABLE', hint: 'no answer in time: try again or check --node', retryable: true },
  UND_ERR_SOCKET: { code: 'NODE_UNREACHABLE', hint: 'the connection broke: try again', retryable: true },
};

/** The code of a system error, looked for in the error and in what caused it (fetch hides it there). */
function systemCode(error: Error, depth = 0): string | undefined {
  if ('code' in error && typeof error.code === 'string' && error.code in SYSTEM) return error.code;
  if (error instanceof AggregateError) {
    for (const inner of error.errors) {
      const found = inner instanceof Error && depth < 4 ? systemCode(inner, depth + 1) : undefined;
      if (found !== undefined) return found;
    }
  }
  return error.cause instanceof Error && depth < 4 ? systemCode(error.cause, depth + 1) : undefined;
}

/** Turns whatever was thrown into the report that is printed; a stack is part of it but only shown with --verbose. */
export function describeError(thrown: unknown): ErrorReport {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const stack = error.stack ?? error.message;
  if (error instanceof R3mesError) {
    const { code, message, retryable } = error;
    return { code, message, hint: error.hint ?? null, retryable, exitCode: exitCodeOf(code), stack };
  }
  const system = systemCode(error);
  const meaning = system === undefined ? undefined : SYSTEM[system];
  if (system !== undefined && meaning !== undefined) {
    const message = error.message.includes(system) ? error.message : `${error.message} (${system})`;
    return { code: meaning.code, message, hint: meaning.hint, retryable: meaning.retryable ?? false, exitCode: exitCodeOf(meaning.code), stack };
  }
  return {
    code: 'INTERNAL',
    message: error.message === '' ? error.name : error.message,
    hint: 'this was not expected: run it again with --verbose and report what it prints',
    retryable: false,
    exitCode: exitCodeOf('INTERNAL'),
    stack,
  };
}
