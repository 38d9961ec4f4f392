import { describe, expect, it } from 'vitest';

import { defineCommand, type Noun } from '../../../../src/cli/frame/command.js';
import type { Context } from '../../../../src/cli/frame/context.js';
import { choice, flag, id, integer, list, optional, parsed, setting, text } from '../../../../src/cli/frame/option.js';
import { run } from '../../../../src/cli/main.js';
import { InvalidInputError, R3mesError } from '../../../../src/protocol/errors.js';
import { fakeIo, runCli } from '../harness.js';

type Act = (ctx: Context, args: Record<string, unknown>) => Promise<{ data: Record<string, never>; text: string; exitCode?: 1 | 7 }>;

function nouns(act: Act, stream = false): readonly Noun[] {
  const command = defineCommand({
    name: 'do',
    summary: 'does it',
    args: { what: text({ placeholder: 'WHAT', summary: 'what' }), more: list(id({ placeholder: 'ID', summary: 'ids' })) },
    options: {
      out: optional(text({ placeholder: 'FILE', summary: 'where', short: 'o' })),
      must: text({ placeholder: 'X', summary: 'a thing', fallback: 'there' }),
      count: integer({ placeholder: 'N', summary: 'how many', min: 1, max: 9, fallback: '3' }),
      colour: choice({ placeholder: 'C', summary: 'which', choices: ['red', 'blue'], fallback: 'red' }),
      tag: list(text({ placeholder: 'TAG', summary: 'tags' })),
      dry: flag('only say'),
      noFuss: flag('without'),
      threads: setting('threads'),
      even: optional(
        parsed({
          placeholder: 'N',
          summary: 'even',
          parse: (given) => {
            if (Number(given) % 2 !== 0) throw new InvalidInputError(`expected an even number, got ${given}`);
            return Number(given);
          },
        }),
      ),
    },
    examples: [],
    json: {},
    stream,
    load: () => Promise.resolve((ctx, args) => act(ctx, args)),
  });
  const needy = defineCommand({
    name: 'need',
    summary: 'needs',
    args: {},
    options: { key: text({ placeholder: 'KEY', summary: 'the key' }) },
    examples: [],
    json: {},
    load: () => Promise.resolve((_ctx: Context, args: { readonly key: string }) => Promise.resolve({ data: { key: args.key }, text: args.key })),
  });
  return [{ name: 'thing', summary: 'things', commands: [command, needy] }];
}

const seen: Act = (_ctx, args) => Promise.resolve({ data: args as Record<string, never>, text: 'done' });
const fails =
  (error: Error): Act =>
  () =>
    Promise.reject(error);

