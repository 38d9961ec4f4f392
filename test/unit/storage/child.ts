import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import ts from 'typescript';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

/**
 * Our sources as plain JavaScript below build/, so that a test can run them in processes of their own (several writers, kill −9,
 * memory of one job alone) without a build before it.
 */
export class ChildScripts {
  private constructor(readonly dir: string) {}

  static async compile(...folders: readonly string[]): Promise<ChildScripts> {
    await mkdir(join(REPOSITORY, 'build'), { recursive: true });
    const dir = await mkdtemp(join(REPOSITORY, 'build', 'test-child-'));
    for (const folder of folders) {
      await mkdir(join(dir, folder), { recursive: true });
      for (const name of await readdir(join(REPOSITORY, 'src', folder))) {
        if (!name.endsWith('.ts')) continue;
        const source = await readFile(join(REPOSITORY, 'src', folder, name), 'utf8');
        const { outputText } = ts.transpileModule(source, {
          compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
        });
        await writeFile(join(dir, folder, name.replace(/\.ts$/, '.js')), outputText);
      }
    }
    return new ChildScripts(dir);
  }

  /** Starts `script`, an ES module that may import the compiled folders as './storage/index.js'. */
  async start(name: string, script: string, args: readonly string[]): Promise<ChildProcess> {
    const path = join(this.dir, `${name}.mjs`);
    await writeFile(path, script);
    return spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Runs `script` to its end and returns what it printed. */
  async run(name: string, script: string, args: readonly string[]): Promise<string> {
    const child = await this.start(name, script, args);
    let output = '';
    child.stdout?.on('data', (part: Buffer) => (output += part.toString()));
    const code = await exitOf(child);
    if (code !== 0) throw new Error(`${name} ended with exit code ${code}: ${output}`);
    return output.trim();
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done(code));
  });
}
