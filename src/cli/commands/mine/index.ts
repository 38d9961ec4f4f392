import { defineCommand, type Noun } from '../../frame/command.js';
import { integer, optional, setting, text } from '../../frame/option.js';
import { ONCE_OPTIONS, recent, ROLE_OPTIONS, WHOSE_OPTIONS, whose } from '../../session/options.js';

/** Keys of the last line of every `start`. */
export const START_JSON = {
  part: 'miner, proposer or verifier',
  address: 'the account',
  height: 'last height that was acted on',
  gradients: 'gradients submitted',
  missed: 'jobs whose window closed first',
  attestations: 'attestations sent',
  reveals: 'aggregations revealed',
  reports: 'reports revealed',
  escalations: 'cases taken to the next layer',
  refused: 'messages that the node refused',
  problems: 'heights at which something went wrong and was tried again',
};

const start = defineCommand({
  name: 'start',
  summary: 'train the job of every window until stopped',
  details:
    'Prints a line an event. Ctrl-C once ends after the step under way, twice at once. A node that restarts is waited for; after any stop, even kill -9, the same command goes on: nothing is submitted twice.',
  args: {},
  options: ROLE_OPTIONS,
  examples: [
    ['mine start --node http://127.0.0.1:26657', 'trains for the network of that node'],
    ['mine start --register --yes --password-file pw.txt --json', 'for scripts: registers where need be, prints NDJSON'],
  ],
  json: START_JSON,
  stream: true,
  load: async () => (await import('./start.js')).mineStart,
});

const once = defineCommand({
  name: 'once',
  summary: 'train the job of one window, then end',
  details: 'Ends when the gradient is in a block; with exit code 8 where that takes longer than the time given.',
  args: {},
  options: ONCE_OPTIONS,
  examples: [['mine once --timeout 300 --json', 'the last line names gradient, loss and transaction']],
  json: {
    windowId: 'of the window',
    gradientId: 'of the gradient on the chain',
    cid: 'of the gradient file',
    hash: 'gradient hash',
    loss: 'mean loss in nats a label',
    sizeBytes: 'of the gradient file',
    tokens: 'trained on',
    durationMs: 'of training and storing',
    tx: 'hash of the transaction',
  },
  stream: true,
  load: async () => (await import('./start.js')).mineOnce,
});

const status = defineCommand({
  name: 'status',
  summary: 'registration, stake, job, last gradients and pay of a miner',
  args: { address: whose },
  options: { ...WHOSE_OPTIONS, recent },
  examples: [['mine status', 'of the wallet; no password is needed']],
  json: {
    address: 'the account',
    running: 'process id of mine start in this home, null if it does not run',
    registration: 'the record, null if not registered',
    windowId: 'newest window, null if there is none',
    phase: 'its phase',
    job: 'job in it, null if none',
    gradients: 'list of gradients in the newest windows, newest first, each with its reward if there is one',
    paid: 'paid to this miner so far, in uremes',
    frozen: 'held back by open cases, in uremes',
    awaiting: 'gradients whose window is not settled yet',
  },
  load: async () => (await import('./status.js')).mineStatus,
});

const bench = defineCommand({
  name: 'bench',
  summary: 'measure how many tokens a second this machine trains',
  details: 'Trains on made-up tokens: loss and gradients of an adapter, their hash and their file, as a job does. No node is needed.',
  args: {},
  options: {
    model: optional(text({ placeholder: 'DIR', summary: 'checkpoint with config.json and model.safetensors; bitnet-nano if not given' })),
    threads: setting('threads'),
    device: setting('device'),
    sequences: integer({ placeholder: 'N', min: 1, max: 1024, fallback: '8', summary: 'sequences in a job' }),
    length: integer({ placeholder: 'TOKENS', min: 2, max: 4096, fallback: '256', summary: 'tokens of a sequence' }),
    rank: integer({ placeholder: 'R', min: 1, max: 256, fallback: '8', summary: 'rank of the adapter' }),
    repeat: integer({ placeholder: 'N', min: 1, max: 1000, fallback: '3', summary: 'jobs measured; the fastest counts' }),
  },
  examples: [['mine bench --threads 4', 'with one thread and with four']],
  json: {
    machine: 'cpu, cores, memoryBytes, architecture, platform, node',
    device: 'what computed',
    arithmeticVersion: 'of the engine',
    model: 'name of the checkpoint',
    parameters: 'of the full model',
    adapterParameters: 'of the adapter',
    tokens: 'of a job',
    runs: 'list of {threads, seconds, tokensPerSecond}, fastest job each',
    tokensPerSecond: 'with all threads',
    gradientHash: 'of the job: the same on every machine and for every number of threads',
  },
  load: async () => (await import('./bench.js')).mineBench,
});

const selftest = defineCommand({
  name: 'selftest',
  summary: 'check that every backend of this machine computes the right bits',
  details:
    'Runs golden steps on every instruction set that was built and on every NVIDIA GPU, each in a process of its own, with 1, 2 and 7 threads and several micro-batches, and compares them with the results that come with the package. Exit code 6 where one differs. No node is needed.',
  args: {},
  options: {},
  examples: [['mine selftest', 'one line a backend: equal, or the first tensor and element that differ']],
  json: {
    equal: 'whether every backend that is here computes right',
    arithmeticVersion: 'of the engine',
    steps: 'names of the golden steps',
    cuts: 'list of {threads, microBatch} that each step was computed with',
    backends: 'list of {backend, verdict, hash, steps, difference, reason}: equal, differs (with the first difference), failed or absent (with the reason)',
  },
  load: async () => (await import('./selftest.js')).mineSelftest,
});

export const mineNoun: Noun = { name: 'mine', summary: 'train for pay: start, once, status, bench, selftest', commands: [start, once, status, bench, selftest] };
