/** Rollback and prune: their help, and what they refuse before anything is touched. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { nodeNoun } from '../../../../../src/cli/commands/node/index.js';
import { acquirePidFile } from '../../../../../src/cli/files/pid-file.js';
import { runCli } from '../../harness.js';
import { expectGoldenHelp } from '../golden.js';
import { homeOf } from './home.js';

const root = mkdtempSync(path.join(os.tmpdir(), 'r3mes-maintenance-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe.each([['rollback', ['--yes']], ['prune', []]])('node %s', (verb, argv) => {
  const run = (): ReturnType<typeof runCli> => runCli(['node', verb, ...argv, '--home', root, '--json']);

  it('has this help', () => expectGoldenHelp(nodeNoun, verb));

  it('says that no node has run here, and gives the lock back', async () => {
    for (let attempt = 0; attempt < 2; attempt++) {
      const ran = await run();
      expect(JSON.parse(ran.stdout)).toMatchObject({ code: 'NO_STATE', hint: expect.stringContaining('r3mes node start') as string });
    }
  });

  it('is refused while somebody holds the home', async () => {
    const lock = await acquirePidFile(homeOf(root).pidFile, 'a node of this home');
    const ran = await run();
    await lock.release();
    expect(JSON.parse(ran.stdout)).toMatchObject({ code: 'ALREADY_RUNNING' });
  });
});
