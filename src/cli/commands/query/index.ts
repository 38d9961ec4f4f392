import { type AnyCommand, defineCommand, type Noun } from '../../frame/command.js';
import { choice, flag, id, optional, type Options, text } from '../../frame/option.js';
import { NODE_OPTIONS, WHOSE_OPTIONS, whose } from '../../session/options.js';
import type { QUERIES } from './queries.js';

const PARTS = ['miner', 'proposer', 'verifier'] as const;
const address = text({ placeholder: 'ADDRESS', summary: 'account, remes1…' });
const part = choice({ placeholder: 'PART', choices: PARTS, summary: PARTS.join(', ') });
const windowId = optional(id({ placeholder: 'WINDOW', summary: 'id of the window; the newest if not given' }));

interface Declared<A extends Options, O extends Options> {
  readonly name: keyof typeof QUERIES;
  readonly summary: string;
  readonly args: A;
  readonly options?: O;
  readonly example: readonly [string, string];
  readonly json: Readonly<Record<string, string>>;
}

/** One query: its declaration here, what it asks and shows in `queries.ts`. */
function query<A extends Options, O extends Options>({ name, summary, args, options, example, json }: Declared<A, O>): AnyCommand {
  return defineCommand({
    name,
    summary,
    args,
    options: { ...NODE_OPTIONS, ...options },
    examples: [example],
    json,
    load: async () => {
      const { runQuery } = await import('./run.js');
      return (ctx, values) => runQuery(ctx, name, values);
    },
  });
}

