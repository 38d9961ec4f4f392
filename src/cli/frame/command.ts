import type { Context } from './context.js';
import type { ExitCode } from './exit-codes.js';
import type { JsonObject } from './json.js';
import type { Option, Options, Values } from './option.js';

/** What a command hands back; the frame prints it. */
export interface CommandResult {
  /** The object of `--json`; in a stream the `result` line. */
  readonly data: JsonObject;
  /** What people see on stdout; nothing where empty. */
  readonly text: string;
  /** Unless 0, e.g. findings of `doctor`: the result is printed all the same. */
  readonly exitCode?: ExitCode;
}

export type Handler<A extends Options, O extends Options> = (ctx: Context, args: Values<A> & Values<O>) => Promise<CommandResult>;

/** A command as it is declared: light, so that `--help` stays quick; the handler's file is loaded when it runs. */
export interface CommandSpec<A extends Options = Options, O extends Options = Options> {
  /** One word, or two where a group of the noun holds it: `genesis collect`. */
  readonly name: string;
  readonly summary: string;
  /** More than the summary says; a few sentences. */
  readonly details?: string;
  /** Positional arguments in order; optional ones last. A list takes all that remain. */
  readonly args: A;
  readonly options: O;
  /** Lines behind `$ r3mes …`, each with what it does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** Keys of the `--json` object with their meaning; a key ending in `?` may be missing. */
  readonly json: Readonly<Record<string, string>>;
  /** `--json` prints NDJSON: progress and events, then one `{"type":"result",…}` line. */
  readonly stream?: boolean;
  readonly load: () => Promise<Handler<A, O>>;
}

/** A command whose argument types are no longer of interest: what the registry holds. */
export interface AnyCommand extends Omit<CommandSpec, 'load'> {
  readonly run: (ctx: Context, values: Readonly<Record<string, unknown>>) => Promise<CommandResult>;
}

/**
 * Declares a command. The types of arguments and options follow from their declarations, which is also what makes the
 * cast safe: the frame parses exactly these before it calls the handler.
 */
export function defineCommand<A extends Options, O extends Options>(spec: CommandSpec<A, O>): AnyCommand {
  const { load, ...rest } = spec;
  return {
    ...rest,
    run: async (ctx, values) => (await load())(ctx, values as Values<A> & Values<O>),
  };
}

/** A noun with its verbs, or a single command where the noun is the verb (`init`). */
export interface Noun {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly AnyCommand[];
  /** Summaries of its groups, by the first word of the commands in them. */
  readonly groups?: Readonly<Record<string, string>>;
  /** Whether `commands` is one command that is called by the noun alone. */
  readonly single?: boolean;
}

export type { Option };
