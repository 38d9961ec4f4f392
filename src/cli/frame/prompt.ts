import { cancelled, confirmationNeeded, missingAnswer, stoppedBy } from './errors.js';

export interface Choice {
  readonly value: string;
  readonly label: string;
}

interface Question {
  /** What is asked, without a question mark's politeness: `wallet name`. */
  readonly message: string;
  /** The flag that answers it when nobody can be asked, e.g. `--wallet NAME`. */
  readonly flag: string;
}

/** Why an answer is not good enough; nothing if it is. */
export type Check = (answer: string) => string | undefined;

/** Asks the person at the terminal. Every question names the flag that answers it instead. */
export interface Prompter {
  text(question: Question & { readonly fallback?: string; readonly check?: Check }): Promise<string>;
  select(question: Question & { readonly choices: readonly Choice[]; readonly fallback?: string }): Promise<string>;
  password(question: Question & { readonly check?: Check }): Promise<string>;
  /** @throws R3mesError CANCELLED if the answer is no. */
  confirm(what: string): Promise<void>;
}

/** Nobody to ask: `--yes` confirms and takes defaults, everything else is an error that names the flag. */
export function absentPrompter(yes: boolean): Prompter {
  const answer = (question: Question, fallback: string | undefined): Promise<string> =>
    yes && fallback !== undefined ? Promise.resolve(fallback) : Promise.reject(missingAnswer(question.message, question.flag));
  return {
    text: (question) => answer(question, question.fallback),
    select: (question) => answer(question, question.fallback),
    password: (question) => answer(question, undefined),
    confirm: (what) => (yes ? Promise.resolve() : Promise.reject(confirmationNeeded(what))),
  };
}

/** Runs one inquirer question. Ctrl-C there is the same as a SIGINT. */
async function ask<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')) throw stoppedBy('SIGINT');
    throw error;
  }
}

/** Questions through inquirer on the terminal; they go to stderr, since stdout is data. */
export function terminalPrompter(): Prompter {
  const load = async () => {
    const { default: inquirer } = await import('inquirer');
    return inquirer.createPromptModule({ input: process.stdin, output: process.stderr });
  };
  const validator = (check: Check | undefined) => (given: string) => check?.(given) ?? true;
  return {
    async text({ message, fallback, check }) {
      const prompt = await load();
      const question = { type: 'input' as const, name: 'answer' as const, message: `${message}:`, validate: validator(check) };
      return (await ask(() => prompt<{ answer: string }>([fallback === undefined ? question : { ...question, default: fallback }]))).answer;
    },
    async select({ message, choices, fallback }) {
      const prompt = await load();
      const list = choices.map(({ value, label }) => ({ value, name: label }));
      const question = { type: 'select' as const, name: 'answer' as const, message: `${message}:`, choices: list };
      return (await ask(() => prompt<{ answer: string }>([fallback === undefined ? question : { ...question, default: fallback }]))).answer;
    },
    async password({ message, check }) {
      const prompt = await load();
      return (await ask(() => prompt<{ answer: string }>([{ type: 'password', name: 'answer', message: `${message}:`, mask: '*', validate: validator(check) }]))).answer;
    },
    async confirm(what) {
      const prompt = await load();
      const { answer } = await ask(() => prompt<{ answer: boolean }>([{ type: 'confirm', name: 'answer', message: `${what}?`, default: false }]));
      if (!answer) throw cancelled(what);
    },
  };
}
