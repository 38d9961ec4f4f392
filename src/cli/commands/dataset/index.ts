import { defineCommand, type Noun } from '../../frame/command.js';
import { choice, flag, integer, optional, parsed, text } from '../../frame/option.js';
import { COMPUTE_OPTIONS, NODE_OPTIONS } from '../../session/options.js';

const force = flag('replace the output where it exists; --yes does, too');
const model = optional(text({ placeholder: 'DIR', summary: 'Hugging Face model directory with tokenizer.json; bitnet-nano of this package if not given' }));
const { content } = COMPUTE_OPTIONS;
const output = text({ placeholder: 'FILE', short: 'o', summary: 'file to write' });

function column(role: string) {
  return optional(text({ placeholder: 'NAME', summary: `column that holds the ${role}` }));
}

/** Shells make a tab awkward to type. */
function parseDelimiter(given: string): string {
  return given === '\\t' || given === 'tab' ? '\t' : given;
}

const DESCRIBED = {
  manifestCid: 'CID of the manifest, which names the dataset',
  name: 'name of the dataset',
  license: 'its licence, null if none was given',
  description: 'its description, null if none was given',
  tokenizerCid: 'CID of the tokenizer.json that made the tokens',
  vocabSize: 'token ids are below this',
  eosTokenId: 'token between two rows',
  tokenFormat: 'u16le or u32le',
  chunkTokens: 'tokens of a chunk',
  chunks: 'all chunks',
  trainingChunks: 'chunks 0 … trainingChunks - 1 are trained on',
  heldOutChunks: 'the chunks behind them measure the loss',
  firstHeldOutChunk: 'index of the first of those',
  trainingTokens: 'tokens in training chunks',
  heldOutTokens: 'tokens in held-out chunks',
  sourceTokens: 'tokens of the source',
  droppedTokens: 'tokens behind the last whole chunk, which are left out',
  sourceRows: 'rows of the source',
  sourceSha256: 'SHA-256 of the source file',
  sizeBytes: 'bytes of all shards',
  shards: 'list of {cid, firstChunk, chunks, sizeBytes}',
};

const convert = defineCommand({
  name: 'convert',
  summary: 'turn a CSV file into rows to train on (JSONL)',
  details:
    'Reads RFC 4180: quoted fields, doubled quotes, line breaks in fields, any line ending, a byte-order mark; UTF-8 only. Columns are found by their names, in English or Turkish, or named by the options. The file is read as a stream, whatever its size.',
  args: { input: text({ placeholder: 'IN.csv', summary: 'CSV file with a header' }) },
  options: {
    output,
    format: optional(choice({ placeholder: 'FORMAT', choices: ['text', 'instruction'], summary: 'rows {text, category} or {instruction, input, output}; text where the header has such a column' })),
    noCategory: flag('leave the category out'),
    delimiter: parsed({ placeholder: 'CHAR', fallback: ',', summary: 'what separates fields; \\t or tab for a tab', parse: parseDelimiter }),
    textColumn: column('text'),
    titleColumn: column('title'),
    categoryColumn: column('category'),
    instructionColumn: column('instruction'),
    inputColumn: column('input'),
    outputColumn: column('output'),
    instruction: optional(text({ placeholder: 'TEXT', summary: 'instruction of every row, where no column holds one' })),
    force,
  },
  examples: [
    ['dataset convert news.csv -o news.jsonl', 'one row {"text":…,"category":…} a line'],
    ['dataset convert qa.csv -o qa.jsonl --format instruction --input-column question --output-column answer --instruction "Answer."', 'instruction rows'],
  ],
  json: {
    output: 'file that was written',
    rowsRead: 'rows below the header',
    rowsWritten: 'rows written',
    rowsBlank: 'rows without any value, left out',
    rowsIncomplete: 'object: rows left out because this column was empty',
    fieldsEmpty: 'object: written rows in which this optional column was empty',
    columns: 'object: name of the column used for each role',
    bytesWritten: 'bytes of the file',
  },
  stream: true,
  load: async () => (await import('./convert.js')).datasetConvert,
});

const tokenize = defineCommand({
  name: 'tokenize',
  summary: 'turn text into the tokens of a model',
  details: 'A .jsonl file has one row a line, a .txt file is one row. One end-of-text token stands between two rows. The tokenizer goes into the content store.',
  args: { input: text({ placeholder: 'IN', summary: '.jsonl or .txt file' }) },
  options: { output, model, content, force },
  examples: [['dataset tokenize news.jsonl -o news.tokens', 'with the tokenizer of bitnet-nano']],
  json: {
    output: 'file that was written',
    model: 'model directory whose tokenizer was used',
    rows: 'rows that gave tokens',
    rowsEmpty: 'rows that gave none and were left out',
    tokens: 'tokens, those between rows included',
    tokenizerCid: 'CID of tokenizer.json in the content store',
    bytesWritten: 'bytes of the file',
  },
  stream: true,
  load: async () => (await import('./tokenize.js')).datasetTokenize,
});

