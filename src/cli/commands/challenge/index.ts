import { defineCommand, type Noun } from '../../frame/command.js';
import { flag, id, text } from '../../frame/option.js';
import { COMPUTE_OPTIONS, NODE_OPTIONS, ONCE_OPTIONS, recent, ROLE_OPTIONS, TX_JSON, TX_OPTIONS, WHOSE_OPTIONS, whose } from '../../session/options.js';
import { START_JSON } from '../mine/index.js';

const start = defineCommand({
  name: 'start',
  summary: 're-run what one is drawn for and report, until stopped',
  details: 'The loop of a verifier: audits, and seats in cases. Ctrl-C once ends after the step under way and says what is still owed, twice at once.',
  args: {},
  options: ROLE_OPTIONS,
  examples: [['challenge start --node http://127.0.0.1:26657', 'verifier for the network of that node']],
  json: START_JSON,
  stream: true,
  load: async () => (await import('./start.js')).challengeStart,
});

const once = defineCommand({
  name: 'once',
  summary: 'report on what one is drawn for in one window, then end',
  args: {},
  options: ONCE_OPTIONS,
  examples: [['challenge once --timeout 900', 'exit code 8 where nothing was drawn by then']],
  json: { windowId: 'of the window', reports: 'list of {dutyId, kind, subject, subjectId, hash}' },
  stream: true,
  load: async () => (await import('./start.js')).challengeOnce,
});

const open = defineCommand({
  name: 'open',
  summary: 'dispute a gradient or an aggregation with a bond',
  details:
    'Recomputes the subject first, from chain and content store: what comes out is the claimed hash. Where it is the submitted one there is nothing to dispute, and no bond is put down. A bond comes back if the case is won.',
  args: { subject: text({ placeholder: 'SUBJECT', summary: 'gradient/12, or aggregation/3 for the aggregation of window 3' }) },
  options: { ...TX_OPTIONS, ...COMPUTE_OPTIONS },
  examples: [['challenge open gradient/12', 'asks before it puts down the bond']],
  json: { ...TX_JSON, subject: 'gradient or aggregation', subjectId: 'its id', claimedHash: 'what was recomputed', disputedHash: 'what was submitted', bond: 'in uremes', caseId: 'case that was opened or joined' },
  load: async () => (await import('./open.js')).challengeOpen,
});

const respond = defineCommand({
  name: 'respond',
  summary: 'take a decided case to the next layer, with a bond',
  details:
    'For whom the verdict goes against. Recomputes the subject first: where the verdict is right the bond would be lost, and the command ends without putting it down, unless --force.',
  args: { caseId: id({ placeholder: 'CASE', summary: 'id of the case' }) },
  options: { ...TX_OPTIONS, ...COMPUTE_OPTIONS, force: flag('put the bond down even where the verdict looks right, or cannot be recomputed') },
  examples: [['challenge respond 1', 'asks before it puts down the bond']],
  json: { ...TX_JSON, caseId: 'the case', layer: 'layer that judges next', bond: 'in uremes', verdict: 'that it is directed against', recomputedHash: 'what was found, null if it was not recomputed' },
  load: async () => (await import('./respond.js')).challengeRespond,
});

const status = defineCommand({
  name: 'status',
  summary: 'registration, stake, duties, reports, cases and pay of a verifier',
  args: { address: whose },
  options: { ...WHOSE_OPTIONS, recent },
  examples: [['challenge status', 'of the wallet; no password is needed']],
  json: {
    address: 'the account',
    running: 'process id of challenge start in this home, null if it does not run',
    registration: 'the record, null if not registered',
    open: 'list of duties that wait for it',
    duties: 'list of its duties in the newest windows, newest first',
    cases: 'list of open cases that it is a party of',
    paid: 'paid to this verifier so far, in uremes',
    frozen: 'held back by open cases, in uremes',
  },
  load: async () => (await import('./status.js')).challengeStatus,
});

const replay = defineCommand({
  name: 'replay',
  summary: 're-run one submission from chain and content store alone',
  details: 'Trains the job again and compares hash and loss; where they differ, names the first tensor and value of the submitted file that do. Exit code 1 where anything differs.',
  args: { gradientId: id({ placeholder: 'GRADIENT_ID', summary: 'id of the gradient' }) },
  options: { ...NODE_OPTIONS, ...COMPUTE_OPTIONS },
  examples: [['challenge replay 12', 'equal, or where it differs']],
  json: {
    gradientId: 'of the gradient',
    windowId: 'of its window',
    miner: 'who submitted it',
    equal: 'whether hash and loss are what the job yields',
    comparisons: 'list of {what, onChain, recomputed, equal}',
    difference: 'first value that differs: {tensor, index, submitted, recomputed}; null if there is none or the file cannot be fetched',
    note: 'why no value is named, else empty',
  },
  load: async () => (await import('./replay.js')).challengeReplay,
});

export const challengeNoun: Noun = {
  name: 'challenge',
  summary: 'audit and dispute: start, once, open, respond, status, replay',
  commands: [start, once, open, respond, status, replay],
};
