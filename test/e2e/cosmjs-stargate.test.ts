/** The whole face of cosmjs 0.39 against a solo node with the real application. */
import { startNode } from './cosmjs-harness.js';
import { stargateCases } from './cosmjs-stargate-cases.js';

stargateCases(
  'the solo engine',
  async (genesis) => {
    const node = await startNode(genesis);
    while (node.engine.height < 2n) await new Promise((resolve) => setTimeout(resolve, 20));
    return node;
  },
  4,
);
