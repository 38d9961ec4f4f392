// Writes the reference part of docs/cli.md from the declarations of the built command line. --check only compares.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const file = path.join(root, 'docs', 'cli.md');
const { renderReference } = await import('../dist/cli/docs.js');
const { NOUNS } = await import('../dist/cli/registry.js');
const MARK = '<!-- From here on made by scripts/cli-docs.js from the declarations in src/cli/commands. -->';

const before = readFileSync(file, 'utf8');
const hand = before.slice(0, before.indexOf(MARK));
const after = `${hand}${MARK}\n\n${renderReference(NOUNS)}\n`;
if (process.argv.includes('--check')) {
  if (before !== after) {
    console.error('docs/cli.md is out of date: run node scripts/cli-docs.js');
    process.exit(1);
  }
} else writeFileSync(file, after);