export const queryNoun: Noun = {
  name: 'query',
  summary: 'ask the chain: balances, windows, gradients, cases, rewards',
  commands: [
    query({
      name: 'balance',
      summary: 'coins of an account',
      args: { address: whose },
      options: WHOSE_OPTIONS,
      example: ['query balance --node http://127.0.0.1:26657', 'coins of the wallet'],
      json: { address: 'the account', balance: 'in uremes', denom: 'uremes' },
    }),
    query({
      name: 'account',
      summary: 'account number and sequence',
      args: { address: whose },
      options: WHOSE_OPTIONS,
      example: ['query account', 'what the next transaction of the wallet is signed with'],
      json: { address: 'the account', accountNumber: 'its number', sequence: 'of its next transaction', balance: 'in uremes' },
    }),
    query({
      name: 'tx',
      summary: 'a transaction by its hash',
      args: { hash: text({ placeholder: 'HASH', summary: '64 hexadecimal digits' }) },
      example: ['query tx 5F…', 'height, code, gas and events of the transaction'],
      json: {
        hash: 'of the transaction',
        height: 'block that holds it',
        code: '0 where it was executed',
        codespace: 'who gives the code its meaning',
        log: 'why it failed',
        gasWanted: 'gas limit',
        gasUsed: 'gas used',
        events: 'list of {type, attributes}',
      },
    }),
    query({
      name: 'block',
      summary: 'header of a block',
      args: { height: optional(id({ placeholder: 'HEIGHT', summary: 'the newest if not given' })) },
      example: ['query block 1', 'hash, time and application hash of block 1'],
      json: { height: 'of the block', hash: 'of its header', timeSeconds: 'block time in seconds since 1970', appHash: 'of the state before the block' },
    }),
    query({
      name: 'params',
      summary: 'parameters of all modules',
      args: {},
      example: ['query params --json', 'every number that the chain runs by'],
      json: { node: 'stakes', training: 'windows', aggregation: 'proposers', challenge: 'audits and cases', reward: 'pay', auth: 'transactions' },
    }),
    query({
      name: 'model',
      summary: 'a model: backbone, adapter, version',
      args: { id: optional(id({ placeholder: 'ID', summary: 'the model in training if not given' })) },
      example: ['query model', 'the model in training'],
      json: { model: 'the record; settings of the optimizer as numbers' },
    }),
    query({
      name: 'dataset',
      summary: 'a dataset',
      args: { id: id({ placeholder: 'ID', summary: 'its id' }) },
      example: ['query dataset 1', 'manifest, tokenizer and chunks'],
      json: { dataset: 'the record' },
    }),
    query({ name: 'datasets', summary: 'all datasets', args: {}, example: ['query datasets', 'a line a dataset'], json: { datasets: 'list of records' } }),
    query({
      name: 'window',
      summary: 'a window of training',
      args: { windowId },
      example: ['query window', 'phase and heights of the newest window'],
      json: { window: 'the record' },
    }),
    query({
      name: 'jobs',
      summary: 'jobs of a window',
      args: { windowId },
      example: ['query jobs 3', 'who trains which chunks in window 3'],
      json: { windowId: 'of the window', jobs: 'list of records' },
    }),
    query({
      name: 'gradient',
      summary: 'a submitted gradient',
      args: { id: id({ placeholder: 'ID', summary: 'its id' }) },
      example: ['query gradient 12', 'CID, hashes, loss and status'],
      json: { gradient: 'the record, and its loss as a number' },
    }),
    query({
      name: 'gradients',
      summary: 'gradients of a window',
      args: { windowId },
      example: ['query gradients 3 --json', 'all submissions of window 3'],
      json: { windowId: 'of the window', gradients: 'list of records' },
    }),
    query({
      name: 'aggregation',
      summary: 'what the proposers of a window said, and what was accepted',
      args: { windowId },
      example: ['query aggregation 3', 'attestations, commits, reveals, result'],
      json: { windowId: 'of the window', accepted: 'the accepted result, null if there is none', proposers: 'list of records' },
    }),
    query({
      name: 'duties',
      summary: 'duties of verifiers in a window',
      args: { windowId },
      example: ['query duties 3', 'who re-ran what and what they reported'],
      json: { windowId: 'of the window', duties: 'list of records' },
    }),
    query({
      name: 'case',
      summary: 'a case with the reports on it',
      args: { id: id({ placeholder: 'ID', summary: 'its id' }) },
      example: ['query case 1', 'parties, bonds, layer, verdict'],
      json: { case: 'the record', duties: 'list of records' },
    }),
    query({
      name: 'cases',
      summary: 'cases of all windows, or of one',
      args: { windowId: { ...windowId, summary: 'id of the window; all windows if not given' } },
      options: { open: flag('only those that are not closed') },
      example: ['query cases --open', 'what is in dispute now'],
      json: { cases: 'list of records' },
    }),
    query({
      name: 'registration',
      summary: 'registration and stake of an account for a part',
      args: { part, address: whose },
      options: WHOSE_OPTIONS,
      example: ['query registration miner', 'stake, trust and jobs of the wallet as miner'],
      json: { registration: 'the record' },
    }),
    query({
      name: 'registrations',
      summary: 'everybody who is registered for a part',
      args: { part },
      example: ['query registrations verifier', 'a line a verifier'],
      json: { registrations: 'list of records' },
    }),
    query({
      name: 'slashes',
      summary: 'slashes of everybody, or of one account',
      args: { address: optional(address) },
      example: ['query slashes', 'who lost how much for what'],
      json: { slashes: 'list of records' },
    }),
    query({
      name: 'rewards',
      summary: 'reward records of an account, or of a window',
      args: { address: whose },
      options: { ...WHOSE_OPTIONS, window: optional(id({ placeholder: 'WINDOW', summary: 'records of everybody in this window instead' })) },
      example: ['query rewards --window 3', 'who was paid what for window 3'],
      json: { rewards: 'list of records' },
    }),
    query({ name: 'emission', summary: 'what was minted for training', args: {}, example: ['query emission', 'uremes'], json: { minted: 'in uremes, frozen pay included' } }),
    query({ name: 'supply', summary: 'all coins that exist', args: {}, example: ['query supply', 'uremes'], json: { supply: 'in uremes', denom: 'uremes' } }),
    query({ name: 'beacon', summary: 'the newest random beacon', args: {}, example: ['query beacon', 'height and value'], json: { height: 'of the block', value: '32 bytes in hexadecimal' } }),
  ],
};
