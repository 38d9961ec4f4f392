import { Command, CommanderError, Option as CommanderOption } from 'commander';

import { usageError } from './errors.js';
import { GLOBALS } from './globals.js';
import type { AnyCommand, Noun } from './command.js';
import { flagName, type Option, type Options, variableOf } from './option.js';
import type { Raw } from './resolve.js';

/** What the command line asked for. */
export type Parsed =
  | { readonly kind: 'command'; readonly path: string; readonly command: AnyCommand; readonly positionals: readonly unknown[]; readonly raw: Raw }
  /** Help or version was printed. */
  | { readonly kind: 'done' };

export interface ProgramOptions {
  readonly version: string;
  readonly columns: number;
  readonly write: (text: string) => void;
}

/** `--gas-price PRICE`, with its letter where it has one. */
export function optionFlags(key: string, option: Option<unknown>): string {
  const long = option.placeholder === undefined ? flagName(key) : `${flagName(key)} <${option.placeholder}>`;
  return option.short === undefined ? long : `-${option.short}, ${long}`;
}

/** Summary with choices, default and variable. */
export function optionText(key: string, option: Option<unknown>): string {
  const notes = [
    ...(option.choices === undefined ? [] : [option.choices.join(' | ')]),
    ...(option.fallback === undefined ? [] : [`default ${option.fallback}`]),
    ...(option.kind === 'list' ? ['repeatable'] : []),
    ...(option.required ? ['required'] : []),
    `env ${variableOf(key, option)}`,
  ];
  return `${option.summary} [${notes.join('; ')}]`;
}

function addOptions(to: Command, options: Options): void {
  for (const [key, option] of Object.entries(options)) {
    const built = new CommanderOption(optionFlags(key, option), optionText(key, option));
    if (option.kind === 'list') {
      built.argParser((item: string, before: readonly string[] | undefined) => [...(before ?? []), item]);
    }
    to.addOption(built);
  }
}

/** `<ADDRESS>`, `[FILE]`, `[ID...]` */
export function argumentText(key: string, option: Option<unknown>): string {
  const name = option.placeholder ?? key.toUpperCase();
  if (option.kind === 'list') return `[${name}...]`;
  return option.required ? `<${name}>` : `[${name}]`;
}

function afterHelp(path: string, command: AnyCommand): string {
  const examples = command.examples.map(([line, what]) => `  $ r3mes ${line}\n      ${what}`);
  const keys = Object.entries(command.json).map(([key, what]) => `  ${key.padEnd(20)} ${what}`);
  const shape = command.stream === true ? 'JSON lines (--json), the last one {"type":"result", …}:' : 'JSON (--json):';
  return ['', ...(examples.length === 0 ? [] : ['Examples:', ...examples, '']), ...(keys.length === 0 ? [] : [shape, ...keys])].join('\n');
}

/** commander turns `--no-color` into `color: false`; here it is the flag `noColor`, as it was declared. */
function restoreNegated(given: Readonly<Record<string, unknown>>, options: Options): Record<string, unknown> {
  const negated = Object.keys(options).flatMap((key) => {
    const [, first, rest] = /^no([A-Z])(.*)$/.exec(key) ?? [];
    return first === undefined ? [] : [{ key, positive: `${first.toLowerCase()}${rest ?? ''}` }];
  });
  const hidden = new Set(negated.map(({ positive }) => positive).filter((name) => !(name in options)));
  return {
    ...Object.fromEntries(Object.entries(given).filter(([key]) => !hidden.has(key))),
    ...Object.fromEntries(negated.map(({ key, positive }) => [key, given[positive] === false])),
  };
}

/** The command that a wrong command line speaks to, as far as it can be told: `r3mes wallet show`. */
function addressed(nouns: readonly Noun[], argv: readonly string[]): string {
  const noun = nouns.find(({ name }) => argv.includes(name));
  if (noun === undefined) return 'r3mes';
  const verb = noun.single === true ? undefined : noun.commands.find(({ name }) => name.split(' ').every((word) => argv.slice(argv.indexOf(noun.name) + 1).includes(word)));
  return verb === undefined ? `r3mes ${noun.name}` : `r3mes ${noun.name} ${verb.name}`;
}

/** Reads the command line. @throws R3mesError USAGE, with a suggestion where a name is close. */
export function parseCommandLine(nouns: readonly Noun[], argv: readonly string[], options: ProgramOptions): Parsed {
  let found: Parsed = { kind: 'done' };
  const program = new Command('r3mes');
  program
    .description('Train a shared language model for pay: exact arithmetic, checked by hash on a chain.')
    .version(options.version, '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: options.write,
      writeErr: () => undefined, // errors are printed by the caller, in one form
      outputError: () => undefined,
      getOutHelpWidth: () => options.columns,
      getErrHelpWidth: () => options.columns,
    })
    .configureHelp({ showGlobalOptions: true })
    .helpOption('-h, --help', 'show help')
    .helpCommand(false);
  addOptions(program, GLOBALS);

  const addLeaf = (parent: Command, path: string, command: AnyCommand): void => {
    const leaf = parent.command(path.split(' ').at(-1) ?? path).summary(command.summary);
    leaf.description(command.details === undefined ? `${command.summary}.` : `${command.summary}.\n\n${command.details}`);
    for (const [key, argument] of Object.entries(command.args)) {
      leaf.argument(argumentText(key, argument), argument.summary);
    }
    addOptions(leaf, command.options);
    leaf.addHelpText('after', afterHelp(path, command));
    leaf.action(() => {
      const positionals = leaf.processedArgs as readonly unknown[];
      const raw = restoreNegated(leaf.optsWithGlobals<Record<string, unknown>>(), { ...command.options, ...GLOBALS });
      found = { kind: 'command', path, command, positionals, raw };
    });
  };
  for (const noun of nouns) {
    if (noun.single === true) {
      for (const command of noun.commands) addLeaf(program, noun.name, command);
    } else {
      const group = program.command(noun.name).description(noun.summary);
      const inner = new Map(Object.entries(noun.groups ?? {}).map(([name, summary]) => [name, group.command(name).description(summary)]));
      for (const command of noun.commands) {
        const [first = '', second] = command.name.split(' ');
        addLeaf((second === undefined ? undefined : inner.get(first)) ?? group, `${noun.name} ${command.name}`, command);
      }
    }
  }

  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'done' };
    const before = addressed(nouns, argv);
    if (error.code === 'commander.help') {
      const noun = nouns.find(({ name }) => before === `r3mes ${name}`);
      const names = (noun === undefined ? nouns : noun.commands).map(({ name }) => name).join(', ');
      throw usageError(`${before} needs a command: ${names}`, `see ${before} --help`);
    }
    const [first = error.message, ...rest] = error.message.replace(/^error: /, '').split('\n');
    throw usageError(first, rest.join(' ').trim() || `see ${before} --help`);
  }
  return found;
}
