import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { beforeEach, describe, expect, it } from 'vitest';

import { datasetNoun } from '../../../../../src/cli/commands/dataset/index.js';
import { run } from '../../../../../src/cli/main.js';
import { fakeIo, runCli, type Ran, scriptedPrompter, temporaryFolder } from '../../harness.js';
import { expectDeclaredKeys, expectGoldenHelp } from '../golden.js';

const VERBS = ['convert', 'tokenize', 'shard', 'inspect', 'verify', 'list'] as const;
const CID = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku';

let cwd: string;
beforeEach(() => {
  cwd = temporaryFolder();
});

function dataset(...argv: string[]): Promise<Ran> {
  return runCli(['dataset', ...argv, '--json', '--home', path.join(cwd, 'home')], { cwd });
}
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(path.join(cwd, name), content);
  return name;
}
function read(name: string): string {
  return readFileSync(path.join(cwd, name), 'utf8');
}
/** What lies beside the inputs: nothing half-written, no temporary file. */
function names(): string[] {
  return readdirSync(cwd).filter((name) => name !== 'home').sort();
}
/** Text that differs by row, so that chunks differ. */
function rows(count: number): string {
  return Array.from({ length: count }, (_, i) => JSON.stringify({ text: `Row number ${i} of this text says ${i * i} and then stops.` })).join('\n');
}

describe('help', () => {
  it.each(VERBS)('of dataset %s is pinned', (verb) => expectGoldenHelp(datasetNoun, verb));
  it('covers every verb', () => expect(datasetNoun.commands.map(({ name }) => name)).toEqual(VERBS));
});

