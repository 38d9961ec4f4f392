/** Exit codes of the command line; docs/cli.md lists them for scripts, so a number never changes its meaning. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  cancelled: 3,
  locked: 4,
  unreachable: 5,
  device: 6,
  findings: 7,
  pending: 8,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each exit code tells a script. */
export const EXIT_MEANING: Readonly<Record<ExitCode, string>> = {
  0: 'ok',
  1: 'failure',
  2: 'usage or configuration',
  3: 'cancelled, or needs --yes',
  4: 'key locked or wrong password',
  5: 'node or RPC unreachable',
  6: 'device or engine unavailable',
  7: 'doctor found something',
  8: 'timed out, still pending',
  130: 'interrupted (SIGINT)',
  143: 'terminated (SIGTERM)',
};

/** The one place where an error's code becomes an exit code; every other code is a plain failure (1). */
const EXIT_OF: Readonly<Record<string, ExitCode>> = {
  USAGE: EXIT.usage,
  CONFIG_INVALID: EXIT.usage,
  MISSING_ANSWER: EXIT.usage,
  WRONG_NETWORK: EXIT.usage,
  GENESIS_MISSING: EXIT.usage,
  GENESIS_INVALID: EXIT.usage,
  GENESIS_MISMATCH: EXIT.usage,
  GENTX_INVALID: EXIT.usage,
  CHAIN_BEGUN: EXIT.usage,
  SOLO_VALIDATORS: EXIT.usage,
  ENGINE_MISMATCH: EXIT.usage,
  VALIDATOR_KEY_MISSING: EXIT.usage,
  VRF_KEY_MISMATCH: EXIT.usage,
  CANCELLED: EXIT.cancelled,
  CONFIRMATION_NEEDED: EXIT.cancelled,
  KEY_LOCKED: EXIT.locked,
  WRONG_PASSWORD: EXIT.locked,
  NODE_UNREACHABLE: EXIT.unreachable,
  RPC_UNREACHABLE: EXIT.unreachable,
  NODE_NOT_RUNNING: EXIT.unreachable,
  STORE_UNREACHABLE: EXIT.unreachable,
  DEVICE_UNAVAILABLE: EXIT.device,
  ENGINE_UNAVAILABLE: EXIT.device,
  COMET_MISSING: EXIT.device,
  COMET_VERSION: EXIT.device,
  COMET_CHANGED: EXIT.device,
  COMET_INSTALL: EXIT.device,
  FINDINGS: EXIT.findings,
  TIMED_OUT: EXIT.pending,
  TX_PENDING: EXIT.pending,
  INTERRUPTED: EXIT.interrupted,
  TERMINATED: EXIT.terminated,
};

export function exitCodeOf(code: string): ExitCode {
  return Object.hasOwn(EXIT_OF, code) ? (EXIT_OF[code] ?? EXIT.failure) : EXIT.failure;
}

/** Error codes with an exit code of their own, for the documentation. */
export function mappedErrorCodes(): readonly (readonly [string, ExitCode])[] {
  return Object.entries(EXIT_OF);
}
