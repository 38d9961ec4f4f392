import { choice, flag, optional, text, type Values } from './option.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Flags that every command has. */
export const GLOBALS = {
  home: optional(text({ placeholder: 'DIR', summary: 'keep config, data, state and cache in DIR instead of the XDG folders' })),
  json: flag('print one JSON object (or NDJSON) on stdout'),
  yes: flag('answer yes and take defaults: never ask'),
  verbose: flag('say more; stack traces of errors'),
  quiet: flag('say only warnings and errors'),
  logLevel: choice({ placeholder: 'LEVEL', choices: LOG_LEVELS, fallback: 'info', summary: 'least important log lines shown' }),
  noColor: flag('no colours (also NO_COLOR)'),
};

export type Globals = Values<typeof GLOBALS>;
