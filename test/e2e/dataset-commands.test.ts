/** The dataset, model and engine commands of the built binary, as a script runs them: no terminal, stdin closed. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DATA = path.resolve(ROOT, '../shared/data');
const MODEL = path.join(ROOT, 'templates', 'models', 'bitnet-nano');

/** A test that needs a file of ../shared says so where it is missing. */
function shared(name: string): { readonly file: string; readonly there: boolean } {
  const file = path.join(DATA, name);
  const there = existsSync(file);
  if (!there) console.log(`not run: ${file} is missing`);
  return { file, there };
}
const inaugural = shared('inaugural-addresses.csv');
const haberler = shared('haberler-sample.csv');

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'r3mes-e2e-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly json: Record<string, unknown>;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bin/r3mes.js` with stdin closed, or on an empty stdin where a closed one cannot be had. */
async function r3mes(argv: readonly string[], { bin = path.join(ROOT, 'bin', 'r3mes.js'), env = {} }: { bin?: string; env?: Record<string, string> } = {}): Promise<Ended> {
  const command = [process.execPath, bin, ...argv, '--home', path.join(cwd, 'home')];
  const [program = '', ...args] = process.platform === 'win32' ? command : ['/bin/sh', '-c', 'exec "$@" <&-', 'sh', ...command];
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, CI: 'true', ...env } });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }),
  ]);
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  return { code, stdout, stderr, json: last.startsWith('{') ? (JSON.parse(last) as Record<string, unknown>) : {} };
}

/** CSV of this many bytes or a few more. */
function csvOf(bytes: number): string {
  const row = `"A row with a comma, a ""quote"" and\na line break; ${'text '.repeat(40)}",news\r\n`;
  return `text,category\r\n${row.repeat(Math.ceil(bytes / row.length))}`;
}