describe('dataset convert', () => {
  it('reads quotes, line breaks, a byte-order mark and CRLF', async () => {
    file('in.csv', '\ufeffkategori,baslik,icerik\r\nspor,"Bir ""iki""","a,\r\nb"\r\n\r\nbilim,,c\r\n');
    const ran = await dataset('convert', 'in.csv', '-o', 'out.jsonl');
    expect(ran.code).toBe(0);
    expect(ran.json).toMatchObject({ type: 'result', rowsRead: 3, rowsWritten: 2, rowsBlank: 1, fieldsEmpty: { baslik: 1 }, columns: { text: 'icerik' } });
    expectDeclaredKeys(datasetNoun, 'convert', ran.json);
    expect(read('out.jsonl')).toBe('{"text":"Bir \\"iki\\"\\na,\\nb","category":"spor"}\n{"text":"c","category":"bilim"}\n');
    expect(ran.lines.filter(({ type }) => type === 'result')).toHaveLength(1);
    expect(ran.lines[0]).toMatchObject({ type: 'progress', status: 'running' });
  });

  it('takes format, columns, delimiter and a fixed instruction', async () => {
    file('in.tsv', 'q\ta\tkategori\nwhy\tso\tx\n');
    const ran = await dataset('convert', 'in.tsv', '-o', 'out.jsonl', '--format', 'instruction', '--delimiter', '\\t', '--input-column', 'q', '--output-column', 'a', '--instruction', 'Answer.');
    expect(ran.code).toBe(0);
    expect(read('out.jsonl')).toBe('{"instruction":"Answer.","input":"why","output":"so"}\n');
  });

  it('leaves the category out with --no-category, and counts what is incomplete', async () => {
    file('in.csv', 'text,category\na,x\n,y\n');
    const ran = await runCli(['dataset', 'convert', 'in.csv', '-o', 'out.jsonl', '--no-category'], { cwd });
    expect(ran.code).toBe(0);
    expect(read('out.jsonl')).toBe('{"text":"a"}\n');
    expect(ran.stdout).toContain('rows left out, no "text"');
    expect(ran.stderr).toContain('1 of 2 rows lack a field');
  });

  it.each<[string, string | Uint8Array, string[], RegExp]>([
    ['an empty file', '', [], /in\.csv is empty/],
    ['a quote that is never closed', 'title,text\r\n"a\r\nb",c\r\n"d,e\r\n', [], /row 3 \(line 4\), column "title": a quoted field is never closed/],
    ['a row that is too short', 'title,text\na\n', [], /row 2: expected 2 fields/],
    ['bytes that are no UTF-8', Buffer.from([...Buffer.from('text\nok\nx'), 0xfe, 0x0a]), [], /byte 0xfe in row 3 at byte 9/],
    ['an unknown column', 'text\na\n', ['--text-column', 'body'], /no column "body"; it has "text"/],
    ['no column that fits', 'a,b\n1,2\n', [], /expected a column text/],
    ['a delimiter of two characters', 'text\na\n', ['--delimiter', ';;'], /expected one character as delimiter/],
  ])('refuses %s and leaves nothing behind', async (_what, content, more, message) => {
    file('in.csv', content);
    const ran = await dataset('convert', 'in.csv', '-o', 'out.jsonl', ...more);
    expect(ran.code).toBe(1);
    expect(ran.json).toMatchObject({ type: 'error', code: 'INVALID_INPUT', retryable: false, message: expect.stringMatching(message) as string });
    expect(names()).toEqual(['in.csv']);
  });

  it('names what is missing', async () => {
    expect(await dataset('convert', 'none.csv', '-o', 'out.jsonl')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });
    file('in.csv', 'text\na\n');
    expect(await dataset('convert', 'in.csv', '-o', 'no/where.jsonl')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });
    expect(await dataset('convert', 'in.csv')).toMatchObject({ code: 2, json: { code: 'MISSING_ANSWER', hint: expect.stringContaining('--output') as string } });
    expect(await dataset('convert', 'in.csv', '-o', 'x', '--format', 'poem')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
  });

  it('replaces a file only when told, and never its own input', async () => {
    file('in.csv', 'text\nnew\n');
    file('out.jsonl', 'old');
    expect(await dataset('convert', 'in.csv', '-o', 'out.jsonl')).toMatchObject({ code: 3, json: { code: 'CONFIRMATION_NEEDED', hint: expect.stringContaining('--yes') as string } });
    expect(read('out.jsonl')).toBe('old');
    expect((await dataset('convert', 'in.csv', '-o', 'out.jsonl', '--yes')).code).toBe(0);
    expect(read('out.jsonl')).toBe('{"text":"new"}\n');
    expect((await dataset('convert', 'in.csv', '-o', 'out.jsonl', '--force')).code).toBe(0);
    expect(await dataset('convert', 'in.csv', '-o', './in.csv', '--force')).toMatchObject({ code: 2, json: { code: 'USAGE' } });
    const prompter = scriptedPrompter(['yes']);
    expect((await runCli(['dataset', 'convert', 'in.csv', '-o', 'out.jsonl'], { cwd, prompter })).code).toBe(0);
    expect(prompter.asked).toEqual([`overwrite ${path.join(cwd, 'out.jsonl')}`]);
  });
});

