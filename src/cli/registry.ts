import { aggregateNoun } from './commands/aggregate/index.js';
import { challengeNoun } from './commands/challenge/index.js';
import { completionNoun } from './commands/completion/index.js';
import { configNoun } from './commands/config/index.js';
import { datasetNoun } from './commands/dataset/index.js';
import { engineNoun } from './commands/engine/index.js';
import { initNoun } from './commands/init/index.js';
import { mineNoun } from './commands/mine/index.js';
import { modelNoun } from './commands/model/index.js';
import { nodeNoun } from './commands/node/index.js';
import { queryNoun } from './commands/query/index.js';
import { rewardsNoun } from './commands/rewards/index.js';
import { txNoun } from './commands/tx/index.js';
import { walletNoun } from './commands/wallet/index.js';
import type { Noun } from './frame/command.js';

/** All commands, in the order of help. A command stands here when it works. */
export const NOUNS: readonly Noun[] = [initNoun, nodeNoun, mineNoun, aggregateNoun, challengeNoun, datasetNoun, modelNoun, engineNoun, walletNoun, txNoun, queryNoun, rewardsNoun, configNoun, completionNoun];