const shard = defineCommand({
  name: 'shard',
  summary: 'cut tokens into chunks and store them with a manifest',
  details: 'The last 5 % of the chunks are held out to measure the loss. Shards and manifest go into the content store; the same tokens and options give the same CIDs on every machine.',
  args: { input: text({ placeholder: 'IN', summary: 'token file of dataset tokenize' }) },
  options: {
    name: optional(text({ placeholder: 'NAME', summary: 'name of the dataset; that of the file if not given' })),
    license: optional(text({ placeholder: 'TEXT', summary: 'licence of the text, e.g. CC-BY-4.0' })),
    description: optional(text({ placeholder: 'TEXT', summary: 'what the text is' })),
    chunkTokens: integer({ placeholder: 'N', min: 16, max: 65_536, fallback: '2048', summary: 'tokens of a chunk; a multiple of the sequence length of the model' }),
    shardChunks: integer({ placeholder: 'N', min: 1, max: 65_536, fallback: '256', summary: 'chunks of a shard' }),
    output: optional(text({ placeholder: 'FILE', short: 'o', summary: 'write a copy of the manifest there' })),
    content,
    force,
  },
  examples: [['dataset shard news.tokens --name news --license CC0-1.0 --json', 'prints the CID of the manifest, among others']],
  json: { ...DESCRIBED, file: 'copy of the manifest, null if none was asked for' },
  stream: true,
  load: async () => (await import('./shard.js')).datasetShard,
});

const inspect = defineCommand({
  name: 'inspect',
  summary: 'show what is in a dataset or a token file',
  details: 'Reads a manifest by its CID from the content store, or from a file; of a token file the header. What a manifest says is checked as far as it can be without its shards.',
  args: { what: text({ placeholder: 'MANIFEST', summary: 'CID of a manifest, a manifest file or a token file' }) },
  options: { content },
  examples: [['dataset inspect bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku', 'shows chunks, source and shards of that dataset']],
  json: {
    kind: 'dataset or tokens; the keys below are those of one of them',
    ...Object.fromEntries(Object.entries(DESCRIBED).map(([key, what]) => [`${key}?`, what])),
    'tokens?': 'tokens of a token file',
    'rows?': 'rows of a token file',
    'tokensSha256?': 'SHA-256 of the tokens of a token file',
  },
  load: async () => (await import('./inspect.js')).datasetInspect,
});

const verify = defineCommand({
  name: 'verify',
  summary: 'recompute a whole dataset: every hash, every size, every token',
  details: 'Every block of manifest, shards and tokenizer is hashed against its CID. With --source the dataset is made anew from its text as well, and must come out with the same CIDs.',
  args: { manifest: text({ placeholder: 'MANIFEST', summary: 'CID of the manifest, or a manifest file' }) },
  options: {
    source: optional(text({ placeholder: 'FILE', summary: 'text that it is said to be made from: .jsonl, .txt or .csv' })),
    model,
    content,
  },
  examples: [
    ['dataset verify manifest.json', 'hashes everything in the content store of this home'],
    ['dataset verify manifest.json --source news.jsonl', 'shows that the tokens are those of this text, too'],
  ],
  json: {
    ...DESCRIBED,
    verified: 'true',
    shardsVerified: 'shards that were read and hashed',
    tokensVerified: 'tokens that were read and checked',
    tokenizerPresent: 'whether the tokenizer is in the content store; it was hashed, then',
    sourceVerified: 'whether it was made anew from --source',
  },
  stream: true,
  load: async () => (await import('./verify.js')).datasetVerify,
});

const list = defineCommand({
  name: 'list',
  summary: 'list the datasets that the chain trains on',
  args: {},
  options: NODE_OPTIONS,
  examples: [['dataset list --node http://127.0.0.1:26657', 'prints a table of the datasets of that chain']],
  json: {
    chainId: 'id of the chain',
    datasets: 'list of {id, name, status, manifestCid, tokenizerCid, chunkTokens, trainingChunks, heldOutChunks}',
  },
  load: async () => (await import('./list.js')).datasetList,
});

export const datasetNoun: Noun = {
  name: 'dataset',
  summary: 'text to train on: convert, tokenize, shard, inspect, verify, list',
  commands: [convert, tokenize, shard, inspect, verify, list],
};
