// The application's process under CometBFT, from the compiled code, that kills itself in the middle of a block:
// R3MES_TEST_KILLS is a folder of files named PHASE-HEIGHT, where PHASE is finalized, committing or committed. Each file is
// removed before its kill, so that every kill happens once.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const { runAppProcess } = await import(new URL('../../dist/cli/node/app-server.js', import.meta.url).href);
const folder = process.env.R3MES_TEST_KILLS;

function killIfWanted(phase, height) {
  if (!existsSync(folder)) return;
  const wanted = readdirSync(folder).find((name) => name === `${phase}-${height}` || name === `${phase}-next`);
  if (wanted === undefined) return;
  rmSync(path.join(folder, wanted));
  process.kill(process.pid, 'SIGKILL');
}

runAppProcess((app) => {
  let height = 0n;
  return {
    ...app,
    finalizeBlock: async (request) => {
      ({ height } = request);
      const response = await app.finalizeBlock(request);
      killIfWanted('finalized', height); // executed, but CometBFT has no answer
      return response;
    },
    commit: async () => {
      killIfWanted('committing', height); // CometBFT has stored the results; nothing is on disk here
      const response = await app.commit();
      killIfWanted('committed', height); // on disk, but CometBFT does not know
      return response;
    },
  };
});