describe('from a CSV file to a verified dataset', () => {
  it.skipIf(!inaugural.there)('works on the inaugural addresses', async () => {
    const converted = await r3mes(['dataset', 'convert', inaugural.file, '-o', 'a.jsonl', '--json']);
    expect(converted).toMatchObject({ code: 0, stderr: '', json: { type: 'result', rowsRead: 59, rowsWritten: 59 } });
    const rows = readFileSync(path.join(cwd, 'a.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { text: string });
    expect(rows).toHaveLength(59);
    expect(rows[0]!.text).toMatch(/^Fellow-Citizens of the Senate and of the House of Representatives:\n\nAmong/);
    const tokenized = await r3mes(['dataset', 'tokenize', 'a.jsonl', '-o', 'a.tokens', '--json']);
    expect(tokenized).toMatchObject({ code: 0, json: { rows: 59, rowsEmpty: 0 } });
    const sharded = await r3mes(['dataset', 'shard', 'a.tokens', '--name', 'inaugural', '-o', 'm.json', '--json']);
    const tokens = tokenized.json['tokens'] as number;
    const chunks = Math.floor(tokens / 2048);
    expect(sharded).toMatchObject({ code: 0, json: { sourceTokens: tokens, chunks, heldOutChunks: Math.max(1, Math.floor(chunks / 20)) } });
    for (const argv of [['inspect', 'm.json'], ['inspect', sharded.json['manifestCid'] as string], ['inspect', 'a.tokens'], ['verify', 'm.json', '--source', 'a.jsonl']]) {
      expect(await r3mes(['dataset', ...argv, '--json'])).toMatchObject({ code: 0, stderr: '' });
      expect((await r3mes(['dataset', ...argv])).stdout).toContain(String(tokens));
    }
  });

  it.skipIf(!haberler.there)('keeps Turkish letters, quotes and line breaks of the sample', async () => {
    expect(await r3mes(['dataset', 'convert', haberler.file, '-o', 'h.jsonl', '--json'])).toMatchObject({ code: 0, json: { rowsWritten: 5, fieldsEmpty: { baslik: 1 } } });
    const [first, , , fourth] = readFileSync(path.join(cwd, 'h.jsonl'), 'utf8').split('\n').map((line) => (line === '' ? {} : (JSON.parse(line) as { text?: string; category?: string })));
    expect(first).toEqual({ text: 'Merkez Bankası faizi "sabit" tuttu\nKurul, politika faizini değiştirmedi.\nPiyasalar kararı, beklendiği gibi, sakin karşıladı.', category: 'ekonomi' });
    expect(fourth).toEqual({ text: 'Başlıksız satır: çığ, şölen, ünlü, öğüt.', category: 'kültür' });
    expect(await r3mes(['dataset', 'convert', haberler.file, '-o', 'h.jsonl', '--force', '--format', 'instruction', '--no-category', '--json'])).toMatchObject({ code: 0, json: { rowsIncomplete: { baslik: 1 } } });
  });

  it('converts a large file in constant memory', async () => {
    writeFileSync(path.join(cwd, 'large.csv'), csvOf(32 * 1_048_576));
    const ran = await r3mes(['dataset', 'convert', 'large.csv', '-o', 'large.jsonl', '--json'], { env: { NODE_OPTIONS: '--max-old-space-size=48' } });
    expect(ran).toMatchObject({ code: 0, json: { type: 'result', rowsBlank: 0 } });
    expect(ran.json['rowsWritten']).toBe(ran.json['rowsRead']);
  });
});

describe('bad input', () => {
  it.each<[string, string | Uint8Array, string[], number, RegExp]>([
    ['an unbalanced quote', 'title,text\r\n"a\r\nb",c\r\nd,"e\r\nf\r\n', [], 1, /row 3 \(line 4\), column "text": a quoted field is never closed/],
    ['an empty file', '', [], 1, /is empty/],
    ['bytes that are no UTF-8', Buffer.from([...Buffer.from('text\na\n\xe7')].slice(0, 7).concat(0xe7, 0x0a)), [], 1, /byte 0xe7 in row 3 at byte 7/],
    ['an unknown column', 'text\na\n', ['--category-column', 'kind'], 1, /no column "kind"/],
    ['a format that is none', 'text\na\n', ['--format', 'poem'], 2, /expected one of text, instruction/],
    ['a flag that is none', 'text\na\n', ['--formt', 'text'], 2, /unknown option '--formt'/],
  ])('%s: the exit code, one object that says why, and no file', async (_what, content, more, code, message) => {
    writeFileSync(path.join(cwd, 'in.csv'), content);
    const ran = await r3mes(['dataset', 'convert', 'in.csv', '-o', 'out.jsonl', '--json', ...more]);
    expect(ran).toMatchObject({ code, json: { type: 'error', message: expect.stringMatching(message) as string } });
    expect(ran.stdout.split('\n').filter((line) => line.includes('"type":"result"'))).toEqual([]);
    expect(ran.stderr).not.toContain('    at ');
    expect(readdirSync(cwd).filter((name) => name !== 'home')).toEqual(['in.csv']);
  });

  it('other commands: no node, no file, no answer, a model of another kind', async () => {
    expect(await r3mes(['dataset', 'list', '--node', 'http://127.0.0.1:1', '--json'])).toMatchObject({ code: 5, json: { code: 'NODE_UNREACHABLE' } });
    expect(await r3mes(['dataset', 'verify', 'none.json', '--json'])).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });
    expect(await r3mes(['dataset', 'tokenize', 'in.jsonl', '--json'])).toMatchObject({ code: 2, json: { code: 'MISSING_ANSWER' } });
    writeFileSync(path.join(cwd, 'config.json'), '{"model_type":"llama"}');
    expect(await r3mes(['model', 'inspect', '.', '--json'])).toMatchObject({ code: 1, json: { usable: false, refusals: [{ file: 'config.json', message: expect.stringContaining('model_type is "llama"') as string }, { file: 'model.safetensors' }] } });
    expect(await r3mes(['model', 'check', '.', '--json'])).toMatchObject({ code: 1, json: { code: 'FILE_NOT_FOUND', message: expect.stringContaining('case.json') as string } });
    expect(await r3mes(['model', 'inspect', MODEL, '--json'])).toMatchObject({ code: 0, stderr: '', json: { usable: true } });
  });
});

