// Installs CometBFT for the tests, into build/engine-comet, with the same code that `r3mes node engine install` runs.
// Prints the file; where there is no Go to build it, the reason, and ends with 1. R3MES_COMETBFT names a binary instead.
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(root, 'build', 'engine-comet');
const { findComet, engineFiles } = await import('../dist/chain/comet/binary.js');
const { installComet } = await import('../dist/chain/comet/install.js');

try {
  const given = process.env.R3MES_COMETBFT || undefined;
  const isThere = given !== undefined || existsSync(engineFiles(folder).binary);
  const { file } = isThere ? await findComet({ given, folder, search: '' }) : await installComet({ folder, now: new Date(), onLine: (line) => console.error(line) });
  console.log(file);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
