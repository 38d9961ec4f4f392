/** Commands for a node that does not run. */
import { defineCommand } from '../../frame/command.js';
import { flag, id, integer, optional, text } from '../../frame/option.js';

const rollback = defineCommand({
  name: 'rollback',
  summary: 'take the chain of this home back to an older height: state and engine together',
  details:
    'For a node whose state went wrong, after the fault is mended. Under CometBFT the block above that height stays and is executed again, later ones are removed and come from other nodes; solo removes all above it and goes on from there. Refused while the node runs. It may be killed at any moment: start the node, or roll back again.',
  args: {},
  options: {
    height: optional(id({ placeholder: 'N', summary: 'height to go back to, one of the last 100; else one block back', variable: 'R3MES_ROLLBACK_HEIGHT' })),
    cometbft: optional(text({ placeholder: 'PATH', summary: 'CometBFT 0.38.x to run; else the one of r3mes node engine install, or cometbft on PATH' })),
    forgetSigned: flag('forget what the validator key has signed, too: only where every validator goes back'),
  },
  examples: [
    ['node rollback --yes', 'one block back, without asking'],
    ['node rollback --height 1200', 'further back'],
  ],
  json: { engine: 'solo or comet', from: 'height before, as text', height: 'height of the state now, as text', engineHeight: "height of the engine now, as text: of CometBFT's state, or of the newest block of solo", appHash: 'application hash of that height in hexadecimal' },
  load: async () => (await import('./rollback.js')).nodeRollback,
});

const prune = defineCommand({
  name: 'prune',
  summary: 'drop the states of older blocks now, and give their space back to the disk',
  details: 'A running node keeps the last 100 and drops older ones as it goes; this compacts its database as well. Blocks stay. Refused while the node runs.',
  args: {},
  options: { keep: integer({ placeholder: 'N', summary: 'states that are kept, the newest included', min: 2, max: 1_000_000, fallback: '100', variable: 'R3MES_PRUNE_KEEP' }) },
  examples: [['node prune --keep 2', 'keeps as little as possible']],
  json: { dropped: 'how many states were dropped', oldestHeight: 'oldest height that is kept, as text; null before the first block', height: 'newest block, as text', bytesBefore: 'size of the state before', bytesAfter: 'size of the state now' },
  load: async () => (await import('./prune.js')).nodePrune,
});

export const MAINTENANCE_COMMANDS = [rollback, prune];