describe('a full disk', () => {
  let full: string;
  let mounted = false;
  beforeEach(() => {
    full = path.join(cwd, 'full');
    mkdirSync(full);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', full], { stdio: 'ignore' });
      mounted = true;
    } catch (cause) {
      mounted = false;
      console.log(`not run on a real full disk: mounting a tmpfs is not permitted here (${String(cause)})`);
    }
  });
  afterEach(() => {
    if (mounted) execFileSync('umount', [full]);
  });

  it('is told as such, leaves nothing half-written, and the same command works when there is space', async (context) => {
    if (!mounted) {
      context.skip('no permission to mount a tmpfs');
      return;
    }
    const isRefused = async (argv: readonly string[]): Promise<void> => {
      const ran = await r3mes([...argv, '--json']);
      expect(ran).toMatchObject({ code: 1, json: { type: 'error', code: 'DISK_FULL', retryable: true } });
    };
    writeFileSync(path.join(cwd, 'in.csv'), csvOf(2 * 1_048_576));
    expect((await r3mes(['dataset', 'convert', 'in.csv', '-o', 'in.jsonl'])).code).toBe(0);
    expect((await r3mes(['dataset', 'tokenize', 'in.jsonl', '-o', 'in.tokens'])).code).toBe(0);
    const commands = [
      ['dataset', 'convert', 'in.csv', '-o', 'full/out.jsonl'],
      ['dataset', 'tokenize', 'in.jsonl', '-o', 'full/out.tokens'],
      ['dataset', 'shard', 'in.tokens', '--content', 'full/content', '-o', 'full/m.json'],
    ];
    for (const argv of commands) {
      await isRefused(argv);
      expect(readdirSync(full).filter((name) => name !== 'content')).toEqual([]);
      rmSync(path.join(full, 'content'), { recursive: true, force: true });
    }
    execFileSync('mount', ['-o', 'remount,size=32m', full]);
    for (const argv of commands) expect((await r3mes(argv)).code).toBe(0);
    expect(readdirSync(full).sort()).toEqual(['content', 'm.json', 'out.jsonl', 'out.tokens']);
    expect(await r3mes(['dataset', 'verify', 'full/m.json', '--content', 'full/content', '--json'])).toMatchObject({ code: 0, json: { verified: true } });
  });
});

describe('the engine of an installed package', () => {
  it('is missed with exit code 6, built with nobody there, and then computes', async () => {
    const installed = path.join(cwd, 'package');
    for (const part of ['bin', 'dist', 'native', 'templates', 'package.json', 'CMakeLists.txt']) cpSync(path.join(ROOT, part), path.join(installed, part), { recursive: true });
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(installed, 'node_modules'), 'junction');
    const run = (argv: readonly string[]): Promise<Ended> => r3mes([...argv, '--json'], { bin: path.join(installed, 'bin', 'r3mes.js'), env: { XDG_CACHE_HOME: path.join(cwd, 'cache') } });
    expect(await run(['engine', 'status'])).toMatchObject({ code: 6, json: { available: false, file: null, reason: expect.stringContaining('not built') as string } });
    expect(await run(['model', 'inspect', MODEL])).toMatchObject({ code: 0, json: { usable: true, engineChecked: false } });
    const file = path.join(installed, 'build', 'engine', 'Release', 'r3mes.node');
    // The one of the best instruction set lies beside it.
    const best = expect.stringMatching(/r3mes(-avx2|-avx512)?\.node$/) as string;
    expect(await run(['engine', 'build'])).toMatchObject({ code: 0, json: { type: 'result', built: true, file: best } });
    expect(await run(['engine', 'build'])).toMatchObject({ code: 0, json: { built: false } });
    expect(await run(['engine', 'status'])).toMatchObject({ code: 0, json: { available: true, file: best, candidates: expect.arrayContaining([{ file, exists: true }]) as unknown } });
    expect(await run(['model', 'inspect', MODEL])).toMatchObject({ code: 0, json: { engineChecked: true } });
    writeFileSync(file, 'no addon');
    expect(await run(['engine', 'status'])).toMatchObject({ code: 6, json: { available: false, reason: expect.stringContaining('does not load') as string } });
  }, 600_000);
});