describe('arguments and options', () => {
  it('gives handlers typed values with defaults', async () => {
    const { code, json } = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(seen) });
    expect(code).toBe(0);
    expect(json).toEqual({ what: 'it', more: [], must: 'there', count: 3, colour: 'red', tag: [], dry: false, noFuss: false, threads: 0 });
  });

  it('takes flags, short flags, repeated options and lists', async () => {
    const argv = ['thing', 'do', 'it', '7', '18446744073709551615', '-o', 'f', '--count', '9', '--tag', 'a', '--tag', 'b', '--dry', '--no-fuss', '--even', '4', '--json'];
    const { json } = await runCli(argv, { nouns: nouns(seen) });
    expect(json).toMatchObject({ out: 'f', count: 9, tag: ['a', 'b'], dry: true, noFuss: true, even: 4, more: ['7', '18446744073709551615'] });
  });

  it('lets a flag win over its variable and the variable over the default', async () => {
    const env = { R3MES_COUNT: '5', R3MES_DRY: 'yes', R3MES_NO_FUSS: '1', R3MES_TAG: 'x,y', R3MES_COLOUR: 'blue' };
    const { json } = await runCli(['thing', 'do', 'it', '--colour', 'red', '--json'], { nouns: nouns(seen), env });
    expect(json).toMatchObject({ count: 5, dry: true, tag: ['x', 'y'], colour: 'red' });
    const off = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(seen), env: { R3MES_DRY: '0', R3MES_COUNT: '' } });
    expect(off.json).toMatchObject({ dry: false, count: 3 });
  });

  it.each([
    [['--count', '10'], {}, '--count: expected a whole number from 1 to 9, got "10"'],
    [['--count', '1.5'], {}, '--count: expected a whole number'],
    [['--colour', 'green'], {}, '--colour: expected one of red, blue, got "green"'],
    [['--even', '3'], {}, '--even: expected an even number, got 3'],
    [['--out', ''], {}, '--out: expected some text'],
    [['x7'], {}, 'ID: expected an id'],
    [['18446744073709551616'], {}, 'ID: expected an id'],
    [[], { R3MES_COUNT: 'many' }, 'R3MES_COUNT: expected a whole number'],
    [[], { R3MES_DRY: 'perhaps' }, 'R3MES_DRY: expected true or false'],
    [[], { R3MES_THREADS: '-1' }, 'R3MES_THREADS: got -1, expected a whole number from 0 to 1024'],
    [['--threads', 'all'], {}, '--threads: got "all", expected'],
    [['--log-level', 'loud'], {}, '--log-level: expected one of debug, info, warn, error'],
  ])('refuses %j with %j', async (more, env, message) => {
    const ran = await runCli(['thing', 'do', 'it', ...more, '--json'], { nouns: nouns(seen), env });
    expect(ran.code).toBe(2);
    expect(ran.lines).toHaveLength(1);
    expect(ran.json['type']).toBe('error');
    expect(ran.json['message']).toContain(message);
  });

  it('names the flag and the variable of a required option that is missing', async () => {
    const ran = await runCli(['thing', 'need', '--json'], { nouns: nouns(seen) });
    expect(ran.code).toBe(2);
    expect(ran.json).toMatchObject({ code: 'MISSING_ANSWER', hint: 'give it with --key KEY' });
    expect((await runCli(['thing', 'need'], { nouns: nouns(seen), env: { R3MES_KEY: 'k' } })).stdout).toBe('k\n');
  });

  it.each([
    [['thnig'], "unknown command 'thnig'", '(Did you mean thing?)'],
    [['thing', 'dO'], "unknown command 'dO'", '(Did you mean do?)'],
    [['thing'], 'r3mes thing needs a command: do, need', 'see r3mes thing --help'],
    [[], 'r3mes needs a command: thing', 'see r3mes --help'],
    [['thing', 'do'], "missing required argument 'WHAT'", 'see r3mes thing do --help'],
    [['thing', 'do', 'it', '--jsom'], "unknown option '--jsom'", '(Did you mean --json?)'],
    [['thing', 'need', 'x'], "too many arguments for 'need'", 'see r3mes thing need --help'],
    [['thing', 'do', 'it', '--out'], "option '-o, --out <FILE>' argument missing", 'see r3mes thing do --help'],
  ])('answers %j with exit code 2 and what to do', async (argv, message, hint) => {
    const ran = await runCli(argv, { nouns: nouns(seen) });
    expect(ran.code).toBe(2);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toContain(message);
    expect(ran.stderr).toContain(hint);
  });

  it('prints usage errors as JSON where --json or its variable is given', async () => {
    const ran = await runCli(['thnig', '--json'], { nouns: nouns(seen) });
    expect(ran.json).toMatchObject({ type: 'error', code: 'USAGE', retryable: false });
    const byVariable = await runCli(['thnig'], { nouns: nouns(seen), env: { R3MES_JSON: '1' } });
    expect(JSON.parse(byVariable.stdout)).toMatchObject({ type: 'error', code: 'USAGE' });
  });

  it('prints version and help on stdout', async () => {
    expect((await runCli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = await runCli(['thing', 'do', '--help'], { nouns: nouns(seen) });
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('[default 3; env R3MES_COUNT]');
    expect(help.stderr).toBe('');
  });
});

