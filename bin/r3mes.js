#!/usr/bin/env node
// Checks what it runs on before it loads anything, so that an old Node gets a sentence and not a syntax error.
const needed = [20, 20];
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error('error: r3mes needs Node.js ' + needed.join('.') + ' or newer, this is ' + process.versions.node);
  console.error('  -> install a newer one from https://nodejs.org or with your version manager');
  process.exit(2);
}
import('../dist/cli/main.js').then(
  ({ main }) => main(),
  (error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('dist')) throw error;
    console.error('error: r3mes is not built: dist/ is missing');
    console.error('  -> in a clone, run npm ci or npm run build');
    process.exit(1);
  },
);
