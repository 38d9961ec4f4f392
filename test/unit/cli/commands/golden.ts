/** Pins what scripts and people rely on: the help of each command and the keys of its --json object. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect } from 'vitest';

import type { Noun } from '../../../../src/cli/frame/command.js';
import { runCli } from '../harness.js';

const GOLDEN = fileURLToPath(new URL('../../../golden/cli/', import.meta.url));

/** `npx vitest run FILE --update` writes the files anew after a change that is meant. */
export async function expectGoldenHelp(noun: Noun, verb: string): Promise<void> {
  const ran = await runCli([noun.name, ...verb.split(' '), '--help']);
  expect(ran.code).toBe(0);
  expect(ran.stderr).toBe('');
  await expect(ran.stdout).toMatchFileSnapshot(path.join(GOLDEN, `${noun.name}-${verb.replaceAll(' ', '-')}.txt`));
}

/** Every key that was printed is declared, and every declared key that may not be missing was printed. */
export function expectDeclaredKeys(noun: Noun, verb: string, json: Readonly<Record<string, unknown>>): void {
  const declared = Object.keys(noun.commands.find(({ name }) => name === verb)?.json ?? {});
  const printed = Object.keys(json).filter((key) => key !== 'type');
  expect(declared).not.toEqual([]);
  expect(printed.filter((key) => !declared.includes(key) && !declared.includes(`${key}?`))).toEqual([]);
  expect(declared.filter((key) => !key.endsWith('?') && !printed.includes(key))).toEqual([]);
}
