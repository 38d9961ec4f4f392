import type { Noun } from './frame/command.js';
import { walletNoun } from './commands/wallet/index.js';

/** All commands, in the order of help. A command stands here when it works. */
export const NOUNS: readonly Noun[] = [walletNoun];
