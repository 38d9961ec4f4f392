/** The whole face of cosmjs 0.39 against one validator under real CometBFT. */
import { cometForTests } from './comet-harness.js';
import { openCometChain } from './cosmjs-comet-harness.js';
import { stargateCases } from './cosmjs-stargate-cases.js';

const comet = cometForTests();
stargateCases('CometBFT', comet === undefined ? undefined : (genesis) => openCometChain(comet, genesis), 12);