describe('Ctrl-C', () => {
  it('ends a conversion under way with 130 and leaves no file', async () => {
    file('in.csv', `text\n${`${'many words '.repeat(80)}\n`.repeat(20_000)}`);
    const fake = fakeIo({ cwd });
    const ended = run(['dataset', 'convert', 'in.csv', '-o', 'out.jsonl', '--json'], fake.io);
    // The first quarter of a MiB is told at once, while most of the file is still to be read.
    while (!fake.stdout().includes('"done":262144')) await new Promise((resolve) => setImmediate(resolve));
    fake.signal('SIGINT');
    expect(await ended).toBe(130);
    expect(fake.stdout().trimEnd().split('\n').at(-1)).toMatch(/^\{"type":"error","code":"INTERRUPTED"/);
    expect(names()).toEqual(['in.csv']);
  });
});

describe('dataset tokenize and shard', () => {
  it('make a dataset that inspect and verify read', async () => {
    file('in.jsonl', rows(120));
    const tokenized = await dataset('tokenize', 'in.jsonl', '-o', 'in.tokens');
    expect(tokenized).toMatchObject({ code: 0, json: { rows: 120, rowsEmpty: 0 } });
    expectDeclaredKeys(datasetNoun, 'tokenize', tokenized.json);
    const tokens = tokenized.json['tokens'] as number;

    const sharded = await dataset('shard', 'in.tokens', '--chunk-tokens', '64', '--shard-chunks', '8', '--license', 'CC0-1.0', '-o', 'manifest.json');
    expect(sharded).toMatchObject({ code: 0, json: { name: 'in', license: 'CC0-1.0', chunkTokens: 64, sourceTokens: tokens, file: path.join(cwd, 'manifest.json') } });
    expectDeclaredKeys(datasetNoun, 'shard', sharded.json);
    const cid = sharded.json['manifestCid'] as string;
    const again = await dataset('shard', 'in.tokens', '--chunk-tokens', '64', '--shard-chunks', '8', '--license', 'CC0-1.0');
    expect(again.json).toMatchObject({ manifestCid: cid, file: null });

    for (const what of [cid, 'manifest.json']) {
      const inspected = await dataset('inspect', what);
      expect(inspected).toMatchObject({ code: 0, json: { kind: 'dataset', manifestCid: cid, shards: sharded.json['shards'] } });
      expectDeclaredKeys(datasetNoun, 'inspect', inspected.json);
      const verified = await dataset('verify', what, '--source', 'in.jsonl');
      expect(verified).toMatchObject({ code: 0, stderr: '', json: { verified: true, tokenizerPresent: true, sourceVerified: true, shardsVerified: (sharded.json['shards'] as unknown[]).length } });
      expectDeclaredKeys(datasetNoun, 'verify', verified.json);
    }
    const header = await dataset('inspect', 'in.tokens');
    expect(header).toMatchObject({ code: 0, json: { kind: 'tokens', tokens, rows: 120 } });
    expectDeclaredKeys(datasetNoun, 'inspect', header.json);
    for (const argv of [['inspect', cid], ['inspect', 'in.tokens'], ['verify', cid]]) {
      const ran = await runCli(['dataset', ...argv, '--home', path.join(cwd, 'home')], { cwd });
      expect(ran.code).toBe(0);
      expect(ran.stdout).toContain(String(tokens));
    }
  });

  it('says that another text does not make this dataset', async () => {
    file('in.jsonl', rows(40));
    file('other.jsonl', rows(41));
    await dataset('tokenize', 'in.jsonl', '-o', 'in.tokens');
    await dataset('shard', 'in.tokens', '--chunk-tokens', '64', '-o', 'manifest.json');
    const ran = await dataset('verify', 'manifest.json', '--source', 'other.jsonl');
    expect(ran).toMatchObject({ code: 1, json: { type: 'error', code: 'DATASET_MISMATCH', message: expect.stringContaining('source_sha256') as string } });
  });

  it('finds a block that was changed on disk, and one that is gone', async () => {
    file('in.jsonl', rows(40));
    await dataset('tokenize', 'in.jsonl', '-o', 'in.tokens');
    const { json } = await dataset('shard', 'in.tokens', '--chunk-tokens', '64', '-o', 'manifest.json');
    const size = (json['shards'] as { sizeBytes: number }[])[0]!.sizeBytes;
    const content = path.join(cwd, 'home', 'data', 'content');
    const blocks = readdirSync(content, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
    const shard = blocks.find((block) => readFileSync(block).length === size)!;
    const bytes = readFileSync(shard);
    bytes[5] = bytes[5]! ^ 1;
    writeFileSync(shard, bytes);
    expect(await dataset('verify', 'manifest.json')).toMatchObject({ code: 1, json: { code: 'CONTENT_CORRUPT' } });
    const elsewhere = await runCli(['dataset', 'verify', 'manifest.json', '--json', '--home', path.join(cwd, 'empty')], { cwd });
    expect(elsewhere).toMatchObject({ code: 1, json: { code: 'CONTENT_NOT_FOUND' } });
  });

  it('refuses CSV, no text, too little text and a model that is none', async () => {
    file('in.csv', 'text\na\n');
    expect(await dataset('tokenize', 'in.csv', '-o', 't')).toMatchObject({ code: 1, json: { hint: expect.stringContaining('dataset convert') as string } });
    file('empty.jsonl', '');
    expect(await dataset('tokenize', 'empty.jsonl', '-o', 't')).toMatchObject({ code: 1, json: { message: expect.stringContaining('is empty') as string } });
    file('bad.jsonl', '{"text":"a"}\nnot json\n');
    expect(await dataset('tokenize', 'bad.jsonl', '-o', 't')).toMatchObject({ code: 1, json: { message: expect.stringContaining('row 2 is no JSON') as string } });
    file('short.txt', 'A short text.');
    expect(await dataset('tokenize', 'short.txt', '-o', 't', '--model', 'nowhere')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });
    expect((await dataset('tokenize', 'short.txt', '-o', 'short.tokens')).code).toBe(0);
    expect(await dataset('shard', 'short.tokens', '-o', 'm.json')).toMatchObject({ code: 1, json: { message: expect.stringContaining('too little text') as string } });
    expect(names()).toEqual(['bad.jsonl', 'empty.jsonl', 'in.csv', 'short.tokens', 'short.txt']);
  });

  it('refuses token files that were truncated, lengthened or hold an id out of range', async () => {
    file('in.jsonl', rows(40));
    await dataset('tokenize', 'in.jsonl', '-o', 'in.tokens');
    const good = readFileSync(path.join(cwd, 'in.tokens'));
    file('short.tokens', good.subarray(0, good.length - 2));
    file('long.tokens', Buffer.concat([good, Buffer.alloc(2)]));
    const wild = Buffer.from(good);
    wild.writeUInt16LE(1024, 1024 + 10);
    file('wild.tokens', wild);
    for (const [name, message] of [
      ['short.tokens', /bytes long, expected/],
      ['long.tokens', /bytes long, expected/],
      ['wild.tokens', /token 5 is 1024, expected an id from 0 to 1023/],
      ['in.jsonl', /expected a token file/],
    ] as const) {
      const ran = await dataset('shard', name, '--chunk-tokens', '64');
      expect(ran).toMatchObject({ code: 1, json: { type: 'error', code: 'INVALID_INPUT', message: expect.stringMatching(message) as string } });
    }
    const changed = Buffer.from(good);
    changed.writeUInt16LE(7, 1024);
    file('changed.tokens', changed);
    expect(await dataset('shard', 'changed.tokens', '--chunk-tokens', '64')).toMatchObject({ code: 1, json: { message: expect.stringContaining('SHA-256') as string } });
    expect(await dataset('verify', 'in.tokens')).toMatchObject({ code: 1, json: { message: expect.stringContaining('expected a manifest or its CID') as string } });
  });
});

describe('dataset inspect', () => {
  it('refuses what is neither CID nor file, a CID that is not there, and a manifest that was changed', async () => {
    expect(await dataset('inspect', 'nothing')).toMatchObject({ code: 1, json: { code: 'NOT_FOUND' } });
    expect(await dataset('inspect', CID)).toMatchObject({ code: 1, json: { code: 'CONTENT_NOT_FOUND', message: expect.stringContaining(CID) as string } });
    file('m.json', '{"format":"r3mes-dataset","version":2}');
    expect(await dataset('inspect', 'm.json')).toMatchObject({ code: 1, json: { code: 'INVALID_INPUT', message: expect.stringContaining('version') as string } });
  });
});

describe('dataset list', () => {
  it('needs a node that answers', async () => {
    const ran = await dataset('list', '--node', 'http://127.0.0.1:1');
    expect(ran).toMatchObject({ code: 5, json: { type: 'error', code: 'NODE_UNREACHABLE', retryable: true } });
    expect(existsSync(path.join(cwd, 'home'))).toBe(false);
  });
});
