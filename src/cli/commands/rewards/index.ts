import { defineCommand, type Noun } from '../../frame/command.js';
import { WHOSE_OPTIONS, whose } from '../../session/options.js';

const explain = defineCommand({
  name: 'explain',
  summary: 'every reward with every term of its formula, and all coins that came and went',
  details:
    'Recomputes each term from the state of the chain beside what the chain paid, says why work was not paid, and adds up slashes, bonds, fees, stakes and transfers: opening balance and all flows are the balance now. Exit code 1 where anything does not add up.',
  args: { address: whose },
  options: WHOSE_OPTIONS,
  examples: [
    ['rewards explain', 'of the wallet; no password is needed'],
    ['rewards explain remes1… --json', 'the same as one object'],
  ],
  json: {
    address: 'the account',
    chainId: 'the network',
    height: 'block up to which all is counted',
    records: 'list of reward records, each with settledHeight, terms {name, stated, recomputed, equal, how}, why, equal',
    unpaid: 'list of {windowId, gradientId, why}: jobs and gradients that were not paid',
    flows: 'opening, fees, stake, bounties, bonds, rewards, burned, transfers, expected, balance, equal; in uremes',
    stake: 'genesis, deposited, returned, slashed, expected, now, equal; in uremes, of all parts',
    slashes: 'list of slash records',
    bonds: 'list of {caseId, amount, phase, verdict} of bonds that were put down',
    reconciled: 'whether every term and both sums are equal',
  },
  load: async () => (await import('./explain.js')).rewardsExplain,
});

export const rewardsNoun: Noun = { name: 'rewards', summary: 'pay, term by term: explain', commands: [explain] };
