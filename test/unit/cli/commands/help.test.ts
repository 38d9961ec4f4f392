import { describe, expect, it } from 'vitest';

import { aggregateNoun } from '../../../../src/cli/commands/aggregate/index.js';
import { challengeNoun } from '../../../../src/cli/commands/challenge/index.js';
import { mineNoun } from '../../../../src/cli/commands/mine/index.js';
import { queryNoun } from '../../../../src/cli/commands/query/index.js';
import { QUERIES } from '../../../../src/cli/commands/query/queries.js';
import { rewardsNoun } from '../../../../src/cli/commands/rewards/index.js';
import { txNoun } from '../../../../src/cli/commands/tx/index.js';
import { runCli } from '../harness.js';
import { expectGoldenHelp } from './golden.js';

const NOUNS = [mineNoun, aggregateNoun, challengeNoun, txNoun, queryNoun, rewardsNoun];
const COMMANDS = NOUNS.flatMap((noun) => noun.commands.map((command) => ({ noun, command, name: `${noun.name} ${command.name}` })));

describe('commands of the chain', () => {
  it.each(COMMANDS)('$name has its help pinned', ({ noun, command }) => expectGoldenHelp(noun, command.name));

  it('ask only what they can answer', () => {
    expect(queryNoun.commands.map(({ name }) => name).sort()).toEqual(Object.keys(QUERIES).sort());
  });

  /** Without a TTY, with stdin closed, without a wallet and without a node: an error at once, never a question. */
  it.each(COMMANDS.filter(({ name }) => name !== 'mine bench'))('$name runs without a terminal', async ({ noun, command }) => {
    const argvOf: Record<string, string> = { part: 'miner', to: 'remes1x', amount: '1', hash: '00'.repeat(32), id: '1', caseId: '1', gradientId: '1', subject: 'gradient/1' };
    const args = Object.entries(command.args).flatMap(([key, option]) => (option.required ? [argvOf[key] ?? 'x'] : []));
    const ran = await runCli([noun.name, command.name, ...args, '--node', 'http://127.0.0.1:1', '--json']);
    expect(ran.lines).toHaveLength(1);
    expect(ran.json).toMatchObject({ type: 'error', message: expect.any(String) as string });
    expect([1, 2, 5]).toContain(ran.code);
    expect(ran.stderr).toContain('error:');
  });
});
