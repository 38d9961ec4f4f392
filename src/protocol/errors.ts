/** What every error of r3mes says: what happened, what was seen and expected, what to do. */
export interface ErrorDetails {
  /** Stable upper-case identifier, e.g. `WINDOW_CLOSED`. */
  readonly code: string;
  /** One sentence with the value seen and the value expected. */
  readonly message: string;
  /** What the user can do about it. */
  readonly hint?: string;
  /** Whether trying the same again later may succeed. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** Base class of all expected errors; anything else is a bug. */
export class R3mesError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'R3mesError';
    this.code = details.code;
    this.hint = details.hint;
    this.retryable = details.retryable ?? false;
  }
}

/** Input from outside that does not have the form it must have. */
export class InvalidInputError extends R3mesError {
  constructor(message: string, hint?: string) {
    super({ code: 'INVALID_INPUT', message, ...(hint === undefined ? {} : { hint }) });
    this.name = 'InvalidInputError';
  }
}

/**
 * Refusal by the state machine. `codespace` and `abciCode` travel in the transaction's result and are frozen:
 * a number is never given to another meaning.
 */
export class ChainError extends R3mesError {
  readonly codespace: string;
  readonly abciCode: number;

  constructor(codespace: string, abciCode: number, code: string, message: string, hint?: string) {
    super({ code, message, ...(hint === undefined ? {} : { hint }) });
    this.name = 'ChainError';
    this.codespace = codespace;
    this.abciCode = abciCode;
  }
}
