import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { modelNoun } from '../../../../../src/cli/commands/model/index.js';
import { DEFAULT_MODEL_DIRECTORY } from '../../../../../src/cli/model-directory.js';
import { runCli, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';

const PROMPT = ['--prompt', 'To be, or not to be', '--max-tokens', '12'];

describe('model run', () => {
  it('has its help pinned', () => expectGoldenHelp(modelNoun, 'run'));

  it('writes the same text for any number of threads, and in pieces that make up the whole', async () => {
    const one = await runCli(['model', 'run', ...PROMPT, '--threads', '1', '--json']);
    expect(one.code).toBe(0);
    expectDeclaredKeys(modelNoun, 'run', one.json);
    expect(one.json).toMatchObject({ model: 'bitnet-nano', stopped: 'length', promptTokens: 8, threads: 1 });
    const pieces = one.lines.filter(({ type }) => type === 'text').map(({ text }) => text);
    expect(pieces.join('')).toBe(one.json['text']);
    const three = await runCli(['model', 'run', ...PROMPT, '--threads', '3']);
    expect(three.stdout.trimEnd()).toBe(String(one.json['text']).trimEnd());
  });

  it('draws by the seed', async () => {
    const draw = async (seed: string) => (await runCli(['model', 'run', ...PROMPT, '--temperature', '1', '--top-p', '0.9', '--seed', seed, '--json'])).json['tokens'];
    expect(await draw('1')).toEqual(await draw('1'));
    expect(await draw('1')).not.toEqual(await draw('2'));
  });

  it('stops behind a token that config.json names as an end, unless it is told to go on', async () => {
    const whole = await runCli(['model', 'run', ...PROMPT, '--json']);
    const tokens = whole.json['tokens'] as number[];
    const folder = temporaryFolder();
    cpSync(DEFAULT_MODEL_DIRECTORY, folder, { recursive: true });
    const config = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as object;
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ ...config, eos_token_id: [0, tokens[3]] }));
    writeFileSync(path.join(folder, 'prompt.txt'), 'To be, or not to be');
    const again = ['model', 'run', folder, '--prompt-file', path.join(folder, 'prompt.txt'), '--max-tokens', '12', '--json'];
    const ended = await runCli(again);
    expect(ended.json).toMatchObject({ stopped: 'end', tokens: tokens.slice(0, tokens.indexOf(tokens[3] ?? -1) + 1) });
    expect((await runCli([...again, '--ignore-eos'])).json).toMatchObject({ stopped: 'length', tokens });
  });

  it.each([
    [[], 2, 'USAGE'],
    [['--prompt', 'a', '--prompt-file', 'b'], 2, 'USAGE'],
    [['--prompt-file', 'nowhere.txt'], 1, 'FILE_NOT_FOUND'],
    [['--prompt', 'a', '--temperature', 'hot'], 2, 'USAGE'],
    [['--prompt', 'a', '--top-p', '0'], 2, 'USAGE'],
    [['--prompt', 'a', '--adapter', 'nowhere'], 1, 'FILE_NOT_FOUND'],
    [['nowhere', '--prompt', 'a'], 1, 'FILE_NOT_FOUND'],
  ])('refuses %j with exit code %i', async (argv, code, error) => {
    const ran = await runCli(['model', 'run', ...argv, '--json'], { cwd: temporaryFolder() });
    expect([ran.code, ran.json['code']]).toEqual([code, error]);
  });
});
