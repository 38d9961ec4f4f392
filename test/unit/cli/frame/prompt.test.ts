import { describe, expect, it } from 'vitest';

import { personIsThere } from '../../../../src/cli/frame/io.js';
import { absentPrompter } from '../../../../src/cli/frame/prompt.js';
import { fakeIo } from '../harness.js';

describe('questions that nobody hears', () => {
  const question = { message: 'wallet name', flag: '--wallet NAME' };

  it('are errors that name the flag', async () => {
    const prompter = absentPrompter(false);
    const missing = { code: 'MISSING_ANSWER', message: 'missing answer: wallet name', hint: 'give it with --wallet NAME' };
    await expect(prompter.text({ ...question, fallback: 'default' })).rejects.toMatchObject(missing);
    await expect(prompter.select({ ...question, choices: [] })).rejects.toMatchObject(missing);
    await expect(prompter.password(question)).rejects.toMatchObject(missing);
    await expect(prompter.confirm('delete it')).rejects.toMatchObject({ code: 'CONFIRMATION_NEEDED', hint: 'add --yes to confirm' });
  });

  it('are answered by --yes where there is a default', async () => {
    const prompter = absentPrompter(true);
    expect(await prompter.text({ ...question, fallback: 'default' })).toBe('default');
    expect(await prompter.select({ ...question, choices: [], fallback: 'a' })).toBe('a');
    await prompter.confirm('delete it');
    await expect(prompter.text(question)).rejects.toMatchObject({ code: 'MISSING_ANSWER' });
    await expect(prompter.password(question)).rejects.toMatchObject({ code: 'MISSING_ANSWER' });
  });
});

describe('personIsThere', () => {
  it('needs a terminal at both ends and no sign of a script', () => {
    const mode = { json: false, yes: false };
    const { io } = fakeIo({ tty: true });
    expect(personIsThere(io, mode)).toBe(true);
    expect(personIsThere({ ...io, stdoutIsTty: false }, mode)).toBe(true);
    expect(personIsThere({ ...io, stdinIsTty: false }, mode)).toBe(false);
    expect(personIsThere({ ...io, stderrIsTty: false }, mode)).toBe(false);
    expect(personIsThere(io, { ...mode, json: true })).toBe(false);
    expect(personIsThere(io, { ...mode, yes: true })).toBe(false);
    for (const [CI, there] of [['true', false], ['1', false], ['woodpecker', false], ['false', true], ['0', true], ['', true]] as const) {
      expect(personIsThere({ ...io, env: { CI } }, mode)).toBe(there);
    }
  });
});
