/** Declarations that several commands share. They load nothing: what a value means is checked when a command runs. */
import { passwordFile } from '../commands/wallet/index.js';
import { flag, integer, optional, setting, text } from '../frame/option.js';

/** Commands that ask a node. */
export const NODE_OPTIONS = { node: setting('node'), network: setting('network') };

/** Commands that sign. */
export const SIGNING_OPTIONS = { ...NODE_OPTIONS, wallet: setting('wallet'), passwordFile, gasPrice: setting('gasPrice') };

export const amount = text({ placeholder: 'AMOUNT', summary: 'whole uremes, or REMES as 1.5remes' });

/** Commands that send one transaction and show what became of it. */
export const TX_OPTIONS = {
  ...SIGNING_OPTIONS,
  gas: text({ placeholder: 'GAS', fallback: 'auto', summary: 'gas limit; auto takes 1.4 times what a simulation used' }),
  fees: optional(text({ placeholder: 'AMOUNT', summary: 'fee, e.g. 500uremes; gas limit × gas price if not given' })),
  memo: optional(text({ placeholder: 'TEXT', summary: 'note that everybody can read' })),
  noWait: flag('do not wait for the block'),
  timeout: integer({ placeholder: 'SECONDS', min: 1, max: 86_400, fallback: '60', summary: 'how long to wait for the block' }),
};

/** Commands that compute. */
export const COMPUTE_OPTIONS = {
  content: optional(text({ placeholder: 'DIR', summary: 'content store; that of this home if not given' })),
  threads: setting('threads'),
  device: setting('device'),
};

/** Commands that take part in training with a wallet. */
export const ROLE_OPTIONS = {
  ...SIGNING_OPTIONS,
  ...COMPUTE_OPTIONS,
  payout: setting('payout'),
  register: flag('register first where need be: escrows the smallest stake, after a question or with --yes'),
};

/** `once` beyond that. */
export const ONCE_OPTIONS = {
  ...ROLE_OPTIONS,
  timeout: integer({ placeholder: 'SECONDS', min: 1, max: 604_800, fallback: '600', summary: 'give up after so long' }),
};

/** Commands that show the state of one account. */
export const WHOSE_OPTIONS = { ...NODE_OPTIONS, wallet: setting('wallet') };
export const whose = optional(text({ placeholder: 'ADDRESS', summary: 'account; that of the wallet if not given' }));

export const recent = integer({ placeholder: 'N', min: 1, max: 1000, fallback: '10', summary: 'how many of the newest windows to look at' });

/** Keys of `--json` that every command which sends a transaction has. */
export const TX_JSON = {
  hash: 'hash of the transaction',
  height: 'block that holds it; null if not waited for',
  code: '0 where it was executed; null if not waited for',
  codespace: 'who gives the code its meaning',
  log: 'why it failed; empty if it did not',
  gasWanted: 'gas limit; null if not waited for',
  gasUsed: 'gas used; null if not waited for',
};
