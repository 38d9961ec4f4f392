import { randomInt } from 'node:crypto';

import type { CommandResult } from '../../frame/command.js';
import type { Context } from '../../frame/context.js';
import { keyOfMnemonic, newMnemonic } from '../../wallet/mnemonic.js';
import { Wallets } from '../../wallet/wallets.js';
import { type NewWallet, refuseExisting, storeKey, walletResult, wantedPassword } from './store.js';

/** Words that must be typed again before the wallet is written. */
const CONFIRMED_WORDS = 3;

/** Numbered words in four columns. */
export function layOut(mnemonic: string): string {
  const cells = mnemonic.split(' ').map((word, i) => `${String(i + 1).padStart(2)} ${word.padEnd(10)}`);
  const rows: string[] = [];
  for (let i = 0; i < cells.length; i += 4) rows.push(`  ${cells.slice(i, i + 4).join('  ').trimEnd()}`);
  return rows.join('\n');
}

/** `count` different positions of `length`, ascending. */
function drawPositions(count: number, length: number): readonly number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(randomInt(length));
  return [...drawn].sort((a, b) => a - b);
}

async function showOnce(ctx: Context, mnemonic: string): Promise<void> {
  const { out } = ctx;
  // Straight to the terminal: not through the log, and not silenced by --quiet, since it is the only chance.
  ctx.io.stderr.write(
    `\nRecovery phrase of this wallet. Write it down; it is shown this once and stored nowhere.\n${out.paintErr.bold(layOut(mnemonic))}\nWhoever has these words has the coins. Nobody of r3mes will ever ask for them.\n\n`,
  );
  const words = mnemonic.split(' ');
  for (const position of drawPositions(CONFIRMED_WORDS, words.length)) {
    const right = words[position];
    await ctx.prompt.text({
      message: `word ${position + 1}`,
      flag: '--yes',
      check: (given) => (given.trim().toLowerCase() === right ? undefined : `this is not word ${position + 1} of the phrase above`),
    });
  }
}

export async function walletCreate(ctx: Context, args: NewWallet): Promise<CommandResult> {
  const wallets = new Wallets(ctx.paths.wallets);
  await refuseExisting(wallets, args.name);
  const password = await wantedPassword(ctx, args);
  const mnemonic = newMnemonic();
  if (ctx.person) await showOnce(ctx, mnemonic);
  else ctx.out.warn('no terminal, so the recovery phrase was not shown: the keystore file is the only copy of this key, back it up');
  return walletResult(await storeKey(ctx, wallets, args, await keyOfMnemonic(mnemonic), password));
}
