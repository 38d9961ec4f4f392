import { completionNoun } from './commands/completion/index.js';
import { configNoun } from './commands/config/index.js';
import { datasetNoun } from './commands/dataset/index.js';
import { walletNoun } from './commands/wallet/index.js';
import type { Noun } from './frame/command.js';

/** All commands, in the order of help. A command stands here when it works. */
export const NOUNS: readonly Noun[] = [datasetNoun, walletNoun, configNoun, completionNoun];
