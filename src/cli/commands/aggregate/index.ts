import { defineCommand, type Noun } from '../../frame/command.js';
import { id, optional } from '../../frame/option.js';
import { COMPUTE_OPTIONS, NODE_OPTIONS, ONCE_OPTIONS, recent, ROLE_OPTIONS, WHOSE_OPTIONS, whose } from '../../session/options.js';
import { START_JSON } from '../mine/index.js';

const start = defineCommand({
  name: 'start',
  summary: 'attest and aggregate every window one is drawn for, until stopped',
  details: 'Prints a line an event. Ctrl-C once ends after the step under way and says what is still owed, twice at once.',
  args: {},
  options: ROLE_OPTIONS,
  examples: [['aggregate start --node http://127.0.0.1:26657', 'proposer for the network of that node']],
  json: START_JSON,
  stream: true,
  load: async () => (await import('./start.js')).aggregateStart,
});

const once = defineCommand({
  name: 'once',
  summary: 'do the work of one window one is drawn for, then end',
  args: {},
  options: ONCE_OPTIONS,
  examples: [['aggregate once --timeout 900', 'exit code 8 where no window is done by then']],
  json: {
    windowId: 'of the window',
    attested: 'whether files were attested',
    revealed: 'whether a result was revealed',
    participants: 'ids of the gradients in it',
    adapterCid: 'of the new adapter, null if nothing was revealed',
    resultHash: 'result hash, null if nothing was revealed',
  },
  stream: true,
  load: async () => (await import('./start.js')).aggregateOnce,
});

const status = defineCommand({
  name: 'status',
  summary: 'registration, stake, duty, last windows and pay of a proposer',
  args: { address: whose },
  options: { ...WHOSE_OPTIONS, recent },
  examples: [['aggregate status', 'of the wallet; no password is needed']],
  json: {
    address: 'the account',
    running: 'process id of aggregate start in this home, null if it does not run',
    registration: 'the record, null if not registered',
    windowId: 'newest window, null if there is none',
    phase: 'its phase',
    isDrawn: 'whether the account is a proposer of it',
    windows: 'list of newest windows it was drawn for: windowId, phase, outcome, attested, owesCommit, committed, revealed, accepted (its result is the accepted one), reward',
    paid: 'paid to this proposer so far, in uremes',
    frozen: 'held back by open cases, in uremes',
  },
  load: async () => (await import('./status.js')).aggregateStatus,
});

const verify = defineCommand({
  name: 'verify',
  summary: 'recompute a window from chain and content store alone and compare',
  details: 'Fetches every included gradient, checks it against its submission, aggregates again, and compares all that was accepted. Exit code 1 where anything differs.',
  args: { windowId: optional(id({ placeholder: 'WINDOW', summary: 'id of the window; the newest accepted one if not given' })) },
  options: { ...NODE_OPTIONS, ...COMPUTE_OPTIONS },
  examples: [['aggregate verify 3 --content ./data/content', 'with the files of that content store']],
  json: {
    windowId: 'of the window',
    equal: 'whether all is equal',
    gradients: 'how many were aggregated',
    comparisons: 'list of {what, onChain, recomputed, equal}: CIDs, step, hashes, Merkle root',
  },
  load: async () => (await import('./verify.js')).aggregateVerify,
});

export const aggregateNoun: Noun = { name: 'aggregate', summary: 'aggregate gradients: start, once, status, verify', commands: [start, once, status, verify] };