describe('output', () => {
  it('keeps stdout for data: text for people, one object for scripts', async () => {
    const act: Act = (ctx) => {
      ctx.out.note('a note');
      ctx.out.warn('a warning');
      ctx.out.log('info', 'a line');
      ctx.out.log('debug', 'a detail');
      return Promise.resolve({ data: { big: 12345678901234567890n, bytes: new Uint8Array([1, 255]), none: undefined, odd: NaN } as never, text: 'text' });
    };
    const human = await runCli(['thing', 'do', 'it'], { nouns: nouns(act) });
    expect(human.stdout).toBe('text\n');
    expect(human.stderr).toBe('a note\nwarning: a warning\ninfo  a line\n');
    const script = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(act) });
    expect(script.stdout).toBe('{"big":"12345678901234567890","bytes":"01ff","odd":"NaN"}\n');
    expect(script.stderr).toBe('warning: a warning\n');
    const quiet = await runCli(['thing', 'do', 'it', '--quiet'], { nouns: nouns(act) });
    expect(quiet.stderr).toBe('warning: a warning\n');
    const verbose = await runCli(['thing', 'do', 'it', '--verbose'], { nouns: nouns(act) });
    expect(verbose.stderr).toContain('debug a detail');
    const errorsOnly = await runCli(['thing', 'do', 'it', '--log-level', 'error'], { nouns: nouns(act) });
    expect(errorsOnly.stderr).not.toContain('a line');
  });

  it('prints a stream as NDJSON that ends in exactly one result line', async () => {
    const act: Act = async (ctx) => {
      const progress = await ctx.progress('work');
      progress.update({ done: 1, total: 2 });
      ctx.out.event('block', { height: 5n }, 'block 5');
      progress.succeed('2 of 2');
      progress.succeed('again');
      return { data: { ok: true } as never, text: 'ok' };
    };
    const { lines, stderr, code } = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(act, true) });
    expect(code).toBe(0);
    expect(lines.map(({ type }) => type)).toEqual(['progress', 'progress', 'block', 'progress', 'result']);
    expect(lines.at(-1)).toEqual({ type: 'result', ok: true });
    expect(lines[2]).toEqual({ type: 'block', height: '5' });
    expect(stderr).toBe('');
    const human = await runCli(['thing', 'do', 'it'], { nouns: nouns(act, true) });
    expect(human.stdout).toBe('block 5\nok\n');
    expect(human.stderr).toMatch(/^work …\nwork: 2 of 2 \(\d+\.\d s\)\n$/);
    const quiet = await runCli(['thing', 'do', 'it', '--quiet'], { nouns: nouns(act, true) });
    expect(quiet.stderr).toBe('');
  });

  it('never prints progress on stdout of a command that answers with one object', async () => {
    const act: Act = async (ctx) => {
      (await ctx.progress('work')).fail();
      ctx.out.event('x', {}, 'x');
      return { data: { ok: true } as never, text: '' };
    };
    expect((await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(act) })).stdout).toBe('{"ok":true}\n');
  });

  it('ends a failed stream in one error line and no result', async () => {
    const { lines, code } = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(fails(new R3mesError({ code: 'TIMED_OUT', message: 'm', retryable: true })), true) });
    expect(code).toBe(8);
    expect(lines).toEqual([{ type: 'error', code: 'TIMED_OUT', message: 'm', hint: null, retryable: true }]);
  });

  it('uses no colour codes without a person, and colours with one unless NO_COLOR is set', async () => {
    const failing = nouns(fails(new R3mesError({ code: 'X', message: 'm' })));
    const escapes = (ran: { stderr: string }): boolean => ran.stderr.includes('\u001b[');
    expect(escapes(await runCli(['thing', 'do', 'it'], { nouns: failing, tty: true }))).toBe(true);
    expect(escapes(await runCli(['thing', 'do', 'it'], { nouns: failing }))).toBe(false);
    for (const env of [{ NO_COLOR: '1' }, { CI: 'true' }, { TERM: 'dumb' }]) {
      expect(escapes(await runCli(['thing', 'do', 'it'], { nouns: failing, tty: true, env }))).toBe(false);
    }
    for (const more of ['--no-color', '--yes', '--json']) {
      expect(escapes(await runCli(['thing', 'do', 'it', more], { nouns: failing, tty: true }))).toBe(false);
    }
    expect(escapes(await runCli(['thing', 'do', 'it'], { nouns: failing, tty: true, env: { CI: 'false' } }))).toBe(true);
  });

  it('shows a stack only with --verbose', async () => {
    const bug = nouns(fails(new TypeError('x is not a function')));
    const plain = await runCli(['thing', 'do', 'it'], { nouns: bug });
    expect(plain.code).toBe(1);
    expect(plain.stderr).toMatch(/^error: x is not a function\n {2}→ this was not expected/);
    expect(plain.stderr).not.toContain('    at ');
    expect((await runCli(['thing', 'do', 'it', '--verbose'], { nouns: bug })).stderr).toContain('    at ');
  });

  it('prints the result and ends with the code that the command gives', async () => {
    const ran = await runCli(['thing', 'do', 'it', '--json'], { nouns: nouns(() => Promise.resolve({ data: { found: 2 } as never, text: '', exitCode: 7 })) });
    expect(ran).toMatchObject({ code: 7, json: { found: 2 } });
  });
});

describe('signals and pipes', () => {
  const waits: Act = (ctx) =>
    new Promise((resolve, reject) => {
      ctx.holdFor('the block to be written');
      ctx.signal.addEventListener('abort', () => {
        if (ctx.out.mode.verbose) resolve({ data: { clean: true } as never, text: 'clean' });
        else reject(ctx.signal.reason as Error);
      });
    });

  /** Starts a command and waits until its handler runs. */
  async function started(argv: readonly string[], act: Act): Promise<{ fake: ReturnType<typeof fakeIo>; ended: Promise<number> }> {
    const fake = fakeIo();
    let running: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      running = resolve;
    });
    const ended = run(argv, fake.io, {}, nouns((ctx, args) => {
      const promise = act(ctx, args);
      running();
      return promise;
    }));
    await ready;
    return { fake, ended };
  }

  it.each([
    ['SIGINT', 130, 'INTERRUPTED'],
    ['SIGTERM', 143, 'TERMINATED'],
  ] as const)('stops on %s, says what it waits for and ends with %i', async (name, exitCode, code) => {
    const { fake, ended } = await started(['thing', 'do', 'it', '--json'], waits);
    fake.signal(name);
    expect(await ended).toBe(exitCode);
    expect(JSON.parse(fake.stdout())).toMatchObject({ type: 'error', code });
    const human = await started(['thing', 'do', 'it'], waits);
    human.fake.signal(name);
    await human.ended;
    expect(human.fake.stderr()).toContain('stopping: waiting for the block to be written (Ctrl-C again forces)');
  });

  it('prints the result of a command that ended cleanly after the signal', async () => {
    const { fake, ended } = await started(['thing', 'do', 'it', '--verbose'], waits);
    fake.signal('SIGINT');
    expect(await ended).toBe(130);
    expect(fake.stdout()).toBe('clean\n');
  });

  it('forces on the second signal', async () => {
    let release: () => void = () => undefined;
    const { fake, ended } = await started(['thing', 'do', 'it'], () => new Promise((resolve) => {
      release = () => resolve({ data: {}, text: '' });
    }));
    fake.signal('SIGTERM');
    expect(fake.exits).toEqual([]);
    fake.signal('SIGINT');
    expect(fake.exits).toEqual([130]);
    release();
    expect(await ended).toBe(143);
  });

  it('ends quietly when nobody reads stdout any more', async () => {
    const { fake, ended } = await started(['thing', 'do', 'it'], waits);
    fake.io.stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(await ended).toBe(0);
    expect(fake.stderr()).toBe('');
    fake.io.stderr.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect(() => fake.io.stdout.emit('error', new Error('other'))).toThrow('other');
    expect(() => fake.io.stderr.emit('error', new Error('other'))).toThrow('other');
  });
});
